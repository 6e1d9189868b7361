#!/usr/bin/env bash
# environment.sh FOLDER LOCK...: a Python 3.11 environment in FOLDER with exactly what the locks in envs/ name.
# A stamp with the locks' hashes, written last, makes a second call free and an interrupted one start over.
set -euo pipefail
cd "$(dirname "$0")/.."
. setup/common.sh

folder=$1
shift
locks=()
for name in "$@"; do locks+=("envs/$name.lock"); done

stamp="$folder/.locks"
wanted=$(sha256sum "${locks[@]}")
if [ "$wanted" = "$(cat "$stamp" 2>/dev/null)" ]; then exit 0; fi

uv=$(find_uv)
say "installing ${locks[*]} into $folder"
rm -f "$stamp"
"$uv" venv --quiet --allow-existing --python 3.11 "$folder" || stop \
    "no Python 3.11 could be had" "do: install it (Debian, Ubuntu: apt-get install python3.11 python3.11-venv), then run make again"
mapfile -t torch < <(if [[ " $* " == *local-cpu* ]]; then torch_source; fi)
"$uv" pip sync --quiet --require-hashes --python "$folder/bin/python" "${torch[@]}" "${locks[@]}" || stop \
    "the packages of ${locks[*]} could not be installed (message above)" \
    "do: check network, disk space and pip's configuration, then run make again: it takes up where it stopped"
printf '%s\n' "$wanted" >"$stamp"
say "$folder is ready"
