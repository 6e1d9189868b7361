"""From results to verdicts by policy, reuse under other limits, consensus: without a sandbox."""

from dataclasses import replace

import pytest

from selfalign.sandbox import Limits, Program, Result
from selfalign.validation.consensus import agreement
from selfalign.validation.policy import Validation, reusable

PASSED = Result("passed", checks_run=2, checks_passed=2, stub_passed=False, mutants=4, mutants_killed=2)


@pytest.mark.parametrize(
    ("policy", "changes", "verdict"),
    [
        ({}, {}, "passed"),
        ({}, {"stub_passed": True}, "vacuous"),
        ({}, {"stub_passed": None}, "vacuous"),
        ({"stub": "skip"}, {"stub_passed": None}, "passed"),
        ({"stub": "measure"}, {"stub_passed": True}, "passed"),
        ({}, {"mutants_killed": 0}, "vacuous"),
        ({}, {"mutants": 100, "mutants_killed": 1}, "passed"),
        ({}, {"mutants": 0, "mutants_killed": 0}, "passed"),
        ({"min_mutants_killed": 0}, {"mutants_killed": 0}, "passed"),
        ({"min_mutants_killed": 0.5}, {}, "passed"),
        ({"min_mutants_killed": 0.6}, {}, "vacuous"),
        ({"min_mutants_killed": 0.6}, {"mutants": 0, "mutants_killed": 0}, "passed"),
        ({}, {"verdict": "timeout", "stub_passed": True}, "timeout"),
    ],
)
def test_trials_of_the_first_run(policy, changes, verdict):
    assert Validation(**policy).after_first(replace(PASSED, **changes)).verdict == verdict


@pytest.mark.parametrize(
    ("policy", "second", "verdict"),
    [
        ({}, Result("passed", coverage=0.5), "passed"),
        ({}, Result("assertion_failed", "AssertionError"), "flaky"),
        ({"second_run": "measure"}, Result("assertion_failed"), "passed"),
        ({"min_coverage": 0.8}, Result("passed", coverage=0.5), "vacuous"),
        ({"min_coverage": 0.8}, Result("passed", coverage=None), "passed"),
    ],
)
def test_the_second_run(policy, second, verdict):
    result = Validation(**policy).after_second(PASSED, second)
    assert (result.verdict, result.coverage) == (verdict, second.coverage)


def test_nothing_is_tried_that_nobody_asks_for():
    assert Validation(stub="skip", mutants=0).trials == {}
    assert Validation(stub="measure", mutants=3).trials == {"stub": True, "mutants": 3}


@pytest.mark.parametrize(
    ("verdict", "changes", "again"),
    [
        ("passed", {}, False),
        ("passed", {"cpu_seconds": 20}, False),
        ("timeout", {"cpu_seconds": 20}, True),
        ("memory", {"memory_mb": 4096}, True),
        ("error", {"cpu_seconds": 20}, False),
        ("error", {"disk_mb": 128}, True),
        ("passed", {"cpu_seconds": 5}, True),
        ("passed", {"cpu_seconds": 20, "memory_mb": 64}, True),
    ],
)
def test_other_limits_run_only_that_again_which_they_concern(verdict, changes, again):
    record = {"limits": Limits().as_dict(), "result": {"verdict": verdict}}
    assert reusable(record, Limits(**changes).as_dict()) is not again


def test_agreement_is_with_the_other_samples_tests_alone_and_only_with_sound_ones():
    rows = [{"id": f"r{n}", "task_id": "t", "solution": f"s{n}", "tests": f"t{n}"} for n in range(5)]
    rows.append({"id": "single", "task_id": "u", "solution": "s", "tests": "t"})
    own = {Program(row["solution"], row["tests"]): PASSED for row in rows}
    own[Program("s3", "t3")] = replace(PASSED, stub_passed=True)  # its tests pass with anything
    own[Program("s4", "t4")] = Result("assertion_failed")
    asked = set()

    def run(programs):
        programs = list(programs)
        asked.update((program.solution, program.tests) for program in programs)
        good = {("s0", "t1"), ("s0", "t2"), ("s1", "t0"), ("s4", "t1")}
        return {p: Result("passed" if (p.solution, p.tests) in good else "error") for p in programs}

    assert agreement(rows, own, run) == {"r0": 1.0, "r1": 0.5, "r2": 0.0, "r3": 0.0, "r4": 0.3333}
    assert {tests for _, tests in asked} == {"t0", "t1", "t2"}
