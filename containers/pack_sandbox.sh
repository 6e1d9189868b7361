#!/usr/bin/env bash
# pack_sandbox.sh FILE.sif: the sandbox image as one Apptainer file, from resources/sandbox/rootfs.
# Without Apptainer or squashfs-tools it says so and leaves it: the workflow itself uses the folder.
set -euo pipefail
target=$(realpath -m "$1")
cd "$(dirname "$0")/.."
. setup/common.sh

[ -f resources/sandbox/image.json ] || stop "there is no sandbox image to pack" "do: run make containers"
for tool in apptainer mksquashfs; do
    if ! have $tool && ! have /usr/sbin/$tool; then
        say "no $tool here: $(basename "$target") is not packed; the workflow uses the folder resources/sandbox/rootfs"
        exit 0
    fi
done
if [ "$target" -nt resources/sandbox/image.json ]; then exit 0; fi
say "packing $target"
temporary=$(mktemp -u "$target.XXXXXX")
trap 'rm -f "$temporary"' EXIT
# Not tested here: the folder has been, and a root without every capability can't start the test (`apptainer test` can).
apptainer --silent build --notest "$temporary" containers/sandbox.def || stop \
    "apptainer could not pack the image (message above)" \
    "do: check the space in ${APPTAINER_TMPDIR:-${TMPDIR:-/tmp}}, where it copies the image to, and beside $target"
mv "$temporary" "$target"
say "packed $target"
