"""The whole DAG with the deterministic fake backend: plumbing, not results."""

import json
import signal
import subprocess
import time

import pytest

from selfalign.io import read_jsonl
from selfalign.stage import merge_counts


def test_every_rule_runs_and_a_second_run_has_nothing_to_do(study):
    study.run()
    results = study.folder / "results"
    assert (results / "report" / "report.html").stat().st_size > 10_000
    assert json.loads((results / "evaluation" / "tuned" / "humaneval.json").read_text())["problems"] == 3
    assert study.planned() == {}

    # Law 1 over the whole run: every counts file adds up, and what one stage kept the next one read.
    generator = results / "generators" / "gen"
    kept = {}
    for stage in ("concepts", "tasks", "responses", "verdicts"):
        counts = merge_counts(sorted((generator / stage).glob("*.counts.json")))
        kept[stage] = counts
    unique = merge_counts([generator / "unique_tasks.counts.json"])
    seeds = sum(1 for path in (results / "seeds" / "shards").glob("*.jsonl") for _ in read_jsonl(path))
    assert kept["concepts"]["in"] == seeds
    assert kept["tasks"]["in"] == kept["concepts"]["kept"]
    assert unique["in"] == kept["tasks"]["kept"]
    assert kept["responses"]["in"] == 4 * unique["kept"]
    assert kept["verdicts"]["in"] == kept["responses"]["kept"]
    dataset = merge_counts([results / "datasets" / "passing" / "counts.json"])
    assert dataset["in"] == kept["verdicts"]["kept"]
    assert dataset["kept"] == sum(
        1 for name in ("train", "held_out") for _ in read_jsonl(results / "datasets" / "passing" / f"{name}.jsonl")
    )

    # Every pair leads back to a seed with origin and licence.
    seeds = {row["id"]: row for path in (results / "seeds" / "shards").glob("*.jsonl") for row in read_jsonl(path)}
    for pair in read_jsonl(results / "datasets" / "passing" / "train.jsonl"):
        seed = seeds[pair["lineage"]["seed_id"]]
        assert seed["licence"] == "MIT" and seed["origin"]["path"].endswith(".py")

    study.run("--report", str(study.folder / "report.zip"))
    assert (study.folder / "report.zip").stat().st_size > 10_000


def test_shard_count_cores_and_hash_seed_do_not_change_a_byte_of_the_data(tmp_path_factory, sandbox_image):
    """Law 2: the pairs of one shard and of three, with other hash seeds and cores."""
    from conftest import FAKE_STUDY, Study  # the folder's own conftest

    pairs = []
    for shards, hash_seed in ((1, "0"), (3, "7")):
        study = Study(tmp_path_factory.mktemp(f"shards{shards}"), FAKE_STUDY).set("seeds.shards", shards)
        study.run("data", env={"PYTHONHASHSEED": hash_seed})
        dataset = study.folder / "results" / "datasets" / "passing"
        pairs.append(
            {name: (dataset / name).read_bytes() for name in ("train.jsonl", "held_out.jsonl", "train.parquet")}
        )
    assert pairs[0] == pairs[1]


def test_more_samples_reuse_what_is_in_the_journal(study):
    study.run("data")
    study.set("generators.gen.responses.samples", 6).run("data")
    usage = [
        json.loads(path.read_text())
        for path in (study.folder / "results/generators/gen/responses").glob("*.usage.json")
    ]
    requests, reused = sum(u["requests"] for u in usage), sum(u["reused"] for u in usage)
    assert reused * 6 == requests * 4, "samples 1 to 4 come from the journal, 5 and 6 are made"


def test_another_selection_policy_shares_all_generation(study):
    study.run("data")
    study.set("datasets.failing", {"generators": ["gen"], "policy": "failing"})
    assert study.planned("data") == {"build_dataset": 1}


def test_a_new_time_stamp_on_every_source_file_redoes_nothing(study, root):
    study.run("data")
    for path in [root / "Snakefile", *(root / "scripts").rglob("*.py"), *(root / "rules").glob("*.smk")]:
        path.touch()
    assert study.planned("data") == {}


@pytest.mark.parametrize("stop", ["concepts", "tasks", "responses", "verdicts"])
def test_interrupted_in_each_stage_and_run_again(study, stop):
    """Ctrl-C as soon as a stage's journal has its first records; the rerun ends right and keeps what was paid for."""
    process = subprocess.Popen(
        study.command("data"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    journal = study.folder / "results" / ".journal" / stop
    deadline = time.monotonic() + 300
    while process.poll() is None and not any(journal.glob("*.jsonl")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    import os

    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
    process.wait(timeout=120)
    assert not list((study.folder / "results").rglob("*.tmp")), "a half-written file stayed behind"
    study.run("--unlock", check=False)
    study.run("data")
    assert study.planned("data") == {}


def test_zero_passing_responses_stop_with_the_funnel(study):
    study.set("sandbox.cpu_seconds", 0.001)
    done = study.run("data", check=False)
    assert done.returncode != 0
    text = done.stdout + done.stderr
    assert "timeout" in text and "kept" in text and "Traceback" not in text


def test_an_empty_corpus_is_named(study):
    (study.folder / "empty").mkdir()
    study.set("seeds.corpora", {"nothing": {"kind": "directory", "path": "empty", "licence": "MIT"}})
    done = study.run("seeds", check=False)
    assert done.returncode != 0
    assert "nothing" in done.stdout + done.stderr and "empty" in done.stdout + done.stderr


def test_a_missing_corpus_is_named(study):
    study.set("seeds.corpora", {"gone": {"kind": "directory", "path": "no/such/folder", "licence": "MIT"}})
    done = study.run("seeds", check=False)
    assert done.returncode != 0 and "no/such/folder" in done.stdout + done.stderr


def test_a_missing_model_is_named(study):
    study.set("models.fake", {"sources": [{"path": "no/such/model"}], "context": 4096})
    done = study.run("results/generators/gen/concepts/0-of-2.jsonl", check=False)
    assert done.returncode != 0 and "no/such/model" in done.stdout + done.stderr


def test_a_missing_benchmark_is_named(study):
    study.set("evaluation.benchmarks.humaneval.source", {"path": "no/such/file.jsonl"})
    done = study.run("resources/benchmarks/humaneval.jsonl", check=False)
    assert done.returncode != 0 and "no/such/file.jsonl" in done.stdout + done.stderr
