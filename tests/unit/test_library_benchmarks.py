"""BigCodeBench, DS-1000: their files, what is asked, and what program comes of an answer."""

import json
from pathlib import Path

import pytest

import benchmark_records as records
import fetch_benchmark
import score
from selfalign.benchmarks.base import open_benchmark
from selfalign.benchmarks.library_scoring import imported_modules, outcome
from selfalign.benchmarks.problems import parse_problems
from selfalign.errors import UserError
from selfalign.io import read_jsonl
from selfalign.sandbox.payload.benchmark_jobs import STATUSES


def rows(kind: str, found: list[dict], **spec) -> list[dict]:
    text = "".join(json.dumps(record) + "\n" for record in found).encode()
    return parse_problems("b", {"kind": kind, "problems": len(found), **spec}, text, "file")


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("variant", "text"), [("complete", '"""\n    Mean of'), ("instruct", "You should write")])
def test_a_row_of_bigcodebench(variant, text):
    (row,) = rows("bigcodebench", [records.bigcodebench()], variant=variant)
    assert text in row["prompt"] and row["modules"] == ["json", "statistics", "unittest"]
    assert len(row["decontaminate"]) == 1 and row["decontaminate"][0] != row["prompt"]


def test_bigcodebench_comes_as_parquet(tmp_path: Path):
    path = records.write_parquet(tmp_path / "b.parquet", [records.bigcodebench(n) for n in range(3)])
    spec = {"kind": "bigcodebench", "variant": "complete", "problems": 3, "source": {"path": str(path)}}
    fetch_benchmark.main("b", spec, str(tmp_path / "b.jsonl"), str(tmp_path / "b.source.json"))
    assert [row["task_id"] for row in read_jsonl(tmp_path / "b.jsonl")] == [f"BigCodeBench/{n}" for n in range(3)]


@pytest.mark.parametrize(
    ("kind", "record", "message"),
    [
        ("bigcodebench", {"task_id": "x", "prompt": ""}, "lacks complete_prompt"),
        ("bigcodebench", records.bigcodebench(test="def check(f):\n    assert f('')"), "no class TestCases"),
        ("bigcodebench", records.bigcodebench(entry_point="f_12"), "does not define the entry point"),
        ("ds-1000", {"prompt": "", "reference_code": ""}, "lacks metadata, code_context"),
        ("ds-1000", records.ds_1000(code_context="[insert]"), "the format before April 2024"),
        ("ds-1000", records.ds_1000(library="Polars"), "`metadata.library` is 'Polars'"),
        ("ds-1000", records.ds_1000(metadata="Numpy"), "not in ds-1000's own format"),
    ],
)
def test_a_file_of_another_version_is_refused(kind, record, message):
    with pytest.raises(UserError, match=message):
        rows(kind, [record], variant="complete" if kind == "bigcodebench" else None)


@pytest.mark.parametrize(("kind", "variant", "size"), [("bigcodebench", "hard-instruct", 148), ("ds-1000", None, 1000)])
def test_a_truncated_file_is_refused(kind, variant, size):
    record = records.bigcodebench() if kind == "bigcodebench" else records.ds_1000()
    with pytest.raises(UserError, match=f"has {size} problems, the file 1"):
        rows(kind, [record], variant=variant, problems=None)


def test_modules_are_found_in_code_and_in_code_inside_strings():
    text = 'import a.b, c as d\nif x:\n    from e.f import (\n        g,\n    )\ns = """\nimport h\nimport the words of prose\n"""\n'
    assert imported_modules(text, "from . import i\nfrom j import k") == ["a", "c", "e", "h", "j"]


# --- what is asked, and what comes of an answer -------------------------------------------------------------------------


def test_bigcodebench_is_asked_as_a_stub_or_in_words():
    benchmark = open_benchmark("bigcodebench")
    (stub,) = rows("bigcodebench", [records.bigcodebench()], variant="complete")
    (words,) = rows("bigcodebench", [records.bigcodebench()], variant="instruct")
    assert benchmark.message(stub).endswith(f"{records.BIGCODEBENCH_STUB}{records.BIGCODEBENCH_DOC.rstrip()}\n```")
    assert benchmark.message(words) == records.bigcodebench()["instruct_prompt"]


@pytest.mark.parametrize("variant", ["complete", "instruct"])
@pytest.mark.parametrize("answer", ["    return 1\n", "def task_func(text):\n    return 1\n"])
def test_a_program_of_bigcodebench_has_its_own_imports_first(variant, answer):
    (row,) = rows("bigcodebench", [records.bigcodebench()], variant=variant)
    program = open_benchmark("bigcodebench").solution(row, answer)
    assert program.startswith(records.BIGCODEBENCH_STUB + "\n    pass\n") and program.endswith(answer)
    names: dict = {}
    exec(program, names)
    assert names["task_func"]("") == 1


