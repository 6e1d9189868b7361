#!/usr/bin/env bash
# build.sh [ROLE...]: the images of the workflow's own software for `--sdm apptainer`, as resources/containers/*.sif, each
# with a manifest beside it (digests, packages). Roles: workflow generate train evaluate; all when none is named.
# ACCELERATOR=gpu (default) or cpu chooses the build of vLLM and torch. A minimal system of this machine's own distribution
# (mmdebstrap needs no root where user namespaces are allowed) and the packages of the locks, checked by their hashes: no
# container registry is asked. An image that is there is not built again: its version, a hash of all that decides it, is
# in its name. Needs in the temporary folder (TMPDIR) 3 GB for cpu, 20 GB for gpu.
set -euo pipefail
cd "$(dirname "$0")/.."
. setup/common.sh
. containers/image.sh

accelerator=${ACCELERATOR:-gpu}
roles=("$@")
[ ${#roles[@]} -gt 0 ] || roles=(workflow generate train evaluate)
[ -f "envs/local-$accelerator.lock" ] || stop "there is no envs/local-$accelerator.lock" "do: ACCELERATOR is cpu or gpu"
export SOURCE_DATE_EPOCH=1735689600 PYTHONHASHSEED=0 LC_ALL=C.UTF-8
umask 022
for tool in apptainer mmdebstrap mksquashfs; do
    have $tool || have /usr/sbin/$tool || need_packages "$([ $tool = mksquashfs ] && echo squashfs-tools || echo $tool)"
done
uv=$(realpath "$(find_uv)")
folder=resources/containers
mkdir -p "$folder"
exec 8>"$folder/.lock"
flock 8
rm -rf "$folder"/.*.building
work=$(mktemp -d)
trap 'chmod -R u+rwX "$work" && rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP

image_path() { PYTHONPATH=scripts python3 -m selfalign.images "$1" "$accelerator"; }

# base FOLDER PACKAGE...: the minimal system with Python. Sources and keys are those of this machine.
base() {
    local root=$1 exclude=() part suite lines
    shift
    suite=$(. /etc/os-release && echo "${UBUNTU_CODENAME:-${VERSION_CODENAME:-}}")
    [ -n "$suite" ] || stop "/etc/os-release names no Debian or Ubuntu release" \
        "do: build on Debian 12 and copy $folder here: an image runs anywhere"
    say "building the base system ($suite)"
    for part in doc man info locale lintian bug; do exclude+=(--dpkgopt="path-exclude=/usr/share/$part/*"); done
    lines=$(package_sources "$suite")
    mkdir -p "$root"
    printf '%s\n' "$lines" | mmdebstrap --quiet --variant=essential --format=tar "${exclude[@]}" \
        --include="$(IFS=,; echo "$*")" "$suite" - ${lines:+-} |
        tar -x --preserve-permissions --no-same-owner --exclude='./dev/*' -C "$root" || stop \
        "mmdebstrap could not build the base system (message above)" \
        "do: as root, try apt-get update; without root, mmdebstrap needs newuidmap and entries for you in /etc/subuid and /etc/subgid"
    [ -x "$root/usr/bin/python3.11" ] || stop "the locks are for Python 3.11, which this distribution ($suite) does not have" \
        "do: build on Debian 12 and copy $folder here: an image runs anywhere"
    rm -rf "$root"/etc/apt "$root"/var/{cache,log,lib/apt,backups}/* "$root"/etc/{hostname,resolv.conf,machine-id} "$root"/home/*
    find "$root"/{dev,proc,sys,tmp,run} -mindepth 1 -delete
    find "$root" -xdev -type f -perm /6000 -exec chmod ug-s {} +
    ln -sfn python3 "$root/usr/bin/python"
}

# entries LOCK NAMES: the lock's own entries, hashes and all, of the packages that the file NAMES lists.
entries() {
    awk 'NR == FNR { sub(/[=; ].*/, ""); wanted[$0] = 1; next }
        /^[A-Za-z0-9]/ { split($0, part, "=="); keep = part[1] in wanted } keep' "$2" "$1"
}

