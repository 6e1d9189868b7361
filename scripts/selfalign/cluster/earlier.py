"""What an earlier run of this folder left running: SLURM jobs, and processes of a killed Snakemake on this machine."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from selfalign.cluster.records import unfinished_runs
from selfalign.cluster.site import EARLIER_JOBS, Site
from selfalign.errors import InfrastructureError, UserError

TOKEN = "SELFALIGN_RUN"
"""Environment variable of every process of a run: which start it belongs to."""
CHOICE = "SELFALIGN_EARLIER_JOBS"
LOOK_SECONDS = 5.0
SAY_SECONDS = 60.0
ANSWER_SECONDS = 600.0
"""For how long a start waits for a SLURM that does not answer."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Job:
    id: str
    state: str
    user: str
    comment: str


def choice(site: Site | None) -> str:
    """What shall become of earlier jobs: the environment's word, else the site's, else to wait."""
    word = os.environ.get(CHOICE) or (site.earlier_jobs if site else "wait")
    if word not in EARLIER_JOBS:
        raise UserError(f"{CHOICE} is {word!r}", where="environment", fix=f"give one of {', '.join(EARLIER_JOBS)}")
    return word


def listed(runs: list[str]) -> list[Job] | None:
    """The jobs of runs that SLURM has yet to end, None if it does not answer."""
    try:
        done = subprocess.run(
            ["squeue", "--noheader", "--format=%i|%T|%u|%k", "--name", ",".join(runs)],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return None
    except FileNotFoundError:
        raise UserError(
            "there is no squeue on this machine",
            where="PATH",
            fix="start on a login node of the cluster, or load the module that holds SLURM's commands",
        ) from None
    if done.returncode:
        return None
    return [Job(*(line.strip().split("|", 3) + [""] * 4)[:4]) for line in done.stdout.splitlines() if line.strip()]


def settle_jobs(records: Path, choice: str, say: Say) -> None:
    """Waits for the jobs of earlier runs or cancels them, as chosen; returns when there is none.

    Raises:
        UserError: there are some and the choice is to refuse, or they can't be cancelled.
    """
    runs = unfinished_runs(records)
    if not runs:
        return
    names = [run.run for run in runs]
    jobs = _answer(names, say)
    if jobs:
        _settle(names, jobs, choice, say)
    for run in runs:
        run.add("over")


def _answer(names: list[str], say: Say) -> list[Job]:
    end = time.monotonic() + ANSWER_SECONDS
    while (jobs := listed(names)) is None:
        if time.monotonic() > end:
            raise InfrastructureError(
                "SLURM does not answer, and jobs of an earlier run may still run",
                where="squeue",
                fix="start again when `squeue` works",
            )
        say("SLURM does not answer, trying again")
        time.sleep(LOOK_SECONDS)
    return jobs


def _settle(names: list[str], jobs: list[Job], choice: str, say: Say) -> None:
    text = ", ".join(f"{job.id} ({job.comment}, {job.state.lower()})" for job in jobs[:5])
    text = f"{len(jobs)} SLURM job(s) of an earlier run in this folder are not over: {text}{' ...' if jobs[5:] else ''}"
    if choice == "refuse":
        raise UserError(
            text,
            where="results/run/slurm",
            fix=f"wait for them, cancel them (scancel --name={','.join(names)}), or start with {CHOICE}=wait or =cancel",
        )
    if choice == "cancel":
        say(f"{text}: cancelling them")
        done = subprocess.run(["scancel", *(job.id for job in jobs)], capture_output=True, text=True)
        if done.returncode:
            raise UserError(
                f"{text}, and they can't be cancelled: {done.stderr.strip()}",
                where="scancel",
                fix=f"have {', '.join(sorted({job.user for job in jobs}))} cancel them, or start with {CHOICE}=wait",
            )
    else:
        say(f"{text}: waiting for them. To cancel them instead: stop this start (Ctrl-C), start with {CHOICE}=cancel")
    said = time.monotonic()
    while jobs := _answer(names, say):
        if time.monotonic() - said > SAY_SECONDS:
            said = time.monotonic()
            say(f"still waiting for {len(jobs)} job(s) of the earlier run: {', '.join(job.id for job in jobs[:10])}")
        time.sleep(LOOK_SECONDS)
    say("the earlier run's jobs are over")


def processes(token: str) -> list[int]:
    """Processes of a run on this machine that are no SLURM jobs: steps of the login node that outlived Snakemake."""
    found, mark = [], f"{TOKEN}={token}".encode()
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            environment = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if mark in environment and not any(entry.startswith(b"SLURM_JOB_ID=") for entry in environment):
            found.append(int(folder.name))
    return found


def settle_processes(token: str, choice: str, say: Say) -> None:
    """The same for processes of a killed Snakemake that go on without it."""
    if not token or not (left := processes(token)):
        return
    text = f"{len(left)} process(es) of the killed run still work: {', '.join(map(str, left[:10]))}"
    if choice == "refuse":
        raise UserError(text, where="this machine", fix=f"wait, end them, or start with {CHOICE}=wait or =cancel")
    say(f"{text}: {'ending' if choice == 'cancel' else 'waiting for'} them")
    while left := processes(token):
        if choice == "cancel":
            for pid in left:
                try:
                    os.kill(pid, signal.SIGTERM)
                except ProcessLookupError:
                    continue
        time.sleep(1.0)
