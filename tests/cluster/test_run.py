"""The workflow on a cluster with the unmodified profile and a small site file: every rule, and a real model."""

import copy
import functools
import os
import subprocess
from pathlib import Path

import pytest
import yaml
from harness import PYTHON, ROOT, WORK, Run, base_site, slurm

from selfalign.images import built_image
from selfalign.io import read_json
from selfalign.plan.stages import LOCAL_RULES
from study import FAKE_STUDY, Study
from test_method_studies import ARMS, study_of_methods

REAL = "qwen2.5-coder-0.5b"
HUMANEVAL = FAKE_STUDY["evaluation"]["benchmarks"]["humaneval"]


def submitted(run: Run) -> dict[str, list[str]]:
    """The words to sbatch of each job, by its rule and wildcards, from the records of the run."""
    return {event["comment"].removeprefix("rule_"): event["asked"] for event in run.events("submitting")}


def asked(run: Run) -> dict[str, set[tuple[str, bool]]]:
    """Partition of each rule's jobs, and whether they asked for a GPU."""
    found: dict[str, set[tuple[str, bool]]] = {}
    for job, words in submitted(run).items():
        found.setdefault(job.split("_wildcards_")[0], set()).add(place(words))
    return found


def place(words: list[str]) -> tuple[str, bool]:
    """Partition that a job asked for, and whether it asked for a GPU."""
    return words[words.index("-p") + 1], any(word.startswith(("--gpus=1", "--gres=gpu:1")) for word in words)


def accounts(run: Run) -> list[str]:
    """Who pays for the jobs of a run, by SLURM, which remembers them for MinJobAge."""
    names = [path.stem for path in (run.folder / "results/run/slurm").glob("*.jsonl")]
    return slurm("squeue", "--noheader", "--states=all", "--format=%a", "--name", ",".join(names)).split()


@functools.cache
def spread_over() -> int:
    """Two nodes, or one where the user's GPU partition has no more."""
    counts = slurm("sinfo", "--noheader", "--partition", base_site()["gpu"]["name"], "--format=%D").split()
    return min(2, sum(map(int, counts)))


def study_in(folder: Path) -> Study:
    """The fake study in two shards, whose data train the real small model on a GPU, and a toy on two nodes with a GPU each."""
    smoke = yaml.safe_load((ROOT / "presets/smoke.yaml").read_text())
    folder.mkdir()
    study = Study(folder, FAKE_STUDY).set("seeds.shards", 2)
    for name in ("benchmarks", f"models/{REAL}"):
        link = folder / "resources" / name
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(ROOT / "resources" / name)
    study.config["models"] |= smoke["models"]
    recipe = smoke["checkpoints"]["tuned"]["recipe"] | {"max_steps": 1}
    study.set("checkpoints.tuned", {"model": REAL, "dataset": "passing", "recipe": recipe})
    study.set("checkpoints.spread", copy.deepcopy(FAKE_STUDY["checkpoints"]["tuned"]))
    study.set("checkpoints.spread.recipe.parallel", {"gpus": 1, "nodes": spread_over()})
    study.set("datasets.passing.limit", 6)
    return study.set("evaluation.benchmarks.humaneval", HUMANEVAL | {"limit": 1, "max_tokens": 16})


