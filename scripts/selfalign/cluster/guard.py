"""The guard of a start: one run a folder, no lock left by a killed one, no two jobs that write the same file.

It wraps Snakemake's `Workflow.execute`, which is called for real runs alone (no lint, no report, no unlock) and before
the DAG is built and Snakemake's own lock is taken: what jobs of an earlier run finish while a start waits for them is
found on disk and not made again. The jobs' own Snakemake processes are not guarded, nor are dry runs.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake_interface_executor_plugins.settings import ExecMode

from selfalign.cluster import earlier, shim
from selfalign.cluster.folder_lock import FolderLock
from selfalign.cluster.records import unfinished_runs
from selfalign.cluster.site import load_site
from selfalign.errors import UserError
from selfalign.io import remove_temporaries

RESULTS = Path("results")
RUN_FOLDER = RESULTS / "run"
TAIL_SECONDS = 3.0
LOOKS = 3
"""Times `poll_seconds`: the longest pause between two looks at the queue."""


def guard(workflow: Any) -> None:
    """Makes a start of this workflow a guarded one; called while the Snakefile is read."""
    if workflow.workflow_settings.exec_mode != ExecMode.DEFAULT:
        return
    execute = workflow.execute

    def guarded(executor_plugin: Any, **arguments: Any) -> None:
        common = executor_plugin.common_settings
        if common.dryrun_exec or common.touch_exec:
            return execute(executor_plugin=executor_plugin, **arguments)
        try:
            with _guarded(workflow, slurm=executor_plugin.name == "slurm"):
                if executor_plugin.name == "slurm":
                    cap_pauses(executor_plugin.executor, LOOKS * load_site().poll_seconds)
                    cancel_all(executor_plugin.executor)
                return execute(executor_plugin=executor_plugin, **arguments)
        except UserError as error:
            raise WorkflowError(str(error)) from None

    workflow.execute = guarded


def cap_pauses(executor: type, seconds: float) -> None:
    """Has the executor look at the queue at least every so many seconds.

    The plugin adds 10 s to its pause at every look at which nothing ended, up to 180 s: on a chain of short jobs most of the
    time would go by between the end of one and the start of the next.
    """
    pause = executor.next_seconds_between_status_checks
    executor.next_seconds_between_status_checks = property(lambda self: min(pause.fget(self), seconds), pause.fset)


def cancel_all(executor: type) -> None:
    """Has the executor, when it is interrupted, cancel all jobs of its run.

    Snakemake empties its list of active jobs while it looks at the queue: what is interrupted in a look would cancel none.
    """
    cancel_jobs = executor.cancel_jobs

    def cancel(self: Any, active_jobs: list) -> None:
        cancel_jobs(self, active_jobs)
        done = subprocess.run(["scancel", f"--name={self.run_uuid}"], capture_output=True, text=True)
        if done.returncode:
            logger.warning(f"scancel: {done.stderr.strip()}; `squeue --name={self.run_uuid}` lists what still runs")

    executor.cancel_jobs = cancel


@contextlib.contextmanager
def _guarded(workflow: Any, slurm: bool) -> Iterator[None]:
    lock = FolderLock(RUN_FOLDER / "running.json", logger.warning)
    if workflow.execution_settings.lock:
        lock.acquire()
    settled = False
    try:
        records = (RUN_FOLDER / "slurm").absolute()
        choice = earlier.choice(load_site() if slurm else None)
        if lock.left_by:
            logger.warning(
                f"an earlier run in this folder (process {lock.left_by.get('pid')} on {lock.left_by.get('host')}, "
                f"since {lock.left_by.get('since')}) was killed"
            )
            earlier.settle_processes(lock.left_by.get("token", ""), choice, logger.warning)
        if slurm:
            earlier.settle_jobs(records, choice, logger.warning)
        if lock.left_by:
            # Its holder is dead and so are its jobs; a start that were alive would have been refused above.
            shutil.rmtree(Path(".snakemake") / "locks", ignore_errors=True)
        if workflow.execution_settings.lock:
            remove_temporaries(RESULTS)
        settled = True
        os.environ[earlier.TOKEN] = lock.token
        with fronted(records, load_site().account) if slurm else contextlib.nullcontext():
            yield
    finally:
        # A start that ends before it has dealt with what it found leaves that for the next one.
        lock.release(as_found=not settled)


@contextlib.contextmanager
def fronted(records: Path, account: str | None) -> Iterator[None]:
    """Puts our sbatch and squeue in front of SLURM's, and shows what they write into the cluster log. Jobs are paid for by
    `account`, if there is one."""
    records.mkdir(parents=True, exist_ok=True)
    os.environ[shim.FOLDER] = str(records)
    os.environ["SELFALIGN_SHIM_PYTHON"] = sys.executable
    if account:
        os.environ["SBATCH_ACCOUNT"] = account
    path = os.environ.get("PATH", "")
    os.environ["PATH"] = os.pathsep.join((str(shim.BIN), path))
    try:
        with _shown(records / "cluster.log", logger.warning):
            yield
    finally:
        os.environ["PATH"] = path
    for run in unfinished_runs(records):
        if earlier.listed([run.run]) == []:
            run.add("over")


@contextlib.contextmanager
def _shown(path: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Says every line that is added to a file meanwhile."""
    stop = threading.Event()
    position = path.stat().st_size if path.exists() else 0

    def show(position: int) -> int:
        with contextlib.suppress(OSError), open(path, encoding="utf-8") as log:
            log.seek(position)
            while (line := log.readline()).endswith("\n"):
                position = log.tell()
                say(f"slurm: {line.strip()}")
        return position

    def follow() -> None:
        nonlocal position
        while not stop.wait(TAIL_SECONDS):
            position = show(position)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        show(position)
