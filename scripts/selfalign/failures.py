"""What is printed when a run fails: the end of the log of each failed job, and the command to see more."""

import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path

LINES = 20
FAILED = re.compile(r"^Error in (?:group job|rule) (?P<rule>[\w.-]+)")
LOG = re.compile(r"^\s+log: (?P<logs>.+?)(?: \(check log file\(s\) for error details\))?$")


def failed_logs(run_log: str) -> dict[str, str]:
    """Rule by log file of the jobs that failed, from the text of Snakemake's own log; retried jobs are there once."""
    found: dict[str, str] = {}
    rule = None
    for line in run_log.splitlines():
        if match := FAILED.match(line.strip()):
            rule = match["rule"]
        elif rule and (match := LOG.match(line)):
            found |= dict.fromkeys(match["logs"].split(", "), rule)
            rule = None
    return found


def report(run_logs: str | list[str]) -> Iterator[str]:
    """Lines to print after a failed run.

    Args:
        run_logs: Snakemake's own logs of this start, as its `onerror` names them.
    """
    paths = [Path(path) for path in ([run_logs] if isinstance(run_logs, str) else run_logs)]
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in paths if path.is_file()]
    for log, rule in failed_logs("\n".join(texts)).items():
        yield ""
        yield f"{rule} failed. Its log ends:"
        yield from (f"  {line}" for line in tail(Path(log)))
        yield f"The whole log: less {log}"


def tail(log: Path) -> list[str]:
    try:
        with open(log, encoding="utf-8", errors="replace") as stream:
            return [line.rstrip("\n") for line in deque(stream, LINES)] or [
                "(empty: the job was killed before it began)"
            ]
    except OSError:
        return ["(no log: the job did not start)"]
