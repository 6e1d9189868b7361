"""`sbatch`, `squeue` and `sacct` as the SLURM plugin (2.8.0) sees them while Snakemake runs; for jobs nothing changes.

The plugin has states in which it waits for ever (docs/cluster.md lists them), and it neither writes down what it submits
nor tries a submission again. Each is mended here, outside its code, in the commands that it calls:

- sbatch: the run's name is on disk before SLURM has the job; a controller that does not answer is asked again.
- squeue: a job that SLURM no longer knows, that was preempted for good, or that SLURM will never start, has FAILED, so
  that Snakemake submits it anew. A controller that does not answer is asked again.
- sacct: asked for the states of the run's jobs, it answers as squeue does. The plugin goes over to it for a whole look
  when `scontrol` is slow once, and would ask a database that is away, or that the cluster never had, for ever.

Standard library only, and quick: the plugin calls it for every job and every look at the queue.
"""

import errno
import os
import re
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from selfalign.cluster.records import ENDED, Records

BIN = Path(__file__).resolve().parent / "bin"
FOLDER = "SELFALIGN_SLURM_RECORDS"
"""Environment variable: folder of the run records. Without it the commands are SLURM's own."""
PATIENCE = "SELFALIGN_SLURM_PATIENCE"
"""Environment variable: seconds for which a submission is tried again (default 1800)."""

UNREACHABLE = re.compile(
    r"unable to contact slurm controller|socket timed out|zero bytes were transmitted|connection refused|"
    r"connection timed out|temporarily unable to accept|slurm controller not responding|unexpected message received|"
    r"network is unreachable|no route to host|resource temporarily unavailable",
    re.IGNORECASE,
)
NEVER = re.compile(
    r"PartitionTimeLimit|PartitionNodeLimit|PartitionConfig|BadConstraints|DependencyNeverSatisfied|InvalidAccount|"
    r"InvalidQOS|AccountNotAllowed|QOSNotAllowed|JobHeldAdmin|launch.failed.requeued.held|PerJob|PerNode|QOSMin|"
    r"JobHoldMaxRequeue|MaxMemPerLimit|ReservationDeleted|PartitionMinNodes",
)
"""Reasons of a waiting job that no waiting cures."""
HELD = {"REQUEUE_HOLD": "job requeued in held state", "RESV_DEL_HOLD": "ReservationDeleted"}
"""Other names that newer SLURMs have for a job that waits, with the reason where they give none."""
COMMON = ("None", "Priority", "Resources", "BeginTime", "")
QUERY_SECONDS = 45.0
"""For how long a look at the queue is tried again; the plugin gives up on it after 60 s."""
NEWBORN_SECONDS = 10.0
TELLING = re.compile(r"^(slurmstepd|srun)\S*: error: | ERROR |^  (where|do): ")
"""Lines of a job's log that say why it failed: SLURM's and the workflow's own."""
GRACE_SECONDS = 30.0


def real(command: str) -> list[str]:
    """SLURM's own command: the first in PATH that is not ours."""
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        path = Path(folder or ".") / command
        if Path(folder).resolve() != BIN and os.access(path, os.X_OK) and path.is_file():
            return [str(path)]
    print(f"{command}: command not found", file=sys.stderr)
    raise SystemExit(127)


def own_environment() -> dict[str, str]:
    """The environment without this folder in PATH, for SLURM and so for the jobs."""
    folders = os.environ.get("PATH", "").split(os.pathsep)
    return {**os.environ, "PATH": os.pathsep.join(folder for folder in folders if Path(folder).resolve() != BIN)}


def call(arguments: list[str], text: str | None = None) -> subprocess.CompletedProcess:
    keep = {"input": text} if text is not None else {"stdin": subprocess.DEVNULL}
    return subprocess.run(arguments, capture_output=True, text=True, env=own_environment(), **keep)


def say(folder: Path, line: str) -> None:
    """A line into the cluster log beside the records; Snakemake's process shows it."""
    with open(folder / "cluster.log", "a", encoding="utf-8") as log:
        log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}\n")


