"""Checks this checkout against the manifest of an earlier run and says everything that differs.

Exit status 0: the same command gives the same study here. 1: something differs, printed one line each.
"""

import argparse
import sys
from pathlib import Path

import yaml

from selfalign import ROOT
from selfalign.config import resolve_config
from selfalign.errors import UserError
from selfalign.fingerprint import sha256
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


def comparable(manifest: dict) -> dict:
    """What of a manifest decides the bytes of the results: not the machine, and of models and images their digests."""
    return {
        "config": manifest["config_sha256"],
        "git": {key: manifest["git"].get(key) for key in ("commit", "modified")},
        "versions": manifest["versions"],
        "locks": manifest["locks"],
        "models": {name: entry.get("digest") for name, entry in manifest["models"].items()},
        "sandbox": manifest["sandbox"]["digest"],
    }


def this_checkout(manifest: dict, config: dict, resources: Path) -> dict:
    """The same of this checkout, as far as it is set up; a model or image that isn't here yet is absent."""

    def found(path: Path) -> str | None:
        return read_json(path).get("digest") if path.is_file() else ABSENT

    return {
        "config": digest(resolve_config(config)),
        "git": {key: git_state(ROOT).get(key) for key in ("commit", "modified")},
        "versions": {"python": sys.version.split()[0], **package_versions(), **tool_versions()},
        "locks": {name: sha256(f"envs/{name}.lock") for name in manifest["locks"]},
        "models": {name: found(resources / "models" / name / "model.json") for name in manifest["models"]},
        "sandbox": found(resources / "sandbox" / "image.json"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifest", type=Path, help="results/run/manifest.json of the run to repeat")
    parser.add_argument("--resources", type=Path, default="resources", help="fetched models and images")
    options = parser.parse_args()
    beside = options.manifest.with_name("config.yaml")
    try:
        manifest = read_json(options.manifest)
        config = yaml.safe_load(beside.read_text(encoding="utf-8"))
        found = differences(comparable(manifest), this_checkout(manifest, config, options.resources))
    except OSError as problem:
        sys.exit(f"can't be read: {problem}\n  do:    keep manifest.json and config.yaml of results/run together")
    except (KeyError, TypeError) as problem:
        sys.exit(f"{options.manifest} is no manifest of a run: it lacks {problem}")
    except (UserError, yaml.YAMLError) as problem:
        sys.exit(str(problem))
    if found:
        sys.exit("this checkout differs from the run:\n" + "\n".join(f"  {line}" for line in found))
    print(f"nothing differs; repeat the run with\n  make run CONFIG={beside}")


if __name__ == "__main__":
    main()
