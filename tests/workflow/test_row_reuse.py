"""Below the jobs, rows: what a change makes anew, and what the journal serves. Each change is run, in copies of one study."""

import shutil
from pathlib import Path

import pytest

from reruns import another_corpus, in_source, without_corpus
from selfalign.io import dumps, read_json, read_jsonl, write_text
from study import Study

GENERATION = ("concepts", "tasks", "responses")
STAGES = (*GENERATION, "verdicts")


def files(study: Study, stage: str, suffix: str = "jsonl", shards: int = 2) -> list[Path]:
    folder = study.folder / "results" / "generators" / "gen" / stage
    return [folder / f"{shard}-of-{shards}.{suffix}" for shard in range(shards)]


def rows(study: Study, stage: str, shards: int = 2) -> list[dict]:
    return [row for path in files(study, stage, shards=shards) for row in read_jsonl(path)]


def usage(study: Study, stage: str, shards: int = 2) -> dict[str, int]:
    """Rows of a stage's last run, those from the journal, and those made."""
    found = [read_json(path) for path in files(study, stage, "usage.json", shards)]
    return {key: sum(part[key] for part in found) for key in ("requests", "reused", "made")}


def made(study: Study, shards: int = 2) -> dict[str, int]:
    return {stage: usage(study, stage, shards)["made"] for stage in STAGES}


def run_up_to(study: Study, stage: str, shards: int = 2) -> None:
    study.run(*(f"results/generators/gen/{stage}/{shard}-of-{shards}.jsonl" for shard in range(shards)))


@pytest.fixture
def copied(finished: Study, tmp_path: Path) -> Study:
    return finished.copy(tmp_path)


def test_more_samples_make_those_alone_and_log_and_report_say_so(copied: Study):
    """Then fewer again: nothing is made."""
    tasks = len(rows(copied, "unique_tasks"))
    four = {path.name: path.read_bytes() for path in files(copied, "responses")}
    copied.set("checkpoints", {}).set("generators.gen.responses.samples", 6).run()
    assert usage(copied, "responses") == {"requests": 6 * tasks, "reused": 4 * tasks, "made": 2 * tasks}
    verdicts = usage(copied, "verdicts")
    samples = [row["sample"] for row in rows(copied, "responses")]
    # An answer that is another one's program over again is not run again.
    assert 0 < verdicts["made"] <= sum(sample >= 4 for sample in samples)
    assert verdicts["reused"] >= sum(sample < 4 for sample in samples)

    results = copied.folder / "results"
    logs = [path.read_text() for path in sorted((results / "run" / "logs" / "generate_responses" / "gen").glob("*"))]
    assert all("from the journal, made" in text.splitlines()[-1] for text in logs) and len(logs) == 2
    shown = {row["stage"]: row for row in read_json(results / "report" / "report.json")["usage"]}
    summary = (results / "report" / "summary.md").read_text()
    for stage in STAGES:
        figures = usage(copied, stage)
        assert {key: shown[stage][key] for key in figures} == figures
        line = next(line for line in summary.splitlines() if line.startswith(f"| gen | {stage} ") and "%" not in line)
        assert [cell.strip() for cell in line.split("|")[3:-1]] == [str(number) for number in figures.values()]

    copied.set("generators.gen.responses.samples", 4)
    run_up_to(copied, "verdicts")
    assert usage(copied, "responses") == {"requests": 4 * tasks, "reused": 4 * tasks, "made": 0}
    assert usage(copied, "verdicts")["made"] == 0
    assert {path.name: path.read_bytes() for path in files(copied, "responses")} == four


def test_fewer_seeds_and_other_shards_make_nothing(copied: Study):
    """A seed and a corpus are taken out and the shards are three: every job runs again, from the journal alone."""
    seed, before = rows(copied, "concepts")[0]["seed_id"], rows(copied, "responses")
    without_corpus(copied)
    copied.set("seeds.exclude.seeds", [seed]).set("seeds.shards", 3)
    run_up_to(copied, "verdicts", shards=3)
    assert made(copied, shards=3) == dict.fromkeys(STAGES, 0)
    after = rows(copied, "responses", shards=3)
    assert after and {row["id"] for row in after} < {row["id"] for row in before}
    assert usage(copied, "concepts", shards=3)["reused"] == 23


