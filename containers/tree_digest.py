"""Digest of a folder's content, and the manifest of a sandbox image: `tree_digest.py ROOTFS LOCK [LOCK] > image.json`.

Standard library only: it is run before there is any environment.
"""

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path


def entries(folder: Path) -> Iterator[str]:
    """A line for each entry: path, kind, permissions, and a file's SHA-256 or a link's target. In no stated order."""
    for parent, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = Path(parent, name)
            relative, mode = path.relative_to(folder).as_posix(), path.lstat().st_mode & 0o7777
            if path.is_symlink():
                yield f"{relative}\0link\0\0{os.readlink(path)}"
            elif path.is_dir():
                yield f"{relative}\0folder\0{mode:o}\0"
            elif path.is_file():
                yield f"{relative}\0file\0{mode:o}\0{hashlib.sha256(path.read_bytes()).hexdigest()}"
            else:
                raise ValueError(f"{path}: neither file, folder nor link; an image holds nothing else")


def tree_digest(folder: Path) -> str:
    """SHA-256 over the sorted entries, as 64 hex digits. Owners and times don't count.

    Raises:
        ValueError: the tree holds a device, a pipe or a socket.
    """
    text = "\n".join(sorted(entries(folder)))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def locked_packages(lock: Path) -> dict[str, str]:
    """Version by name of the packages that a lock file pins."""
    return dict(re.findall(r"^([A-Za-z0-9_.-]+)==([^\s\\;]+)", lock.read_text(), re.M))


def system_packages(rootfs: Path) -> dict[str, str]:
    """Version by name of the distribution's packages."""
    return dict(re.findall(r"^Package: (\S+)\n(?:.+\n)*?Version: (\S+)$", status(rootfs), re.M))


def status(rootfs: Path) -> str:
    return (rootfs / "var" / "lib" / "dpkg" / "status").read_text()


def manifest(rootfs: Path, lock: Path, libraries: Path | None = None) -> dict:
    """What image.json says of an image: its digest, and everything that is in it.

    Args:
        libraries: lock of packages that were put on top of those of `lock`.
    """
    release = dict(re.findall(r'^(\w+)="?([^"\n]*)', (rootfs / "etc" / "os-release").read_text(), re.M))
    system = system_packages(rootfs)
    interpreters = [name for name in system if re.fullmatch(r"python3\.\d+-minimal", name)]
    return {
        "digest": tree_digest(rootfs),
        "rootfs": "rootfs",
        "distribution": release.get("PRETTY_NAME", ""),
        "suite": release.get("VERSION_CODENAME", ""),
        "python": system[interpreters[0]].split("-")[0],
        "lock_sha256": hashlib.sha256(lock.read_bytes()).hexdigest(),
        "packages": locked_packages(lock) | (locked_packages(libraries) if libraries else {}),
        "system_packages": system,
    }


if __name__ == "__main__":
    json.dump(manifest(*map(Path, sys.argv[1:])), sys.stdout, indent=2, sort_keys=True)
    print()
