"""The payload of the fault tests: victim.py FAULT BROKEN OUTPUT... writes its outputs, after the fault if BROKEN is 1.

Each start adds a line to events/FAULT, so that a fault strikes once, whoever starts the job again.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

SKEW_SECONDS = 300
OUT_OF_MEMORY_BYTES = 500 << 20


def write(path: str, fault: str) -> None:
    Path(path).write_text("".join(f"{fault} {Path(path).name} line {number}\n" for number in range(200)))


PATIENCE_S = 1200
"""For how long a victim waits; its job may run for longer."""


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Returns when a test, or a successor, has brought that about."""
    for _ in range(PATIENCE_S):
        if condition():
            return
        time.sleep(1)
    sys.exit(f"in vain: {what}")


def main(fault: str, broken: bool, outputs: list[str]) -> None:
    events = Path("events") / fault
    events.parent.mkdir(exist_ok=True)
    starts = len(events.read_text().splitlines()) if events.exists() else 0
    with open(events, "a") as stream:
        stream.write(f"{os.environ.get('SLURMD_NODENAME')} {os.environ.get('SLURM_JOB_ID')} {os.getpid()}\n")
    strike = broken and not starts
    if strike and fault == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if strike and fault in ("cancelled", "preempted", "spot", "node"):
        wait_for(lambda: False, f"{fault}: nobody struck")
    if broken and fault == "memory":
        # Every page is touched; the first try does not have so much.
        _ = b"x" * OUT_OF_MEMORY_BYTES
    if broken and fault == "drained":
        time.sleep(15)
    if strike and fault == "orphan":
        # Its node is taken for dead, and the job starts again elsewhere while this process goes on.
        wait_for(Path("events/seen").exists, "nobody looked at this process beside its successor")
    if strike and fault == "slow":
        wait_for(Path("events/release").exists, "nobody let this go on")
    if strike and fault == "half":
        write(outputs[0], fault)
        sys.exit(0)
    for path in outputs:
        write(path, fault)
        if broken and fault.startswith("skew"):
            shift = SKEW_SECONDS if fault.endswith("ahead") else -SKEW_SECONDS
            os.utime(path, (time.time() + shift, time.time() + shift))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] == "1", sys.argv[3:])
