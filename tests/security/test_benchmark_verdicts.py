"""Benchmarks' own ways to score, on problems of our own in the official formats, in the real sandbox: for each way that an
answer can be right or wrong, one that is."""

import json

import pytest

from selfalign.benchmarks.base import open_benchmark
from selfalign.benchmarks.problems import parse_problems
from selfalign.sandbox import Limits, Sandbox

SMALL = {"cpu_seconds": 2, "wall_seconds": 120, "memory_mb": 1024}


def rows_of(kind: str, records: list[dict], variant: str | None = None) -> list[dict]:
    spec = {"kind": kind, "variant": variant, "problems": len(records)}
    return parse_problems("b", spec, json.dumps(records).encode(), "here")


def outcomes(sandbox, kind: str, problem: dict, answers: list[str]) -> list[dict]:
    """What comes of answers as models give them, as far as the sandbox."""
    benchmark = open_benchmark(kind)
    return list(
        benchmark.score(sandbox, [(problem, {"solution": benchmark.solution(problem, text)}) for text in answers])
    )


def verdicts(*arguments) -> list[str]:
    found = outcomes(*arguments)
    assert all(item["passed"] is (item["verdict"] == "passed") for item in found)
    return [item["verdict"] for item in found]


@pytest.fixture(scope="module")
def sandbox(sandbox_image):
    """One engine: what differs between them is shown elsewhere."""
    with Sandbox.open(sandbox_image, Limits(**SMALL), workers=2) as opened:
        yield opened


@pytest.fixture(autouse=True)
def small_limits(monkeypatch):
    for kind in ("evoeval",):
        monkeypatch.setattr(type(open_benchmark(kind)), "limits", SMALL)


# --- EvoEval ---------------------------------------------------------------------------------------------------------------

SHARES = {
    "task_id": "EvoEval/3",
    "prompt": 'def shares(parts, whole=1):\n    """Share of each part, and the largest part."""\n',
    "entry_point": "shares",
    "canonical_solution": "    return [part / whole for part in parts], max(parts, default=None)\n",
    "inputs": ["[1, 2], 3", "[], 5", "{'a', 'b'} and [4]"],
    "parent": "HumanEval/3",
}


def test_evoeval_compares_types_and_tolerates_a_little_in_floats(sandbox):
    (problem,) = rows_of("evoeval", [SHARES], "difficult")
    body = "    return {}, max(parts, default=None)\n"
    answers = {
        body.format("[part * (1 / whole) for part in parts]"): "passed",
        body.format("[part / whole + 1e-9 for part in parts]"): "passed",
        body.format("[part / whole + 1e-3 for part in parts]"): "assertion_failed",
        body.format("[part // whole for part in parts]"): "assertion_failed",  # an int is no float
        body.format("[str(part / whole) for part in parts]"): "assertion_failed",
        "    return [part / whole for part in parts]\n": "assertion_failed",
        "    return [1 / 0]\n": "error",
        "    while True: pass\n": "timeout",
        "    return (\n": "syntax_error",
        "import os\nos._exit(0)\ndef shares(parts, whole=1): pass": "early_exit",
    }
    assert verdicts(sandbox, "evoeval", problem, list(answers)) == list(answers.values())


def test_evoeval_a_bool_is_no_int_and_no_text_a_list(sandbox):
    record = {**SHARES, "canonical_solution": "    return {1: [len(parts) > 1, 'ab']}\n", "inputs": ["[1, 2]"]}
    (problem,) = rows_of("evoeval", [record], "subtle")
    answers = [
        "{1: [True, 'ab']}",
        "{1: [1, 'ab']}",
        "{1: [True, ['a', 'b']]}",
        "{1: (True, 'ab')}",
        "{2: [True, 'ab']}",
    ]
    found = verdicts(sandbox, "evoeval", problem, [f"    return {text}\n" for text in answers])
    assert found == ["passed"] + ["assertion_failed"] * 4


ORACLES = [
    ("difficult", "EvoEval/10", "s", "'Ab'", "s + s[0].lower()", "s + s[0].upper()", "s + 'b'"),
    ("difficult", "EvoEval/32", "xs, interval", "[-4, 2], (0, 5)", "2.0", "2.001", "2.1"),
    ("creative", "EvoEval/26", "maze, start, end", "[[0, 0], [1, 0]], (0, 0), (1, 1)", "['right', 'down']",
     "['right', 'down', 'up', 'down']", "['down', 'right']"),
    ("creative", "EvoEval/30", "maze, start, end", "[[1, 1], [0, 1]], (0, 0), (1, 1)", "[(0, 0), (0, 1), (1, 1)]",
     "[(0, 0), (0, 1), (0, 0), (0, 1), (1, 1)]", "[(0, 0), (1, 1)]"),
    ("creative", "EvoEval/69", "numbers, target", "[2, 3, 6, 1], 6", "(0, 1)", "(2, 3)", "(1, 0)"),
    ("subtle", "EvoEval/32", "xs", "[-4, 2]", "2.0", "2 + 1e-8", "2.1"),
]  # fmt: skip


@pytest.mark.parametrize(("variant", "task", "parameters", "inputs", "own", "other", "wrong"), ORACLES)
def test_evoeval_problems_with_several_right_answers(sandbox, variant, task, parameters, inputs, own, other, wrong):
    record = {**SHARES, "task_id": task, "entry_point": "f", "prompt": f"def f({parameters}):\n"}
    (problem,) = rows_of(
        "evoeval", [{**record, "canonical_solution": f"    return {own}\n", "inputs": [inputs]}], variant
    )
    found = verdicts(sandbox, "evoeval", problem, [f"    return {text}\n" for text in (own, other, wrong)])
    assert found == ["passed", "passed", "assertion_failed"]


def test_evoeval_files_of_the_hub_and_of_evalplus(sandbox):
    """The hub's `test`, and the format of the variants that keep the meaning."""
    of_hub = {key: SHARES[key] for key in ("task_id", "prompt", "entry_point", "canonical_solution")}
    of_hub["test"] = "def check(candidate):\n    assert candidate([4], 2) == ([2.0], 4)\n"
    plus = {**of_hub, "task_id": "HumanEval/3", "base_input": [[[4], 2]], "plus_input": [[[1, 2], 4]], "atol": 0}
    answers = ["    return [p / whole for p in parts], max(parts)\n", "    return [2.0], 4\n", "    return 0\n"]
    (problem,) = rows_of("evoeval", [of_hub], "creative")
    assert verdicts(sandbox, "evoeval", problem, answers) == ["passed", "passed", "assertion_failed"]
    (problem,) = rows_of("evoeval", [plus], "concise")
    found = outcomes(sandbox, "evoeval", problem, answers)
    assert [(item["passed"], item["base_passed"]) for item in found] == [(True, True), (False, True), (False, False)]


def test_evoeval_its_own_solutions_pass(sandbox):
    benchmark = open_benchmark("evoeval")
    problems = rows_of(
        "evoeval", [SHARES, {**SHARES, "task_id": "EvoEval/4", "canonical_solution": "    import nosuch\n"}]
    )
    found = list(benchmark.score(sandbox, benchmark.references(problems)))
    assert [item["passed"] for item in found] == [True, False] and "nosuch" in found[1]["reason"]
