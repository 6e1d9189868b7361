"""The whole DAG with the deterministic fake backend: plumbing, not results."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

from selfalign.io import read_json, read_jsonl
from selfalign.stage import merge_counts
from study import FAKE_STUDY, Study


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
    pairs = []
    for shards, hash_seed in ((1, "0"), (3, "7")):
        study = Study(tmp_path_factory.mktemp(f"shards{shards}"), FAKE_STUDY).set("seeds.shards", shards)
        study.run("data", env={"PYTHONHASHSEED": hash_seed})
        dataset = study.folder / "results" / "datasets" / "passing"
        pairs.append(
            {name: (dataset / name).read_bytes() for name in ("train.jsonl", "held_out.jsonl", "train.parquet")}
        )
    assert pairs[0] == pairs[1]


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


def test_another_selection_policy_shares_all_generation(study):
    study.run("data")
    study.set("datasets.failing", {"generators": ["gen"], "policy": "failing"})
    assert study.planned("data") == {"build_dataset": 1}


def test_a_new_time_stamp_on_every_source_file_redoes_nothing(study, root):
    study.run("data")
    for path in [root / "Snakefile", *(root / "scripts").rglob("*.py"), *(root / "rules").glob("*.smk")]:
        path.touch()
    assert study.planned("data") == {}


STAGES = (
    "mine_seeds", "gather_seeds", "generate_concepts", "generate_tasks", "dedup_tasks", "generate_responses",
    "validate_responses", "build_dataset", "train_checkpoint", "generate_completions/tuned", "score_completions/tuned", "write_report",
)  # fmt: skip


def interrupt(study, rule: str) -> bool:
    """Ctrl-C as soon as a job of the rule has begun to work."""
    logs = study.folder / "results" / "run" / "logs"

    def began() -> bool:
        return (logs / f"{rule}.log").exists() or any((logs / rule).rglob("*.log"))

    if began():  # it slipped in while the one before it was being stopped
        return False
    command = study.command()
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        # A shell's background job ignores Ctrl-C, and hands that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 600
    while process.poll() is None and not began():
        assert time.monotonic() < deadline, f"{rule} never began"
        time.sleep(0.02)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
    process.wait(timeout=300)
    assert began()
    study.run("--unlock", check=False)
    return True


def test_interrupted_in_the_middle_of_each_stage_and_run_again(study, tmp_path_factory):
    """The results are those of a run that nobody disturbed."""
    interrupted = 0
    for rule in STAGES:
        interrupted += interrupt(study, rule)
        leftovers = [path for path in (study.folder / "results").rglob("*.tmp") if ".journal" not in path.parts]
        assert not leftovers, f"half-written after {rule}"
    assert interrupted >= len(STAGES) / 2
    study.run()
    assert study.planned() == {}
    undisturbed = Study(tmp_path_factory.mktemp("undisturbed"), FAKE_STUDY)
    undisturbed.run("data")
    made = study.made()
    for path, content in undisturbed.made().items():
        assert made[path] == content, path


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
