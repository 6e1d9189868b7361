"""What is tried with responses that passed, end to end: stub, mutants, lines, the second run, other samples' tests."""

import pytest

import validate
from selfalign.io import read_json, read_jsonl, write_jsonl
from selfalign.rows import row_id
from selfalign.sandbox import Sandbox

LIMITS = {"cpu_seconds": 1, "wall_seconds": 120, "memory_mb": 512, "processes": 16, "output_kb": 64, "disk_mb": 16}
DOUBLE = "def double(n):\n    return 2 * n\n"
SIGN = "def sign(n):\n    if n < 0:\n        return -1\n    return 1\n"
DATACLASS = "import dataclasses\n@dataclasses.dataclass\nclass P:\n    x: int\n"
ELIFS = "def number(n):\n    if n == 0:\n        return 0\n" + "".join(
    f"    elif n == {n}:\n        return {n}\n" for n in range(1, 1200)
)

RESPONSES = {
    "sound": (DOUBLE, "assert double(2) == 4\nassert double(0) == 0"),
    "true of any function": (DOUBLE, "assert double(2) == double(2)"),
    "true of any function, by unittest": (
        DOUBLE,
        "import unittest\nclass T(unittest.TestCase):\n    def test(self):\n        self.assertEqual(double(2), double(2))",
    ),
    "true of any function, used by its module": (
        DOUBLE + "TABLE = [double(n) + 1 for n in range(3)]\n",
        "assert double(2) == double(2)",
    ),
    "sound, used by its module": (DOUBLE + "TABLE = [double(n) + 1 for n in range(3)]\n", "assert double(3) == 6"),
    "true of any callable": ("increment = (7).__add__", "assert increment(1) == increment(1)"),
    "no function, but tested": ("increment = (7).__add__", "assert increment(1) == 8"),
    "true of any class": (DATACLASS, "p = P(1)\nassert p == p"),
    "no method, but tested": (DATACLASS, "assert P(1) == P(1) and P(1) != P(2)"),
    "true of any number": ("def count(n):\n    return 99\n", "assert isinstance(count(1), int)"),
    "one branch": (SIGN, "assert sign(3) == 1"),
    "rests on the time zone": ("import time\ndef zone():\n    return time.timezone\n", "assert zone() == 0"),
    "deep tree": (ELIFS, "assert number(7) == 7 and number(1199) == 1199"),
    "deep sum": ("def add(n):\n    return n" + " + 1" * 1500, "assert add(1) == 1501"),
    "deep tests": (DOUBLE, "assert double(1)" + " + 1" * 1500 + " == 1502"),
}
"""Name -> solution and tests, of a task each."""
SAMPLES = {
    "right": (DOUBLE, "assert double(3) == 6"),
    "right, with tests true of anything": (DOUBLE, "assert double(3) == double(3)"),
    "wrong, and so are its tests": ("def double(n):\n    return 3 * n\n", "assert double(2) == 6"),
    "right too": ("def double(n):\n    return n + n\n", "assert double(5) == 10"),
    "failing its own tests": (DOUBLE, "assert double(2) == 5"),
}
"""Samples of one task."""


@pytest.fixture(scope="module")
def judge(sandbox_image, engine, tmp_path_factory):
    """Judges all of them by a policy, with one journal; gives the rows by name, and the usage."""
    folder = tmp_path_factory.mktemp("shard")
    names = [*RESPONSES, *SAMPLES]
    rows = []
    for number, (solution, tests) in enumerate([*RESPONSES.values(), *SAMPLES.values()]):
        task = min(number, len(RESPONSES))
        rows.append({"id": row_id("response", number), "task_id": row_id("task", task), "seed_id": row_id("seed", task),
                     "sample": number - task, "solution": solution, "tests": tests})  # fmt: skip
    write_jsonl(folder / "responses.jsonl", rows)

    def judged(**policy) -> tuple[dict[str, dict], dict]:
        out = {name: str(folder / f"{name}.json") for name in ("verdicts", "rejected", "counts", "usage")}
        validate.main(
            responses=str(folder / "responses.jsonl"), image=str(sandbox_image / "image.json"), limits=LIMITS,
            engine=engine, require="strict", validation=policy, journal=str(folder / "journal"), writer="w", threads=2, **out,
        )  # fmt: skip
        return dict(zip(names, read_jsonl(out["verdicts"]), strict=True)), read_json(out["usage"])

    return judged


