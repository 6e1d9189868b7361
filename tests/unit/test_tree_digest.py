"""The digest that a sandbox image is known by."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "containers"))
from tree_digest import manifest, tree_digest  # noqa: E402 (runs without an environment)


def make(folder: Path) -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "tool").write_text("#!/bin/sh\n")
    (folder / "bin" / "link").symlink_to("tool")
    return folder


def test_times_and_order_do_not_count(tmp_path):
    one, other = make(tmp_path / "a"), make(tmp_path / "b")
    os.utime(other / "bin" / "tool", (0, 0))
    assert tree_digest(one) == tree_digest(other)


def test_content_mode_names_and_link_targets_count(tmp_path):
    before = tree_digest(make(tmp_path / "a"))
    changes = {
        "b": lambda root: (root / "bin" / "tool").write_text("#!/bin/bash\n"),
        "c": lambda root: (root / "bin" / "tool").chmod(0o755),
        "d": lambda root: (root / "bin" / "tool").rename(root / "bin" / "other"),
        "e": lambda root: ((root / "bin" / "link").unlink(), (root / "bin" / "link").symlink_to("/etc/passwd")),
        "f": lambda root: (root / "empty").mkdir(),
    }
    for name, change in changes.items():
        root = make(tmp_path / name)
        change(root)
        assert tree_digest(root) != before, name


def test_what_is_neither_file_folder_nor_link_is_refused(tmp_path):
    os.mkfifo(make(tmp_path / "a") / "pipe")
    with pytest.raises(ValueError, match="pipe: neither file"):
        tree_digest(tmp_path / "a")


def test_the_manifest_says_what_is_in_the_image(tmp_path):
    root, lock = make(tmp_path / "a"), tmp_path / "sandbox.lock"
    lock.write_text(
        "# made by make locks\nnumpy==2.4.6 \\\n    --hash=sha256:00\npandas==3.1.1 \\\n    --hash=sha256:11\n"
    )
    (root / "etc").mkdir()
    (root / "etc" / "os-release").write_text(
        'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_CODENAME=bookworm\n'
    )
    (root / "var" / "lib" / "dpkg").mkdir(parents=True)
    (root / "var" / "lib" / "dpkg" / "status").write_text(
        "Package: dash\nStatus: install ok installed\nVersion: 0.5.12-2\n\n"
        "Package: python3.11-minimal\nPriority: optional\nVersion: 3.11.2-6+deb12u6\nDescription: x\n y\n"
    )
    said = manifest(root, lock)
    assert said["packages"] == {"numpy": "2.4.6", "pandas": "3.1.1"}
    assert said["system_packages"] == {"dash": "0.5.12-2", "python3.11-minimal": "3.11.2-6+deb12u6"}
    assert (said["python"], said["suite"], said["digest"]) == ("3.11.2", "bookworm", tree_digest(root))
    more = tmp_path / "more.lock"
    more.write_text("pandas==1.5.3 \\\n    --hash=sha256:22\nscipy==1.12.0 \\\n    --hash=sha256:33\n")
    assert manifest(root, lock, more)["packages"] == {"numpy": "2.4.6", "pandas": "1.5.3", "scipy": "1.12.0"}
