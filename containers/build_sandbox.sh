#!/usr/bin/env bash
# build_sandbox.sh FOLDER [LOCK]: the image that model-written code runs in, FOLDER/rootfs, and its manifest FOLDER/image.json.
# A minimal system of the machine's own distribution with Python (mmdebstrap needs no root where user namespaces are
# allowed) and the packages of envs/sandbox.lock and of LOCK, which has hashes too and goes before where both name one. No
# container registry is asked. It is built beside FOLDER and renamed into place, the manifest last: an interrupted build is
# never taken for an image.
set -euo pipefail
folder=$(realpath -m "$1")
libraries=()
if [ $# -gt 1 ]; then libraries=("$(realpath "$2")"); fi
cd "$(dirname "$0")/.."
. setup/common.sh
. containers/image.sh

# The same package index and lock give the same bytes: times, hash order and user ids are fixed.
export SOURCE_DATE_EPOCH=1735689600 PYTHONHASHSEED=0 LC_ALL=C.UTF-8
umask 022

have mmdebstrap || stop "mmdebstrap is missing, which builds the sandbox image" "do: run make setup (or install mmdebstrap)"
uv=$(find_uv)

mkdir -p "$(dirname "$folder")"
# What an interrupted build left. A build that is going on holds its lock.
exec 8>"$(dirname "$folder")/.$(basename "$folder").lock"
flock 8
rm -rf "$folder".build.*
work=$(mktemp -d "$folder.build.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
root="$work/rootfs"
mkdir "$root"

release() { (. /etc/os-release && echo "${!1:-}"); }
suite=$(release UBUNTU_CODENAME)
suite=${suite:-$(release VERSION_CODENAME)}
[ -n "$suite" ] || stop "/etc/os-release names no Debian or Ubuntu release" \
    "do: build the image on a Debian or Ubuntu machine and copy resources/sandbox from there"

# base: the base system as a tar archive. Documentation, translations and package lists are left out.
base() {
    local exclude=() part
    for part in doc man info locale lintian bug; do exclude+=(--dpkgopt="path-exclude=/usr/share/$part/*"); done
    mmdebstrap --quiet --variant=essential --format=tar --include=python3-minimal,libpython3-stdlib,libstdc++6,locales \
        "${exclude[@]}" "$suite" - "$@"
}

say "building the base system of the sandbox ($suite)"
mapfile -t lines < <(package_sources "$suite")
{ if [ ${#lines[@]} = 0 ]; then base; else printf '%s\n' "${lines[@]}" | base -; fi; } |
    tar -x --preserve-permissions --no-same-owner --exclude='./dev/*' -C "$root" || stop \
    "mmdebstrap could not build the base system (message above)" \
    "do: as root, try apt-get update; without root, mmdebstrap needs newuidmap and entries for you in /etc/subuid and /etc/subgid"

version=$(cd "$root/usr/bin" && printf '%s\n' python3.* | grep -E '^python3\.[0-9]+$' | head -n 1)
version=${version#python}
printf '3.11\n%s\n3.12\n' "$version" | sort -V -C || stop "this distribution's Python is $version; the sandbox needs 3.11 or 3.12 (docs/sandbox.md)" \
    "do: build the image on Debian 12 or Ubuntu 24.04 and copy resources/sandbox from there"

site="$root/usr/lib/python3/dist-packages"
cp envs/sandbox.lock "$work/sandbox.lock"
for lock in "${libraries[@]}"; do python3 setup/lock_difference.py "$work/sandbox.lock" "$lock"; done
for lock in "$work/sandbox.lock" "${libraries[@]}"; do
    say "adding the packages of $(basename "$lock") (Python $version)"
    "$uv" pip install --quiet --require-hashes --no-deps --only-binary :all: --link-mode copy \
        --python-version "$version" --python-platform x86_64-manylinux_2_28 --target "$site" -r "$lock" || stop \
        "the packages of $lock could not be installed (message above)" \
        "do: lock them for Python $version, as docs/benchmarks.md shows"
done
for name in datasets tempdir wget; do install -m 644 containers/evalplus_offline.py "$site/$name.py"; done

# What no program needs: package managers' state but for the list of packages, logs, caches, tests of the libraries,
# commands with extra rights, and what the machine would name itself.
rm -rf "$site"/bin "$site"/.lock "$site"/*.dist-info/RECORD "$site"/{numpy,pandas}/tests "$site"/numpy/*/tests "$root"/usr/share/{doc,man,info,locale,lintian,bug} \
    "$root"/etc/apt "$root"/usr/lib/apt "$root"/var/{cache,log,lib/apt,lib/systemd,backups}/* "$root"/var/lib/dpkg/{info,alternatives,triggers} \
    "$root"/var/lib/dpkg/*-old "$root"/etc/{hostname,resolv.conf,machine-id,passwd-,group-,shadow-,gshadow-} "$root"/boot/* "$root"/home/*
find "$root" -xdev -type f -perm /6000 -exec chmod ug-s {} +
find "$root"/{dev,proc,sys,tmp,run} -mindepth 1 -delete
ln -sfn python3 "$root/usr/bin/python"
sed -i '/^sandbox:/d' "$root"/etc/{passwd,group}
echo 'sandbox:x:1000:1000::/tmp:/bin/sh' >>"$root/etc/passwd"
echo 'sandbox:x:1000:' >>"$root/etc/group"
# Mount points: for data, and for what the workflow runs.
mkdir -p "$root/work" "$root/payload"

# image_program FILE ARGUMENT...: a program of the image, run by the image's own loader.
image_program() {
    local loader program
    loader=$(echo "$root"/usr/lib/*-linux-gnu/ld-linux*.so.?)
    program=$1
    shift
    "$loader" --library-path "$(dirname "$loader")" "$root$program" "$@"
}
# The second run of a program sees another locale. One locale is compiled, its sources go.
say "compiling the locale of the second run"
(export I18NPATH="$root/usr/share/i18n"
    gzip -dkf "$I18NPATH/charmaps/UTF-8.gz"
    mkdir -p "$root/usr/lib/locale"
    image_program /usr/bin/localedef --no-archive -i de_DE -f UTF-8 "$root/usr/lib/locale/de_DE.UTF-8")
rm -rf "$root/usr/share/i18n"
compile_image "$root" "$site"
say "trying the image's packages"
image_python "$root" -c 'import dateutil, evalplus.data.mbpp, evalplus.eval, evalplus.gen.util, numpy, pandas, pytest, sortedcontainers'
chmod -R u+rwX,go+rX,go-w "$root"
chmod 1777 "$root/tmp"

python3 containers/tree_digest.py "$root" envs/sandbox.lock "${libraries[@]}" >"$work/image.json"
rm -f "$folder/image.json"
mkdir -p "$folder"
rm -rf "$folder/rootfs"
mv "$root" "$folder/rootfs"
mv "$work/image.json" "$folder/image.json"
say "sandbox image: $folder ($(sed -n 's/.*"digest": "\(.\{16\}\).*/digest \1/p' "$folder/image.json"))"
