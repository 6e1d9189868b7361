"""One request in a worker: a program, and where it passed and that is asked for, a stub and mutants of its solution.

Solution and tests are compiled once. Each variant runs in a process of its own, see `watched_process.py`; all that it
started is gone before the next starts. What is said here are facts; what they mean is decided on the host.
"""

import types

from . import benchmark_jobs, checks, claims, harness, trials, variants, written
from .watched_process import WatchedProcess

TRIAL_CPU_SECONDS = 0.5
"""Least CPU limit of a stub or mutant; it is at most five times what the program itself used, and its own limit."""


class Execution:
    """One request.

    Args:
        request: `solution`, `tests`, `module`, `limits`, `trials` (`stub`, `mutants`), `lines` (tell which were
            reached); or the `kind` of a job in `benchmark_jobs.py`.
        worker: what the worker holds for all requests, see `worker.py`.
    """

    def __init__(self, request: dict, worker):
        self.request, self.worker = request, worker
        self.limits = {**worker.settings["limits"], **request.get("limits", {})}

    def answer(self) -> dict:
        """Facts about the program, and under `trials` about its variants."""
        if self.request.get("kind"):
            self.worker.board.compiled = True
            job = benchmark_jobs.JOBS[self.request["kind"]]
            score = lambda counters, told: job(self.request, counters, told)  # noqa: E731
            return self._run(harness.Prepared(score=score))
        solution, tests = self.request["solution"], self.request["tests"]
        tell = bool(self.request.get("lines"))
        try:
            code, lines = (
                trials.tell_lines(solution) if tell else (checks.compile_quietly(solution, "solution.py"), set())
            )
            tests_code, outline = trials.as_deep_as_text(tests, "tests.py", lambda: self._compiled_tests(tests))
        except trials.UNCOMPILABLE as error:
            self.worker.board.compiled = True
            return nothing_ran({"state": "raised", "phase": "compile", **claims.describe(error)})
        self.worker.board.compiled = True
        seen = variants.SEEN if lines else ""
        whole = harness.Prepared(
            code, tests_code, outline, solution, tests, self.request.get("module", "__main__"), seen
        )
        facts = self._run(whole)
        if lines:
            said = (facts["report"] or {}).get("seen")
            facts["coverage"] = round(len(lines & set(said if isinstance(said, list) else [])) / len(lines), 4)
        wanted = self.request.get("trials") or {}
        if wanted and held(facts):
            facts["trials"] = self._try(wanted, whole, facts["cpu_seconds"])
        return facts

    def _compiled_tests(self, text: str) -> tuple[types.CodeType, written.Outline]:
        tree = checks.parse(text, "tests.py")
        suspicious = bool(checks.SUSPICIOUS.search(self.request["solution"]))
        outline = written.outline(tree)
        code = checks.compile_tests(tree, self.worker.harness.counter, suspicious)
        outline.forget_bodies()
        return code, outline

    def _try(self, wanted: dict, whole: harness.Prepared, seconds: float) -> dict:
        """What the tests make of a stub and of mutants."""
        usual = self.limits
        self.limits = {**usual, "cpu_seconds": min(usual["cpu_seconds"], max(TRIAL_CPU_SECONDS, 5 * seconds))}
        found = trials.tried(
            wanted, self.request["solution"], lambda code: self._outcome(whole._replace(solution=code, terse=True))
        )
        self.limits = usual
        return found

    def _outcome(self, variant: harness.Prepared) -> bool | None:
        """Whether the tests pass with a variant; None if it raised before them."""
        facts = self._run(variant)
        return None if (facts["report"] or {}).get("phase") == "solution" else held(facts)

    def _run(self, prepared: harness.Prepared) -> dict:
        return WatchedProcess(self.worker, self.limits).run(prepared)


def held(facts: dict) -> bool:
    """Whether a program came to its end with at least one check, and all of them held."""
    counts = facts["counts"]
    faults = ("failed", "test_failures", "test_errors", "thread_errors", "blocked", "hollow")
    return (
        facts["proved"]
        and not facts["killed"]
        and not (facts["left_behind"] or facts["fork_failed"])
        and counts["run"] > 0
        and not any(counts[name] for name in faults)
    )


def nothing_ran(report: dict) -> dict:
    return {
        "fault": "", "killed": None, "forbidden": "", "exit": 1, "signal": None, "report": report, "claimed": True, "proved": False, "counts": {},
        "left_behind": False, "fork_failed": False, "output_bytes": 0, "stderr_tail": "", "cpu_seconds": 0.0, "peak_memory_mb": 0.0,
    }  # fmt: skip