def test_a_training_whose_data_come_out_the_same_is_not_done_again(copied: Study):
    """With three shards for two. With another learning rate it is done, and with weights that are not what they were."""
    folder = copied.folder / "results" / "checkpoints" / "tuned"
    weights, record = folder / "model" / "model.safetensors", folder / "training.json"
    outputs = {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    written = weights.stat().st_mtime_ns
    copied.set("seeds.shards", 3).run("train")
    log = copied.folder / "results" / "run" / "logs" / "train_checkpoint" / "tuned.log"
    assert "its model stays" in log.read_text().splitlines()[-1]
    assert {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()} == outputs
    assert weights.stat().st_mtime_ns == written

    copied.set("checkpoints.tuned.recipe.learning_rate", 3e-3).run("train")
    assert read_json(record)["recipe"]["learning_rate"] == 3e-3
    assert weights.stat().st_mtime_ns != written and "its model stays" not in log.read_text()

    trained = weights.read_bytes()
    weights.write_bytes(trained[:-1] + b"\0" if trained[-1] else trained[:-1] + b"\1")
    (folder / "model" / "model.json").unlink()
    copied.run("train")
    assert "training them again" in log.read_text() and weights.read_bytes() == trained


def test_a_new_corpus_makes_rows_of_its_seeds_alone(copied: Study):
    before = {stage: rows(copied, stage) for stage in ("concepts", "unique_tasks")}
    another_corpus(copied)
    run_up_to(copied, "responses")
    new = {stage: len(rows(copied, stage)) - len(before[stage]) for stage in before}
    assert new["concepts"] == 1, "one function came with the corpus"
    assert made(copied)["concepts"] == made(copied)["tasks"] == 1
    assert usage(copied, "responses")["made"] == 4 * new["unique_tasks"]
    assert usage(copied, "responses")["reused"] == 4 * len(before["unique_tasks"])


def test_a_prompt_makes_the_rows_whose_request_it_changes(copied: Study):
    """First a wording that easy tasks alone see, then one that all answers see, though few programs change by it."""
    before = {stage: {row["id"] for row in rows(copied, stage)} for stage in ("unique_tasks", "responses")}
    asked = usage(copied, "tasks")["requests"]
    in_source("prompts/tasks.jinja", "difficulty: {{ difficulty }}", "difficulty: {{ 'low' if difficulty == 'easy' else difficulty }}")(copied)  # fmt: skip
    run_up_to(copied, "verdicts")
    easy = [row for row in rows(copied, "tasks") if row["difficulty"] == "easy"]
    tasks = [row["id"] for row in rows(copied, "unique_tasks")]
    new = [task for task in tasks if task not in before["unique_tasks"]]
    assert usage(copied, "tasks") == {"requests": asked, "reused": asked - len(easy), "made": len(easy)}
    assert 0 < len(new) < len(tasks)
    assert usage(copied, "responses") == {"requests": 4 * len(tasks), "reused": 4 * (len(tasks) - len(new)), "made": 4 * len(new)}  # fmt: skip
    kept = [row["id"] in before["responses"] for row in rows(copied, "responses")]
    assert usage(copied, "verdicts")["reused"] >= sum(kept) > 0

    programs = {(row["solution"], row["tests"]) for row in rows(copied, "responses")}
    in_source("prompts/responses.jinja", "Below are programming tasks", "Here are programming tasks")(copied)
    run_up_to(copied, "verdicts")
    answers = [(row["solution"], row["tests"]) in programs for row in rows(copied, "responses")]
    assert usage(copied, "responses") == {"requests": 4 * len(tasks), "reused": 0, "made": 4 * len(tasks)}
    assert usage(copied, "verdicts")["made"] == answers.count(False)
    assert usage(copied, "verdicts")["reused"] == answers.count(True) > 0


def test_more_time_runs_only_what_had_timed_out(copied: Study):
    path = files(copied, "responses")[0]
    answers = list(read_jsonl(path))
    for row in answers[:2]:
        row["tests"] = "while True:\n    pass\n" + row["tests"]
    write_text(path, "".join(dumps(row) + "\n" for row in answers))
    shutil.rmtree(copied.folder / "results" / ".journal" / "verdicts")
    copied.set("sandbox.cpu_seconds", 1)
    target = "results/generators/gen/verdicts/0-of-2.jsonl"
    verdicts = copied.folder / target
    copied.run(target)
    before = verdicts.read_bytes()
    assert [row["verdict"] for row in read_jsonl(verdicts)].count("timeout") == 2
    copied.set("sandbox.cpu_seconds", 2).run(target)
    spent = read_json(verdicts.with_suffix(".usage.json"))
    assert (spent["made"], spent["reused"]) == (2, len(answers) - 2)
    copied.set("sandbox.cpu_seconds", 1).run(target)
    assert read_json(verdicts.with_suffix(".usage.json"))["made"] == 0 and verdicts.read_bytes() == before
