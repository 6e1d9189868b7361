"""Corpus kind `directory`: a folder with one checkout or several."""

import os
from collections.abc import Iterator
from pathlib import Path

from selfalign.corpora.base import Limits, RejectedFile, SourceFile, source_or_reason
from selfalign.errors import UserError

SKIPPED_FOLDERS = frozenset(
    {
        *(".git", ".hg", ".svn", ".bzr", "CVS"),
        *("venv", ".venv", "env", ".env", "virtualenv", "site-packages", "node_modules"),
        *("__pycache__", ".tox", ".nox", ".eggs", ".mypy_cache", ".ruff_cache", ".pytest_cache"),
    }
)
"""Folders that hold no code of the repository itself: not entered, not counted."""

SUFFIX = ".py"


def read(name: str, spec: dict, folder: str | None, limits: Limits) -> Iterator[SourceFile | RejectedFile]:
    """Files of the folder `spec["path"]`, sorted by path. A licence may be given for each immediate subfolder."""
    root = Path(spec["path"])
    if not root.is_dir():
        raise UserError(
            f"corpus {name!r}: there is no folder {spec['path']!r}",
            where=f"seeds.corpora.{name}.path",
            fix="correct the path (relative paths start at the working directory) or mount the folder",
        )
    licence = spec["licence"]
    for found in walk(root, limits):
        first = found.path.split("/", 1)[0] if "/" in found.path else ""
        package = (first if isinstance(licence, dict) else "") or root.resolve().name
        if isinstance(found, RejectedFile):
            yield RejectedFile(found.path, package, found.reason, found.detail)
            continue
        stated = licence.get(first, "") if isinstance(licence, dict) else licence
        yield SourceFile(found.path, found.text, stated, package, spec.get("revision") or "")


def walk(root: Path, limits: Limits) -> Iterator[SourceFile | RejectedFile]:
    """Python files under `root`, sorted by path; symbolic links are never followed (they may loop or leave `root`)."""
    for path in sorted(_python_paths(root), key=lambda path: path.relative_to(root).as_posix()):
        yield read_file(path, path.relative_to(root).as_posix(), limits)


def _python_paths(root: Path) -> Iterator[Path]:
    for folder, subfolders, files in os.walk(root, onerror=_unreadable_folder, followlinks=False):
        inside = Path(folder)
        links = [entry for entry in subfolders if (inside / entry).is_symlink()]
        virtual = {entry for entry in subfolders if (inside / entry / "pyvenv.cfg").exists()}
        subfolders[:] = [sub for sub in subfolders if sub not in SKIPPED_FOLDERS | virtual]
        yield from (inside / entry for entry in links if entry not in SKIPPED_FOLDERS)
        yield from (inside / entry for entry in files if entry.endswith(SUFFIX))


def _unreadable_folder(error: OSError) -> None:
    raise UserError(
        f"a folder of the corpus cannot be listed: {error.strerror}",
        where=str(error.filename),
        fix="make it readable, or take it out of the corpus",
    ) from error


def read_file(path: Path, name: str, limits: Limits) -> SourceFile | RejectedFile:
    """The file at `path` under the name `name`, without licence, package and version; never reads beyond the limit."""
    if path.is_symlink():
        return RejectedFile(name, "", "symlink")
    if not path.is_file():
        return RejectedFile(name, "", "unreadable", "not a regular file")
    try:
        size = path.stat().st_size
        if size > limits.max_file_bytes:
            return RejectedFile(name, "", "too_large", f"{size} bytes")
        data = path.read_bytes()
    except OSError as error:
        return RejectedFile(name, "", "unreadable", error.strerror or str(error))
    text, reason, detail = source_or_reason(data, limits)
    return RejectedFile(name, "", reason, detail) if text is None else SourceFile(name, text, "", "", "")
