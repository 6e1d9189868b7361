# Functions that the set-up scripts share; sourced, not run.

say() { printf 'setup: %s\n' "$*"; }
stop() { printf 'setup: %s\n' "$@" >&2; exit 1; }

# find_uv: path of uv, installed into .venv-uv from its lock where the machine has none.
find_uv() {
    if command -v uv; then return; fi
    if [ ! -x .venv-uv/bin/uv ]; then
        say "installing uv into .venv-uv" >&2
        python3 -m venv .venv-uv >/dev/null 2>&1 || stop \
            "python3 can't make virtual environments" \
            "do: install Python 3.11 with its venv module, on Debian and Ubuntu: apt-get install python3 python3-venv"
        .venv-uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r envs/uv.lock >&2 || stop \
            "uv could not be installed from the package index" "do: check the network and pip's configuration, then run make again"
    fi
    echo .venv-uv/bin/uv
}

# torch_source: arguments that make uv take the CPU build of torch, a line each. A folder of wheels that pip is
# configured to look into wins, since a machine that has one often reaches nothing else.
torch_source() {
    local folder
    for folder in $({ echo "${PIP_FIND_LINKS:-}"; python3 -m pip config get global.find-links 2>/dev/null || true; } | tr -s ' \n' '\n' | sort -u); do
        if compgen -G "$folder/torch-*" >/dev/null; then
            printf '%s\n' --find-links "$folder"
            return
        fi
    done
    printf '%s\n' --torch-backend cpu
}
