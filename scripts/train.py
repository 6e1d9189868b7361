"""Fine-tunes a base model on a dataset: a checkpoint that loads with plain transformers and vLLM."""

import logging
from pathlib import Path

from selfalign.adapter import run
from selfalign.cluster.gpu import check_gpus, wanted_gpus
from selfalign.training.job import TrainingJob
from selfalign.training.launch import launch, visible_gpus
from selfalign.training.parallel import Parallel
from selfalign.training.trained import Trained

logger = logging.getLogger("selfalign.train")


def main(
    name: str,
    train: str,
    held_out: str | None,
    base: str,
    model: dict,
    spec: dict,
    folder: str,
    work: str,
    card: str,
    training: str,
    kept: str,
    rejected: str,
    counts: str,
    memory: str,
    code: str,
    threads: int | None = None,
    gpus_a_node: int = 0,
    nodes: int = 1,
    sharding: str = "none",
    gpus: int = 0,
) -> None:
    """Trains checkpoint `name`, unless its last training that ended is the very one that is asked for.

    Args:
        name: the checkpoint's name.
        train, held_out: pair rows (JSON Lines); `held_out` may be empty or None.
        base: folder of the base model, with its manifest.
        model: the base model's config entry; `name` and `chat_template` are read.
        spec: the checkpoint's config entry; `dataset` and `recipe` are read.
        folder: where the model goes. work: where resumable checkpoints go, outside the rule's outputs.
        card, training, kept, rejected, counts: paths of the other outputs.
        memory: folder in which a training that ended is remembered. code: fingerprint of all that trains.
        threads: CPU threads.
        gpus_a_node: devices to train on, on each node; 0: all visible GPUs, or the CPU.
        nodes: nodes that train together.
        sharding: "none", "fsdp2" or "zero3".
        gpus: how many GPUs the job was given on this node and has to check before it loads anything; 0: no check.
    """
    job = TrainingJob(
        name=name,
        dataset_name=spec["dataset"],
        train=train,
        held_out=held_out,
        base=base,
        model={"name": model["name"], "chat_template": model["chat_template"]},
        recipe=spec["recipe"],
        folder=folder,
        work=work,
        card=card,
        training=training,
        kept=kept,
        rejected=rejected,
        counts=counts,
        threads=threads,
        sharding=sharding,
    )
    trained = Trained(job, code, memory)
    if trained.put_back():
        logger.info("nothing that this training depends on has changed since it ended: its model stays")
        return
    if gpus:
        # Without sharding each GPU holds a whole model.
        check_gpus(gpus, base, 1 if sharding == "none" else gpus * nodes)
    launch(job, Parallel(gpus_a_node or max(visible_gpus(), 1), nodes, sharding))
    trained.remember()


if "snakemake" in globals():
    run(
        main,
        snakemake,
        name=snakemake.wildcards.checkpoint,
        train=snakemake.input.train,
        held_out=snakemake.input.held_out,
        base=str(Path(snakemake.input.base).parent),
        model=snakemake.params.model,
        spec=snakemake.params.spec,
        folder=str(Path(snakemake.output.model).parent),
        work=f"results/.journal/training/{snakemake.wildcards.checkpoint}",
        card=snakemake.output.card,
        training=snakemake.output.training,
        kept=snakemake.output.kept,
        rejected=snakemake.output.rejected,
        counts=snakemake.output.counts,
        memory=f"results/.journal/trained/{snakemake.wildcards.checkpoint}",
        code=f"{snakemake.params.code} {snakemake.params.template}",
        threads=snakemake.threads,
        gpus_a_node=snakemake.resources.training_gpus,
        nodes=snakemake.resources.nodes,
        sharding=snakemake.resources.training_sharding,
        gpus=wanted_gpus(snakemake.resources) // snakemake.resources.nodes,
    )
