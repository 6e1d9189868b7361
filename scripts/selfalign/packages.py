"""Files of pinned packages: downloaded by name, version and hash, never installed, never imported."""

import hashlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from selfalign.errors import InfrastructureError, UserError

RETRIES = 5
NETWORK_SIGNS = re.compile(
    r"retrying \(|connection (?:broken|refused|error|aborted|reset)|connectionerror|connecttimeout|read ?timed? ?out|"
    r"name resolution|name or service not known|network is unreachable|proxyerror|max retries exceeded|sslerror",
    re.IGNORECASE,
)


def file_sha256(path: str | Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fetch_wheel(name: str, version: str, sha256: str, folder: str | Path) -> Path:
    """The wheel of a package at an exact version and hash, as a file in `folder`.

    A wheel that is there already and has the hash is taken as it is, without network. The download goes through pip and
    whatever index it is configured for; it lands in a temporary folder and is moved only after its hash was checked.

    Args:
        name: the project's name on the package index.
        version: exact version.
        sha256: hex digest of the wheel file.
        folder: made if missing.

    Raises:
        UserError: no such version, no wheel of it for this Python, or another hash.
        InfrastructureError: no network, or no space.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for present in sorted(folder.glob(f"{_file_stem(name)}-*.whl")):
        if file_sha256(present) == sha256:
            return present
    with tempfile.TemporaryDirectory(dir=folder, prefix=".download-") as scratch:
        _pip_download(name, version, sha256, Path(scratch))
        wheel = next(Path(scratch).glob("*.whl"))
        found = file_sha256(wheel)
        if found != sha256:  # pip has checked it; a second look costs little and makes no assumption about pip
            raise _wrong_hash(name, version, sha256, found)
        os.replace(wheel, folder / wheel.name)
    return folder / wheel.name


def _file_stem(name: str) -> str:
    """A project's name as wheel files spell it, as a glob that ignores case and `-`, `_`, `.`."""
    return "".join("[-_.]" if c in "-_." else f"[{c.lower()}{c.upper()}]" if c.isalpha() else c for c in name)


def _pip_download(name: str, version: str, sha256: str, scratch: Path) -> None:
    """Runs pip; leaves exactly one wheel in `scratch` or raises."""
    wanted = scratch / "wanted.txt"
    wanted.write_text(f"{name}=={version} --hash=sha256:{sha256}\n", encoding="utf-8")
    command = [
        *(sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--require-hashes"),
        *("--no-input", "--no-color", "--disable-pip-version-check", "--progress-bar", "off", "--no-cache-dir"),
        *("--retries", str(RETRIES), "--dest", str(scratch), "-r", str(wanted)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL)
    wanted.unlink()
    if done.returncode or not any(scratch.glob("*.whl")):
        raise explain_failure(name, version, sha256, done.stdout + done.stderr)


def explain_failure(name: str, version: str, sha256: str, output: str) -> UserError:
    """The error that pip's output amounts to."""
    what = f"{name} {version}"
    if "No module named pip" in output:
        return UserError(
            "this Python has no pip, which downloads pinned packages",
            where=sys.executable,
            fix="install `pip` into this environment (the locks in envs/ have it)",
        )
    if "No space left on device" in output:
        return InfrastructureError(f"no space left while downloading {what}", fix="free space, then run again")
    got = re.search(r"Got\s+([0-9a-f]{64})", output)
    if "DO NOT MATCH THE HASHES" in output and got:
        return _wrong_hash(name, version, sha256, got[1])
    if NETWORK_SIGNS.search(output):
        return InfrastructureError(
            f"the package index could not be reached for {what}: {_network_error(output)}",
            fix="check network, proxy and pip's configuration (`python -m pip config list`), then run again",
        )
    versions = re.search(r"\(from versions: ([^)]*)\)", output)
    if versions:
        known = [part.strip() for part in versions[1].split(",")]
        listed = "none at all" if known == ["none"] else ", ".join(known[-8:])
        return UserError(
            f"the package index has no wheel of {what} for this Python; wheels it has: {listed}",
            fix="correct name or version where the package is pinned, or check that pip's index is reachable",
        )
    return UserError(f"pip could not download {what}: {_last_error(output)}", fix="see the message; then run again")


def _wrong_hash(name: str, version: str, wanted: str, found: str) -> UserError:
    return UserError(
        f"the wheel of {name} {version} has another hash than the pinned one\n  pinned: {wanted}\n  found:  {found}",
        fix="do not use it: find out which of the two is right before you change the pin",
    )


def _network_error(output: str) -> str:
    line = next(line for line in output.splitlines() if NETWORK_SIGNS.search(line))
    return line.split("broken by ", 1)[-1].strip()[:300]


def _last_error(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")] or lines or ["no output"]
    return errors[-1][:300]
