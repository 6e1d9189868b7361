"""Starts and ends of Snakemake itself: killed, interrupted, started twice, and a SLURM that does not answer."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from harness import ROOT, WORK, Run, Victims, daemons, slurm, until

SCRIPT = str(ROOT / "setup" / "slurm.sh")


def killed(name: str) -> Victims:
    """A run whose Snakemake was killed while its job ran."""
    victims = Victims(name, "slow")
    run = victims.start()
    victims.running("slow")
    run.signal(signal.SIGKILL).end()
    return victims


@pytest.mark.together
def test_a_start_after_sigkill_waits_for_the_old_jobs_and_takes_what_they_made():
    victims = killed("killed-wait")
    again = victims.start().says("waiting for them")
    victims.release()
    again.ok()
    assert "was killed" in again.text
    assert "not over" in again.text
    assert "the earlier run's jobs are over" in again.text
    assert len(victims.starts("slow")) == 1, "the same file was made twice"
    assert victims.outputs() == victims.unbroken()


@pytest.mark.together
def test_a_start_after_sigkill_cancels_the_old_jobs_if_told_to():
    victims = killed("killed-cancel")
    again = victims.start(env={"SELFALIGN_EARLIER_JOBS": "cancel"}).ok()
    assert "cancelling them" in again.text
    (_, first, _), (_, second, _) = victims.starts("slow")
    assert first != second
    assert "CANCELLED" in slurm("squeue", "--noheader", "--states=all", "--jobs", first, "--format=%T")
    assert victims.outputs() == victims.unbroken()


@pytest.mark.together
def test_a_second_start_in_the_folder_is_refused_and_the_first_ends_right():
    """And after that a killed start with the choice to refuse: told what to do, nothing submitted."""
    victims = Victims("twice", "slow")
    first = victims.start()
    victims.running("slow")
    second = victims.start().end()
    assert second.process.returncode == 1
    assert "already runs this workflow in this folder" in second.text and "Traceback" not in second.text
    dry = victims.start("--dry-run").end()
    assert dry.process.returncode == 0, "a dry run needs no lock"
    first.signal(signal.SIGKILL).end()
    refused = victims.start(env={"SELFALIGN_EARLIER_JOBS": "refuse"}).end()
    assert refused.process.returncode == 1
    assert "scancel --name=" in refused.text and "SELFALIGN_EARLIER_JOBS=wait" in refused.text
    last = victims.start().says("waiting for them")
    victims.release()
    last.ok()
    assert len(victims.starts("slow")) == 1
    assert victims.outputs() == victims.unbroken()


def interrupted(victims: Victims, run: Run) -> None:
    _, job, _ = victims.starts("slow")[0]
    run.signal(signal.SIGINT).end()
    assert run.process.returncode == 1
    until(
        lambda: "CANCELLED" in slurm("squeue", "--noheader", "--states=all", "--jobs", job, "--format=%T"),
        f"the end of {job}",
    )
    victims.start().ok()
    assert victims.outputs() == victims.unbroken()


@pytest.mark.together
def test_an_interrupt_cancels_the_jobs_and_a_rerun_ends_right():
    victims = Victims("interrupt", "slow")
    run = victims.start()
    victims.running("slow")
    interrupted(victims, run)


@pytest.mark.together
def test_an_interrupt_during_a_look_at_the_queue_cancels_the_jobs_too():
    """Snakemake has no list of its jobs in that moment."""
    victims = Victims("interrupt-look", "slow")
    commands, looks = victims.folder / "bin", victims.folder / "looks"
    commands.mkdir(parents=True)
    looks.touch()
    slow = f'#!/bin/sh\necho >> {looks}\nsleep 5\nexec {shutil.which("squeue")} "$@"\n'
    (commands / "squeue").write_text(slow)
    (commands / "squeue").chmod(0o755)
    run = victims.start(env={"PATH": f"{commands}:{os.environ['PATH']}"})
    victims.running("slow")
    seen = looks.read_text()
    until(lambda: looks.read_text() != seen, "another look at the queue")
    interrupted(victims, run)


@pytest.mark.together
def test_a_termination_lets_the_jobs_end_and_a_rerun_goes_on():
    victims = Victims("terminate", "slow")
    run = victims.start()
    victims.running("slow")
    run.signal(signal.SIGTERM).says("Will exit after finishing currently running jobs")
    victims.release()
    run.end()
    assert run.process.returncode == 1
    again = victims.start().ok()
    assert "waiting for them" not in again.text
    assert len(victims.starts("slow")) == 1, "the job that Snakemake waited for was run again"
    assert victims.outputs() == victims.unbroken()


@pytest.mark.local_cluster
def test_a_slurm_that_is_up_stays_as_it_is_when_it_is_started_again():
    wanted = sorted(["munged", "mariadbd", "slurmdbd", "slurmctld", *["slurmd"] * 5])
    # A daemon that starts a program is there twice for a moment.
    before = until(lambda: (found := daemons()) and sorted(found.values()) == wanted and found, "one of each daemon")
    subprocess.run([SCRIPT, "start"], check=True)
    until(lambda: daemons() == before, "the same daemons as before")


@pytest.mark.local_cluster
def test_a_controller_that_is_gone_for_a_minute_while_running_and_while_submitting():
    """And without accounting: its database stays away until the end."""
    running, submitting = Victims("outage-running", "slow"), Victims("outage-submitting", "quick")
    first = running.start()
    running.running("slow")
    for daemon in ("slurmdbd", "slurmctld"):
        subprocess.run([SCRIPT, "end-daemon", daemon], check=True)
    second = submitting.start()
    time.sleep(30)
    running.release()
    time.sleep(30)
    # Both have met what this test is about, however slow the machine.
    second.says("SLURM does not take rule_victim_wildcards_quick, trying again")
    first.says("Falling back to 'sacct'")
    subprocess.run([SCRIPT, "start-controller"], check=True)
    for run in (first, second):
        run.ok()
    subprocess.run([SCRIPT, "start"], check=True)
    for victims in (running, submitting):
        assert victims.outputs() == victims.unbroken()
    assert len(running.starts("slow")) == 1
    assert len(submitting.starts("quick")) == 1, "a submission was made twice"


@pytest.mark.local_cluster
def test_the_daemons_of_our_cluster_hold_no_file_of_who_started_them():
    """Such as a lock, which would be held as long as they live."""
    opened = set()
    for path in (path for daemon in daemons() for path in Path(f"/proc/{daemon}/fd").glob("*")):
        with contextlib.suppress(OSError):  # closed in this moment
            opened.add(os.readlink(path))
    assert len(opened) > 10 and str(WORK / "held") not in opened
