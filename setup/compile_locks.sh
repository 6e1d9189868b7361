#!/usr/bin/env bash
# Resolves envs/requirements/*.in into the hash-pinned locks of envs/. Locks hold no address of any index.
set -euo pipefail
cd "$(dirname "$0")/.."
. setup/common.sh

uv=$(find_uv)
python_version=3.11
sources=envs/requirements

# lock NAME ARGUMENT...: what a resolution needs beyond the common arguments.
lock() {
    local name=$1
    shift
    say "resolving envs/$name.lock"
    "$uv" pip compile --quiet --generate-hashes --no-emit-index-url --no-annotate --python-version "$python_version" \
        --custom-compile-command "make locks" --output-file "envs/$name.lock" "$@"
}

cpu=(--override "$sources/overrides-cpu.txt")
mapfile -t -O "${#cpu[@]}" cpu < <(torch_source)
linux=(--python-platform x86_64-manylinux_2_28)

lock uv "$sources/uv.in"
lock local-cpu "${cpu[@]}" "$sources"/{workflow,scripts,model,model-cpu}.in
lock local-gpu "${linux[@]}" "$sources"/{workflow,scripts,model,model-gpu}.in
lock cluster "${linux[@]}" "$sources"/{workflow,scripts,cluster}.in
lock dev -c envs/local-cpu.lock "${cpu[@]}" "$sources/dev.in"
lock sandbox --override "$sources/overrides-sandbox.txt" "${linux[@]}" "$sources/sandbox.in"
python3 setup/conda_environments.py
