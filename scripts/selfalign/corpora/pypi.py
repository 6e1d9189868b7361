"""Corpus kind `pypi`: pinned packages, unpacked by `fetch_corpus.py`, never installed or imported.

Wheels, not source archives: they carry the modules and nothing else, and their licence in a form that can be checked.
"""

import re
import shutil
import zipfile
from collections.abc import Iterator
from email.parser import HeaderParser
from pathlib import Path, PurePosixPath

from selfalign.corpora import directory
from selfalign.corpora.base import Limits, RejectedFile, SourceFile
from selfalign.errors import UserError
from selfalign.io import read_json, write_json
from selfalign.packages import fetch_wheel

MANIFEST = "corpus.json"
CLASSIFIERS = {
    "MIT License": {"MIT"},
    "MIT No Attribution License (MIT-0)": {"MIT-0"},
    "BSD License": {"BSD-2-Clause", "BSD-3-Clause", "0BSD"},
    "Apache Software License": {"Apache-2.0"},
    "ISC License (ISCL)": {"ISC"},
    "Python Software Foundation License": {"PSF-2.0", "Python-2.0"},
    "The Unlicense (Unlicense)": {"Unlicense"},
    "zlib/libpng License": {"Zlib"},
    "Mozilla Public License 2.0 (MPL 2.0)": {"MPL-2.0"},
    "GNU General Public License v3 (GPLv3)": {"GPL-3.0-only", "GPL-3.0-or-later"},
    "GNU General Public License (GPL)": {"GPL-2.0-only", "GPL-2.0-or-later", "GPL-3.0-only", "GPL-3.0-or-later"},
}
"""Trove classifier -> the SPDX identifiers it may stand for."""


def fetch(name: str, packages: list[dict], folder: str | Path) -> dict:
    """Downloads and unpacks the packages of corpus `name` into `folder`; returns the manifest, written there last.

    `folder/wheels` keeps the wheels (a changed pin downloads one of them), `folder/packages/{name}-{version}` their
    Python files.

    Raises:
        UserError: see :func:`selfalign.packages.fetch_wheel`; also a licence other than the package states.
    """
    folder = Path(folder)
    (folder / MANIFEST).unlink(missing_ok=True)
    shutil.rmtree(folder / "packages", ignore_errors=True)
    entries, wheels = [], []
    for package in sorted(packages, key=lambda package: package["name"]):
        wheel = fetch_wheel(package["name"], package["version"], package["sha256"], folder / "wheels")
        wheels.append(wheel)
        stated = stated_licences(wheel)
        check_licence(name, package, stated)
        target = f"{package['name']}-{package['version']}"
        count = unpack(wheel, folder / "packages" / target)
        entries.append({**package, "folder": f"packages/{target}", "files": count, "stated_licences": sorted(stated)})
    for leftover in set((folder / "wheels").iterdir()) - set(wheels):
        leftover.unlink()
    manifest = {"corpus": name, "packages": entries}
    write_json(folder / MANIFEST, manifest)
    return manifest


def unpack(wheel: Path, target: Path) -> int:
    """Writes the Python files of a wheel under `target`; returns their number. No name can lead out of `target`."""
    count = 0
    with zipfile.ZipFile(wheel) as archive:
        for entry in sorted(archive.infolist(), key=lambda entry: entry.filename):
            parts = PurePosixPath(entry.filename.replace("\\", "/")).parts
            if entry.is_dir() or not entry.filename.endswith(directory.SUFFIX) or not _harmless(parts):
                continue
            path = target.joinpath(*parts)
            path.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(entry) as source, open(path, "wb") as sink:
                shutil.copyfileobj(source, sink)
            count += 1
    return count


def _harmless(parts: tuple[str, ...]) -> bool:
    return bool(parts) and not any(part in ("..", "/") or ":" in part for part in parts)


def stated_licences(wheel: Path) -> set[str]:
    """SPDX identifiers that the wheel's metadata allow; empty where they state none in a form that can be read."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name)]
        if not names:
            return set()
        headers = HeaderParser().parsestr(archive.read(names[0]).decode("utf-8", "replace"))
    expression = headers.get("License-Expression")
    if expression:
        return {expression} | set(expression.split(" OR "))
    stated = [value.rsplit(" :: ", 1)[-1] for value in headers.get_all("Classifier", []) if value.startswith("License")]
    return {spdx for classifier in stated for spdx in CLASSIFIERS.get(classifier, ())}


def check_licence(corpus: str, package: dict, stated: set[str]) -> None:
    """Raises unless the configured licence is one that the package states (a package that states none passes)."""
    if stated and package["licence"] not in stated:
        raise UserError(
            f"package {package['name']} {package['version']} is configured as {package['licence']!r}, "
            f"but states {' or '.join(sorted(stated))}",
            where=f"seeds.corpora.{corpus}.packages",
            fix="correct the licence of the package in the config",
        )


def read(name: str, spec: dict, folder: str | None, limits: Limits) -> Iterator[SourceFile | RejectedFile]:
    """Files of the unpacked packages, by package name and path."""
    manifest_path = Path(folder or "") / MANIFEST
    if not folder or not manifest_path.is_file():
        raise UserError(
            f"corpus {name!r} has not been fetched",
            where=str(manifest_path),
            fix="run the workflow, whose rule `fetch_corpus` downloads it",
        )
    for package in read_json(manifest_path)["packages"]:
        for found in directory.walk(Path(folder) / package["folder"], limits):
            if isinstance(found, RejectedFile):
                yield RejectedFile(found.path, package["name"], found.reason, found.detail)
            else:
                yield SourceFile(found.path, found.text, package["licence"], package["name"], package["version"])
