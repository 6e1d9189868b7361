"""The digest that a sandbox image is known by."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "containers"))
from tree_digest import tree_digest  # noqa: E402 (runs without an environment)


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
