#!/usr/bin/env bash
# Puts Apptainer on the machine: the one that is there, else the distribution's package, else (Debian bookworm, which has
# none) Debian's own later package made to run on this glibc. A second call only checks that it works.
# Exit status 0: it works. 3: it can't be had here, bubblewrap will have to do. Another: worth trying again.
set -euo pipefail
cd "$(dirname "$0")/.."
. setup/common.sh

# The package that was tried out; another is taken only if the symbol check and the self-test pass.
tested_sha256=26cf96e08fccb0e50ea0f285a5a19f940ee873d167a0680584fe6eba7d197d65
configuration=/etc/apptainer/apptainer.conf
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cannot() { printf 'setup: %s\n' "$@" >&2; exit 3; }

# cannot_get LINE: there is no Apptainer, and nobody here who could install it.
cannot_get() {
    cannot "$1" \
        "do: on a cluster: module load apptainer, or ask the administrator for it" \
        "    Debian 12, as root: setup/apptainer.sh; other Debian releases that have it, as root: apt-get install apptainer" \
        "    Ubuntu, as root: add-apt-repository ppa:apptainer/ppa && apt-get install apptainer" \
        "    RHEL and its kin, as root: dnf install epel-release && dnf install apptainer" \
        "    or have the fallback, as root: apt-get install bubblewrap (RHEL: dnf install bubblewrap)"
}

# self_test: runs a program of this machine, in a folder that holds it and its libraries, without network. What it
# printed is left in $work/self-test.log.
self_test() {
    local root=$work/self-test program library
    program=$(type -P cat)
    mkdir -p "$root"/{bin,dev,etc,proc,sys,tmp}
    cp -L "$program" "$root/bin/cat"
    { ldd "$program" 2>/dev/null || true; } | { grep -o '/[^ ]*' || true; } | while read -r library; do
        mkdir -p "$root$(dirname "$library")"
        cp -L "$library" "$root$library"
    done
    apptainer --silent exec --containall --net --network none --no-privs "$root" /bin/cat /proc/net/route \
        >"$work/routes" 2>"$work/self-test.log" || return 1
    # The first line is the table's header.
    [ "$(wc -l <"$work/routes")" -le 1 ] || { echo "the container can reach a network" >"$work/self-test.log"; return 1; }
}

why() { printf 'Apptainer said: %s' "$(tail -n 1 "$work/self-test.log" 2>/dev/null)"; }
report() { say "Apptainer $(apptainer --version | awk '{print $NF}') works ($(command -v apptainer))"; }

lacks_sys_resource() {
    # CAP_SYS_RESOURCE is bit 24.
    local mask
    mask=$(awk '/^CapBnd/ {print $2}' /proc/self/status)
    ! ((0x$mask >> 24 & 1))
}

# set_default NAME FROM TO REASON: changes one line of the configuration, where it still has the value that fails.
set_default() {
    grep -q "^$1 = $2\$" "$configuration" || return 0
    say "$4: setting '$1 = $3' in $configuration"
    sed -i "s/^$1 = $2\$/$1 = $3/" "$configuration"
}

# configure: two defaults that a machine without systemd, or a root without every capability, can't use.
configure() {
    [ -f "$configuration" ] || return 0
    if [ "$(cat /proc/1/comm)" != systemd ]; then
        set_default "systemd cgroups" yes no "systemd does not run this machine, so it can't set limits"
    fi
    if lacks_sys_resource; then
        set_default "root default capabilities" full no "root lacks CAP_SYS_RESOURCE, so it can't grant every capability"
    fi
}

# repair: an Apptainer that somebody else installed and that fails as it is. Its configuration is put back unless the
# change makes it work.
repair() {
    [ -f "$configuration" ] || return 1
    cp -p "$configuration" "$work/apptainer.conf"
    configure
    cmp -s "$configuration" "$work/apptainer.conf" && return 1
    if self_test; then return 0; fi
    cp -p "$work/apptainer.conf" "$configuration"
    say "that did not help: $configuration is as it was"
    return 1
}

# fetch_later_package: Debian sid's package, from the mirror that this machine's own configuration names, checked against
# Debian's keys, in an apt state of its own, so that the machine's own package sources stay as they are.
fetch_later_package() {
    local mirror
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' 'Codename: bookworm' | sort -u | head -n 1)
    [ -n "$mirror" ] || cannot "apt's configuration names no Debian mirror to take the package from"
    [ -f "$keyring" ] || cannot "Debian's keys are missing: $keyring" "do: apt-get install debian-archive-keyring"
    mkdir -p "$work"/{state/lists/partial,cache/archives/partial}
    echo "deb [arch=amd64 signed-by=$keyring] $mirror sid main" >"$work/sources.list"
    cat >"$work/apt.conf" <<CONFIGURATION
Dir::State "$work/state";
Dir::State::status "/var/lib/dpkg/status";
Dir::Cache "$work/cache";
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "/dev/null";
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
CONFIGURATION
    say "fetching Debian's later package (package lists 10 MB, package 19 MB)"
    (cd "$work" && export APT_CONFIG=$work/apt.conf && apt-get update -qq && apt-get download -qq apptainer) || stop \
        "Debian's later apptainer package could not be fetched (message above)" "do: check the network, then run the same command again"
}

