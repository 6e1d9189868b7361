"""Container images: what each is made from, its version, and which one a rule uses.

`python -m selfalign.images ROLE ACCELERATOR` prints the path of an image. Standard library only: containers/build.sh asks
before there is any environment.
"""

import hashlib
import os
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from selfalign import ROOT

FOLDER = Path("resources/containers")
"""Where images lie, seen from a run's working folder."""
ACCELERATORS = ("gpu", "cpu")
"""Builds of vLLM and torch, the preferred one first. The workflow's image holds neither and serves both."""
ROLES = {
    "workflow": ("envs/cluster.lock", "envs/requirements/scripts.in"),
    "generate": ("envs/local-{accelerator}.lock",),
    "train": ("envs/local-{accelerator}.lock", "envs/requirements/model.in", "envs/deepspeed.lock"),
    "evaluate": ("envs/local-{accelerator}.lock",),
}
"""Files that decide an image's packages, by role, beside its definition and the script that builds it."""
COMMON = ("containers/build.sh", "containers/image.sh", "envs/requirements/workflow.in")
PROXIES = tuple(
    word for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy") for word in (name, name.upper())
)
AUTHORITIES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""Variables that name certificates, for an endpoint or a proxy whose own authority the image does not know."""
LENGTH = 12  # hex digits of a version


@cache
def image_version(role: str, accelerator: str) -> str:
    """Hash of everything that decides an image: another definition, lock or builder is another image."""
    state = hashlib.sha256()
    for name in (*COMMON, f"containers/{role}.def", *ROLES[role]):
        path = name.format(accelerator=accelerator)
        state.update(path.encode() + b"\0" + (ROOT / path).read_bytes() + b"\0")
    return state.hexdigest()[:LENGTH]


def image_path(role: str, accelerator: str) -> Path:
    """Path of an image in a working folder, whether it is there or not."""
    kind = role if role == "workflow" else f"{role}-{accelerator}"
    return FOLDER / f"{kind}-{image_version(role, accelerator)}.sif"


def built_image(role: str) -> str:
    """The image that a rule uses: the GPU one where there is one, else the CPU one, else the path where it is missed."""
    paths = [image_path(role, accelerator) for accelerator in ACCELERATORS]
    return str(next((path for path in paths if path.is_file()), paths[0]))


def let_in(models: dict, environment: Mapping[str, str]) -> dict[str, str]:
    """Variables that have Apptainer set others inside, where nothing else of the environment comes in: the keys of the
    endpoints in the config's `models`, proxies and certificates. As variables, since every user can read a command line.
    """
    keys = {(entry["endpoint"] or {}).get("key_env") for entry in models.values() if entry["engine"] == "endpoint"}
    names = {*filter(None, keys), *((*PROXIES, *AUTHORITIES) if keys else ())}
    return {f"APPTAINERENV_{name}": environment[name] for name in sorted(names) if name in environment}


def outside(config: dict, environment: Mapping[str, str], folder: Path) -> list[str]:
    """What a run in `folder` reads or writes elsewhere on this machine, which a container has to be shown: the targets of
    links in `results` and `resources`, weights that lie on another file system, corpora, certificates of endpoints."""
    own = (folder.absolute(), ROOT)

    def is_own(path: Path) -> bool:
        return any(path.is_relative_to(root) for root in own)

    def names(path: Path) -> list[Path]:
        """Where a container looks for what is at `path`, and where that is on the way over further links."""
        full = Path(os.path.abspath(path))
        if is_own(full) and path.is_symlink():
            full = Path(os.path.abspath(path.parent / os.readlink(path)))
        return [full, full.resolve()]

    parts = [folder / part for part in ("results", "resources")]
    read = [*parts, *(path for part in parts for path in part.glob("*"))]
    read += [folder / spec["path"] for spec in config["seeds"]["corpora"].values() if spec.get("path")]
    found = {name for path in read for name in names(path)}
    found |= {name.parent for path in folder.glob("resources/models/*/*") for name in names(path)}
    inside = let_in(config["models"], environment)
    found |= {Path(inside[f"APPTAINERENV_{key}"]) for key in AUTHORITIES if f"APPTAINERENV_{key}" in inside}
    return sorted(str(path) for path in found if path.exists() and not is_own(path))


def missing_images() -> list[str]:
    """Roles without an image."""
    return [role for role in ROLES if not Path(built_image(role)).is_file()]


if __name__ == "__main__":
    print(image_path(sys.argv[1], sys.argv[2]))
