"""What names a model's weights exactly, and whether a model folder is whole."""

import hashlib
import json
import struct
from pathlib import Path

from selfalign.errors import UserError
from selfalign.io import read_json
from selfalign.packages import file_sha256

WEIGHTS = "*.safetensors"
INDEX = "model.safetensors.index.json"
TOKENIZERS = (("tokenizer.json",), ("tokenizer.model",), ("vocab.json", "merges.txt"))
MAX_HEADER_BYTES = 100_000_000  # the limit of the safetensors format


def file_digests(folder: str | Path) -> dict[str, dict]:
    """`{name: {"bytes", "sha256"}}` of the files directly in `folder`, without hidden ones and the manifest."""
    files = sorted(path for path in Path(folder).iterdir() if path.is_file() and not path.name.startswith("."))
    return {
        path.name: {"bytes": path.stat().st_size, "sha256": file_sha256(path)}
        for path in files
        if path.name != "model.json"
    }


def weights_digest(files: dict[str, dict]) -> str:
    """The digest of the weights: SHA-256 over one line "sha256, two spaces, name, newline" for each `*.safetensors`
    file, ordered by name. In a shell: `LC_ALL=C sha256sum *.safetensors | sha256sum`.

    Args:
        files: as :func:`file_digests` gives them.
    """
    lines = [f"{entry['sha256']}  {name}\n" for name, entry in sorted(files.items()) if Path(name).match(WEIGHTS)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def check_complete(folder: str | Path) -> None:
    """Raises unless `folder` has a config, a tokenizer and every weight file that it should have, none cut short."""
    folder = Path(folder)
    problem = _missing(folder) or _damaged(folder)
    if problem:
        raise UserError(
            f"the model folder is not complete: {problem}",
            where=str(folder),
            fix="it needs config.json, a tokenizer (tokenizer.json) and all *.safetensors files: fetch them again",
        )


def _missing(folder: Path) -> str:
    if not (folder / "config.json").is_file():
        return "no config.json"
    if not any(all((folder / name).is_file() for name in names) for names in TOKENIZERS):
        return "no tokenizer.json"
    if (folder / INDEX).is_file():
        named = set(read_json(folder / INDEX).get("weight_map", {}).values())
        lacking = sorted(name for name in named if not (folder / name).is_file())
        return f"no {lacking[0]}, which {INDEX} names" if lacking else ""
    if not any(folder.glob(WEIGHTS)):
        others = [path.name for path in (*folder.glob("*.bin"), *folder.glob("*.gguf"))]
        return f"weights only as {others[0]}, not as safetensors" if others else "no *.safetensors file"
    return ""


def _damaged(folder: Path) -> str:
    for path in sorted(folder.glob(WEIGHTS)):
        expected = safetensors_bytes(path)
        if expected != path.stat().st_size:
            return (
                f"{path.name} has {path.stat().st_size} bytes where its own header says {expected or 'nothing valid'}"
            )
    return ""


def safetensors_bytes(path: str | Path) -> int | None:
    """The size that a safetensors file must have by its own header, in bytes; None when the header is no header."""
    with open(path, "rb") as stream:
        start = stream.read(8)
        if len(start) < 8:
            return None
        (length,) = struct.unpack("<Q", start)
        if length > MAX_HEADER_BYTES:
            return None
        try:
            header = json.loads(stream.read(length))
            ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        except (ValueError, KeyError, TypeError, IndexError, AttributeError):
            return None
    return 8 + length + max(ends, default=0)
