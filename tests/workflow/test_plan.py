"""What every shipped config plans, and that the targets exist."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from study import job_counts

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


@pytest.fixture
def default(fresh) -> list[str]:
    """The same with the default study, which Snakemake looks for in the working folder otherwise."""
    return [*fresh, "--configfile", str(ROOT / "config.yaml")]


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


@pytest.mark.parametrize(
    ("target", "last"),
    [
        ("all", "write_report"),
        ("seeds", "gather_seeds"),
        ("data", "build_dataset"),
        ("train", "train_checkpoint"),
        ("evaluate", "score_completions"),
        ("report", "write_report"),
    ],
)
def test_the_named_targets_plan(target, last, default):
    assert last in plan(sys.executable, *default, "--quiet", "rules", "--", target)


def test_a_benchmark_with_libraries_has_an_image_of_its_own(fresh, tmp_path):
    (tmp_path / "more.lock").write_text("")
    study = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    benchmarks = study["evaluation"]["benchmarks"]
    benchmarks["libraries"] = {**benchmarks["humaneval"], "libraries": "more.lock"}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    out = plan(sys.executable, *fresh, "--configfile", str(tmp_path / "study.yaml"), "--", "evaluate")
    assert "Building the sandbox image with the packages of more.lock" in out
    needs = [
        line for line in out.splitlines() if "resources/sandboxes/more/image.json" in line and "/libraries" in line
    ]
    assert needs and not any("/humaneval" in line for line in needs)


def test_the_slurm_profile_plans_from_the_root_of_the_repository():
    """As on a login node: its own environment, the literal command."""
    if not CLUSTER_PYTHON.is_file():
        pytest.fail("no environment for a cluster's login node: `make test` installs it", pytrace=False)
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [CLUSTER_PYTHON, "-m", "snakemake", "--profile", "slurm", "-n"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "slurm" in done.stderr + done.stdout


def test_a_job_that_needs_more_gpus_than_all_may_hold_is_refused_and_not_cut_down(default):
    command = [sys.executable, "-m", "snakemake", "--dry-run", *default, "--resources", "gpu=2", "--config"]
    command.append('models={"qwen2.5-coder-0.5b": {engine_args: {tensor_parallel_size: 4}}}')
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode != 0
    assert "one job needs 4 GPUs, and all jobs together may hold 2" in done.stdout + done.stderr


def test_an_unknown_config_key_stops_before_anything_runs(default):
    command = [sys.executable, "-m", "snakemake", "--dry-run", *default, "--config", "sedes={limit: 3}"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "unknown key 'sedes'" in said and "did you mean 'seeds'?" in said and "Traceback" not in said


def test_single_keys_can_be_changed_on_the_command_line(default):
    out = plan(sys.executable, *default, "--config", "seeds={shards: 3}")
    assert job_counts(out)["generate_concepts"] == 3


def test_no_output_of_a_rule_goes_through_expand():
    """Snakemake refuses it for files in a storage (--default-storage-provider), so that nothing would plan there."""
    texts = {str(path): path.read_text() for path in [ROOT / "Snakefile", *(ROOT / "rules").rglob("*.smk")]}
    assert [name for name, text in texts.items() if "expand(rules." in text] == []
