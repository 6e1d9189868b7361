"""The machine's faults are retried, then stop the run; they are never a verdict on a program."""

import os
import signal

import pytest

from selfalign.errors import InfrastructureError, UserError
from selfalign.sandbox import Limits, Sandbox
from selfalign.sandbox.container import Container

SOLUTION, TESTS = "def one():\n    return 1\n", "assert one() == 1\n"


def test_a_container_that_dies_is_started_again_and_no_row_is_lost(sandbox_image, engine):
    with Sandbox.open(sandbox_image, Limits(), engine=engine, workers=2) as sandbox:
        results = []
        for number, result in enumerate(sandbox.stream([(SOLUTION, f"n = {n}\n{TESTS}") for n in range(20)])):
            results.append(result)
            if number == 5:
                os.killpg(sandbox._container._process.pid, signal.SIGKILL)
        assert [result.verdict for result in results] == ["passed"] * 20


def test_a_container_that_never_starts_is_the_machines_fault(tmp_path, engine):
    (tmp_path / "rootfs").mkdir()
    (tmp_path / "image.json").write_text('{"digest": "empty"}')
    with pytest.raises(InfrastructureError, match="no sandbox could be started"):
        Sandbox.open(tmp_path, Limits(), engine=engine, workers=1)


def test_a_request_that_is_lost_again_and_again_stops_the_run(sandbox_image, engine, monkeypatch):
    """Answers are turned into those of a killed worker on their way."""
    receive = Container.receive

    def lossy(self, seconds):
        message = receive(self, seconds)
        return message if "hello" in message else {"id": message["id"], "lost": "the worker died"}

    with Sandbox.open(sandbox_image, Limits(), engine=engine, workers=1) as sandbox:
        monkeypatch.setattr(Container, "receive", lossy)
        with pytest.raises(InfrastructureError, match="in 3 tries"):
            sandbox.run([(SOLUTION, TESTS)])


def test_no_image_and_no_engine_say_what_to_do(tmp_path, sandbox_image, monkeypatch):
    with pytest.raises(UserError, match="make containers"):
        Sandbox.open(tmp_path, Limits())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=r"install Apptainer.*bubblewrap"):
        Sandbox.open(sandbox_image, Limits())


def test_evalplus_scores_in_the_sandbox(sandbox):
    """EvalPlus's own functions on a problem in its own format: a right, a wrong, an endless and a killing completion."""
    from selfalign.benchmarks.scoring import run_evalplus

    problem = {
        "kind": "humaneval-plus",
        "task_id": "HumanEval/x",
        "evalplus": {
            "task_id": "HumanEval/x",
            "prompt": "def inc(n):\n",
            "canonical_solution": "    return n + 1\n",
            "entry_point": "inc",
            "base_input": [[1], [2]],
            "plus_input": [[-1]],
            "atol": 0,
        },
    }
    solutions = {
        "def inc(n):\n    return n + 1\n": ("passed", True),
        "def inc(n):\n    return n\n": ("assertion_failed", False),
        "def inc(n):\n    return abs(n) + 1\n": ("assertion_failed", True),
        "import os\nos._exit(0)\n": ("timeout", False),
        "def inc(:\n": ("assertion_failed", False),
    }
    outcomes = list(run_evalplus(sandbox, [(problem, {"solution": text}) for text in solutions]))
    assert [(item["verdict"], item["base_passed"]) for item in outcomes] == list(solutions.values())
    assert [item["passed"] for item in outcomes] == [True, False, False, False, False]


def test_evalplus_can_pass_the_problem_with_an_oracle_of_its_own(sandbox):
    """HumanEval/32, which EvalPlus 0.3.1 fails whatever the completion; a wrong root must still fail."""
    from selfalign.benchmarks.scoring import run_evalplus

    right = "def find_zero(xs: list):\n    return -xs[0] / xs[1]\n"
    problem = {
        "kind": "humaneval-plus",
        "task_id": "HumanEval/32",
        "evalplus": {
            "task_id": "HumanEval/32",
            "prompt": "def find_zero(xs: list):\n",
            "canonical_solution": "    return -xs[0] / xs[1]\n",
            "entry_point": "find_zero",
            "base_input": [[[1, 2]], [[-4, 2]]],
            "plus_input": [[[3, 1]]],
            "atol": 0.0001,
        },
    }
    wrong = ["def find_zero(xs: list):\n    return -0.5\n", right.replace("xs[0]", "abs(xs[0])")]
    outcomes = run_evalplus(sandbox, [(problem, {"solution": text}) for text in (right, *wrong)])
    assert [outcome["passed"] for outcome in outcomes] == [True, False, False]
