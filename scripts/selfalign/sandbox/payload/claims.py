"""What a program's process says of itself, and how it is read: one line of JSON, which proves nothing."""

import json
import sys
import traceback
import types

DESCRIPTOR = 3
"""Of a program's process, and of those that it forks: a socket whose other end is the worker's."""
FORK_FAILED = b"!\n"
"""What a forked process writes there if a check failed in it."""
MAX_MESSAGE = 500


def split(data: bytes) -> tuple[bytes, bool]:
    """What was written there but for what forked processes said, and whether one of them did."""
    lines = data.splitlines(keepends=True)
    rest = [line for line in lines if line != FORK_FAILED]
    return b"".join(rest), len(rest) < len(lines)


def read(data: bytes) -> dict:
    """What was claimed: one line, which the harness writes; anything else there is the program's."""
    try:
        (line,) = split(data)[0].splitlines()
        claim = json.loads(line)
        return claim if isinstance(claim, dict) and isinstance(claim.get("state"), str) else {}
    except (ValueError, RecursionError):
        return {}


def describe(error: BaseException) -> dict:
    """An exception as fields of a claim; its traceback goes to standard error."""
    try:
        message = str(error)
    except BaseException:
        message = "(its text cannot be had)"
    try:
        traceback.print_exception(type(error), error, _program_frames(error.__traceback__), limit=-20)
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        pass
    return {
        "type": type(error).__name__,
        "bases": [base.__name__ for base in type(error).__mro__][:8],
        "errno": error.errno if isinstance(error, OSError) else None,
        "line": _line(error),
        "message": message[:MAX_MESSAGE],
    }


def _program_frames(trace: types.TracebackType | None) -> types.TracebackType | None:
    """The traceback without the harness's own frames."""
    while trace is not None and trace.tb_frame.f_code.co_filename not in ("solution.py", "tests.py"):
        trace = trace.tb_next
    return trace


def _line(error: BaseException) -> str:
    """Where in the program's two texts the error was raised, as `tests.py:3`, or an empty string."""
    place = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        name = frame.f_code.co_filename
        if name in ("solution.py", "tests.py"):
            place = f"{name}:{line}"
    return place
