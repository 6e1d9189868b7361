"""Training on one device in this process, or on several by `accelerate launch`."""

import logging
import os
import subprocess
from pathlib import Path

from selfalign.errors import UserError
from selfalign.io import write_text
from selfalign.training.job import TrainingJob
from selfalign.training.parallel import Parallel, launch_command, step_environment
from selfalign.training.recipe import accumulation_steps

logger = logging.getLogger(__name__)


def visible_gpus() -> int:
    """GPUs that this job may use (SLURM and CUDA_VISIBLE_DEVICES decide)."""
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def launch(job: TrainingJob, parallel: Parallel) -> None:
    """Trains `job` with one process a device.

    Raises:
        UserError: the recipe can't be divided among them, or a rank failed; its own message is in the log above.
    """
    accumulation_steps(job.recipe, parallel.processes)
    if parallel.in_this_process:
        from selfalign.training.run import train

        train(job)
        return
    path = Path(job.work) / "job.json"
    write_text(path, job.to_json())
    command = launch_command(parallel, str(path), job.threads)
    logger.info("starting %d processes: %s", parallel.processes, " ".join(command))
    status = _run(command, step_environment(parallel, dict(os.environ)))
    if status:
        raise UserError(
            f"training on {parallel.processes} devices ended with status {status}",
            where=f"checkpoint {job.name}",
            fix="the first error above says why; a rerun goes on from the last complete checkpoint",
        )


def _run(command: list[str], environment: dict[str, str]) -> int:
    """Runs the launcher; what its ranks print goes to this job's log. Returns the exit status."""
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "stdin": subprocess.DEVNULL}
    with subprocess.Popen(command, env=environment, text=True, errors="replace", **streams) as process:
        for line in process.stdout:
            logger.info("%s", line.rstrip())
    return process.returncode
