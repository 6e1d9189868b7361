"""Container images: what each is made from, its version, and which one a rule uses.

`python -m selfalign.images ROLE ACCELERATOR` prints the path of an image. Standard library only: containers/build.sh asks
before there is any environment.
"""

import hashlib
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
    endpoints in the config's `models`, and proxies. As variables, since every user can read a command line.
    """
    keys = {(entry["endpoint"] or {}).get("key_env") for entry in models.values() if entry["engine"] == "endpoint"}
    names = {*filter(None, keys), *(PROXIES if keys else ())}
    return {f"APPTAINERENV_{name}": environment[name] for name in sorted(names) if name in environment}


def missing_images() -> list[str]:
    """Roles without an image."""
    return [role for role in ROLES if not Path(built_image(role)).is_file()]


if __name__ == "__main__":
    print(image_path(sys.argv[1], sys.argv[2]))
