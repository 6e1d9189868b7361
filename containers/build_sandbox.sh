#!/usr/bin/env bash
# build_sandbox.sh FOLDER: the image that model-written code runs in, FOLDER/rootfs, and its manifest FOLDER/image.json.
# A minimal system of the machine's own distribution with Python (mmdebstrap needs no root where user namespaces are
# allowed) and the packages of envs/sandbox.lock. No container registry is asked. It is built beside FOLDER and renamed
# into place, the manifest last: an interrupted build is never taken for an image.
set -euo pipefail
folder=$(realpath -m "$1")
cd "$(dirname "$0")/.."
. setup/common.sh

command -v mmdebstrap >/dev/null || stop "mmdebstrap is missing, which builds the sandbox image" "do: run make setup (or install mmdebstrap)"
uv=$(find_uv)

mkdir -p "$(dirname "$folder")"
work=$(mktemp -d "$folder.XXXXXX")
trap 'chmod -R u+w "$work" 2>/dev/null; rm -rf "$work"' EXIT
root="$work/rootfs"

say "building the base system of the sandbox (mmdebstrap)"
# Packages come from the machine's own configuration of apt; documentation and translations are left out.
# Rerun with the same package index, it gives the same bytes.
export SOURCE_DATE_EPOCH=1735689600
mmdebstrap --quiet --variant=minbase --include=python3-minimal,libpython3-stdlib \
    --dpkgopt='path-exclude=/usr/share/{man,doc,locale,info}/*' \
    --customize-hook='rm -rf "$1"/var/cache/* "$1"/var/log/* "$1"/var/lib/apt/lists/* "$1"/usr/share/doc "$1"/usr/share/man' \
    --customize-hook='rm -f "$1"/etc/hostname "$1"/etc/resolv.conf "$1"/var/lib/dpkg/*-old "$1"/etc/passwd- "$1"/etc/group- "$1"/etc/shadow-' \
    "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$root"

rm -rf "$root/etc/apt"

say "adding the packages of envs/sandbox.lock"
python=$(cd "$root/usr/bin" && ls python3.* | grep -E '^python3\.[0-9]+$' | head -n 1)
"$uv" pip install --quiet --require-hashes --python-version "${python#python}" --no-deps \
    --target "$root/usr/lib/python3/dist-packages" -r envs/sandbox.lock
# Byte code whose validity does not hang on time stamps, so that it is the same in every build.
chroot_python() { if [ "$(id -u)" = 0 ]; then chroot "$root" "$@"; else unshare --map-auto --map-root-user chroot "$root" "$@"; fi; }
chroot_python "/usr/bin/$python" -m compileall -q --invalidation-mode unchecked-hash -j 0 /usr/lib/python3/dist-packages "/usr/lib/$python" || true

ln -sfn python3 "$root/usr/bin/python"
grep -q '^sandbox:' "$root/etc/passwd" || echo 'sandbox:x:1000:1000::/tmp:/bin/sh' >>"$root/etc/passwd"
grep -q '^sandbox:' "$root/etc/group" || echo 'sandbox:x:1000:' >>"$root/etc/group"
# Mount points; what lies in them comes from the container engine.
find "$root/dev" "$root/proc" "$root/sys" "$root/tmp" "$root/run" -mindepth 1 -delete 2>/dev/null || true
mkdir -p "$root/work" "$root/payload"
chmod -R a+rX "$root"

say "hashing the image"
python3 containers/tree_digest.py "$root" envs/sandbox.lock >"$work/image.json"
rm -f "$folder/image.json"
mkdir -p "$folder"
rm -rf "$folder/rootfs"
mv "$root" "$folder/rootfs"
mv "$work/image.json" "$folder/image.json"
say "sandbox image: $folder (digest $(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["digest"][:16])' "$folder/image.json"))"
