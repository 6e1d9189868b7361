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
    "no_checks": "the tests check nothing, no check was executed, or some tests could not be run",
    "vacuous": "the tests prove nothing: they name nothing of the solution, or pass with a stub of it",
    "redefines_solution": "the tests define anew what they are to test",
    "early_exit": "the program ended before its tests did",
    "flaky": "a second run, with another hash seed, clock, time zone and locale, ended otherwise",
    "forbidden": "it tried what no program is asked for; the reason says what",
    "infrastructure": "the machine's fault; never written to a row: it is tried again, then the shard stops",
}
"""Every word that a verdict can be, in the order in which reports list them."""

SIGNAL_KILL, SIGNAL_XCPU, SIGNAL_SYS = 9, 24, 31
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
        stub_passed: whether the tests pass with functions that return None; None if that was not tried.
        mutants, mutants_killed: solutions with one small fault each, and how many of them the tests noticed.
        coverage: share of the lines in the solution's functions that the tests reach; None if that was not measured.
    """

    verdict: str
    reason: str = ""
    checks_run: int = 0
    checks_passed: int = 0
    cpu_seconds: float = 0.0
    peak_memory_mb: float = 0.0
    stderr_tail: str = ""
    executed: bool = False
    stub_passed: bool | None = None
    mutants: int = 0
    mutants_killed: int = 0
    coverage: float | None = None

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
        InfrastructureError: the machine is at fault.
    """
    verdict, reason = _verdict(facts, facts["report"] or {}, limits)
    counts, trials = facts["counts"], facts.get("trials", {})
    run = counts.get("run", 0)
    return Result(
        verdict=verdict,
        reason=printable(" ".join(reason.split()), 400),
        checks_run=run,
        checks_passed=max(0, run - counts.get("failed", 0)),
        cpu_seconds=facts["cpu_seconds"],
        peak_memory_mb=facts["peak_memory_mb"],
        stderr_tail=printable(facts["stderr_tail"]),
        executed=True,
        stub_passed=trials.get("stub"),
        mutants=trials.get("mutants", 0),
        mutants_killed=trials.get("mutants_killed", 0),
        coverage=facts.get("coverage"),
    )


def _verdict(facts: dict, report: dict, limits: dict) -> tuple[str, str]:
    stopped = {
        "cpu": ("timeout", f"used more than {limits['cpu_seconds']} CPU seconds"),
        "wall": ("timeout", f"ran for more than {limits['wall_seconds']} seconds of wall-clock time"),
        "output": ("output_limit", f"wrote more than {limits['output_kb']} kB"),
        "memory": ("memory", f"its processes used more than {limits['memory_mb']} MB"),
        "forbidden": ("forbidden", facts["forbidden"]),
    }
    if facts["killed"]:
        return stopped[facts["killed"]]
    if facts["fault"]:
        raise InfrastructureError(facts["fault"])
    if facts["proved"]:
        return _ended(facts, report)
    if facts["signal"] is not None and not facts["claimed"]:
        return _signal(facts, stopped)
    if report.get("blocked"):
        return "forbidden", _text(report["blocked"], 0)
    match report.get("state"):
        case "raised":
            return _raised(report, facts)
        case "exit":
            return "early_exit", f"SystemExit({report.get('message')}) in the {report.get('phase')}"
    return "early_exit", f"the process ended with status {facts['exit']} before the tests did"


def _text(items: object, index: int) -> str:
    """An item of a list that a program may have claimed to be anything."""
    try:
        return str(items[index])
    except (LookupError, TypeError):
        return "(not said)"


def _signal(facts: dict, stopped: dict) -> tuple[str, str]:
    number = facts["signal"]
    if number == SIGNAL_XCPU:
        return stopped["cpu"]
    if number == SIGNAL_SYS:
        return "forbidden", "a system call that no program is asked for"
    if number == SIGNAL_KILL:
        return "early_exit", "it killed itself"
    return "error", f"ended by signal {number}"


def _raised(report: dict, facts: dict) -> tuple[str, str]:
    """From what a program says of its own failure. Whatever it says, it is none that a pass could be made of."""
    kind, message = str(report.get("type")), str(report.get("message"))
    place = f" at {report['line']}" if report.get("line") else ""
    reason = f"{kind}: {message}{place}"
    bases = report["bases"] if isinstance(report.get("bases"), list) else []
    if report.get("phase") == "compile":
        return ("syntax_error" if "SyntaxError" in bases or "ValueError" in bases else "error"), reason
    if kind == "Blocked":
        return "forbidden", message
    if kind == "NotRun":
        found = _ended(facts, report)
        return ("no_checks", message) if found[0] in ("passed", "no_checks") else found
    if "MemoryError" in bases:
        return "memory", reason
    if report.get("errno") == 11 or "can't start new thread" in message:
        return "process_limit", reason
    if {"AssertionError", "Failed"} & set(bases) and report.get("phase") == "tests":
        return "assertion_failed", reason
    return "error", reason


def _ended(facts: dict, report: dict) -> tuple[str, str]:
    """From the counters in the memory of a program whose harness came to its end."""
    counts = facts["counts"]
    if counts["blocked"]:
        return "forbidden", _text(report.get("blocked"), 0)
    if facts["left_behind"]:
        return "forbidden", "left a process behind"
    if counts["failed"]:
        return "assertion_failed", f"{counts['failed']} of {counts['run']} checks failed"
    if facts["fork_failed"]:
        return "assertion_failed", "a check failed in a process that the program forked"
    if counts["test_failures"]:
        return "assertion_failed", f"{counts['test_failures']} unittest tests failed"
    if counts["test_errors"]:
        return "error", f"{counts['test_errors']} unittest tests raised an error"
    if counts["thread_errors"]:
        return "error", f"in a thread: {_text(report.get('thread_errors'), 0)}"
    if not counts["run"]:
        return "no_checks", "no check was executed"
    if counts["hollow"]:
        return "vacuous", "a check compared with an object that is equal to everything"
    return "passed", ""
