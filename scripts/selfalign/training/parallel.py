"""How many devices train a checkpoint, and the command line that starts a process on each.

`PYTHONPATH=scripts python -m selfalign.training.parallel --gpus 4 --nodes 2 --sharding fsdp2` prints it and runs nothing.
"""

import argparse
import importlib.util
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass

from selfalign import ROOT
from selfalign.errors import InfrastructureError, UserError

CONFIGS = ROOT / "recipes" / "accelerate"
SHARDINGS = {"none": "ddp", "fsdp2": "fsdp2", "zero3": "zero3"}
"""File in recipes/accelerate by the config's word: whole models on each device, or one cut over all of them."""
PORTS = 20000
"""Of a job on several nodes: from the first by the job's number, so that jobs that share a node do not meet."""


@dataclass(frozen=True)
class Parallel:
    """Devices of a training job.

    Attributes:
        gpus: processes a node, one a device.
        nodes: nodes, of `gpus` devices each.
        sharding: "none", "fsdp2" or "zero3".
    """

    gpus: int = 1
    nodes: int = 1
    sharding: str = "none"

    @property
    def processes(self) -> int:
        return self.gpus * self.nodes

    @property
    def in_this_process(self) -> bool:
        """Whether no launcher is needed."""
        return self.processes == 1 and self.sharding == "none"


def check_startable(parallel: dict, checkpoint: str, contained: bool) -> None:
    """Raises what a training's job would end with after days of generation.

    Args:
        parallel: the recipe's. contained: whether jobs run in containers.

    Raises:
        UserError: several nodes in containers, or DeepSpeed where it is not installed.
    """
    where = f"config key checkpoints.{checkpoint}.recipe.parallel"
    if contained and parallel["nodes"] > 1:
        raise UserError(
            f"training on {parallel['nodes']} nodes is started by srun, which a container does not have",
            where=where,
            fix="use --profile slurm without --sdm apptainer (docs/training.md, Several GPUs), or one node",
        )
    if not contained and parallel["sharding"] == "zero3" and importlib.util.find_spec("deepspeed") is None:
        raise UserError(
            "sharding zero3 needs DeepSpeed, which is in the training image for GPUs alone",
            where=where,
            fix="take sharding: fsdp2, or on one node the image (--sdm apptainer, docs/containers.md)",
        )


def launch_command(
    parallel: Parallel,
    job: str,
    threads: int | None = None,
    environment: dict[str, str] | None = None,
    meeting_point: str | None = None,
) -> list[str]:
    """`accelerate launch` for a job file: on this node, or by srun on every node of the SLURM job that this is part of.

    Args:
        threads: cores a node; SLURM would give a step one.
        environment: where SLURM's variables are looked up; this process's by default.
        meeting_point: address of the first node; SLURM is asked by default.

    Raises:
        UserError: several nodes outside of SLURM, or inside a container, which has no srun.
    """
    launch = [
        *(sys.executable, "-m", "accelerate.commands.launch"),
        *("--config_file", str(CONFIGS / f"{SHARDINGS[parallel.sharding]}.yaml")),
        *("--num_processes", str(parallel.processes), "--num_machines", str(parallel.nodes)),
    ]
    program = ["-m", "selfalign.training.run", job]
    if parallel.nodes == 1:
        # Port 0: whatever is free.
        return [*launch, "--main_process_port", "0", *program]
    environment = dict(os.environ) if environment is None else environment
    job_id = environment.get("SLURM_JOB_ID")
    if not job_id or environment.get("SELFALIGN_IMAGE"):
        raise UserError(
            f"training on {parallel.nodes} nodes is started by srun, which "
            + ("a container does not have" if environment.get("SELFALIGN_IMAGE") else "needs a SLURM job around it"),
            where="config key checkpoints.*.recipe.parallel.nodes",
            fix="use --profile slurm without --sdm apptainer (docs/training.md, Several GPUs), or one node",
        )
    port = PORTS + int(job_id) % PORTS
    meeting = ["--main_process_ip", meeting_point or first_node(job_id), "--main_process_port", str(port)]
    # The rank is known on the node alone: a shell there puts it in.
    on_node = f'exec {shlex.join([*launch, *meeting])} --machine_rank "$SLURM_NODEID" {shlex.join(program)}'
    return [
        # Where this runs in a step that holds the job's devices, --overlap shares them with it.
        *("srun", "--overlap", "--kill-on-bad-exit=1", f"--nodes={parallel.nodes}", f"--ntasks={parallel.nodes}"),
        *("--ntasks-per-node=1", f"--cpus-per-task={threads or 1}", "--cpu-bind=none", "sh", "-c", on_node),
    ]


def first_node(job: str) -> str:
    """Address of the first node of a SLURM job, by which SLURM itself reaches it. The job is asked: Snakemake's step takes
    the list of its nodes out of the environment.

    Raises:
        InfrastructureError: SLURM does not say.
    """
    try:
        node = re.search(r"\bBatchHost=(\S+)", _scontrol("show", "job", job))[1]
        return re.search(r"\bNodeAddr=(\S+)", _scontrol("show", "node", node))[1]
    except (OSError, subprocess.CalledProcessError, TypeError) as error:
        raise InfrastructureError(
            f"the job's first node can't be had: {error}", where=f"job {job}", fix="try again"
        ) from error


def _scontrol(*words: str) -> str:
    return subprocess.run(["scontrol", *words], capture_output=True, text=True, check=True).stdout


def step_environment(parallel: Parallel, environment: dict[str, str]) -> dict[str, str]:
    """The launcher's environment: it finds the package; a step of several nodes takes over nothing of the step around it,
    which has one node, but the job itself."""
    paths = [str(ROOT / "scripts"), environment.get("PYTHONPATH", "")]
    kept = dict(environment)
    if parallel.nodes > 1:
        for name in environment:
            if name.startswith(("SLURM_", "SRUN_", "SBATCH_")) and not name.startswith(("SLURM_JOB", "SLURM_CLUSTER")):
                del kept[name]
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "TOKENIZERS_PARALLELISM": "false"}


def main() -> None:
    parser = argparse.ArgumentParser(description="Prints the command that starts a training, without running it.")
    parser.add_argument("--gpus", type=int, default=1, help="devices a node")
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument("--sharding", choices=sorted(SHARDINGS), default="none")
    parser.add_argument("--threads", type=int, default=1, help="cores a node")
    parser.add_argument("--job", default="results/.journal/training/CHECKPOINT/job.json", help="the job's file")
    parser.add_argument("--dry-run", action="store_true", help="what happens anyway")
    options = parser.parse_args()
    parallel = Parallel(options.gpus, options.nodes, options.sharding)
    if parallel.in_this_process:
        print("no launcher: the job's own process")
    else:
        # Outside of a job, with what only SLURM knows left open.
        known = (
            {}
            if "SLURM_JOB_ID" in os.environ
            else {"environment": {"SLURM_JOB_ID": "0"}, "meeting_point": "FIRST-NODE"}
        )
        print(shlex.join(launch_command(parallel, options.job, options.threads, **known)))


if __name__ == "__main__":
    try:
        main()
    except UserError as problem:
        sys.exit(str(problem))
