"""Input functions, parameters and resources of the checkpoints' rules."""

from selfalign.training.parallel import check_startable


def checkpoint_spec(wildcards):
    return config["checkpoints"][wildcards.checkpoint]


def checkpoint_science(wildcards):
    """A checkpoint's entry without the devices that it is trained on: other devices train nothing again."""
    spec = checkpoint_spec(wildcards)
    return {**spec, "recipe": {key: value for key, value in spec["recipe"].items() if key != "parallel"}}


def checkpoint_parallel(wildcards):
    return checkpoint_spec(wildcards)["recipe"]["parallel"]


def checkpoint_gpus(wildcards):
    """GPUs on all nodes together; a job of a cluster holds at least one."""
    parallel = checkpoint_parallel(wildcards)
    return within_cap(
        (parallel["gpus"] or 1) * parallel["nodes"], f"recipe.parallel of checkpoint {wildcards.checkpoint}"
    )


def checkpoint_gpus_a_node(wildcards):
    """0: as many as the job sees."""
    return checkpoint_parallel(wildcards)["gpus"] or 0


def checkpoint_nodes(wildcards):
    parallel = checkpoint_parallel(wildcards)
    try:
        check_startable(parallel, wildcards.checkpoint, in_containers())
    except UserError as error:
        raise WorkflowError(str(error)) from None
    return parallel["nodes"]


def over_nodes(value):
    """A function that gives a SLURM resource of training on several nodes, of which a training on one node has none.

    `gpu` alone would be spread over the nodes as it comes: `gres` counts the GPUs of each. And SLURM's step around a job's
    command would want them all on the first node: with `mpi` there is none, the command starts its own (tasks: one a node).
    """

    def asked(wildcards):
        parallel = checkpoint_parallel(wildcards)
        return value(parallel) if parallel["nodes"] > 1 else None

    return asked


def checkpoint_sharding(wildcards):
    return checkpoint_parallel(wildcards)["sharding"]


def checkpoint_dataset(split):
    def path(wildcards):
        return f"results/datasets/{checkpoint_spec(wildcards)['dataset']}/{split}.jsonl"

    return path


def checkpoint_base(wildcards):
    return model_manifest(checkpoint_spec(wildcards)["model"])


def checkpoint_serving(wildcards):
    return serving(checkpoint_spec(wildcards)["model"])
