"""Reading and writing of files: nothing half-written is ever taken for whole.

Every writer fills a temporary file in the target's folder, flushes it to disk and renames it into place; on any
error the temporary file is removed and the target is untouched.
"""

import errno
import json
import os
import re
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from selfalign.errors import InfrastructureError, UserError


def dumps(value: Any) -> str:
    """JSON text that is the same for equal values: sorted keys, no spaces, UTF-8.

    Lone surrogates, which a model can emit and UTF-8 can't hold, are escaped.
    """
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return text


TEMPORARY = re.compile(r"\..+\.[0-9a-f]{32}\.tmp")
"""Name of a temporary file of :func:`atomic`; one that no process writes to was left by a killed one."""


def remove_temporaries(folder: str | Path) -> int:
    """Removes what killed writers left below a folder that nobody writes to, and returns how many there were."""
    left = [path for path in Path(folder).rglob(".*.tmp") if TEMPORARY.fullmatch(path.name)]
    for path in left:
        path.unlink(missing_ok=True)
    return len(left)


@contextmanager
def told_when_full(path: Path) -> Iterator[None]:
    """Turns a full disk into an error that says which, and that nothing is lost."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise InfrastructureError(
                f"no space left while writing {path} ({error.strerror})",
                where=str(path.parent),
                fix="free space or raise the quota, then run the same command again: it goes on where it stopped",
            ) from error
        raise


@contextmanager
def atomic(path: str | Path, mode: str = "w") -> Iterator[IO]:
    """Opens a temporary neighbour of `path` for writing and renames it to `path` on success."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # A process number is unique on one node only, and a job that lost its node may still write beside its successor.
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    try:
        with told_when_full(path):
            with open(temporary, mode, **text) as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    with atomic(path) as stream:
        stream.write(text)


def write_json(path: str | Path, value: Any) -> None:
    """Writes indented JSON with sorted keys."""
    with atomic(path) as stream:
        json.dump(value, stream, indent=2, sort_keys=True, ensure_ascii=True)
        stream.write("\n")


def read_json(path: str | Path) -> Any:
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path} is not valid JSON: {error}", where=str(path), fix="delete the file and rerun, it will be made anew"
        ) from error


def write_jsonl(path: str | Path, rows: Iterable[dict]) -> int:
    """Writes rows as JSON Lines and returns how many there were."""
    count = 0
    with atomic(path) as stream:
        for row in rows:
            stream.write(dumps(row) + "\n")
            count += 1
    return count


def read_jsonl(path: str | Path) -> Iterator[dict]:
    """Streams the rows of a JSON Lines file.

    Raises:
        UserError: a line is broken, or the counts file beside it knows of more or fewer rows.
    """
    return (row for _, row in read_jsonl_offsets(path))


def read_jsonl_offsets(path: str | Path) -> Iterator[tuple[int, dict]]:
    """The same with each row's offset in bytes."""
    offset = rows = 0
    with open(path, "rb") as stream:
        for number, line in enumerate(stream, 1):
            if line.strip():
                try:
                    yield offset, json.loads(line)
                except (ValueError, UnicodeDecodeError) as error:
                    raise UserError(
                        f"not a JSON row: {error}",
                        where=f"{path}, line {number}",
                        fix="the file is damaged: delete it and rerun, it will be made anew (or mend the input corpus)",
                    ) from error
                rows += 1
            offset += len(line)
    counts = Path(path).with_suffix(".counts.json")
    if counts.is_file() and (kept := read_json(counts).get("kept")) != rows:
        raise UserError(
            f"the file has {rows} rows, its counts file says {kept}: it was cut short, or the two are of different runs",
            where=str(path),
            fix="delete both and run the same command again, they will be made anew",
        )
