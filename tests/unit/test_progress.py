"""What a person sees while a run goes on, and when it fails."""

import logging

import yaml

import status as status_script
from selfalign import failures, progress, status
from selfalign.config import resolve_config
from selfalign.io import write_json, write_text

CONFIG = {
    "models": {"fake": {"engine": "fake", "context": 4096}},
    "seeds": {
        "corpora": {"notes": {"kind": "directory", "path": "x", "licence": "MIT"}},
        "typecheck": False,
        "shards": 3,
    },
    "generators": {"gen": {"model": "fake"}},
    "datasets": {"passing": {"generators": ["gen"]}},
    "checkpoints": {"tuned": {"model": "fake", "dataset": "passing"}},
    "evaluation": {"benchmarks": {"humaneval": {"kind": "humaneval", "source": {"path": "x"}}}},
}


def counts(kept, failed=0):
    return {"stage": "tasks", "in": kept + failed, "kept": kept, "rejected": {}, "failed": {"oom": failed}, "extra": {}}


def test_progress_is_said_now_and_then_and_found_again_in_the_log(caplog, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS", 0.0)
    with caplog.at_level(logging.INFO):
        assert list(progress.counted(iter("abc"), 3, "programs")) == ["a", "b", "c"]
    lines = [f"2026-01-01 INFO x: {record.getMessage()}" for record in caplog.records]
    first = progress.last_reading(lines[:1])
    assert (first.done, first.total, first.unit) == (1, 3, "programs") and first.left is not None
    assert progress.last_reading(lines)[:3] == (3, 3, "programs") and len(lines) == 3
    assert progress.last_reading(["12 of 13 of a model's own words, about 3 s to go"]) is None


def test_what_has_no_known_end_is_counted_too(caplog, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS", 0.0)
    with caplog.at_level(logging.INFO):
        list(progress.counted(iter("ab"), None, "files"))
    lines = [f"2026-01-01 INFO x: {record.getMessage()}" for record in caplog.records]
    assert progress.last_reading(lines[:1]) == (1, None, "files", None)
    assert progress.last_reading(lines) == (2, 2, "files", None)


def test_generation_tells_its_progress_in_the_same_form():
    line = "2026-01-01 INFO g: 5 of 40 answers (3 reused), about 70 s to go; prompt tokens 10, of them 5.0 % cached"
    assert progress.last_reading([line]) == (5, 40, "answers", 70.0)


def test_a_failed_job_shows_the_end_of_its_log_once(tmp_path):
    log = tmp_path / "a.log"
    log.write_text("".join(f"line {number}\n" for number in range(100)))
    said = f"Error in rule mine_seeds:\n    jobid: 2\n    log: {log} (check log file(s) for error details)\n"
    killed = f"Error in rule generate_tasks:\n    log: {tmp_path / 'none.log'} (check log file(s) for error details)\n"
    (tmp_path / "run.log").write_text(said + said + killed)
    lines = list(failures.report([str(tmp_path / "run.log")]))
    assert lines.count("mine_seeds failed. Its log ends:") == 1
    assert "  line 99" in lines and "  line 80" in lines and "  line 79" not in lines
    assert f"The whole log: less {log}" in lines and "  (no log: the job did not start)" in lines
    assert list(failures.report(str(tmp_path / "missing"))) == []


def test_status_is_told_by_the_files_alone(tmp_path):
    config = resolve_config(CONFIG)
    results = tmp_path / "results"
    folder = results / "generators" / "gen" / "tasks"
    write_json(folder / "0-of-3.counts.json", counts(1000, failed=2))
    write_text(results / "run/benchmarks/generate_tasks/gen/0-of-3.tsv", "s\tmax_rss\n120.0\t1\n")
    logs = results / "run/logs/generate_tasks/gen"
    write_text(logs / "1-of-3.log", "2026 INFO g: 5 of 40 answers (0 reused), about 70 s to go; x\n")
    table = {row[0]: row[1:] for row in status.rows(config, results)}
    assert table["gen: tasks"] == (
        "1 of 3", "1,000 of 1,002", "2 rows", "1-of-3: 5 of 40 answers, 1 min 10 s left, 1 to come, 2 min 00 s of work",
    )  # fmt: skip
    assert table["gen: concepts"] == ("0 of 3", "", "", "3 to come")
    assert [name for name in table if name.startswith("fake")] == ["fake answers humaneval", "fake scored on humaneval"]
    assert status.ahead(config, results).startswith("ahead: 4 min 00 s of work")
    assert f"{len(table) - 1} stages not told" in status.ahead(config, results)
    write_text(logs / "1-of-3.log", "2026 ERROR selfalign: no memory\n")
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    text = status_script.main(tmp_path / "config.yaml", tmp_path)
    assert "2 rows, 1 jobs" in text and f"less {logs / '1-of-3.log'}" in text
