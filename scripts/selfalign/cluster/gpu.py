"""Whether a job can use the GPUs that it was given, asked before minutes of loading and hours of retries."""

import os
import socket
import subprocess
from pathlib import Path
from typing import Any

from selfalign.errors import InfrastructureError, UserError

GIB = 1 << 30


def wanted_gpus(resources: Any) -> int:
    """How many GPUs a job has to check: what it was given, 0 where the profile's `check_gpu` is off (or on no cluster)."""
    return int(resources.get("gpu") or 0) if int(resources.get("check_gpu") or 0) else 0


def check_gpus(count: int, folder: str | Path | None, sharing: int | None = None) -> None:
    """Returns if `count` GPUs work here and the weights in `folder` fit into their memory.

    Args:
        sharing: GPUs, on all nodes, that hold one copy of the weights together; all of this node's by default.

    Raises:
        InfrastructureError: fewer of them work than the scheduler gave.
        UserError: the software is a CPU build, or the GPUs are too small.
    """
    node = socket.gethostname()
    node = f"{os.environ.get('SLURMD_NODENAME', node)}, job {os.environ.get('SLURM_JOB_ID', '-')}"
    memory = memory_of_gpus()
    if len(memory) < count:
        raise InfrastructureError(
            f"this job was given {count} GPU(s), but {len(memory)} of them work here (nvidia-smi)",
            where=node,
            fix=f"tell the cluster's staff, and keep off the node meanwhile: extra: --exclude={node.split(',')[0]} in the "
            "site file. In a container: it has to be started with --nv",
        )
    import torch

    if torch.version.cuda is None:
        raise UserError(
            f"this job was given {count} GPU(s), but the installed torch {torch.__version__} is a CPU build",
            where=node,
            fix="install the GPU build (make setup ACCELERATOR=gpu, or the containers), or set check_gpu: false in the "
            "site file if these nodes have none",
        )
    weights = sum(path.stat().st_size for path in Path(folder).glob("*.safetensors")) if folder else 0
    sharing = sharing or count
    room = sharing * min(sorted(memory)[-count:])
    if weights > room:
        raise UserError(
            f"the model's weights ({weights / GIB:.1f} GiB) don't fit into the memory of {sharing} GPU(s) "
            f"({room / GIB:.1f} GiB)",
            where=node,
            fix="take larger GPUs (extra: --constraint=... in the site file), or more of them a job "
            "(engine_args.tensor_parallel_size of the model, recipe.parallel with sharding)",
        )


def memory_of_gpus() -> list[int]:
    """Memory in bytes of each GPU that this job may use and that answers; empty where there is none."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    chosen = ["-i", visible] if visible else []
    try:
        done = subprocess.run(
            ["nvidia-smi", *chosen, "--query-gpu=memory.total", "--format=csv,noheader,nounits"],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return []
    if done.returncode:
        return []
    return [int(float(line) * (1 << 20)) for line in done.stdout.split() if line.replace(".", "", 1).isdigit()]
