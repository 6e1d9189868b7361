"""Training on as many GPUs as this job sees: in this process for one device, else one process a GPU."""

import logging
import os
import subprocess
import sys
from pathlib import Path

from selfalign import ROOT
from selfalign.errors import UserError
from selfalign.io import write_text
from selfalign.training.job import TrainingJob
from selfalign.training.recipe import accumulation_steps

logger = logging.getLogger(__name__)


def visible_gpus() -> int:
    """GPUs that this job may use (SLURM and CUDA_VISIBLE_DEVICES decide)."""
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def launch(job: TrainingJob, processes: int) -> None:
    """Trains `job` with `processes` processes (data parallel: each holds the whole model).

    Raises:
        UserError: the recipe can't be divided among them, or a rank failed; its own message is in the log above.
    """
    accumulation_steps(job.recipe, processes)
    if processes == 1:
        from selfalign.training.run import train

        train(job)
        return
    path = Path(job.work) / "job.json"
    write_text(path, job.to_json())
    status = _run(launch_command(path, processes))
    if status:
        raise UserError(
            f"training on {processes} devices ended with status {status}",
            where=f"checkpoint {job.name}",
            fix="the first error above says why; a rerun goes on from the last complete checkpoint",
        )


def _run(command: list[str]) -> int:
    """Runs the launcher; what its ranks print goes to this job's log. Returns the exit status."""
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "stdin": subprocess.DEVNULL}
    with subprocess.Popen(command, env=_environment(), text=True, errors="replace", **streams) as process:
        for line in process.stdout:
            logger.info("%s", line.rstrip())
    return process.returncode


def launch_command(job: Path, processes: int) -> list[str]:
    """torch's own launcher, on this node alone. Without GPUs the ranks share the CPU, which is of use in tests alone."""
    return [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)),
        *("-m", "selfalign.training.run", str(job)),
    ]


def _environment() -> dict[str, str]:
    paths = [str(ROOT / "scripts"), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "TOKENIZERS_PARALLELISM": "false"}
