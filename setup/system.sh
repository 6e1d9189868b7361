#!/usr/bin/env bash
# What the workflow needs from the system: a sandbox engine (Apptainer, else bubblewrap), mmdebstrap, which builds the
# sandbox's image, and a library of vLLM's CPU build. Installs what is missing when it is root, after saying so; otherwise
# says what to install. With everything there it takes a fraction of a second.
set -euo pipefail
cd "$(dirname "$0")/.."
. setup/common.sh

# Where an attempt to install Apptainer ended without one; delete it to have it tried again.
refused=resources/setup/no-apptainer

# try_apptainer: whether there is one that runs; only root can install it.
try_apptainer() {
    if ! have apptainer && { ! can_install || [ -f "$refused" ]; }; then return 1; fi
    local status=0
    setup/apptainer.sh || status=$?
    if [ $status = 3 ] && ! have apptainer; then mkdir -p "$(dirname "$refused")" && date >"$refused"; fi
    return $status
}

# namespaces_work: whether bubblewrap can make the namespaces that the sandbox is made of.
namespaces_work() { bwrap --unshare-all --ro-bind / / --proc /proc --dev /dev true 2>/dev/null; }

need_engine() {
    if try_apptainer; then return; fi
    have bwrap || need_packages bubblewrap
    namespaces_work || stop \
        "no sandbox for model-written code: no Apptainer that runs, and bubblewrap may not make namespaces on this machine" \
        "do: install Apptainer; or allow bubblewrap its namespaces. As root, on Ubuntu 24.04 and later:" \
        "      sysctl -w kernel.apparmor_restrict_unprivileged_userns=0" \
        "    on Debian: sysctl -w kernel.unprivileged_userns_clone=1; inside a container: start that with more privileges"
    say "no Apptainer that runs here: bubblewrap is the sandbox engine"
}

# need_builder: what builds the sandbox image, where there is none yet.
need_builder() {
    [ -f resources/sandbox/image.json ] && return
    local missing=()
    have mmdebstrap || missing+=(mmdebstrap)
    # Building without root maps a range of user ids, or plays at root. (containers/can_build.sh looks closer.)
    [ "$(id -u)" = 0 ] || have newuidmap || { have fakechroot && have fakeroot; } || missing+=(uidmap)
    [ ${#missing[@]} = 0 ] && return
    can_install || stop "missing on this machine, to build the sandbox's image: ${missing[*]}" \
        "do: copy resources/sandbox from a Debian or Ubuntu machine on which make sandbox made it (docs/cluster.md), or" \
        "    as root, on Debian and Ubuntu: apt-get install --no-install-recommends ${missing[*]}"
    install_packages "${missing[@]}"
}

# need_libraries: vLLM's CPU build loads libnuma, which minimal systems lack.
need_libraries() {
    [ "${ACCELERATOR:-cpu}" = cpu ] || return 0
    local ldconfig
    ldconfig=$(PATH=$PATH:/sbin:/usr/sbin command -v ldconfig) || return 0
    "$ldconfig" -p | grep -F libnuma.so.1 >/dev/null || need_packages libnuma1
}

case $(uname -sm) in
    "Linux x86_64") ;;
    *) stop "the locks are for Linux on x86_64, this is $(uname -sm)" "do: use such a machine, or resolve locks for this one (make locks)" ;;
esac
need_engine
need_builder
need_libraries
