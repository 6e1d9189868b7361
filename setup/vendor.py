"""Refreshes the libraries that the report page carries, from the npm registry: `python3 setup/vendor.py [NAME=VERSION]`.

Versions, hashes of the packages as the registry names them, and hashes of the files taken are in vendor.json beside them.
With a new version the files change and the hashes are written anew; without, everything must be as it is recorded.
"""

import base64
import hashlib
import io
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "scripts" / "selfalign" / "report" / "vendor"
RECORD = FOLDER / "vendor.json"


def main(wanted: dict[str, str]) -> None:
    record = json.loads(RECORD.read_text())
    for name, entry in record.items():
        new = wanted.get(name, entry["version"]) != entry["version"]
        entry["version"] = wanted.get(name, entry["version"])
        archive = fetch(f"{entry['package']}@{entry['version']}")
        integrity = "sha512-" + base64.b64encode(hashlib.sha512(archive).digest()).decode()
        if not new and integrity != entry["integrity"]:
            raise SystemExit(f"{entry['package']} {entry['version']} is not what was recorded: {integrity}")
        entry["integrity"] = integrity
        for target, member in entry["from"].items():
            content = extract(archive, member)
            entry["sha256"][target] = hashlib.sha256(content).hexdigest()
            (FOLDER / target).write_bytes(content)
    RECORD.write_text(json.dumps(record, indent=2) + "\n")


def fetch(package: str) -> bytes:
    """The package's archive, by the registry's own client."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", package], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        return next(Path(folder).glob("*.tgz")).read_bytes()


def extract(archive: bytes, member: str) -> bytes:
    """A file of the package, without the reference to a source map that is not there."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as bundle:
        content = bundle.extractfile(f"package/{member}").read()
    lines = content.splitlines(keepends=True)
    return b"".join(line for line in lines if b"sourceMappingURL=" not in line[:60])


if __name__ == "__main__":
    main(dict(argument.split("=") for argument in sys.argv[1:]))
