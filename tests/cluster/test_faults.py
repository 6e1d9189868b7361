"""Every fault of a cluster: the run ends with the bytes of an unbroken one, and the log says what happened."""

import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from harness import ROOT, Run, Victims, slurm, until

SCRIPT = str(ROOT / "setup" / "slurm.sh")


RUNS: list[Run] = []


@pytest.fixture(scope="module")
def run() -> Run:
    return RUNS.pop()


@pytest.mark.local_cluster
@pytest.mark.together
def test_one_run_with_every_fault_ends():
    RUNS.append(TestOneRunThroughManyFaults.run_all())


def starts_again(victims: Victims, fault: str, *changes: str) -> None:
    """Waits for a victim's second start. SLURM lets a job that was queued again rest for two minutes; a test need not."""
    _, job, _ = victims.starts(fault)[0]

    def again() -> bool:
        # Refused while the job is not queued yet, or has started in this moment.
        subprocess.run(["scontrol", "update", f"JobId={job}", *changes, "StartTime=now"], capture_output=True)
        time.sleep(1)
        return len(victims.starts(fault)) > 1

    until(again, f"the second start of {fault}")


@pytest.mark.local_cluster
class TestOneRunThroughManyFaults:
    """The jobs of one run, each struck by another fault at its first start."""

    FAULTS = (
        "killed", "cancelled", "memory", "half", "late", "skew-ahead", "skew-behind", "never", "drained", "preempted", "spot", "node",
        "orphan",
    )  # fmt: skip

    @staticmethod
    def cancel(victims):
        _, job, _ = victims.running("cancelled")
        slurm("scancel", job)

    @staticmethod
    def hide(victims):
        """A file system on which another machine's file appears seconds late."""
        path, hidden = victims.folder / "out/late.1.txt", victims.folder / "late.hidden"
        until(path.exists, path)
        path.rename(hidden)
        time.sleep(6)
        hidden.rename(path)

    @staticmethod
    def drain(victims):
        node, _, _ = victims.running("drained")
        slurm("scontrol", "update", f"NodeName={node}", "State=DRAIN", "Reason=test")
        time.sleep(8)
        slurm("scontrol", "update", f"NodeName={node}", "State=RESUME")

    @staticmethod
    def preempt(victims):
        """A job of higher priority takes the whole node, when both jobs there have started."""
        node, _, _ = victims.running("preempted")
        victims.running("spot")
        slurm(
            "sbatch", "--partition=urgent", f"--nodelist={node}", "--exclusive", "--mem=0", "--output=/dev/null",
            "--wrap=sleep 5", "--wait",
        )  # fmt: skip
        starts_again(victims, "preempted")

    @staticmethod
    def kill_node(victims):
        """A node is lost with one of its jobs; of the other, SLURM is wrong: that one runs on beside its successor."""
        node, job, _ = victims.running("node")
        _, _, process = victims.running("orphan")
        subprocess.run([SCRIPT, "end-daemon", f"slurmd-{node}", "KILL"], check=True)
        for folder in (path for path in os.listdir("/proc") if path.isdigit()):
            try:
                environment = Path(f"/proc/{folder}/environ").read_bytes().split(b"\0")
                command = Path(f"/proc/{folder}/cmdline").read_bytes()
            except OSError:
                continue
            if f"SLURM_JOB_ID={job}".encode() in environment or command.startswith(f"slurmstepd: [{job}.".encode()):
                os.kill(int(folder), signal.SIGKILL)
        until(lambda: "down" in slurm("sinfo", "--noheader", "--nodes", node, "--format=%t"), f"{node} to be down")
        starts_again(victims, "orphan", "ReqNodeList=cn3")
        assert Path(f"/proc/{process}").exists()
        victims.seen()
        subprocess.run([SCRIPT, "start-node", node], check=True)
        starts_again(victims, "node")

    @classmethod
    def run_all(cls) -> Run:
        """The run with every strike; kept for the tests that look at it."""
        victims = Victims("many", *cls.FAULTS, pin=True)
        run = victims.start()
        with ThreadPoolExecutor() as pool:
            strikes = (cls.cancel, cls.hide, cls.drain, cls.preempt, cls.kill_node)
            done = [pool.submit(strike, victims) for strike in strikes]
            run.end()
        for strike in done:
            strike.result()
        assert run.process.returncode == 0, run.text[-8000:]
        run.victims = victims
        return run

    def test_the_bytes_are_those_of_an_unbroken_run(self, run):
        assert run.victims.outputs() == run.victims.unbroken()

    @pytest.mark.parametrize(
        ("fault", "starts", "said"),
        [
            ("killed", 2, "rule_victim_wildcards_killed) ended: FAILED"),
            ("cancelled", 2, "rule_victim_wildcards_cancelled) ended: CANCELLED"),
            ("memory", 2, "oom-kill event"),
            ("half", 2, "half.2.txt"),
            ("never", 1, "rule_victim_wildcards_never) would wait for ever (PartitionTimeLimit): cancelled"),
            ("preempted", 2, None),
            ("spot", 2, "rule_victim_wildcards_spot): PREEMPTED"),
            ("node", 2, None),
            ("orphan", 2, None),
            ("drained", 1, None),
            ("late", 1, None),
        ],
    )
    def test_each_was_struck_once_and_the_log_says_how(self, run, fault, starts, said):
        assert len(run.victims.starts(fault)) == starts
        assert said is None or said in run.text

    def test_a_job_without_memory_gets_more(self, run):
        asked = [event["asked"] for event in run.events("submitting") if event["comment"].endswith("_memory")]
        assert "--mem 450" in " ".join(asked[0]) and "--mem 900" in " ".join(asked[1])

    def test_clocks_that_differ_by_minutes_make_nothing_twice(self, run):
        again = run.victims.start("--dry-run").ok()
        assert "Nothing to be done" in again.text, again.text[-3000:]
