#!/usr/bin/env bash
# environment.sh FOLDER LOCK...: a Python 3.11 environment in FOLDER with exactly what the locks in envs/ name.
# A stamp with the locks' hashes, written last, makes a second call free and an interrupted one start over.
set -euo pipefail
cd "$(dirname "$0")/.."
. setup/common.sh

folder=$1
shift
locks=()
for name in "$@"; do
    [ -f "envs/$name.lock" ] || stop "there is no envs/$name.lock" "do: ACCELERATOR is cpu or gpu"
    locks+=("envs/$name.lock")
done

stamp="$folder/.locks"
wanted=$(sha256sum "${locks[@]}")
ready() { [ "$wanted" = "$(cat "$stamp" 2>/dev/null)" ] && [ -x "$folder/bin/python" ]; }
if ready; then exit 0; fi

# Two make at once: the second waits, then finds it done.
exec 9>"$folder.lock"
flock 9
if ready; then exit 0; fi

uv=$(find_uv)
say "installing ${locks[*]} into $folder"
rm -f "$stamp"
# Relocatable, so that the repository can be moved or renamed.
"$uv" venv --quiet --allow-existing --relocatable --python 3.11 "$folder" || stop \
    "no Python 3.11 could be had (message above)" \
    "do: install it (Debian 12: apt-get install python3.11 python3.11-venv; elsewhere: uv python install 3.11), then run make again"
torch=()
for lock in "${locks[@]}"; do
    version=$(locked "$lock" torch)
    if [[ $version == *+cpu ]]; then mapfile -t torch < <(torch_source "${version%+cpu}"); fi
done
"$uv" pip sync --quiet --require-hashes --python "$folder/bin/python" "${torch[@]}" "${locks[@]}" || stop \
    "the packages of ${locks[*]} could not be installed (message above)" \
    "do: check network, disk space and pip's configuration, then run make again: it takes up where it stopped"
printf '%s\n' "$wanted" >"$stamp"
say "$folder is ready"
