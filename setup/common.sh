# Functions that the set-up scripts share; sourced, not run.

say() { printf 'setup: %s\n' "$*"; }
stop() { printf 'setup: %s\n' "$@" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
can_install() { [ "$(id -u)" = 0 ] && have apt-get; }

# install_packages PACKAGE...: with apt, as root. Package lists are fetched where there are none, or older ones no longer do.
install_packages() {
    local install=(env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends)
    say "installing the system packages: $*" >&2
    [ -n "$(find /var/lib/apt/lists -name '*Packages*' -print -quit 2>/dev/null)" ] || apt-get update -qq >&2
    "${install[@]}" "$@" >/dev/null || { apt-get update -qq >&2 && "${install[@]}" "$@" >&2; } || stop \
        "apt-get could not install: $* (message above)" "do: mend that by hand, then run the same command again"
}

# need_packages PACKAGE...: installs them as root, stops with the command to give otherwise.
need_packages() {
    can_install || stop "missing on this machine: $*" \
        "do: as root, on Debian and Ubuntu: apt-get install --no-install-recommends $*" \
        "    elsewhere: ask the administrator for the same programs under that system's names"
    install_packages "$@"
}

# locked LOCK PACKAGE: the version that a lock names.
locked() { sed -n "s/^$2==\([^ ;]*\).*/\1/p" "$1" | head -n 1; }

# recent_uv COMMAND: whether it is a uv that knows the options used here.
recent_uv() {
    local version
    version=$("$1" --version 2>/dev/null | awk '{print $2}') || return 1
    [ -n "$version" ] && printf '0.8.0\n%s\n' "$version" | sort -V -C
}

# find_uv: path of uv, installed into .venv-uv from its lock where the machine has none that is recent enough.
find_uv() {
    if have uv && recent_uv uv; then command -v uv; return; fi
    if [ "$(.venv-uv/bin/uv --version 2>/dev/null | awk '{print $2}')" != "$(locked envs/uv.lock uv)" ]; then
        say "installing uv into .venv-uv" >&2
        # ensurepip is what Debian and Ubuntu split off into python3-venv.
        python3 -c 'import ensurepip, venv' 2>/dev/null || need_packages python3 python3-venv
        rm -rf .venv-uv
        python3 -m venv .venv-uv >&2 || stop "python3 can't make virtual environments (message above)" \
            "do: install Python 3 with its venv module, on Debian and Ubuntu: apt-get install python3 python3-venv"
        .venv-uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r envs/uv.lock >&2 || stop \
            "uv could not be installed from the package index (message above)" \
            "do: check the network and pip's configuration, then run make again"
    fi
    echo .venv-uv/bin/uv
}

# torch_source VERSION: arguments that make uv take the CPU build of torch, a line each. A folder of wheels that pip is
# configured to look into wins, since a machine that has one often reaches nothing else.
torch_source() {
    local folder
    for folder in $({ echo "${PIP_FIND_LINKS:-}"; python3 -m pip config get global.find-links 2>/dev/null || true; } | tr -s ' \n' '\n' | sort -u); do
        if compgen -G "$folder/torch-$1+cpu-*.whl" >/dev/null; then
            printf '%s\n' --find-links "$folder"
            return
        fi
    done
    printf '%s\n' --torch-backend cpu
}
