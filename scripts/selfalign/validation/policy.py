"""The config's `validation`: what a response must show beside its tests' success."""

from dataclasses import dataclass, replace

from selfalign.sandbox import Result
from selfalign.validation import AT_LEAST_ONE

SKIP, MEASURE, REQUIRE = "skip", "measure", "require"
LIMITED = {"timeout", "memory", "output_limit", "process_limit"}
"""Verdicts that higher limits could change."""
LIMITS_OF_ERRORS = ("memory_mb", "processes", "disk_mb")
"""Limits that a program can meet as an exception like any other."""


@dataclass(frozen=True)
class Validation:
    """Same keys as the config's `validation`; see docs/validation.md.

    Attributes:
        stub: the tests must fail on a stub of the solution (`variants.stub`): "skip", "measure" or "require".
        second_run: a second run in another environment must pass too: likewise.
        mutants: solutions with one small fault each, that the tests are tried on.
        min_mutants_killed: share of them that the tests must notice.
        min_coverage: share of the solution's lines that the tests must reach; measured in the second run.
        consensus: run every sample of a task against the tests of the others.
    """

    stub: str = REQUIRE
    second_run: str = REQUIRE
    mutants: int = 6
    min_mutants_killed: float = AT_LEAST_ONE
    min_coverage: float = 0.0
    consensus: bool = False

    @property
    def trials(self) -> dict:
        """What the sandbox tries with a program that passed; empty for nothing."""
        trials = {"stub": self.stub != SKIP, "mutants": self.mutants}
        return trials if any(trials.values()) else {}

    def after_first(self, result: Result) -> Result:
        """The verdict by the first run and its trials."""
        if not result.passed:
            return result
        if self.stub == REQUIRE and result.stub_passed is not False:
            tried = "the tests pass with functions that only return None"
            reason = (
                tried if result.stub_passed else "no stub of the solution could be made that its tests could fail on"
            )
            return replace(result, verdict="vacuous", reason=reason)
        if result.mutants and result.mutants_killed < self.min_mutants_killed * result.mutants:
            return replace(
                result,
                verdict="vacuous",
                reason=f"the tests notice {result.mutants_killed} of {result.mutants} small faults",
            )
        return result

    def after_second(self, first: Result, second: Result) -> Result:
        """The verdict by both runs; the first one passed."""
        result = replace(first, coverage=second.coverage)
        if self.second_run == REQUIRE and not second.passed:
            reason = f"passed, then {second.verdict}: {second.reason}"[:400]
            return replace(result, verdict="flaky", reason=reason, stderr_tail=second.stderr_tail)
        if second.coverage is not None and second.coverage < self.min_coverage:
            reason = f"the tests reach {second.coverage:.0%} of the solution's lines"
            return replace(result, verdict="vacuous", reason=reason)
        return result


def reusable(record: dict, limits: dict) -> bool:
    """Whether a result that was found under other limits holds under these too.

    What ended by itself ends the same with more; what met a limit, or could have, is run again.
    """
    before = record["limits"]
    if before == limits:
        return True
    if any(limits[name] < before[name] for name in limits):
        return False
    verdict = record["result"]["verdict"]
    if verdict == "error" and any(limits[name] != before[name] for name in LIMITS_OF_ERRORS):
        return False
    return verdict not in LIMITED
