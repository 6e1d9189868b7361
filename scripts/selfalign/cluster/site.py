"""The site file of the SLURM profile: partitions, account and limits of a cluster, read by profiles/slurm/profile.yaml."""

import os
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import yaml

from selfalign import ROOT
from selfalign.errors import UserError

VARIABLE = "SELFALIGN_SITE"
"""Environment variable that names another site file than the profile's own."""
DEFAULT = ROOT / "profiles" / "slurm" / "site.yaml"
EARLIER_JOBS = ("wait", "cancel", "refuse")


@dataclass(frozen=True)
class Partition:
    """A partition and the most that one job may ask of it."""

    name: str
    minutes: int = 1440
    mem_mb: int = 128_000
    threads: int = 32


@dataclass(frozen=True)
class Site:
    """What differs from cluster to cluster; profiles/slurm/site.yaml says what each key means."""

    cpu: Partition = field(default_factory=lambda: Partition("cpu"))
    gpu: Partition = field(default_factory=lambda: Partition("gpu", threads=16))
    account: str | None = None
    qos: str | None = None
    extra: str | None = None
    apptainer_extra: str | None = None
    jobs: int = 100
    gpus: int = 16
    login_cores: int = 4
    poll_seconds: int = 20
    latency_seconds: int = 60
    earlier_jobs: str = "wait"
    check_gpu: bool = True


def site_path() -> Path:
    return Path(os.environ.get(VARIABLE) or DEFAULT)


def load_site(path: str | Path | None = None) -> Site:
    """The site file's settings over the defaults.

    Raises:
        UserError: the file is missing, is not YAML, has an unknown key, or a value of the wrong kind.
    """
    path = Path(path) if path else site_path()
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        raise UserError(
            "no site file of the cluster",
            where=str(path),
            fix=f"copy {DEFAULT.relative_to(ROOT)} there and edit it, or correct the environment variable {VARIABLE}",
        ) from None
    except yaml.YAMLError as error:
        raise UserError(f"the site file is not YAML: {error}", where=str(path)) from None
    values = dict(_mapping(given, "", path))
    for name in ("cpu", "gpu"):
        if name in values:
            part = _typed(Partition, _mapping(values[name], name, path), f"{name}.", path)
            values[name] = replace(getattr(Site(), name), **part)
    site = Site(**_typed(Site, values, "", path))
    if site.earlier_jobs not in EARLIER_JOBS:
        raise _wrong("earlier_jobs", site.earlier_jobs, " or ".join(EARLIER_JOBS), path)
    return site


def _mapping(value: Any, key: str, path: Path) -> dict:
    if not isinstance(value, dict):
        raise _wrong(key or "the file", value, "keys with values", path)
    return value


def _typed(kind: type, values: dict, prefix: str, path: Path) -> dict:
    """The values, each checked against the type of the field of its name."""
    known = {item.name: item.type for item in fields(kind)}
    for key, value in values.items():
        if key not in known:
            raise UserError(
                f"unknown key {prefix}{key} in the site file",
                where=str(path),
                fix=f"known are: {', '.join(prefix + name for name in known)}",
            )
        wanted = known[key]
        if wanted is int and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise _wrong(prefix + key, value, "a number of at least 1", path)
        if wanted is bool and not isinstance(value, bool):
            raise _wrong(prefix + key, value, "true or false", path)
        if wanted in (str, str | None) and not (isinstance(value, str) or (value is None and wanted is not str)):
            raise _wrong(prefix + key, value, "text (in quotes, if it is a number)", path)
    return values


def _wrong(key: str, value: Any, wanted: str, path: Path) -> UserError:
    return UserError(f"{key} is {value!r} in the site file", where=str(path), fix=f"give {wanted}")
