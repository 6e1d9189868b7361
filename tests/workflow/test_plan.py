"""What every shipped config plans, and that the targets exist."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CLUSTER_PYTHON = ROOT / ".venv-cluster" / "bin" / "python"


def plan(python: Path | str, *arguments: str, cwd: Path = ROOT) -> str:
    done = subprocess.run([python, "-m", "snakemake", "--dry-run", *arguments], capture_output=True, text=True, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def fresh(tmp_path) -> list[str]:
    """A folder without results, so that the plan is the whole one."""
    (tmp_path / "resources").mkdir()
    return ["--snakefile", str(ROOT / "Snakefile"), "--directory", str(tmp_path), "--cores", "2"]


@pytest.mark.parametrize("preset", sorted(path.name for path in (ROOT / "presets").glob("*.yaml")))
def test_every_preset_plans(preset, fresh):
    out = plan(sys.executable, *fresh, "--configfile", str(ROOT / "presets" / preset))
    for rule in (
        "gather_seeds",
        "generate_responses",
        "validate_responses",
        "build_dataset",
        "train_checkpoint",
        "write_report",
    ):
        assert rule in out


def test_a_preset_replaces_the_default_study(fresh):
    out = plan(sys.executable, *fresh, "--configfile", str(ROOT / "presets" / "codeqwen1.5-7b.yaml"))
    assert "qwen2.5-coder-0.5b" not in out


@pytest.mark.parametrize("target", ["all", "seeds", "data", "train", "evaluate", "report"])
def test_the_named_targets_plan(target, fresh):
    assert "Job stats:" in plan(sys.executable, *fresh, target)


def test_the_slurm_profile_plans_from_the_root_of_the_repository(tmp_path):
    """As on a login node: its own environment, the literal command; only the folder for results is set apart."""
    if not CLUSTER_PYTHON.is_file():
        pytest.fail("no environment for a cluster's login node: `make test` installs it", pytrace=False)
    command = [CLUSTER_PYTHON, "-m", "snakemake", "--profile", "slurm", "-n", "--directory", str(tmp_path)]
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "train_checkpoint" in done.stdout + done.stderr


def test_an_unknown_config_key_stops_before_anything_runs(fresh):
    command = [sys.executable, "-m", "snakemake", "--dry-run", *fresh, "--config", "sedes={limit: 3}"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode != 0
    assert "unknown key 'sedes'" in done.stderr and "did you mean 'seeds'?" in done.stderr
    assert "Traceback" not in done.stderr


def test_single_keys_can_be_changed_on_the_command_line(fresh):
    assert "generate_concepts                3" in plan(sys.executable, *fresh, "--config", "seeds={shards: 3}")