@pytest.fixture(scope="module")
def by_default(judge):
    """Rows by the default policy, with agreement."""
    with pytest.MonkeyPatch.context() as patch:
        opened, usual = [], Sandbox.open
        patch.setattr(Sandbox, "open", lambda *more, **policy: opened.append(policy) or usual(*more, **policy))
        rows, _ = judge(consensus=True)
    assert [policy["second"] for policy in opened] == [False, True], "a container for each environment, no more"
    return rows


@pytest.mark.parametrize("name", RESPONSES)
def test_a_response_passes_only_if_its_tests_fail_on_a_stub_and_pass_again(by_default, name):
    row = by_default[name]
    kind = "vacuous" if name.startswith("true of any ") else "passed"
    wanted = {"rests on the time zone": "flaky"}.get(name, kind)
    assert row["verdict"] == wanted, row
    assert row["stub_passed"] is (wanted == "vacuous" and name != "true of any number")
    second = {"vacuous": None, "flaky": "assertion_failed"}.get(wanted, "passed")
    assert row["second_run"] == second
    if wanted == "vacuous":
        assert ("only return None" if row["stub_passed"] else "notice 0 of 1") in row["reason"]


def test_mutants_and_lines_tell_how_strong_tests_are(by_default):
    measured = {name: (row["mutants"], row["mutants_killed"], row["coverage"]) for name, row in by_default.items()}
    assert measured["sound"] == (3, 3, 1.0)
    assert measured["true of any number"] == (1, 0, None)
    sites, killed, reached = measured["one branch"]
    assert sites == 6 and 0 < killed < sites and reached == 0.6667
    assert measured["no function, but tested"] == (0, 0, None)
    assert measured["deep tree"][0] == 6 and measured["deep sum"] == (6, 6, 1.0)
    assert measured["deep tree"][2] == pytest.approx(1202 / 2400, abs=0.001), "two lines, and each condition on the way"


def test_samples_agree_by_tests_that_can_fail(by_default):
    agreed = {name: by_default[name]["consensus"] for name in SAMPLES}
    assert list(agreed.values()) == [0.5, 0.6667, 0.0, 0.5, 0.6667]
    assert by_default["sound"]["consensus"] is None, "a task's only sample has nobody to agree with"


def test_thresholds_turn_weak_tests_into_vacuous_ones_and_run_nothing_again(by_default, judge):
    rows, usage = judge(min_mutants_killed=1)
    changed = {name for name, row in rows.items() if row["verdict"] != by_default[name]["verdict"]}
    assert (changed, usage["executed"]) == ({"one branch", "deep tree"}, 0)
    assert {rows[name]["verdict"] for name in changed} == {"vacuous"}
    rows, usage = judge(min_coverage=0.7)
    changed = {name for name, row in rows.items() if row["verdict"] != by_default[name]["verdict"]}
    assert (changed, usage["executed"]) == ({"one branch", "deep tree"}, 0)
    assert rows["one branch"]["verdict"] == "vacuous" and "67%" in rows["one branch"]["reason"]


def test_what_is_only_measured_fails_nothing(judge):
    rows, usage = judge(stub="measure", second_run="measure", min_mutants_killed=0)
    assert {row["verdict"] for name, row in rows.items() if name in RESPONSES} == {"passed"}
    assert rows["true of any class"]["stub_passed"] is True and usage["executed"] == 7, "second runs of vacuous ones"
