"""What planning costs as the number of shards grows: `python tests/bench/dag.py [SHARDS ...]` prints the table of docs/scale.md.

No job is run: a finished study is made by Snakemake's own `--touch`, with empty outputs and the metadata of real ones.
Python's compiled modules are kept from the first start on, as in any installation.
"""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

from study import FAKE_STUDY, Study, job_counts

SHARDS = (10, 100, 1000)

# Snakemake, whose touching of outputs makes them first and doesn't wait a tenth of a second for each job.
TOUCH = """
import sys
from pathlib import Path
from snakemake.cli import main
from snakemake.executors.touch import Executor

run_job = Executor.run_job

def made_and_touched(self, job):
    for path in map(Path, job.output):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    run_job(self, job)

Executor.run_job, Executor.SLEEPING_TIME = made_and_touched, 0
main(sys.argv[1:])
"""


@dataclass
class Cost:
    """Of a command: wall and CPU seconds, peak memory of its process in MiB, and what it printed."""

    seconds: float
    cpu: float
    memory: float
    text: str


def measured(command: list[str], folder: Path) -> Cost:
    """Runs a command to its end, which must be a good one."""
    output = folder / "output.txt"
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    env["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")
    started = time.monotonic()
    with open(output, "wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream, cwd=folder, env=env)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds, text = time.monotonic() - started, output.read_text(errors="replace")
    if process.returncode:
        sys.exit(text[-4000:])
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, text)


def costs(shards: int) -> dict[str, tuple[int, Cost]]:
    """(jobs, cost) of each kind of start, with that number of shards."""
    with tempfile.TemporaryDirectory(prefix="dag-") as scratch:
        folder = Path(scratch)
        study = Study(folder, FAKE_STUDY).set("seeds.shards", shards)
        (folder / "resources" / "benchmarks").mkdir()
        measured(study.command("--dry-run"), folder)  # compiles
        found = {"first dry run": measured(study.command("--dry-run"), folder)}
        python, _, _, *arguments = study.command("--touch", "--quiet", "all")
        measured([python, "-c", TOUCH, *arguments], folder)
        found["dry run, nothing to do"] = measured(study.command("--dry-run"), folder)
        found["run, nothing to do"] = measured(study.command(), folder)
        study.set("generators.gen.responses.temperature", 0.5)
        found["dry run, another temperature of responses"] = measured(study.command("--dry-run"), folder)
        return {name: (sum(job_counts(cost.text).values()), cost) for name, cost in found.items()}


def main(sizes: list[int]) -> None:
    print("| shards | start | jobs | seconds | of them CPU | MiB |\n|--:|---|--:|--:|--:|--:|")
    for shards in sizes:
        for name, (jobs, cost) in costs(shards).items():
            print(
                f"| {shards:,} | {name} | {jobs:,} | {cost.seconds:.1f} | {cost.cpu:.1f} | {cost.memory:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or list(SHARDS))
