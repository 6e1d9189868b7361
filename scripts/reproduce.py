"""Checks this checkout against the manifest of an earlier run and says everything that differs.

Exit status 0: the same command gives the same study here. 1: something differs, printed one line each.
"""

import argparse
import copy
import sys
from pathlib import Path

import yaml

from selfalign import ROOT
from selfalign.config import resolve_config
from selfalign.errors import UserError
from selfalign.fingerprint import sha256, source_fingerprints
from selfalign.images import FOLDER, image_path
from selfalign.io import read_json
from selfalign.rows import digest
from write_manifest import git_state, package_versions, tool_versions

ABSENT = "absent"


def differences(manifest: dict, here: dict) -> list[str]:
    """A line for every leaf that the two have differently; what only one of them has counts too."""
    old, new = dict(leaves(manifest)), dict(leaves(here))
    return [
        f"{key}: {old.get(key, ABSENT)} then, {new.get(key, ABSENT)} here"
        for key in sorted({*old, *new})
        if old.get(key, ABSENT) != new.get(key, ABSENT)
    ]


def leaves(value: object, name: str = "") -> list[tuple[str, object]]:
    """(dotted name, value) of every leaf of nested maps."""
    if not isinstance(value, dict):
        return [(name, value)]
    return [leaf for key, item in value.items() for leaf in leaves(item, f"{name}.{key}" if name else str(key))]


def comparable(manifest: dict, config: dict) -> dict:
    """What of a run decides the bytes of its results: not the machine, and of models and images their digests.

    Of git only whether the checkout had been edited: with the same sources another commit gives the same results.

    Args:
        config: the run's, with every default, as the file beside the manifest holds it.
    """
    return {
        "config": config,
        "sources": manifest["sources"],
        "versions": manifest["versions"],
        "locks": manifest["locks"],
        "models": {name: entry.get("digest") for name, entry in manifest["models"].items()},
        "sandbox": manifest["sandbox"]["digest"],
        "containers": {role: entry["digest"] for role, entry in manifest["containers"].items()},
    }


def this_checkout(manifest: dict, config: dict, resources: Path) -> dict:
    """The same of this checkout, as far as it is set up; a model or image that isn't here yet is absent."""

    def found(path: Path) -> str | None:
        return read_json(path).get("digest") if path.is_file() else ABSENT

    def image(role: str, entry: dict) -> Path:
        return resources / FOLDER.name / image_path(role, entry["accelerator"]).with_suffix(".json").name

    return {
        # A checkout with other defaults or other keys reads the same file as another study.
        "config": resolve_config(copy.deepcopy(config)),
        "sources": source_fingerprints(),
        "versions": {"python": sys.version.split()[0], **package_versions(), **tool_versions()},
        "locks": {name: sha256(f"envs/{name}.lock") for name in manifest["locks"]},
        "models": {name: found(resources / "models" / name / "model.json") for name in manifest["models"]},
        "sandbox": found(resources / "sandbox" / "image.json"),
        "containers": {role: found(image(role, entry)) for role, entry in manifest["containers"].items()},
    }


def commits(manifest: dict) -> str:
    """Which commit the run was made with and which one this is, for those who look for the difference."""
    then, here = manifest.get("git", {}), git_state(ROOT)

    def named(state: dict) -> str:
        return state.get("commit", "no commit") + (" with edits" if state.get("modified") else "")

    return f"the run's commit: {named(then)}; this checkout's: {named(here)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifest", type=Path, help="results/run/manifest.json of the run to repeat")
    parser.add_argument("--resources", type=Path, default="resources", help="fetched models and images")
    options = parser.parse_args()
    beside = options.manifest.with_name("config.yaml")
    try:
        manifest = read_json(options.manifest)
        config = yaml.safe_load(beside.read_text(encoding="utf-8"))
        if digest(config) != manifest["config_sha256"]:
            raise UserError(
                "this is not the config that the manifest is of",
                where=str(beside),
                fix="keep manifest.json and config.yaml of results/run together, and edit a copy",
            )
        found = differences(comparable(manifest, config), this_checkout(manifest, config, options.resources))
    except OSError as problem:
        sys.exit(f"can't be read: {problem}\n  do:    keep manifest.json and config.yaml of results/run together")
    except (KeyError, TypeError) as problem:
        sys.exit(f"{options.manifest} is no manifest of a run: it lacks {problem}")
    except (UserError, yaml.YAMLError) as problem:
        sys.exit(str(problem))
    if found:
        lines = "\n".join(f"  {line}" for line in found)
        sys.exit(f"this checkout differs from the run:\n{lines}\n{commits(manifest)}")
    print(f"nothing differs; repeat the run with\n  make run CONFIG={beside}")


if __name__ == "__main__":
    main()
