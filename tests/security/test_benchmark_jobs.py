"""Jobs of benchmarks with a scorer of their own, in the real sandbox: right, wrong and odd completions."""

import pytest

from selfalign.sandbox.payload.benchmark_jobs import STATUSES

LIMITS = {"cpu_seconds": 60, "wall_seconds": 600, "memory_mb": 2048, "processes": 64}

CASES = """
import unittest

class TestCases(unittest.TestCase):
    def test_sum(self):
        self.assertEqual(task_func([1, 2]), 3)

    def test_refuses_text(self):
        with self.assertRaises(TypeError):
            task_func("ab")
"""
RIGHT = "import os\n\ndef task_func(numbers):\n    return sum(numbers)\n"


def status(facts: dict) -> str:
    """What a job came to, as the host reads it: nothing counts unless the harness came to its end."""
    return STATUSES[facts["counts"]["score_status"]] if facts["proved"] and not facts["killed"] else "no end"


def run(sandbox, **request) -> dict:
    (facts,) = sandbox.exchange([{"limits": LIMITS, **request}])
    return facts


@pytest.mark.parametrize(
    ("solution", "wanted"),
    [
        (RIGHT, "pass"),
        (RIGHT.replace("sum(numbers)", "sum(numbers) + 1"), "fail"),
        (RIGHT.replace("return sum(numbers)", "raise KeyError(1)"), "error"),
        ("import no_such_library\n" + RIGHT, "error"),
        ("def task_func(:\n", "error"),
        (RIGHT + "\nexit()\n", "error"),
        (RIGHT + "\nimport sys; sys.exit(0)\n", "error"),
        (RIGHT + "\nos._exit(0)\n", "no end"),
        ("def other():\n    pass\n", "error"),
        (RIGHT + "\nprint('x' * 5_000_000)\n", "pass"),
        (RIGHT + "\nimport subprocess\nassert subprocess.run(['echo', 'heard']).stdout == b'heard\\n'\n", "pass"),
    ],
)
def test_test_cases_of_a_module(sandbox, solution, wanted):
    assert status(run(sandbox, kind="unittest", solution=solution, tests=CASES)) == wanted


def test_why_a_test_case_failed_is_told(sandbox):
    facts = run(sandbox, kind="unittest", solution=RIGHT.replace("sum(", "len("), tests=CASES)
    assert facts["report"]["told"] == {
        "reason": "test_refuses_text: AssertionError: TypeError not raised",
        "issues": 2,
    }


@pytest.mark.parametrize(
    ("program", "wanted"),
    [
        ("value = 1\nassert value == 1", "pass"),
        ("assert 1 == 2", "fail"),
        ("raise OSError('no')", "error"),
        ("exec('def f(:')", "error"),
        ("import os\nos._exit(0)", "no end"),
        ("import numpy as np\nnp.testing.assert_array_equal(np.arange(2), [0, 2])", "fail"),
    ],
)
def test_a_whole_program(sandbox, program, wanted):
    assert status(run(sandbox, kind="program", program=program)) == wanted


def test_a_program_that_never_ends_is_stopped(sandbox):
    facts = run(sandbox, kind="program", program="while True: pass", limits={**LIMITS, "cpu_seconds": 1})
    assert facts["killed"] == "cpu" and status(facts) == "no end"


def test_modules_that_the_image_lacks_are_named(sandbox):
    facts = run(sandbox, kind="modules", names=["json", "numpy", "no_such_library", "datasets"])
    assert sorted(facts["report"]["told"]["missing"]) == ["datasets", "no_such_library"]


FAST = "def fib(n):\n    a, b = 0, 1\n    for _ in range(n):\n        a, b = b, a + b\n    return a\n"
SLOW = "def fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 2)\n"


def test_cpu_time_of_solutions_and_references(sandbox):
    """The slow solution needs some hundred times as long, which no load of a machine turns round."""
    facts = run(
        sandbox,
        kind="evalperf",
        task_id="HumanEval/55",
        entry_point="fib",
        input=[[20]],
        references=[SLOW, FAST],
        solutions=[FAST, SLOW, "def fib(n):\n    raise ValueError\n", "def fib(n):\n    while True: pass\n", "def g("],
        rounds=2,
        short_rounds=4,
        run_seconds=1,
    )
    told = facts["report"]["told"]
    slow, fast = told["references"]
    assert status(facts) == "pass" and fast * 10 < slow
    assert told["solutions"][0] * 10 < slow and told["solutions"][1] > fast * 10
    assert told["solutions"][2:] == [None, None, None]


def test_a_solution_that_spoils_its_input_spoils_no_other(sandbox):
    spoils = "def total(numbers):\n    while len(numbers) > 1:\n        numbers.pop()\n    return numbers[0]\n"
    needs = "def total(numbers):\n    assert len(numbers) == 5\n    return numbers[0]\n"
    facts = run(
        sandbox,
        kind="evalperf",
        task_id="HumanEval/1",
        entry_point="total",
        input=[[[1, 2, 3, 4, 5]]],
        references=[spoils, needs],
        solutions=[needs],
        rounds=2,
        short_rounds=4,
        run_seconds=5,
    )
    assert None not in facts["report"]["told"]["references"] + facts["report"]["told"]["solutions"]
