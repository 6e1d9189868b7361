"""The whole DAG with the deterministic fake backend: plumbing, not results."""

import json
import shutil
import subprocess
import sys

from selfalign.io import read_json, read_jsonl
from selfalign.stage import merge_counts


def test_every_rule_runs_and_a_second_run_has_nothing_to_do(finished, tmp_path):
    study, results = finished, finished.folder / "results"
    assert (results / "report" / "report.html").stat().st_size > 10_000
    scored = read_json(results / "evaluation" / "tuned" / "humaneval.json")
    assert scored["problems"] == 3 and len(scored["versions"]["problems"]["sha256"]) == 64
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

    study.run("--report", str(tmp_path / "report.zip"))
    assert (tmp_path / "report.zip").stat().st_size > 10_000


def test_more_samples_reuse_what_is_in_the_journal_and_fewer_leave_some_to_drop(study):
    study.run("data")
    study.set("generators.gen.responses.samples", 6).run("data")
    usage = [
        json.loads(path.read_text())
        for path in (study.folder / "results/generators/gen/responses").glob("*.usage.json")
    ]
    requests, reused = sum(u["requests"] for u in usage), sum(u["reused"] for u in usage)
    assert reused * 6 == requests * 4, "samples 1 to 4 come from the journal, 5 and 6 are made"

    # What a smaller study no longer refers to is dropped on demand, once its jobs have run.
    study.set("generators.gen.responses.samples", 3)
    script, config = study.root / "scripts" / "clean_journal.py", study.folder / "config.yaml"
    command = [sys.executable, str(script), "--config", str(config), "--directory", str(study.folder)]
    study.command()
    assert "responses/fake: 216 records" in (said := subprocess.run(command, capture_output=True, text=True).stdout)
    assert "2 jobs of this stage are still to run" in said
    study.run("data")
    before = study.made()
    said = subprocess.run([*command, "--remove"], capture_output=True, text=True).stdout
    assert "responses/fake: 216 records" in said and "108 dropped" in said
    for layer in ("generators", "datasets"):
        shutil.rmtree(study.folder / "results" / layer)
    study.run("data")
    assert study.made() == before
    usage = [read_json(path) for path in (study.folder / "results" / "generators" / "gen").rglob("*.usage.json")]
    assert not any(part.get("generated", part.get("executed")) for part in usage), "all that is needed is still there"


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
