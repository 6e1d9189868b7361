"""BigCodeBench and DS-1000 from a file in their own format to a result, in the real sandbox."""

from pathlib import Path

import pytest

import benchmark_records as records
import fetch_benchmark
import score
from selfalign.benchmarks.base import open_benchmark
from selfalign.io import read_json, read_jsonl, write_jsonl

LIMITS = {"cpu_seconds": 20, "wall_seconds": 300}


def result(folder: Path, image: Path, kind: str, found: list[dict], answers: list[str], **spec) -> dict:
    """The result file for one answer to each record."""
    source = records.write_jsonl(folder / "source.jsonl", found)
    spec = {"kind": kind, "problems": len(found), "source": {"path": str(source)}, **spec}
    fetch_benchmark.main("b", spec, str(folder / "b.jsonl"), str(folder / "b.source.json"))
    benchmark = open_benchmark(kind)
    rows = list(read_jsonl(folder / "b.jsonl"))
    completions = [
        {"task_id": row["task_id"], "sample": 0, "solution": benchmark.solution(row, answer)}
        for row, answer in zip(rows, answers, strict=True)
    ]
    write_jsonl(folder / "completions.jsonl", completions)
    score.main(
        problems=str(folder / "b.jsonl"),
        completions=[str(folder / "completions.jsonl")],
        image=str(image / "image.json"),
        limits=LIMITS,
        engine="auto",
        require="standard",
        limit=None,
        threads=2,
        output=str(folder / "result.json"),
    )
    return read_json(folder / "result.json")


def verdicts(found: dict) -> list[str]:
    return [line["verdict"] for line in found["per_problem"]]


@pytest.mark.parametrize("variant", ["complete", "instruct"])
def test_bigcodebench(tmp_path: Path, sandbox_image, variant):
    right = records.BIGCODEBENCH_STUB + "    return statistics.mean(json.loads(text))\n"
    answers = {
        right: "passed",
        "    return statistics.mean(json.loads(text))\n": "passed",
        "def task_func(text):\n    return statistics.mean(json.loads(text))\n": "passed",
        right.replace("mean", "median"): "assertion_failed",
        right.replace("json.loads(text)", "json.load(text)"): "error",
        right.replace("(text):", "(text:"): "syntax_error",
        right + "import os\nos._exit(0)\n": "early_exit",
        right + "import no_such_library\n": "error",
    }
    found = [records.bigcodebench(number) for number in range(len(answers))]
    told = result(tmp_path, sandbox_image, "bigcodebench", found, list(answers), variant=variant)
    assert verdicts(told) == list(answers.values())
    assert told["pass_at_1"] == 3 / 8 and "not_run" not in told
    assert told["reference_failed"] == {}
    assert "bigcodebench 0.2.5" in told["versions"]["scorer"]


def test_ds_1000(tmp_path: Path, sandbox_image):
    open_, body, plot = records.ds_1000_of_every_form()
    answers = [
        (open_, "result = values.max(axis=1)", "passed"),
        (open_, "result = values.max(axis=1)\n</code> explained", "passed"),
        (open_, "result = values.max(axis=0)", "assertion_failed"),
        (open_, "result = np.array([max(row) for row in values])", "assertion_failed"),  # test_string forbids `for`
        (open_, "other = 1", "error"),
        (open_, "result = (", "syntax_error"),
        (body, "return values.max(axis=1)", "passed"),
        (body, "    return values.max(axis=1)", "passed"),
        (body, "values.max(axis=1)", "assertion_failed"),
        (plot, "plt.plot([0, 1])", None),
    ]
    found = [
        {**record, "metadata": {**record["metadata"], "problem_id": number}}
        for number, (record, _, _) in enumerate(answers)
    ]
    told = result(tmp_path, sandbox_image, "ds-1000", found, [answer for _, answer, _ in answers])
    assert verdicts(told) == [verdict for _, _, verdict in answers if verdict]
    assert (told["problems"], told["of"], told["pass_at_1"]) == (9, 10, 4 / 9)
    assert told["not_run"] == {
        "problems": 1, "missing_modules": {"matplotlib": 1}, "task_ids": ["DS-1000/9"],
    }  # fmt: skip
    assert told["parts"]["library"] == {"Numpy": {"problems": 9, "pass_at_1": 4 / 9}}


def test_a_problem_whose_own_solution_fails_here_is_named(tmp_path: Path, sandbox_image):
    """As where a library has changed since the benchmark was made."""
    old = records.ds_1000(1, reference_code="result = np.no_longer_there(values)\n")
    told = result(tmp_path, sandbox_image, "ds-1000", [records.ds_1000(0), old], ["result = values.max(axis=1)"] * 2)
    assert told["pass_at_1"] == 1 and list(told["reference_failed"]) == ["DS-1000/1"]
    assert told["reference_failed"]["DS-1000/1"].startswith("error: AttributeError: module 'numpy' has no attribute")


def test_a_completion_that_takes_all_time_or_memory_fails_alone(tmp_path: Path, sandbox_image, monkeypatch):
    from selfalign.benchmarks import bigcodebench, library_scoring

    monkeypatch.setattr(bigcodebench, "CPU_SECONDS", 1)
    monkeypatch.setattr(library_scoring, "LIMITS", {"memory_mb": 300})
    monkeypatch.setitem(LIMITS, "cpu_seconds", 1)
    monkeypatch.setitem(LIMITS, "memory_mb", 300)
    right = "    return statistics.mean(json.loads(text))\n"
    answers = ["    while True: pass\n", "    return bytearray(2**31)\n", right]
    found = [records.bigcodebench(number) for number in range(3)]
    told = result(tmp_path, sandbox_image, "bigcodebench", found, answers, variant="complete")
    assert verdicts(told)[0] == "timeout" and verdicts(told)[1] in ("memory", "error") and verdicts(told)[2] == "passed"


def test_evalperf(tmp_path: Path, sandbox_image):
    """Right or wrong by EvalPlus's tests, and as fast as which reference; thousands of times lie between these."""
    tasks = ["HumanEval/900", "Mbpp/901", "HumanEval/902", "HumanEval/903", "Mbpp/904"]
    tests = records.write_jsonl(tmp_path / "tests.jsonl", [records.evalplus(task) for task in tasks])
    slower = records.SUM_SLOW.replace("range(i)", "range(4 * i)").replace("return total", "return total // 4")
    answers = [records.SUM_FAST, records.SUM_MEDIUM, slower, records.SUM_FAST.replace("+ 1", "- 1"), "def sum_to("]
    told = result(
        tmp_path,
        sandbox_image,
        "evalperf",
        [records.evalperf(task) for task in tasks],
        answers,
        tests=[{"path": str(tests)}],
    )
    assert verdicts(told) == ["passed", "passed", "passed", "assertion_failed", "assertion_failed"]
    speeds = [line["speed"]["dps"] for line in told["per_problem"] if "speed" in line]
    assert speeds == [100.0, 60.0, 0.0]
    assert (told["speed"]["problems_measured"], told["speed"]["least_correct"]) == (3, 1)
    assert told["speed"]["dps_cpu_time"] == pytest.approx(160 / 3) and told["speed"]["references_failed"] == 0
