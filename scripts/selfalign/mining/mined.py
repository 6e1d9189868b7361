"""What mining gives for every function, snippet, commit or instruction that it met: a seed, or the reason why it is none."""

from collections.abc import Iterable
from dataclasses import dataclass

from selfalign.stage import StageWriter

LANGUAGE = "python"


@dataclass(frozen=True)
class Mined:
    """One candidate: a seed row, or a row with the reason why it is none ("" for a seed)."""

    row: dict
    reason: str = ""
    detail: str = ""


@dataclass
class Dropped(Exception):
    """Says why a candidate is no seed."""

    reason: str
    detail: str = ""


def seed_base(corpus: str, licence: str, package: str, version: str, path: str, line: int, name: str = "") -> dict:
    """The fields of a seed's row that say where it is from: `language`, `licence`, `origin`.

    Args:
        line: from 1, of where it begins in `path`.
    """
    origin = {"corpus": corpus, "package": package, "version": version, "path": path, "line": line, "name": name}
    return {"language": LANGUAGE, "licence": licence, "origin": origin}


def enter(writer: StageWriter, found: Iterable[Mined]) -> None:
    """Writes every candidate to where it belongs."""
    for mined in found:
        writer.read()
        if mined.reason:
            writer.reject(mined.row, mined.reason, mined.detail)
        else:
            writer.keep(mined.row)
