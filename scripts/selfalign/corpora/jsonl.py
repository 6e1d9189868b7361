"""Corpus kind `jsonl`: a JSON Lines file, plain or compressed by gzip, with one source file a row; one JSON list will do."""

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from selfalign.corpora.base import Limits, RejectedFile, SourceFile, from_row
from selfalign.errors import UserError
from selfalign.packages import file_sha256

GZIP_MAGIC = b"\x1f\x8b"


def read(name: str, spec: dict, folder: str | None, limits: Limits) -> Iterator[SourceFile | RejectedFile]:
    """Rows of the file `spec["path"]`, in its order."""
    path = checked_path(name, spec)
    return read_rows(path, path.name, spec, limits)


def checked_path(name: str, spec: dict) -> Path:
    """The file of a corpus, which is there and has the hash that the config says, where it says one."""
    path = Path(spec["path"])
    if not path.is_file():
        raise UserError(
            f"corpus {name!r}: there is no file {spec['path']!r}",
            where=f"seeds.corpora.{name}.path",
            fix="correct the path (relative paths start at the working directory)",
        )
    if spec.get("sha256"):
        found = file_sha256(path)
        if found != spec["sha256"]:
            raise UserError(
                f"corpus {name!r}: {path} has the hash {found}, not the configured {spec['sha256']}",
                where=f"seeds.corpora.{name}.sha256",
                fix="fetch the file again, or correct the hash if you meant to change the corpus",
            )
    return path


def read_rows(path: Path, name: str, spec: dict, limits: Limits) -> Iterator[SourceFile | RejectedFile]:
    """Source files of a JSON Lines file; a broken line is a file passed over, a broken archive an error."""
    for place, row, problem in parsed(path, name):
        yield RejectedFile(place, "", "unreadable", problem) if problem else from_row(row, spec, place, limits)


def parsed(path: Path, name: str) -> Iterator[tuple[str, Any, str]]:
    """(place, value, what is wrong with it) of every line that is not empty, or of every entry of a file that is one list."""
    try:
        if (entries := _entries(path)) is not None:
            yield from ((f"{name}:{number}", row, "") for number, row in enumerate(entries, 1))
            return
        with _open(path) as stream:
            for number, line in enumerate(stream, 1):
                if not line.strip():
                    continue
                place = f"{name}:{number}"
                try:
                    row = json.loads(line)
                except (ValueError, RecursionError) as error:
                    yield place, None, f"not JSON: {error}"
                    continue
                yield place, row, ""
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(
            f"the corpus file is damaged: {error}", where=str(path), fix="fetch the file again; it may be cut off"
        ) from error


def _entries(path: Path) -> list | None:
    """The entries of a file that is one JSON list, as sets of instructions often are; None for lines."""
    with _open(path) as stream:
        if not stream.read(1024).lstrip().startswith(b"["):
            return None
        stream.seek(0)
        try:
            return json.load(stream)
        except (ValueError, RecursionError):
            return None


def _open(path: Path):
    with open(path, "rb") as stream:
        compressed = stream.read(2) == GZIP_MAGIC
    return gzip.open(path, "rb") if compressed else open(path, "rb")