def option(arguments: list[str], name: str) -> str:
    for number, argument in enumerate(arguments):
        if argument == name and number + 1 < len(arguments):
            return arguments[number + 1]
        if argument.startswith(name + "="):
            return argument.partition("=")[2]
    return ""


def sbatch(arguments: list[str], folder: Path) -> int:
    records = Records(folder, option(arguments, "--job-name"))
    comment = option(arguments, "--comment")
    text = sys.stdin.read() if arguments[-1:] == ["/dev/stdin"] else None
    asked = [word for word in arguments if not word.startswith("--wrap")]
    records.add("submitting", comment=comment, asked=asked)
    end, pause, tries = time.monotonic() + float(os.environ.get(PATIENCE, "1800")), 2.0, 0
    while True:
        tries += 1
        done = call([*real("sbatch"), *arguments], text)
        if done.returncode == 0:
            job = done.stdout.strip().split(";")[0].split()[-1:] or [""]
            know(records, job[0], comment)
            if tries > 1:
                say(folder, f"SLURM answers again: {comment} is submitted as job {job[0]}")
            break
        if not UNREACHABLE.search(done.stderr) or time.monotonic() > end:
            break
        if tries == 1:
            say(folder, f"SLURM does not take {comment}, trying again: {done.stderr.strip()}")
        # An answer that got lost: SLURM may have the job all the same, and is not asked for another before it has said.
        job = None
        while job is None and time.monotonic() < end:
            time.sleep(pause)
            pause = min(pause * 1.5, 30.0)
            job = adopted(records, comment)
        if job is None:
            break
        if job:
            know(records, job, comment)
            say(folder, f"{comment} had been submitted as job {job}, its number was lost on the way")
            print(job)
            return 0
    sys.stdout.write(done.stdout)
    sys.stderr.write(done.stderr)
    return done.returncode


def know(records: Records, job: str, comment: str) -> None:
    """Has SLURM's number of a job on disk; a job that nobody would know of is cancelled."""
    try:
        records.add("job", id=job, comment=comment)
    except OSError:
        call([*real("scancel"), job])
        raise


def adopted(records: Records, comment: str) -> str | None:
    """Number of a job of this run and comment, ended or not, that nobody has been told of; empty where there is none, None
    where SLURM does not answer."""
    told = {event["id"] for event in records.events() if event["event"] == "job"}
    listed = call([*real("squeue"), "--noheader", "--states=all", "--format=%i|%k", "--name", records.run])
    if listed.returncode:
        return None
    for line in listed.stdout.splitlines():
        job, _, text = line.strip().partition("|")
        if text == comment and job not in told:
            return job
    return ""


def squeue(arguments: list[str], folder: Path) -> int:
    run = option(arguments, "--name")
    if not run or "--states=all" not in arguments:
        os.execve(real("squeue")[0], ["squeue", *arguments], own_environment())
    end = time.monotonic() + QUERY_SECONDS
    records, failed = Records(folder, run), False
    while True:
        done = call([*real("squeue"), "--noheader", "--states=all", "--format=%i|%T|%r", "--name", run])
        if done.returncode == 0:
            break
        if not failed:
            say(folder, f"SLURM does not answer, trying again: {done.stderr.strip()}")
            failed = True
        if time.monotonic() > end:
            sys.stderr.write(done.stderr)
            return done.returncode
        time.sleep(2.0)
    if failed:
        say(folder, "SLURM answers again")
    rows = dict[str, tuple[str, str]]()
    for line in done.stdout.splitlines():
        job, state, reason = [*line.strip().split("|", 2), "", ""][:3]
        rows[job] = (state, reason)
    for job, state in told_states(rows, records, folder).items():
        print(f"{job}|{state}")
    return 0


