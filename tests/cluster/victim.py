"""The payload of the fault tests: victim.py FAULT BROKEN OUTPUT... writes its outputs, after the fault if BROKEN is 1.

Each start adds a line to events/FAULT, so that a fault strikes once, whoever starts the job again.
"""

import os
import signal
import sys
import time
from pathlib import Path

SKEW_SECONDS = 300
OUT_OF_MEMORY_BYTES = 500 << 20


def write(path: str, fault: str) -> None:
    Path(path).write_text("".join(f"{fault} {Path(path).name} line {number}\n" for number in range(200)))


def wait_for(path: Path, seconds: float = 300) -> None:
    """Returns when a test has made the file."""
    for _ in range(int(seconds)):
        if path.exists():
            return
        time.sleep(1)
    sys.exit(f"nobody made {path}")


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
        time.sleep(240)
        sys.exit(f"{fault}: nobody struck")
    if broken and fault == "memory":
        # Every page is touched; the first try does not have so much.
        _ = b"x" * OUT_OF_MEMORY_BYTES
    if broken and fault == "drained":
        time.sleep(15)
    if strike and fault == "orphan":
        # Its node is taken for dead, and the job starts again elsewhere while this process goes on.
        for _ in range(240):
            if len(events.read_text().splitlines()) > 1:
                break
            time.sleep(1)
        time.sleep(10)  # it is still there when the test looks, on a busy machine too
    if strike and fault == "slow":
        wait_for(Path("events/release"))
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
