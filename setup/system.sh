#!/usr/bin/env bash
# What the workflow needs from the system: a sandbox engine (Apptainer, else bubblewrap) and mmdebstrap, which builds the
# sandbox's image. Installs what is missing when it is root, after saying so; otherwise says what to install.
set -euo pipefail
cd "$(dirname "$0")/.."
. setup/common.sh

have() { command -v "$1" >/dev/null; }

# install PACKAGE...: with apt, as root.
install() {
    say "installing the system packages: $*"
    [ -n "$(find /var/lib/apt/lists -name '*Packages*' -print -quit 2>/dev/null)" ] || apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

can_install() { [ "$(id -u)" = 0 ] && have apt-get; }

missing=()
if ! setup/apptainer.sh; then
    say "without Apptainer, bubblewrap will be the sandbox"
    have bwrap || missing+=(bubblewrap)
fi
if [ ! -f resources/sandbox/image.json ] && ! have mmdebstrap; then missing+=(mmdebstrap); fi

if [ ${#missing[@]} = 0 ]; then exit 0; fi
can_install || stop \
    "missing on this machine: ${missing[*]}" \
    "do: as root, on Debian and Ubuntu: apt-get install --no-install-recommends ${missing[*]}" \
    "    elsewhere: have the administrator install apptainer (or bubblewrap), and copy resources/sandbox from a machine that could build it"
install "${missing[@]}"
