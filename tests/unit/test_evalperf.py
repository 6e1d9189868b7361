"""EvalPerf: its file and the files it borrows tests from, which completions are measured, and the scores of times."""

import json
from pathlib import Path

import pytest
import yaml

import benchmark_records as records
import fetch_benchmark
from selfalign.benchmarks.base import open_benchmark
from selfalign.benchmarks.evalperf_scoring import match, measured, task_scores
from selfalign.benchmarks.problems import parse_problems
from selfalign.config import resolve_config
from selfalign.errors import UserError
from selfalign.io import read_jsonl


def rows(record: dict, *lenders: dict) -> list[dict]:
    tests = [(json.dumps(lender).encode(), "tests file") for lender in lenders]
    return parse_problems("b", {"kind": "evalperf", "problems": 1}, json.dumps(record).encode(), "file", tests)


def test_a_row_has_its_tests_from_another_file():
    (row,) = rows(records.evalperf(), records.evalplus("HumanEval/1"), records.evalplus())
    assert row["prompt"].startswith("def sum_to") and row["evalplus"]["plus_input"] == [[10], [100]]
    assert row["evalperf"]["input"] == [[600]] and len(row["evalperf"]["references"]) == 3
    assert row["dataset"] == "humaneval" and row["kind"] == "evalperf"


def test_file_and_lenders_are_fetched_from_their_sources(tmp_path: Path):
    main = records.write_parquet(tmp_path / "p.parquet", [records.evalperf()])
    tests = records.write_jsonl(tmp_path / "t.jsonl", [records.evalplus()])
    spec = {"kind": "evalperf", "problems": 1, "source": {"path": str(main)}, "tests": [{"path": str(tests)}]}
    fetch_benchmark.main("b", spec, str(tmp_path / "b.jsonl"), str(tmp_path / "b.source.json"))
    assert [row["task_id"] for row in read_jsonl(tmp_path / "b.jsonl")] == ["HumanEval/900"]


@pytest.mark.parametrize(
    ("record", "lender", "message"),
    [
        (records.evalperf(), records.evalplus("HumanEval/1"), "no file under `tests` has HumanEval/900"),
        (records.evalperf(), {"task_id": "HumanEval/900"}, "lacks prompt, .* which evalperf borrows"),
        (records.evalperf(scores=[1.0]), records.evalplus(), "not equally long"),
        (records.evalperf(scores=[100.0, 60.0, 20.0]), records.evalplus(), "not from slow to fast"),
        (records.evalperf(pe_input="[["), records.evalplus(), "not in evalperf's own format"),
        ({"task_id": "HumanEval/900"}, records.evalplus(), "lacks reference, pe_input, scores"),
    ],
)
def test_files_of_another_version_are_refused(record, lender, message):
    with pytest.raises(UserError, match=message):
        rows(record, lender)


@pytest.mark.parametrize(
    ("kind", "tests", "wanted"), [("evalperf", [], "borrows"), ("humaneval", [{"path": "x"}], "own")]
)
def test_the_config_names_lenders_where_and_only_where_they_are_wanted(root: Path, kind, tests, wanted):
    config = yaml.safe_load((root / "config.yaml").read_text(encoding="utf-8"))
    config["evaluation"]["benchmarks"] = {"b": {"kind": kind, "source": {"path": "x"}, "tests": tests}}
    with pytest.raises(UserError, match=rf"b\.tests has {len(tests)} files.*{wanted}"):
        resolve_config(config)


def jobs(samples: int) -> list:
    return [({"task_id": task}, {"sample": sample}) for task in ("a", "b") for sample in range(samples)]


def outcomes(samples: int, right_a: int, right_b: int) -> list[dict]:
    return [{"passed": sample < right} for right in (right_a, right_b) for sample in range(samples)]


def test_tasks_with_ten_right_samples_are_measured_and_at_most_twenty_of_each():
    chosen = measured(jobs(30), outcomes(30, 9, 25))
    assert list(chosen) == ["b"] and chosen["b"] == list(range(30, 50))
    assert list(measured(jobs(30), outcomes(30, 10, 0))) == ["a"]


def test_with_few_samples_one_right_one_is_enough():
    assert measured(jobs(1), outcomes(1, 1, 0)) == {"a": [0]}


@pytest.mark.parametrize(
    ("seconds", "scores"),
    [
        (0.5, (100.0, 100.0)),
        (1.05, (100.0, 100.0)),  # within the tolerance
        (1.2, (60.0, 200 / 3)),
        (3.9, (20.0, 100 / 3)),
        (9.0, (0.0, 0.0)),
        (None, (0.0, 0.0)),
    ],
)
def test_a_solution_scores_as_the_fastest_reference_that_it_keeps_up_with(seconds, scores):
    assert match(seconds, [4.0, 2.0, 1.0], [20.0, 60.0, 100.0]) == pytest.approx(scores)


def test_a_reference_that_failed_matches_nothing():
    assert match(0.1, [4.0, 2.0, None], [20.0, 60.0, 100.0]) == pytest.approx((60.0, 200 / 3))


def test_scores_of_a_task():
    times = {"references": [4.0, 2.0, 1.0], "solutions": {"x": 1.0, "y": 3.0}}
    found = task_scores(times, ["x", "y", "y", "x"], [20.0, 60.0, 100.0])
    assert (found["dps"], found["measured"], found["references_in_order"]) == (60.0, 4, True)
    times["references"] = [1.0, 2.0, None]
    found = task_scores(times, ["x"], [20.0, 60.0, 100.0])
    assert (found["references_in_order"], found["references_failed"]) == (False, 1)


def test_the_result_says_that_time_was_measured_and_not_instructions():
    benchmark = open_benchmark("evalperf")
    assert "not EvalPerf's instructions" in benchmark.scorer({"evalplus": "0.3.1"})
    told = benchmark.figures(jobs(1), [{"passed": False}, {"passed": False}])["speed"]
    assert told["dps_cpu_time"] is None and told["problems_measured"] == 0 and told["least_correct"] == 1
