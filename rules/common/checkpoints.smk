"""Input functions, parameters and resources of the checkpoints' rules."""


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
    return checkpoint_parallel(wildcards)["nodes"]


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
