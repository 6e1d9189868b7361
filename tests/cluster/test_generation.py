"""Interrupted generation, with the workflow's own rules and the fake backend slowed down; GPUs and disks that fail."""

import copy
import functools
import shutil
import subprocess
import threading
from collections import Counter
from pathlib import Path

import pytest
import yaml
from harness import PYTHON, ROOT, WORK, Run, base_site, slurm, until

from selfalign.io import read_json
from selfalign.journal_batches import ROWS
from study import FAKE_STUDY, Study

RESPONSES = "results/generators/gen/responses"


LOCK = threading.Lock()


def prepared() -> Path:
    """As :func:`_prepared`, for the first of the tests that run at once."""
    with LOCK:
        return _prepared()


@functools.cache
def _prepared() -> Path:
    """The fake study up to its tasks in two shards, made on this machine; and the responses of an unbroken run."""
    folder = WORK / "prepared"
    folder.mkdir(parents=True)
    study = Study(folder, FAKE_STUDY).set("seeds.shards", 2)
    (folder / "resources" / "benchmarks").symlink_to(ROOT / "resources" / "benchmarks")
    command = [str(PYTHON), *study.command()[1:]]
    tasks = [f"results/generators/gen/unique_tasks/{shard}-of-2.jsonl" for shard in (0, 1)]
    subprocess.run([*command, "--quiet", "all", "--", *tasks], cwd=ROOT, check=True)
    unbroken = folder.with_name("prepared.unbroken")
    shutil.copytree(folder, unbroken, symlinks=True)
    command[command.index(str(folder))] = str(unbroken)
    subprocess.run([*command, "--quiet", "all", "--", *targets()], cwd=ROOT, check=True)
    return folder


def targets() -> list[str]:
    return [f"{RESPONSES}/{shard}-of-2.jsonl" for shard in (0, 1)]


def responses(folder: Path) -> dict[str, bytes]:
    return {path: (folder / path).read_bytes() for path in targets()}


def start(name: str, seconds: float, site: dict, shards=(0, 1)) -> Run:
    """The responses of the prepared study on the cluster, each batch of seven answers taking so long."""
    folder = WORK / name
    shutil.copytree(prepared(), folder, symlinks=True)
    config = copy.deepcopy(yaml.safe_load((prepared() / "config.yaml").read_text()))
    config["models"]["fake"]["engine_args"] = {"fake_seconds": seconds, "fake_trace": str(folder / "trace")}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return Run(
        folder, "--configfile", str(folder / "config.yaml"), "--allowed-rules", "generate_responses",
        "--rerun-triggers", "mtime", "--retries", "20", "--", *(targets()[shard] for shard in shards), site=site,
    )  # fmt: skip


@pytest.mark.together
def test_time_limit_and_cancellation_in_mid_shard_lose_at_most_a_batch_each():
    """Shard 0 runs into the partition's limit of a minute, shard 1 is cancelled; retries go on from the journal."""
    cpu = base_site().get("cpu", {})
    run = start("limits", 8, {"cpu": {**cpu, "minutes": 1}})
    until((run.folder / "trace").exists, "the first answers")
    second = until(
        lambda: [job["id"] for job in run.events("job") if job["comment"].endswith("_1-of-2")], "a second job"
    )
    slurm("scancel", second[0])
    run.ok(1800)
    assert responses(run.folder) == responses(prepared().with_name("prepared.unbroken"))
    assert "0-of-2) ended: TIMEOUT" in run.text and "1-of-2) ended: CANCELLED" in run.text
    answers = Counter((run.folder / "trace").read_text().split())
    twice = sum(count - 1 for count in answers.values())
    interruptions = run.text.count(") ended: ")
    assert interruptions >= 2
    assert twice <= ROWS * interruptions, (twice, len(answers))
    last = [read_json(run.folder / path.replace(".jsonl", ".usage.json")) for path in targets()]
    assert all(usage["reused"] for usage in last), "no answers of the interrupted jobs were used"


@pytest.mark.local_cluster
@pytest.mark.together
def test_full_disk_ends_in_a_clear_error_and_goes_on_when_there_is_space():
    """The folder of the responses is a disk of a few kilobytes until the first job has failed on it."""
    disk = WORK / "disk" / RESPONSES
    run = None
    try:
        folder = WORK / "disk"
        shutil.copytree(prepared(), folder, symlinks=True)
        disk.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(disk)], check=True)
        run = Run(
            folder, "--configfile", str(folder / "config.yaml"), "--allowed-rules", "generate_responses",
            "--retries", "9", "--", targets()[0],
        )  # fmt: skip
        run.says("no space left while writing")
        subprocess.run(["mount", "-o", "remount,size=20m", str(disk)], check=True)
        run.ok()
        made = (folder / targets()[0]).read_bytes()
    finally:
        if run:
            run.process.kill()
        subprocess.run(["umount", "--lazy", str(disk)], check=True)
    assert made == responses(prepared().with_name("prepared.unbroken"))[targets()[0]]


@pytest.mark.local_cluster
@pytest.mark.together
def test_a_gpu_that_is_not_there_stops_the_job_at_once_and_says_so():
    """Our cluster gives out a GPU that none computes on: what a broken driver looks like to a job."""
    folder = WORK / "gpu"
    folder.mkdir()
    (folder / "resources").symlink_to(ROOT / "resources")
    run = Run(
        folder, "--configfile", str(ROOT / "presets/smoke.yaml"), "--retries", "0",
        "results/evaluation/qwen2.5-coder-0.5b/humaneval/completions/0-of-1.jsonl", site={"check_gpu": True},
    ).end()  # fmt: skip
    assert run.process.returncode == 1
    assert "this job was given 1 GPU(s), but 0 of them work here" in run.text
    assert "--exclude=gn" in run.text
