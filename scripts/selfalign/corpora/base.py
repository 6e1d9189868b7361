"""What all kinds of corpora share: the records they yield, and when bytes count as source text."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class SourceFile:
    """One file of source text.

    Attributes:
        path: name within its package or repository, with forward slashes.
        text: UTF-8 text without byte-order mark; line ends are `\\n`.
        licence: SPDX identifier; several, joined by " AND ", all apply; "" if none is stated.
        package: package or repository.
        version: version or commit; "" if unknown.
    """

    path: str
    text: str
    licence: str
    package: str
    version: str


@dataclass(frozen=True)
class RejectedFile:
    """One file that is passed over; `reason` is a word of stage `corpus_file` in :mod:`selfalign.reasons`."""

    path: str
    package: str
    reason: str
    detail: str = ""


@dataclass(frozen=True)
class Limits:
    """Bounds of a file: size in bytes, longest line in characters."""

    max_file_bytes: int
    max_line_length: int


def source_or_reason(data: bytes | str, limits: Limits) -> tuple[str | None, str, str]:
    """(text, "", "") of a file's content, or (None, reason, detail)."""
    if isinstance(data, str):
        try:
            data = data.encode("utf-8")
        except UnicodeEncodeError as error:
            return None, "not_utf8", str(error)
    if len(data) > limits.max_file_bytes:
        return None, "too_large", f"{len(data)} bytes"
    if b"\0" in data:
        return None, "binary", "holds a null byte"
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return None, "not_utf8", f"{error.reason} at byte {error.start}"
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    longest = max(map(len, text.split("\n")))
    if longest > limits.max_line_length:
        return None, "line_too_long", f"{longest} characters"
    return text, "", ""


def from_row(row: Any, spec: dict, place: str, limits: Limits) -> SourceFile | RejectedFile:
    """The source file that a row of a table holds (kinds `jsonl` and `hub`).

    Args:
        row: column -> value.
        spec: the corpus' config, which names the columns.
        place: where the row stands, the path of a row without a path column.
        limits: bounds of a file.
    """
    if not isinstance(row, dict):
        return RejectedFile(place, "", "unreadable", "not an object with columns")

    def column(key: str) -> Any:
        return row.get(spec[key]) if spec.get(key) else None

    path = str(column("path_column") or place)
    package = str(column("repository_column") or "")
    content = row.get(spec["content_column"])
    if not isinstance(content, str):
        detail = f"column {spec['content_column']!r} holds {type(content).__name__}"
        return RejectedFile(path, package, "not_a_string", detail)
    text, reason, detail = source_or_reason(content, limits)
    if text is None:
        return RejectedFile(path, package, reason, detail)
    stated = column("licence_column") if spec.get("licence_column") else spec.get("licence")
    return SourceFile(path, text, join_licences(stated), package, str(spec.get("revision") or ""))


def join_licences(stated: Any) -> str:
    """One licence text of a column's value: a text, a list of texts (all of them apply), or nothing."""
    if isinstance(stated, str):
        return stated
    if isinstance(stated, list | tuple):
        return " AND ".join(sorted({str(licence) for licence in stated}))
    return ""


def licence_allowed(licence: str, allowed: list[str]) -> bool:
    """Whether every licence that applies is on the allow-list (upper and lower case are one)."""
    known = {entry.lower() for entry in allowed}
    return all(part.strip().lower() in known for part in licence.split(" AND "))
