# What the builders of images share; to be sourced.

# package_sources SUITE: the machine's own sources of a Debian or Ubuntu release, a line each; nothing if apt has fetched no
# lists.
package_sources() {
    local keyring options=""
    for keyring in /usr/share/keyrings/{ubuntu,debian}-archive-keyring.gpg; do
        if [ -f "$keyring" ]; then options="[signed-by=$keyring] "; break; fi
    done
    apt-get indextargets --format '$(ORIGIN) $(COMPONENT) $(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
        awk -v suite="$1" -v options="$options" '
            $1 ~ /^(Debian|Ubuntu)$/ && $2 == "main" && $3 ~ "^" suite "(-updates|-security)?$" { print "deb " options $4, $3, $2 }' |
        sort -u
}

# image_python ROOT ARGUMENT...: the Python of the system in ROOT, run by that system's own loader; needs no rights, and no
# namespace.
image_python() {
    local root=$1 loader
    shift
    loader=$(echo "$root"/usr/lib/*-linux-gnu/ld-linux*.so.?)
    PYTHONHOME="$root/usr" "$loader" --library-path "$(dirname "$loader")" "$(realpath "$root/usr/bin/python3")" -B -s "$@"
}

# compile_image ROOT FOLDER: byte code of Python's own modules and of those in FOLDER (in ROOT), which nobody can write later:
# without it every start in the image compiles all that it imports. Its validity does not hang on time stamps, and one
# process makes it: its order decides what the files share.
compile_image() {
    find "$1/usr" -name __pycache__ -prune -exec rm -rf {} +
    image_python "$1" -m compileall -q -f --invalidation-mode unchecked-hash -s "$1" -p / "$1"/usr/lib/python3.[0-9]* "$2"
}
