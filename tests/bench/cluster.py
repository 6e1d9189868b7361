"""What a job costs on a cluster: cluster.py [JOBS] runs so many small jobs, each on its own and then in groups of four.

Prints a table of seconds and CPU seconds. A cluster has to be up: `setup/slurm.sh start` as root, or SELFALIGN_SITE.
"""

import resource
import shutil
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests" / "cluster")]

from harness import WORK, Victims, slurm  # noqa: E402


def cpu_of_jobs(names: list[str]) -> float:
    """CPU seconds of the jobs of runs, by the accounting; 0 where there is none."""
    seconds = 0.0
    # Not -X: with it, the sum over a job's steps is left out.
    for line in slurm(
        "sacct", "--noheader", "--parsable2", "--format=JobID,TotalCPU", "--name", ",".join(names)
    ).split():
        job, total = line.split("|")
        if "." in job:
            continue
        days, _, clock = total.rpartition("-")
        parts = [float(part) for part in clock.split(":")]
        seconds += sum(part * 60**power for power, part in enumerate(reversed(parts))) + 86400 * float(days or 0)
    return seconds


def measure(name: str, jobs: int, *arguments: str) -> None:
    shutil.rmtree(WORK / name, ignore_errors=True)
    victims = Victims(name, *(f"job{number}" for number in range(jobs)))
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    victims.start(*arguments).ok(1800)
    wall, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    own = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    names = [path.stem for path in (victims.folder / "results/run/slurm").glob("*.jsonl")]
    print(
        f"{name:20} {jobs:5} jobs {wall:7.0f} s {60 * jobs / wall:6.1f} jobs a minute; CPU seconds a job: "
        f"{cpu_of_jobs(names) / jobs:5.1f} on nodes, {own / jobs:5.1f} on the login node"
    )


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    measure("bench.single", count)
    measure("bench.grouped", count, "--groups", "victim=four", "--group-components", "four=4")
