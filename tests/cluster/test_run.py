"""The workflow on a cluster with the unmodified profile and a small site file: every rule, and a real model."""

import copy
import subprocess

import pytest
import yaml
from harness import PYTHON, ROOT, WORK, Run, base_site

from selfalign.cluster.records import Records
from selfalign.io import read_json
from study import FAKE_STUDY, Study

FETCHED = ("fetch_model", "fetch_corpus", "fetch_benchmark", "build_sandbox", "write_manifest")


def asked(run: Run) -> dict[str, set[tuple[str, bool]]]:
    """Partition of each rule's jobs, and whether they asked for a GPU, by the records of the run."""
    found: dict[str, set[tuple[str, bool]]] = {}
    for path in (run.folder / "results/run/slurm").glob("*.jsonl"):
        for event in Records(path.parent, path.stem).events():
            if event["event"] == "submitting":
                words = event["asked"]
                rule = event["comment"].split("_wildcards_")[0].removeprefix("rule_")
                gpu = any(word.startswith(("--gpus=1", "--gres=gpu:1")) for word in words)
                found.setdefault(rule, set()).add((words[words.index("-p") + 1], gpu))
    return found


@pytest.mark.together
def test_every_rule_with_the_fake_backend_and_several_shards():
    folder = WORK / "fake"
    folder.mkdir()
    study = Study(folder, FAKE_STUDY).set("seeds.shards", 2)
    (folder / "resources" / "benchmarks").symlink_to(ROOT / "resources" / "benchmarks")
    (folder / "config.yaml").write_text(yaml.safe_dump(study.config, sort_keys=False))
    run = Run(folder, "--configfile", str(folder / "config.yaml")).ok(900)
    on_cluster = study.made()
    assert (folder / "results/report/report.html").stat().st_size > 10_000

    other = WORK / "fake.unbroken"
    other.mkdir()
    local = Study(other, FAKE_STUDY).set("seeds.shards", 2)
    (other / "resources" / "benchmarks").symlink_to(ROOT / "resources" / "benchmarks")
    subprocess.run([str(PYTHON), *local.command("--quiet", "all", "--", "data")[1:]], cwd=ROOT, check=True)
    assert on_cluster == local.made()

    where, site = asked(run), base_site()
    assert where["train_checkpoint"] == {(site["gpu"]["name"], True)}
    # Nothing that the fake backend is asked needs a GPU.
    for rule in ("generate_responses", "generate_completions", "validate_responses", "write_report"):
        assert where[rule] == {(site["cpu"]["name"], False)}, rule
    assert not where.keys() & set(FETCHED), "what needs a network ran on a compute node"
    again = Run(folder, "--configfile", str(folder / "config.yaml")).ok()
    assert "Nothing to be done" in again.text


def test_the_real_small_model_is_served_and_trained_on_the_gpu_partition():
    """The smoke preset with fewer rows, to its checkpoint: what takes a GPU on a cluster is given one, and works."""
    folder = WORK / "smoke"
    folder.mkdir()
    (folder / "resources").symlink_to(ROOT / "resources")
    config = copy.deepcopy(yaml.safe_load((ROOT / "presets/smoke.yaml").read_text()))
    config["seeds"]["limit"] = 6
    config["datasets"]["passing"] |= {"policy": "any"}
    config["checkpoints"]["tuned"]["recipe"]["max_steps"] = 1
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    run = Run(folder, "--configfile", str(folder / "config.yaml"), "--", "train").ok(900)
    trained = read_json(folder / "results/checkpoints/tuned/training.json")
    assert trained["steps"] == 1, trained
    rules = ("generate_concepts", "generate_tasks", "generate_responses", "train_checkpoint")
    where = asked(run)
    assert {rule: where[rule] for rule in rules} == {rule: {(base_site()["gpu"]["name"], True)} for rule in rules}
