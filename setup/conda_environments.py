"""Writes the conda form of the environments, envs/*.yaml, from the requirements and the locks.

Each lists the direct requirements at the versions of the lock: what `--sdm conda` users get agrees with everybody else.
"""

import re
from pathlib import Path

ENVS = Path(__file__).resolve().parents[1] / "envs"
PYTHON = "3.11"
ENVIRONMENTS = {
    "scripts": ("what the scripts import that talk to no model", ["scripts"], "cluster"),
    "model": ("generation and training, on a GPU", ["scripts", "model", "model-gpu"], "local-gpu"),
}


def normalise(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked_versions(lock: Path) -> dict[str, str]:
    """Version by normalised name."""
    return {
        normalise(name): version
        for name, version in re.findall(r"^([A-Za-z0-9_.-]+)==([^\s\\;]+)", lock.read_text(), re.M)
    }


def direct_requirements(sources: list[str]) -> list[str]:
    lines = [line for source in sources for line in (ENVS / "requirements" / f"{source}.in").read_text().splitlines()]
    return sorted({normalise(re.split(r"[=<>!\[; ]", line)[0]) for line in lines if line and not line.startswith("#")})


def render(name: str) -> str:
    purpose, sources, lock = ENVIRONMENTS[name]
    versions = locked_versions(ENVS / f"{lock}.lock")
    names = [requirement for requirement in direct_requirements(sources) if requirement != "pip"]
    lines = "".join(f"      - {requirement}=={versions[requirement]}\n" for requirement in names)
    return (
        f"# For `--sdm conda`: {purpose}. Made by `make locks` from envs/{lock}.lock.\n"
        "channels:\n  - conda-forge\n  - nodefaults\n"
        f"dependencies:\n  - python ={PYTHON}\n  - pip ={versions['pip']}\n  - pip:\n{lines}"
    )


if __name__ == "__main__":
    for environment in ENVIRONMENTS:
        (ENVS / f"{environment}.yaml").write_text(render(environment))
