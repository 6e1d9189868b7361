"""What a run has submitted, on disk before SLURM has it: results/run/slurm/RUN.jsonl, one event a line.

Standard library only: :mod:`selfalign.cluster.shim` uses it from a bare interpreter.

Events: `start` (before the first submission), `submitting` (with the words to sbatch), `job` (SLURM's number), `state` (a state worth keeping),
`over` (none of the run's jobs is left).
"""

import json
import os
import time
from pathlib import Path

ENDED = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY", "NODE_FAIL", "BOOT_FAIL", "DEADLINE")


class Records:
    """The events of one run, by the name that its jobs have in SLURM."""

    def __init__(self, folder: Path, run: str):
        self.run, self.path = run, folder / f"{run}.jsonl"

    def add(self, event: str, **values) -> None:
        """Adds an event and has it on disk when it returns; one write, so that lines of two writers never mix."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"event": event, "time": round(time.time(), 1), **values}) + "\n"
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            os.write(descriptor, line.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def events(self) -> list[dict]:
        """All events; a torn last line is passed over."""
        try:
            lines = self.path.read_text().splitlines()
        except FileNotFoundError:
            return []
        found = []
        for line in lines:
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return found

    def is_over(self) -> bool:
        events = self.events()
        return bool(events) and events[-1]["event"] == "over"


def unfinished_runs(folder: Path) -> list[Records]:
    """Runs of this folder that may have jobs in the queue."""
    runs = [Records(folder, path.stem) for path in sorted(folder.glob("*.jsonl"))]
    return [run for run in runs if not run.is_over()]
