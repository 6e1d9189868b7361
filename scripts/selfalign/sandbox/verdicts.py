"""The fixed list of verdicts, and how facts about an execution become one."""

import re
from dataclasses import dataclass

from selfalign.errors import InfrastructureError

VERDICTS = {
    "passed": "the tests ran to their end, at least one check ran, and every check held",
    "assertion_failed": "a check failed, also when the program swallowed the failure",
    "error": "an exception, or a signal such as a segmentation fault",
    "syntax_error": "solution or tests do not compile",
    "timeout": "the limit of CPU seconds, or of wall-clock seconds",
    "memory": "the limit of memory",
    "output_limit": "the limit of output",
    "process_limit": "the limit of processes and threads",
    "no_checks": "the tests check nothing, or no check was executed",
    "vacuous": "the tests refer to nothing that the solution defines",
    "redefines_solution": "the tests define anew what they are to test",
    "early_exit": "the program ended before its tests did",
}
"""The machine's own failures have no verdict: they raise :class:`selfalign.errors.InfrastructureError`."""

SIGNAL_KILL, SIGNAL_XCPU = 9, 24
TAIL_CHARACTERS = 2048
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Result:
    """What became of one program.

    Attributes:
        verdict: a key of :data:`VERDICTS`.
        reason: detail for a reader, one line.
        checks_run, checks_passed: checks of the tests that were executed, and that held.
        cpu_seconds, peak_memory_mb: measured, so not the same from run to run; nothing may select by them.
        stderr_tail: end of standard error, printable.
        executed: False when the verdict was clear without running the program.
    """

    verdict: str
    reason: str = ""
    checks_run: int = 0
    checks_passed: int = 0
    cpu_seconds: float = 0.0
    peak_memory_mb: float = 0.0
    stderr_tail: str = ""
    executed: bool = False

    @property
    def passed(self) -> bool:
        return self.verdict == "passed"


def printable(text: str, limit: int = TAIL_CHARACTERS) -> str:
    """Text without terminal escapes and control characters, its last `limit` bytes of UTF-8 at most."""
    text = _CONTROL.sub("", _ESCAPES.sub("", text))
    return text.encode("utf-8", "replace")[-limit:].decode("utf-8", "ignore")


def judge(facts: dict, limits: dict) -> Result:
    """The verdict on an execution.

    Args:
        facts: what a worker reported, see `payload/worker.py`.
        limits: the limits that it ran under.

    Raises:
        InfrastructureError: the machine, not the program, ended it.
    """
    report = facts["report"] or {}
    verdict, reason = _verdict(facts, report, limits)
    run = int(report.get("checks_run", 0))
    return Result(
        verdict=verdict,
        reason=printable(" ".join(reason.split()), 400),
        checks_run=run,
        checks_passed=max(0, run - int(report.get("checks_failed", 0))),
        cpu_seconds=facts["cpu_seconds"],
        peak_memory_mb=facts["peak_memory_mb"],
        stderr_tail=printable(facts["stderr_tail"]),
        executed=True,
    )


def _verdict(facts: dict, report: dict, limits: dict) -> tuple[str, str]:
    stopped = {
        "cpu": ("timeout", f"used more than {limits['cpu_seconds']} CPU seconds"),
        "wall": ("timeout", f"ran for more than {limits['wall_seconds']} seconds of wall-clock time"),
        "output": ("output_limit", f"wrote more than {limits['output_kb']} kB"),
        "memory": ("memory", f"its processes used more than {limits['memory_mb']} MB"),
    }
    if facts["killed"]:
        return stopped[facts["killed"]]
    if report.get("state") == "setup":
        raise InfrastructureError(f"the walls around a program could not be put up: {report['message']}")
    if facts["signal"] is not None:
        return _signal(facts, stopped)
    match report.get("state"):
        case "raised":
            return _raised(report)
        case "exit":
            return "early_exit", f"SystemExit({report['message']}) in the {report['phase']}"
        case "end":
            return _ended(report)
    return "early_exit", f"the process ended with status {facts['exit']} before the tests did"


def _signal(facts: dict, stopped: dict) -> tuple[str, str]:
    number = facts["signal"]
    if number == SIGNAL_XCPU:
        return stopped["cpu"]
    if number == SIGNAL_KILL:
        raise InfrastructureError("a program was killed from outside its limits: is this machine out of memory?")
    return "error", f"ended by signal {number}"


def _raised(report: dict) -> tuple[str, str]:
    place = f" at {report['line']}" if report.get("line") else ""
    reason = f"{report['type']}: {report['message']}{place}"
    bases = report["bases"]
    if report["phase"] == "compile":
        return ("syntax_error" if "SyntaxError" in bases or "ValueError" in bases else "error"), reason
    if "MemoryError" in bases:
        return "memory", reason
    if report.get("errno") == 11 or "can't start new thread" in report["message"]:
        return "process_limit", reason
    if "AssertionError" in bases and report["phase"] == "tests":
        return "assertion_failed", reason
    return "error", reason


def _ended(report: dict) -> tuple[str, str]:
    if report["checks_failed"]:
        return "assertion_failed", f"{report['checks_failed']} of {report['checks_run']} checks failed"
    if report["test_failures"]:
        return "assertion_failed", f"{report['test_failures']} unittest tests failed"
    if report["test_errors"]:
        return "error", f"{report['test_errors']} unittest tests raised an error"
    if report["thread_errors"]:
        return "error", f"in a thread: {report['thread_errors'][0]}"
    if not report["checks_run"]:
        return "no_checks", "no check was executed"
    return "passed", ""
