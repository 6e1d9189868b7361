"""Digest of a folder's content, and the manifest of a sandbox image: `tree_digest.py FOLDER LOCK > image.json`.

The digest is the SHA-256 over a line for each entry, sorted by path: path, kind, executable or not, and the hash of a
file's bytes or a link's target. Owners and times don't count. Standard library only.
"""

import hashlib
import json
import os
import re
import sys
from pathlib import Path


def tree_digest(folder: Path) -> str:
    lines = []
    for parent, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = Path(parent, name)
            relative = path.relative_to(folder).as_posix()
            if path.is_symlink():
                lines.append(f"{relative}\0link\0{os.readlink(path)}")
            elif path.is_dir():
                lines.append(f"{relative}\0folder")
            elif path.is_file():
                kind = "program" if path.stat().st_mode & 0o111 else "file"
                lines.append(f"{relative}\0{kind}\0{hashlib.sha256(path.read_bytes()).hexdigest()}")
    return hashlib.sha256("\n".join(sorted(lines)).encode("utf-8", "surrogateescape")).hexdigest()


def manifest(rootfs: Path, lock: Path) -> dict:
    release = dict(re.findall(r'^(\w+)="?([^"\n]*)', (rootfs / "etc" / "os-release").read_text(), re.M))
    packages = dict(re.findall(r"^([A-Za-z0-9_.-]+)==([^\s\\;]+)", lock.read_text(), re.M))
    return {
        "digest": tree_digest(rootfs),
        "rootfs": "rootfs",
        "distribution": release.get("PRETTY_NAME", ""),
        "lock_sha256": hashlib.sha256(lock.read_bytes()).hexdigest(),
        "packages": packages,
    }


if __name__ == "__main__":
    json.dump(manifest(Path(sys.argv[1]), Path(sys.argv[2])), sys.stdout, indent=2, sort_keys=True)
    print()