@pytest.mark.together
def test_every_rule_in_several_shards_and_the_real_small_model_on_the_gpu_partition():
    folder, other = WORK / "study", WORK / "study.unbroken"
    study, local = study_in(folder), study_in(other)
    (folder / "config.yaml").write_text(yaml.safe_dump(study.config, sort_keys=False))
    # Names that setup/slurm.sh knows; a user's own site has its own.
    paid = {} if os.environ.get("SELFALIGN_SITE") else {"account": "paying", "qos": "normal"}
    run = Run(folder, "--configfile", str(folder / "config.yaml"), site=paid).ok(1500)
    for job in submitted(run).values():
        assert not paid or "--qos=normal" in job
    assert not paid or set(accounts(run)) == {"paying"}
    assert (folder / "results/report/report.html").stat().st_size > 10_000
    assert read_json(folder / "results/checkpoints/tuned/training.json")["steps"] == 1
    assert read_json(folder / "results/evaluation/tuned/humaneval.json")["problems"] == 1

    subprocess.run([str(PYTHON), *local.command("--quiet", "all", "--", "data")[1:]], cwd=ROOT, check=True)
    assert study.made() == local.made()

    assert read_json(folder / "results/checkpoints/spread/training.json")["processes"] == spread_over()
    if spread_over() > 1:
        spread = submitted(run)["train_checkpoint_wildcards_spread"]
        assert {"--nodes=2", "--ntasks=2", "--gres=gpu:1", "--gpus=2"} <= set(spread)

    where, site = asked(run), base_site()
    assert where["train_checkpoint"] == {(site["gpu"]["name"], True)}
    answering = {job: words for job, words in submitted(run).items() if job.startswith("generate_completions_")}
    assert len(answering) == 4
    for job, words in answering.items():
        is_fake = job.split("_wildcards_")[1].startswith(("fake", "spread"))
        assert place(words) == ((site["cpu"]["name"], False) if is_fake else (site["gpu"]["name"], True)), job
    # Nothing that the fake backend is asked needs a GPU.
    for rule in ("generate_concepts", "generate_tasks", "generate_responses", "validate_responses", "write_report"):
        assert where[rule] == {(site["cpu"]["name"], False)}, rule
    assert not where.keys() & set(LOCAL_RULES), "what needs a network ran on a compute node"
    again = Run(folder, "--configfile", str(folder / "config.yaml")).ok()
    assert "Nothing to be done" in again.text


OTHER_RULES = {
    "mine_snippets", "mine_commits", "gather_other_seeds", "adopt_tasks", "adopt_responses", "evolve_tasks", "generate_tests",
}  # fmt: skip
"""What other methods than the first have."""


@pytest.mark.together
def test_the_rules_that_other_methods_have():
    folder = WORK / "methods"
    folder.mkdir()
    study = study_of_methods(folder)
    names = ("oss", "evolved", "commits")
    study.set("generators", {name: ARMS[name] for name in names})
    study.set("generators.evolved", ARMS["evolved"] | {"tasks_of": "oss", "evolution": {"rounds": 1}})
    study.set("datasets", {name: study.config["datasets"][name] for name in names})
    del study.config["seeds"]["corpora"]["prices"]
    (folder / "config.yaml").write_text(yaml.safe_dump(study.config, sort_keys=False))
    verdicts = [f"results/generators/{name}/verdicts/0-of-1.jsonl" for name in names]
    run = Run(folder, "--configfile", str(folder / "config.yaml"), "--", *verdicts).ok(900)
    assert all((folder / path).read_text().count('"passed"') for path in verdicts)
    assert set(asked(run)) >= OTHER_RULES


@pytest.mark.together
def test_jobs_in_containers_make_the_same_bytes_on_the_nodes():
    """The workflow's image, which `make test` builds; tests/bench/containers.py runs every rule in its own."""
    if not (ROOT / built_image("workflow")).is_file():
        pytest.fail("the workflow's image is missing: run `make containers ROLES=workflow` first", pytrace=False)
    folder, other = WORK / "contained", WORK / "contained.unbroken"
    for place in (folder, other):
        place.mkdir()
    study, local = Study(folder, FAKE_STUDY), Study(other, FAKE_STUDY)
    (folder / "resources/containers").symlink_to(ROOT / "resources/containers")
    (folder / "config.yaml").write_text(yaml.safe_dump(study.config, sort_keys=False))
    run = Run(
        folder,
        "--configfile",
        str(folder / "config.yaml"),
        "--sdm",
        "apptainer",
        "--slurm-keep-successful-logs",
        "--",
        "seeds",
    ).ok(900)
    logs = "\n".join(path.read_text() for path in (folder / "results/run").rglob("*.log"))
    logs += "\n".join(path.read_text() for path in (folder / ".snakemake").rglob("*.log"))
    assert "Activating singularity image resources/containers/workflow-" in logs, run.text[-4000:]
    subprocess.run([str(PYTHON), *local.command("--quiet", "all", "--", "seeds")[1:]], cwd=ROOT, check=True)
    assert study.data() == local.data()