check_hash() {
    local found
    found=$(sha256sum "$1" | cut -d ' ' -f 1)
    if [ "$found" = "$tested_sha256" ]; then
        say "its sha256 is that of the tested package"
    else
        say "warning: this is not the package that was tested: its sha256 is $found, tested was $tested_sha256;" \
            "it is taken only if its symbols and the self-test pass"
    fi
}

# relink_package DEB TREE: unpacks the package into TREE, points what needs a newer glibc at this one's, and packs it
# again as $work/apptainer.deb. Its version sorts below the original's, so that an upgrade of Debian replaces it.
relink_package() {
    local tree=$2 file
    dpkg-deb -R "$1" "$tree"
    while IFS= read -r -d '' file; do
        [ "$(head -c 4 "$file" | tr -d '\0')" = $'\x7fELF' ] || continue
        python3 setup/relink_glibc.py "$file" || cannot "Debian's later apptainer package can't run on this glibc (message above)"
    done < <(find "$tree/usr" -type f -print0)
    sed -i -e '/^Version:/ s/$/~relinked/' -e '/^\(Pre-\)\?Depends:/ s/libc6 (>= [^)]*)/libc6/' "$tree/DEBIAN/control"
    # The list of checksums has to agree with the changed programs.
    (cd "$tree" && sed 's/^[^ ]*  //' DEBIAN/md5sums | xargs -d '\n' md5sum) >"$work/md5sums"
    cat "$work/md5sums" >"$tree/DEBIAN/md5sums"
    # Installed once and thrown away: packing it tightly would take longer than everything else.
    dpkg-deb --build --root-owner-group -Zgzip -z1 "$tree" "$work/apptainer.deb" >/dev/null
}

install_later_package() {
    say "this distribution has no apptainer package: taking Debian's later one, made to run on this glibc," \
        "and from this distribution: fuse-overlayfs fuse2fs squashfuse, and what these need"
    have python3 || install_packages python3-minimal
    fetch_later_package
    check_hash "$work"/apptainer_*.deb
    say "pointing its programs at this machine's glibc"
    relink_package "$work"/apptainer_*.deb "$work/tree"
    # Its dependencies are another release's: where this one can't satisfy them, trying again would not help.
    (install_packages "$work/apptainer.deb" fuse-overlayfs fuse2fs squashfuse) || cannot "Debian's later apptainer package can't be installed here"
}

is_bookworm() { (. /etc/os-release && [ "${VERSION_CODENAME:-}" = bookworm ]) && [ "$(uname -m)" = x86_64 ]; }

candidate() { LC_ALL=C apt-cache policy apptainer 2>/dev/null | awk '$1 == "Candidate:" && $2 != "(none)" {print $2}'; }

install_apptainer() {
    local version
    say "Apptainer is missing: installing it as root"
    [ -n "$(find /var/lib/apt/lists -name '*Packages*' -print -quit 2>/dev/null)" ] || apt-get update -qq || stop \
        "the package lists could not be fetched (message above)" "do: check the network, then run the same command again"
    version=$(candidate)
    if [ -n "$version" ]; then
        say "installing this distribution's own package, version $version"
        install_packages apptainer
    elif is_bookworm; then
        install_later_package
    else
        cannot_get "this distribution has no apptainer package"
    fi
    configure
    say "self-test: running a program in a container without network"
    if ! self_test; then
        # Whoever finds an `apptainer` takes it for one that works.
        apt-get purge -y -qq apptainer >/dev/null
        cannot "Apptainer could not run a program without network, so it was removed again (apt-get autoremove takes its dependencies)" "$(why)"
    fi
}

if have apptainer; then
    if self_test || { [ "$(id -u)" = 0 ] && repair; }; then report; exit 0; fi
    cannot "Apptainer is installed ($(command -v apptainer)), but can't run a program without network" "$(why)" \
        "do: show this to the administrator (user namespaces may be forbidden here), or have the fallback: apt-get install bubblewrap"
fi
[ "$(id -u)" = 0 ] || cannot_get "Apptainer is missing, and only root can install it"
have apt-get || cannot_get "Apptainer is missing, and this is no system with apt"
install_apptainer
report