# packages ROLE: the pinned packages of a role, on standard output. What a role needs follows from its requirements; the
# lock says which version of it and with which hashes.
packages() {
    local lock=envs/local-$accelerator.lock in=envs/requirements
    case $1 in
        workflow) entries envs/cluster.lock <(closure envs/cluster.lock "$in"/{workflow,scripts}.in) ;;
        generate | evaluate) cat "$lock" ;;
        train)
            local more=()
            if [ "$accelerator" = gpu ]; then more=("$in/deepspeed.in"); fi
            entries <(cat "$lock" ${more:+envs/deepspeed.lock}) \
                <(echo torch | closure "$lock" "$in"/{workflow,scripts,model}.in "${more[@]}" -)
            ;;
    esac
}

# closure LOCK REQUIREMENTS...: what requirements come to, a line each, at the lock's versions.
closure() {
    local lock=$1
    shift
    "$uv" pip compile --quiet --no-header --no-annotate --python-version 3.11 --constraint "$lock" "${platform[@]}" "$@"
}

torch=() platform=(--python-platform x86_64-manylinux_2_28)
if [ "$accelerator" = cpu ]; then
    mapfile -t torch < <(torch_source "$(sed -n 's/^torch==\(.*\)+cpu.*/\1/p' envs/local-cpu.lock)")
    # The platform is this machine's: uv does not look for CPU builds of another one.
    platform=(--override envs/requirements/overrides-cpu.txt "${torch[@]}")
fi

# build ROLE TARGET: packs a role's image.
build() {
    local role=$1 target=$2 root=$work/$1 site system=(python3-minimal libpython3-stdlib libstdc++6 ca-certificates)
    # GPU kernels are compiled while they run (Triton), which takes a C compiler and Python's headers.
    if [ "$role" != workflow ]; then system+=(libnuma1 gcc libc6-dev libpython3-dev); fi
    base "$root" "${system[@]}"
    site=$root/usr/lib/python3/dist-packages
    packages "$role" >"$work/$role.lock"
    say "$role: installing $(grep -c '^[A-Za-z0-9].*==' "$work/$role.lock") packages"
    DS_BUILD_OPS=0 "$uv" pip install --quiet --require-hashes --no-deps --link-mode copy --python-version 3.11 --target "$site" \
        $([ "$accelerator" = cpu ] || echo --python-platform x86_64-manylinux_2_28) "${torch[@]}" -r "$work/$role.lock" || stop \
        "the packages could not be installed (message above)" "do: check network, disk space and pip's configuration"
    rm -rf "$site"/{bin,.lock} "$site"/{numpy,pandas}/tests
    # Files that are no valid Python lie in some packages on purpose: templates, tests.
    compile_image "$root" "$site" >"$work/$role.compiled" || say "$role: $(wc -l <"$work/$role.compiled") lines about files that can't be compiled"
    chmod -R u+rwX,go+rX,go-w "$root"
    chmod 1777 "$root/tmp"
    mkdir -p "$root/mnt/snakemake_searchpaths"
    say "$role: packing"
    # Apptainer copies the tree once more before it packs it.
    APPTAINER_TMPDIR=$work apptainer build --notest --build-arg rootfs="$root" "$folder/.$role.building" \
        "containers/$role.def" >"$work/$role.log" 2>&1 || { tail -n 20 "$work/$role.log" >&2
        stop "apptainer could not pack the image (message above)" "do: check the space in ${TMPDIR:-/tmp} and $folder"; }
    say "$role: trying it"
    apptainer --silent test --cleanenv --no-home "$folder/.$role.building" || stop "the image's own test failed (message above)"
    manifest "$role" "$root" "$folder/.$role.building" >"${target%.sif}.json"
    mv "$folder/.$role.building" "$target"
    rm -rf "$root"
}

# manifest ROLE ROOT FILE: what is in an image: digests of the tree and of the file, versions.
manifest() {
    local digest
    digest=$(sha256sum "$3" | cut -d ' ' -f 1)
    python3 containers/tree_digest.py "$2" "$work/$1.lock" | python3 -c '
import json, sys
found = json.load(sys.stdin)
del found["rootfs"]
json.dump({"role": sys.argv[1], "accelerator": sys.argv[2], "sif_sha256": sys.argv[3], **found}, sys.stdout, indent=2, sort_keys=True)
print()' "$1" "$([ "$1" = workflow ] && echo none || echo "$accelerator")" "$digest"
}

for role in "${roles[@]}"; do
    target=$(image_path "$role") || stop "there is no image $role" "do: name some of: workflow generate train evaluate"
    if [ -f "$target" ]; then say "$target is there"; continue; fi
    build "$role" "$target"
    say "$target is built ($(du -h "$target" | cut -f 1))"
done
