"""Snakemake as a user of a cluster starts it, and looks at that cluster."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from selfalign.cluster.records import Records

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-slurm" / "bin" / "python"
WORK = ROOT / ".test" / "cluster"
"""Working folders of the tests: on the file system of the repository, which the nodes of a cluster see."""

LOCAL_SITE = {
    "cpu": {"name": "cpu", "minutes": 600, "mem_mb": 260_000, "threads": 32},
    "gpu": {"name": "gpu", "minutes": 600, "mem_mb": 260_000, "threads": 16},
    "poll_seconds": 2,
    "latency_seconds": 20,
    "check_gpu": False,
    # Those two are for the jobs that lose their node (faults.smk).
    "extra": "--exclude=cn1,cn2",
}
"""The small site file of the cluster that setup/slurm.sh starts; its GPU is none that computes."""


def base_site() -> dict:
    """The settings of the user's site file, else those of our cluster."""
    path = os.environ.get("SELFALIGN_SITE")
    return yaml.safe_load(Path(path).read_text()) if path else LOCAL_SITE


PATIENCE = 900.0
"""Seconds after which a test gives up. What a test waits for comes, however busy the machine; this ends one that hangs."""


def until(condition: Callable[[], Any], what: object, seconds: float = PATIENCE) -> Any:
    """The first true value of `condition`.

    Raises:
        AssertionError: there was none for so long.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.2)
    raise AssertionError(f"waited {seconds:.0f} s in vain for {what() if callable(what) else what}")


def slurm(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def daemons() -> dict[int, str]:
    """Number and name of each daemon of a SLURM of our own."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            name = Path(os.fsdecode((folder / "cmdline").read_bytes().split(b"\0")[0])).name
            if name in ("munged", "mariadbd", "slurmdbd", "slurmctld", "slurmd"):
                found[int(folder.name)] = name
    return found


class Run:
    """One start of Snakemake with the unmodified profile in a folder; its output goes to a file there."""

    def __init__(self, folder: Path, *arguments: str, site: dict | None = None, env: dict | None = None):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        site_file = folder / "site.yaml"
        site_file.write_text(yaml.safe_dump({**base_site(), **(site or {})}))
        number = len(list(folder.glob("snakemake.*.out")))
        self.output = folder / f"snakemake.{number}.out"
        with open(self.output, "w") as output:
            self.process = subprocess.Popen(
                [str(PYTHON), "-m", "snakemake", "--profile", "slurm", "--directory", str(folder), *arguments],
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                env={**os.environ, "SELFALIGN_SITE": str(site_file), **(env or {})}, start_new_session=True,
            )  # fmt: skip

    @property
    def text(self) -> str:
        return self.output.read_text()

    def events(self, kind: str) -> list[dict]:
        """What the records of this folder's runs say of one kind, in order."""
        paths = sorted((self.folder / "results/run/slurm").glob("*.jsonl"), key=lambda path: path.stat().st_mtime)
        events = [event for path in paths for event in Records(path.parent, path.stem).events()]
        return [event for event in events if event["event"] == kind]

    def end(self, seconds: float = PATIENCE) -> "Run":
        """Waits for it, whatever its status."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise AssertionError(f"Snakemake did not end within {seconds} s:\n{self.text[-6000:]}") from None
        return self

    def ok(self, seconds: float = PATIENCE) -> "Run":
        self.end(seconds)
        assert self.process.returncode == 0, self.text[-8000:]
        return self

    def says(self, text: str) -> "Run":
        until(lambda: text in self.text, lambda: f"{text!r} in {self.output}:\n{self.text[-3000:]}")
        return self

    def signal(self, number: int) -> "Run":
        os.kill(self.process.pid, number)
        return self


class Victims:
    """Runs of faults.smk in a folder."""

    def __init__(self, name: str, *faults: str, pin: bool = False):
        self.folder, self.faults = WORK / name, faults
        site = base_site()
        partition, extra = site.get("cpu", {}).get("name", "cpu"), site.get("extra") or ""
        self.config = [f"faults={','.join(faults)}", f"pin={int(pin)}", f"partition={partition}", f"extra='{extra}'"]

    def start(self, *arguments: str, broken: bool = True, **options: Any) -> Run:
        return Run(
            self.folder, *arguments, "--snakefile", str(ROOT / "tests/cluster/faults.smk"),
            "--config", *self.config, f"broken={int(broken)}", **options,
        )  # fmt: skip

    def starts(self, fault: str) -> list[list[str]]:
        """Node, job and process of every start of a victim."""
        path = self.folder / "events" / fault
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    def running(self, fault: str) -> list[str]:
        """Node, job and process of the victim's first start, when it has one."""
        return until(lambda: self.starts(fault), f"the start of {fault}")[0]

    def release(self) -> None:
        """Lets the victim `slow` go on, which waits for it at its first start."""
        (self.folder / "events").mkdir(parents=True, exist_ok=True)
        (self.folder / "events" / "release").touch()

    def seen(self) -> None:
        """Lets the victim `orphan` end, which waits for it."""
        (self.folder / "events" / "seen").touch()

    def outputs(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted((self.folder / "out").glob("*.txt"))}

    def unbroken(self) -> dict[str, bytes]:
        """What the same rules write on this machine when nothing happens."""
        folder = self.folder.with_name(self.folder.name + ".unbroken")
        folder.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [
                str(PYTHON), "-m", "snakemake", "--cores", "2", "--directory", str(folder), "--quiet", "all",
                "--snakefile", str(ROOT / "tests/cluster/faults.smk"), "--config", *self.config, "broken=0",
            ],
            cwd=ROOT, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-4000:]
        return {path.name: path.read_bytes() for path in sorted((folder / "out").glob("*.txt"))}
