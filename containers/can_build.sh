#!/usr/bin/env bash
# can_build.sh ROLE...: stops where an image of these roles (sandbox workflow generate train evaluate) is still to be built
# and can't be built here, before any work, and says why: what mmdebstrap wants of a user without root, and of TMPDIR.
set -euo pipefail
cd "$(dirname "$0")/.."
. setup/common.sh

megabytes=0
for role in "$@"; do
    needed=20000
    case $role in
        sandbox) needed=500 ;;
        *)
            target=$(PYTHONPATH=scripts python3 -m selfalign.images "$role" "${ACCELERATOR:-gpu}" 2>/dev/null) || continue # build.sh says what is wrong
            [ ! -f "$target" ] || continue
            if [ "$role" = workflow ] || [ "${ACCELERATOR:-gpu}" = cpu ]; then needed=3000; fi
            ;;
    esac
    [ $needed -le $megabytes ] || megabytes=$needed
done
[ $megabytes != 0 ] || exit 0

folder=${TMPDIR:-/tmp}
other="do: TMPDIR=/another/folder make containers (or make sandbox): a local disk that any user may enter and run programs on"
program=$(mktemp "$folder/selfalign-XXXXXX") || stop "no file can be made in the temporary folder $folder (message above)" "$other"
trap 'rm -f "$program"' EXIT
printf '#!/bin/sh\n' >"$program" || stop "the temporary folder $folder is full" "$other"
chmod +x "$program"
"$program" 2>/dev/null || stop "programs can't be run in the temporary folder $folder (mounted noexec)" "$other"
free=$(df --output=avail --block-size=1000000 "$folder" | tail -n 1 | tr -d ' ')
[ "$free" -ge $megabytes ] || stop "the temporary folder $folder has $free MB free, the build takes $megabytes MB there" "$other"
[ "$(id -u)" != 0 ] || exit 0

# Without root: user ids of a range that is the user's own, else fakechroot.
lack=
if ! unshare --user true 2>/dev/null; then
    lack="user namespaces are not allowed on $(hostname)"
elif ! have newuidmap; then
    lack="newuidmap is missing (Debian: apt-get install uidmap)"
elif ! awk -F: -v name="$(id -un)" -v id="$(id -u)" '$1 == name || $1 == id { found = 1 } END { exit !found }' /etc/subuid 2>/dev/null; then
    lack="/etc/subuid gives you no user ids (as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $(id -un))"
fi
if [ -n "$lack" ]; then
    if have fakechroot && have fakeroot; then exit 0; fi
    stop "the base system of an image can't be built without root here: $lack, and fakechroot is missing" \
        "do: have one of the two mended by the administrator, or build on a machine that allows it and copy resources/containers and resources/sandbox" \
        "    here (docs/cluster.md): images run anywhere"
fi
# Those ids are other users' to the file system.
part=$(realpath "$folder")
while [ "$part" != / ]; do
    case $(stat --format %A "$part") in
        *[xt]) part=$(dirname "$part") ;;
        *) stop "only you can enter $part, so the user ids that the image is built with can't reach the temporary folder $folder" "$other" ;;
    esac
done
