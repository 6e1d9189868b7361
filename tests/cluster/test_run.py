"""The workflow on a cluster with the unmodified profile and a small site file: every rule, and a real model."""

import copy
import os
import subprocess

import pytest
import yaml
from harness import PYTHON, ROOT, WORK, Run, base_site, slurm

from selfalign.io import read_json
from study import FAKE_STUDY, Study

FETCHED = ("fetch_model", "fetch_corpus", "fetch_benchmark", "build_sandbox", "write_manifest")


def partitions(run: Run) -> dict[str, set[str]]:
    """The partitions that each rule's jobs were in, by the records of the run and SLURM's own of its jobs."""
    found: dict[str, set[str]] = {}
    for path in (run.folder / "results/run/slurm").glob("*.jsonl"):
        jobs = slurm("squeue", "--noheader", "--states=all", "--name", path.stem, "--format=%P|%k").splitlines()
        for partition, comment in (line.split("|") for line in jobs):
            found.setdefault(comment.split("_wildcards_")[0].removeprefix("rule_"), set()).add(partition)
    return found


@pytest.mark.together
def test_every_rule_with_the_fake_backend_and_several_shards():
    folder = WORK / "fake"
    folder.mkdir()
    study = Study(folder, FAKE_STUDY).set("seeds.shards", 2)
    (folder / "resources" / "benchmarks").symlink_to(ROOT / "resources" / "benchmarks")
    (folder / "config.yaml").write_text(yaml.safe_dump(study.config, sort_keys=False))
    run = Run(folder, "--configfile", str(folder / "config.yaml")).ok(900)
    on_cluster = study.data()
    assert (folder / "results/report/report.html").stat().st_size > 10_000

    other = WORK / "fake.unbroken"
    other.mkdir()
    local = Study(other, FAKE_STUDY).set("seeds.shards", 2)
    (other / "resources" / "benchmarks").symlink_to(ROOT / "resources" / "benchmarks")
    subprocess.run([str(PYTHON), *local.command("--quiet", "all", "--", "data")[1:]], cwd=ROOT, check=True)
    assert on_cluster == local.data()

    where, gpu = partitions(run), base_site()["gpu"]["name"]
    assert where["train_checkpoint"] == {gpu}
    # Nothing that the fake backend is asked needs a GPU.
    for rule in ("generate_responses", "generate_completions", "validate_responses", "write_report"):
        assert where[rule] == {base_site()["cpu"]["name"]}, rule
    assert not where.keys() & set(FETCHED), "what needs a network ran on a compute node"
    again = Run(folder, "--configfile", str(folder / "config.yaml")).ok()
    assert "Nothing to be done" in again.text


def test_the_real_small_model_is_served_and_trained_on_the_gpu_partition():
    """The smoke preset with fewer rows: what takes a GPU on a cluster is given one, and works."""
    folder = WORK / "smoke"
    folder.mkdir()
    (folder / "resources").symlink_to(ROOT / "resources")
    config = copy.deepcopy(yaml.safe_load((ROOT / "presets/smoke.yaml").read_text()))
    config["seeds"]["limit"] = 6
    config["datasets"]["passing"] |= {"policy": "any"}
    config["checkpoints"]["tuned"]["recipe"]["max_steps"] = 1
    config["evaluation"]["benchmarks"]["humaneval"] |= {"limit": 1, "max_tokens": 32}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    # The CPUs are shared by all jobs here: the engine's memory and threads are its own business, the profile's are not.
    run = Run(folder, "--configfile", str(folder / "config.yaml"), env=dict(os.environ)).ok(900)
    score = read_json(folder / "results/evaluation/tuned/humaneval.json")
    assert score["problems"] == 1
    rules = ("generate_concepts", "generate_tasks", "generate_responses", "generate_completions", "train_checkpoint")
    where = partitions(run)
    assert {rule: where[rule] for rule in rules} == {rule: {base_site()["gpu"]["name"]} for rule in rules}
    names = [path.stem for path in (folder / "results/run/slurm").glob("*.jsonl")]
    jobs = slurm("squeue", "--noheader", "--states=all", "--name", ",".join(names), "--Format=tres-alloc:90,comment:90")
    gpu_jobs = [line for line in jobs.splitlines() if any(rule in line for rule in rules)]
    assert gpu_jobs and all("gres/gpu=1" in line for line in gpu_jobs), jobs
