#!/usr/bin/env bash
# compile_locks.sh [--upgrade]: resolves envs/requirements/*.in into the hash-pinned locks of envs/, which hold no address
# of any index. Versions that are locked already stay, unless --upgrade is given or the sources ask for others.
set -euo pipefail
cd "$(dirname "$0")/.."
. setup/common.sh

uv=$(find_uv)
python_version=3.11
sources=envs/requirements
upgrade=("$@")

# lock NAME ARGUMENT...: what a resolution needs beyond the common arguments.
lock() {
    local name=$1
    shift
    say "resolving envs/$name.lock"
    "$uv" pip compile --quiet --generate-hashes --no-emit-index-url --no-annotate --python-version "$python_version" \
        --custom-compile-command "make locks" --output-file "envs/$name.lock" "${upgrade[@]}" "$@"
}

cpu=(--override "$sources/overrides-cpu.txt")
mapfile -t -O "${#cpu[@]}" cpu < <(torch_source "$(locked "$sources/model-cpu.in" torch)")
linux=(--python-platform x86_64-manylinux_2_28)

lock uv "$sources/uv.in"
lock local-cpu "${cpu[@]}" "$sources"/{workflow,scripts,model,model-cpu}.in
lock local-gpu "${linux[@]}" "$sources"/{workflow,scripts,model,model-gpu}.in
lock cluster "${linux[@]}" "$sources"/{workflow,scripts,cluster}.in
lock dev -c envs/local-cpu.lock "${cpu[@]}" "$sources/dev.in"
# DeepSpeed is for the GPU image of training alone: only what the GPU lock lacks is kept.
lock deepspeed "${linux[@]}" -c envs/local-gpu.lock "$sources/deepspeed.in"
python3 setup/lock_difference.py envs/deepspeed.lock envs/local-gpu.lock
lock sandbox --override "$sources/overrides-sandbox.txt" "${linux[@]}" "$sources/sandbox.in"
python3 setup/conda_environments.py
