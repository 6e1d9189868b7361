#!/usr/bin/env bash
# Puts Apptainer on the machine: the one that is there, else the distribution's package, else (Debian bookworm, which has
# none) Debian's own later package made to run on this glibc. Exit status 3: can't be done here; bubblewrap will do.
set -euo pipefail
cd "$(dirname "$0")/.."
. setup/common.sh

cannot() { printf 'setup: %s\n' "$@" >&2; exit 3; }
works() { command -v apptainer >/dev/null && self_test 2>/dev/null; }

# The package that was tried out; another is taken only if the symbol check and the self-test pass.
tested_sha256=26cf96e08fccb0e50ea0f285a5a19f940ee873d167a0680584fe6eba7d197d65

# self_test: runs a program of this machine in a container without network.
self_test() {
    local root
    root=$(mktemp -d)
    mkdir -p "$root"/{bin,etc,proc,sys,dev,tmp,usr/bin}
    cp "$(type -P true)" "$root/bin/true"
    # The program's libraries, at the paths it looks for them.
    ldd "$root/bin/true" | grep -o '/[^ ]*' | while read -r library; do
        mkdir -p "$root$(dirname "$library")"
        cp -L "$library" "$root$library"
    done
    chmod -R a+rX "$root"
    local status=0
    apptainer --silent exec --containall --net --network none --no-privs "$root" /bin/true || status=$?
    rm -rf "$root"
    return $status
}

# configure: two defaults that a machine without systemd, or a root without every capability, can't use.
configure() {
    local file=/etc/apptainer/apptainer.conf
    [ -f "$file" ] || return 0
    if [ "$(cat /proc/1/comm)" != systemd ] && grep -q '^systemd cgroups = yes' "$file"; then
        say "PID 1 is not systemd: setting 'systemd cgroups = no' in $file"
        sed -i 's/^systemd cgroups = yes/systemd cgroups = no/' "$file"
    fi
    # CAP_SYS_RESOURCE is bit 24.
    if ! (($(printf '%d' "0x$(awk '/CapBnd/ {print $2}' /proc/self/status)") >> 24 & 1)) &&
        grep -q '^root default capabilities = full' "$file"; then
        say "root lacks CAP_SYS_RESOURCE here: setting 'root default capabilities = no' in $file"
        sed -i 's/^root default capabilities = full/root default capabilities = no/' "$file"
    fi
}

# install_relinked: the package of Debian sid, from the mirror that this machine already uses, verified with its keyring.
install_relinked() {
    local work mirror package found
    work=$(mktemp -d)
    trap 'rm -rf "$work"' RETURN
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | grep -v security | sort -u | head -n 1)
    [ -n "$mirror" ] || return 1
    mkdir -p "$work"/{state/lists/partial,cache/archives/partial}
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" >"$work/sources.list"
    cat >"$work/apt.conf" <<EOF
Dir::State "$work/state";
Dir::State::status "/var/lib/dpkg/status";
Dir::Cache "$work/cache";
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "/dev/null";
APT::Sandbox::User "root";
EOF
    say "fetching Debian's later apptainer package (19 MB; this machine's own package sources stay as they are)"
    APT_CONFIG="$work/apt.conf" apt-get update -qq || return 1
    (cd "$work" && APT_CONFIG="$work/apt.conf" apt-get download -qq apptainer) || return 1
    package=$(ls "$work"/apptainer_*.deb)
    found=$(sha256sum "$package" | cut -d ' ' -f 1)
    if [ "$found" != "$tested_sha256" ]; then
        say "warning: this is not the package that was tested: sha256 $found, tested $tested_sha256; it is used only if the checks pass"
    fi
    dpkg-deb -R "$package" "$work/root"
    python3 setup/relink_glibc.py "$work/root/usr/bin/apptainer" || return 1
    python3 setup/relink_glibc.py "$work/root/usr/lib/x86_64-linux-gnu/apptainer/bin/starter" || return 1
    sed -i 's/libc6 (>= 2\.[0-9]*)/libc6/' "$work/root/DEBIAN/control"
    dpkg-deb --build --root-owner-group "$work/root" "$work/apptainer-relinked.deb" >/dev/null
    say "installing it with what it depends on"
    [ -n "$(find /var/lib/apt/lists -name '*Packages*' -print -quit)" ] || apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$work/apptainer-relinked.deb" fuse-overlayfs squashfuse >/dev/null
}

if works; then exit 0; fi
if command -v apptainer >/dev/null && [ "$(id -u)" = 0 ]; then
    configure
    if self_test; then exit 0; fi
    cannot "Apptainer is installed, but can't run a program without network (message above)"
fi

[ "$(id -u)" = 0 ] || cannot \
    "Apptainer is missing" \
    "do: on a cluster, try: module load apptainer; else ask the administrator for it" \
    "    Debian, Ubuntu: apt-get install apptainer where the distribution has it (on Debian 12, run setup/apptainer.sh as root)" \
    "    RHEL and its kin: dnf install epel-release && dnf install apptainer"

command -v apt-get >/dev/null || cannot "Apptainer is missing" "do: install it with this distribution's package manager (RHEL: dnf install epel-release && dnf install apptainer)"
[ -n "$(find /var/lib/apt/lists -name '*Packages*' -print -quit 2>/dev/null)" ] || apt-get update -qq
candidate=$(LC_ALL=C apt-cache policy apptainer | awk '/Candidate:/ {print $2}')
say "Apptainer is missing: installing it as root"
if [ -n "$candidate" ] && [ "$candidate" != "(none)" ]; then
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends apptainer >/dev/null
elif [ "$(. /etc/os-release && echo "${VERSION_CODENAME:-}")" = bookworm ] && [ "$(uname -m)" = x86_64 ]; then
    install_relinked || cannot "Debian's later apptainer package could not be made to run here (message above)"
else
    cannot "this distribution has no apptainer package" "do: install it from the Apptainer project's release page"
fi
configure
self_test || cannot "Apptainer is installed, but its self-test failed: it could not run a program without network (message above)"
say "Apptainer $(apptainer --version | awk '{print $NF}') works"