def told_states(rows: dict[str, tuple[str, str]], records: Records, folder: Path) -> dict[str, str]:
    """The state of each job as the plugin shall see it, and a line in the log wherever that differs from SLURM's."""
    asked, submitted, known = {}, {}, {}
    for event in records.events():
        if event["event"] == "submitting":
            asked[event["comment"]] = event["asked"]
        elif event["event"] == "job":
            submitted[event["id"]] = event
        elif event["event"] == "state":
            known[event["id"]] = event
    now, told = time.time(), {}

    def note(job: str, state: str, reason: str = "") -> dict:
        """The record of a job's state and reason, made where they are new."""
        event = known.get(job)
        if not event or (event["state"], event["reason"]) != (state, reason):
            records.add("state", id=job, state=state, reason=reason)
            event = {"state": state, "reason": reason, "time": now, "new": True}
        return event

    for job, (state, reason) in rows.items():
        what = submitted.get(job, {}).get("comment", "")
        told[job] = state
        if state in ENDED:
            event = note(job, state)
            if event.get("new") and state != "COMPLETED":
                say(folder, f"job {job} ({what}) ended: {state}")
                for line in why(job, asked.get(what, [])):
                    say(folder, f"job {job}: {line.strip()}")
            # The plugin leaves a lost node to SLURM when it has asked for requeueing, for ever.
            told[job] = "FAILED" if state == "NODE_FAIL" else state
        elif state in ("PREEMPTED", "REVOKED", "SPECIAL_EXIT"):
            event = note(job, state)
            if event.get("new"):
                say(folder, f"job {job} ({what}): {state}")
            # A job that is queued again shows this state for a moment only.
            told[job] = "FAILED" if now - event["time"] > GRACE_SECONDS else "PENDING"
        elif state in HELD or (state == "PENDING" and reason.split(",")[0] not in COMMON):
            told[job] = "PENDING"
            reason = HELD.get(state, "") if reason in COMMON else reason
            event = note(job, state, reason)
            if event.get("new"):
                say(folder, f"job {job} ({what}) waits: {reason}")
            if NEVER.search(reason) and now - event["time"] > GRACE_SECONDS:
                say(folder, f"job {job} ({what}) would wait for ever ({reason}): cancelled")
                call([*real("scancel"), job])
                told[job] = "FAILED"
        elif job in known:
            if known[job]["state"] == "PREEMPTED" or known[job]["reason"]:
                say(folder, f"job {job} ({what}): {state}")
            if known[job]["state"] != state or known[job]["reason"]:
                note(job, state)
    for job, event in submitted.items():
        if job and job not in rows and now - event["time"] > NEWBORN_SECONDS:
            last = known.get(job, {}).get("state", "")
            if last not in ENDED:
                last = accounted(job) or "FAILED"
                records.add("state", id=job, state=last, reason="gone")
                say(folder, f"job {job} ({event['comment']}) is gone from the queue, taken for {last}")
            told[job] = "FAILED" if last == "NODE_FAIL" else last
    return told


def why(job: str, asked: list[str]) -> list[str]:
    """The telling lines of a failed job's log, which may not have come over the network yet: the first ten."""
    try:
        lines = Path(option(asked, "--output").replace("%j", job)).read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
    return [line for line in lines if TELLING.search(line)][:10]


def accounted(job: str) -> str:
    """The state that a job ended in, by the accounting; empty where there is none."""
    try:
        done = call([*real("sacct"), "-X", "--noheader", "--parsable2", "--format=State", "--jobs", job])
    except SystemExit:
        return ""
    state = done.stdout.split("\n")[0].strip().split(" ")[0]
    return state if state in ENDED else ""


def sacct(arguments: list[str], folder: Path) -> int:
    run = option(arguments, "--name")
    if not run or option(arguments, "--format") != "JobIdRaw,State":
        os.execve(real("sacct")[0], ["sacct", *arguments], own_environment())
    return squeue(["--states=all", "--name", run], folder)


def main(command: str, arguments: list[str]) -> int:
    folder = os.environ.get(FOLDER)
    if not folder:
        os.execve(real(command)[0], [command, *arguments], own_environment())
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        return {"sbatch": sbatch, "squeue": squeue, "sacct": sacct}[command](arguments, Path(folder))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        print(f"no space left in {folder} ({error.strerror})\n  do:    free space, then start again", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
