#!/usr/bin/env bash
# shared_environment.sh: .venv-slurm, a thin environment over .venv that adds the SLURM plugin, for clusters whose nodes see
# this folder and run the jobs with the same Python as the login node (no containers, no conda), and for the cluster tests.
# The plugin wants a newer numpy than vLLM, which it only uses for reports on efficiency: it is added without its wishes.
set -euo pipefail
cd "$(dirname "$0")/.."
. setup/common.sh

folder=.venv-slurm
plugins=(snakemake-executor-plugin-slurm snakemake-executor-plugin-slurm-jobstep)
[ -x .venv/bin/python ] || stop "there is no .venv" "do: make setup"

base=$(readlink -f .venv)
wanted=$(echo "$base"; for name in "${plugins[@]}"; do echo "$name $(locked envs/cluster.lock "$name")"; done)
[ "$wanted" != "$(cat "$folder/.plugins" 2>/dev/null)" ] || exit 0

uv=$(find_uv)
say "installing the SLURM plugin into $folder, over .venv"
rm -rf "$folder"
"$uv" venv --quiet --relocatable --python "$base/bin/python" "$folder"
packages=$("$base/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
echo "$packages" >"$("$folder/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/base.pth"
# The lock's own lines, hashes and all.
for name in "${plugins[@]}"; do
    sed -n "/^$name==/,/[^\\\\]\$/p" envs/cluster.lock
done >"$folder/plugins.txt"
"$uv" pip install --quiet --no-deps --require-hashes --python "$folder/bin/python" -r "$folder/plugins.txt"
# Commands of packages in the base environment are not in this one's bin.
printf '%s\n' '#!/bin/sh' 'exec "$(dirname "$0")/python" -m snakemake "$@"' >"$folder/bin/snakemake"
chmod +x "$folder/bin/snakemake"
printf '%s\n' "$wanted" >"$folder/.plugins"
say "$folder is ready"