def test_questions_of_ds_1000_break_off_without_marks():
    benchmark = open_benchmark("ds-1000")
    for row in rows("ds-1000", records.ds_1000_of_every_form()):
        asked = benchmark.message(row)
        assert "SOLUTION" not in asked and "<code>" not in asked and asked.count("```") % 2 == 0
        assert asked.endswith("do not repeat it.")
    body = benchmark.message(rows("ds-1000", records.ds_1000_of_every_form())[1])
    assert "    # result = f(values)\n```\n" in body


@pytest.mark.parametrize(
    ("number", "code", "program"),
    [
        (0, "result = 1\n", "result = 1\n"),
        (0, "result = 1\n</code>\nThis works.", "result = 1\n"),
        (0, "<code>\nresult = 1", "result = 1\n"),
        (1, "return 1", "    return 1\n"),
        (1, "    return 1\n", "    return 1\n"),
        (1, "\nif a:\n    return 1\nreturn 2", "    if a:\n        return 1\n    return 2\n"),
        (2, "plt.plot(x)\n# SOLUTION END\nplt.show()", "plt.plot(x)\n"),
        (0, "", "\n"),
    ],
)
def test_a_program_of_ds_1000_ends_at_its_marks_and_is_indented_where_it_goes(number, code, program):
    row = rows("ds-1000", records.ds_1000_of_every_form())[number]
    assert open_benchmark("ds-1000").solution(row, code) == program


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("Like this:\n```python\nresult = 1\n```\nDone.", "result = 1\n"),
        ("<code>\nresult = 1\n</code> is it", "\nresult = 1\n"),
        ("result = 1", "result = 1"),
    ],
)
def test_code_of_a_chat_server_for_ds_1000(answer, code):
    (row,) = rows("ds-1000", [records.ds_1000()])
    assert open_benchmark("ds-1000").code(row, answer).strip() == code.strip()


# --- outcomes ---------------------------------------------------------------------------------------------------------


def facts(status: str = "", reason: str = "", **more) -> dict:
    report = {"state": "end", "told": {"reason": reason} if reason else {}}
    counts = {"score_status": STATUSES.index(status)}
    return {"report": report, "counts": counts, "proved": True, "killed": None, "forbidden": "", **more}


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (facts("pass"), "passed"),
        (facts("fail", "test_a: AssertionError: 1 != 2"), "assertion_failed"),
        (facts("error", "KeyError: 1"), "error"),
        (facts("error", "SyntaxError: invalid syntax"), "syntax_error"),
        (facts("error", "MemoryError: "), "memory"),
        (facts("pass", killed="cpu"), "timeout"),
        (facts("pass", killed="forbidden", forbidden="ptrace"), "forbidden"),
        (facts("pass", proved=False, report=None), "early_exit"),
        (facts("", proved=False, report={"state": "raised", "type": "X", "message": "y"}), "error"),
    ],
)
def test_outcomes_of_jobs(found, verdict):
    assert outcome(found)["verdict"] == verdict
    assert outcome(found)["passed"] == (verdict == "passed")


def test_problems_that_can_not_be_run_are_counted_apart():
    problems = [{"task_id": str(n)} for n in range(4)]
    jobs = [(problem, {"sample": 0}) for problem in problems]
    outcomes = [{"passed": True, "verdict": "passed"}] + [
        {"passed": False, "verdict": "not_run", "not_run": names} for names in (["torch"], ["torch", "cv2"])
    ]
    asked, left, kept, told = score.without_not_run(problems, jobs, [*outcomes, {"passed": False, "verdict": "error"}])
    assert [problem["task_id"] for problem in asked] == ["0", "3"] == [job[0]["task_id"] for job in left]
    assert [item["verdict"] for item in kept] == ["passed", "error"]
    assert told["not_run"] == {"problems": 2, "missing_modules": {"torch": 2, "cv2": 1}, "task_ids": ["1", "2"]}
    with pytest.raises(UserError, match="no problem could be run: the sandbox image lacks torch"):
        score.without_not_run(problems[1:2], jobs[1:2], outcomes[1:2])


def test_nothing_is_counted_apart_where_all_is_run():
    problems, jobs = [{"task_id": "0"}], [({"task_id": "0"}, {})]
    assert score.without_not_run(problems, jobs, [{"passed": False}]) == (problems, jobs, [{"passed": False}], {})
