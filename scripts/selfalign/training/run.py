"""Fine-tuning from start to finish, on one device or as one rank of several.

`python -m selfalign.training.run JOB.json` is what the launcher starts on every device (see
:mod:`selfalign.training.launch`). Only the first rank writes.
"""

import logging
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfalign.adapter import set_up_logging
from selfalign.cards.model_card import model_card
from selfalign.chat import ChatTemplate, load_template
from selfalign.errors import UserError
from selfalign.io import read_json, read_jsonl, write_json, write_text
from selfalign.models.digest import check_complete, file_digests, weights_digest
from selfalign.models.folder import MANIFEST, readable_as_config, take_place
from selfalign.packages import file_sha256
from selfalign.stage import StageWriter, funnel
from selfalign.training.held_out import LossBefore, held_out_loss
from selfalign.training.job import TrainingJob
from selfalign.training.model import agree_on_end, load_model, save_model
from selfalign.training.packing import check_rows_are_apart
from selfalign.training.recipe import lora_config, trainer_config
from selfalign.training.resume import CompletenessMarker, last_complete
from selfalign.training.rows import EncodedRow, encode_rows, to_dataset
from selfalign.training.sharded import check_sharding, model_with, shard_on_cpu, whole_size, whole_state
from selfalign.training.watch import LossWatch, device_name, loss_curve, package_versions, peak_memory_mb

logger = logging.getLogger("selfalign.train")


@dataclass
class Data:
    """Encoded rows of both splits, and how many of each were too long."""

    train: list[EncodedRow]
    held_out: list[EncodedRow]
    too_long: int
    held_out_too_long: int


def train(job: TrainingJob) -> None:
    """Trains a checkpoint and writes all of its outputs.

    Raises:
        EmptyStageError: every row is longer than `recipe.max_tokens`.
        UserError: the recipe does not fit the devices, the model can't be packed, the loss is no number.
    """
    import torch
    from accelerate import PartialState
    from transformers import PrinterCallback
    from trl import SFTTrainer

    started = time.monotonic()
    use_cpu = not torch.cuda.is_available()
    ranks = PartialState(cpu=use_cpu)
    sharded = job.sharding != "none"
    if job.threads:
        torch.set_num_threads(max(1, job.threads // ranks.num_processes))

    template = load_template(job.base, job.model["chat_template"])
    data = read_data(job, template, first=ranks.is_main_process)

    model = load_model(job.base, job.recipe)
    agree_on_end(model, template)
    if job.recipe["packing"]:
        check_rows_are_apart(model.to(ranks.device))

    base = read_json(Path(job.base) / MANIFEST)
    checkpoints = job.checkpoints(base["digest"], template.jinja, ranks.num_processes)
    arguments = trainer_config(job.recipe, checkpoints, ranks.num_processes, use_cpu)
    if sharded and use_cpu:
        shard_on_cpu()
    trainer = SFTTrainer(
        model=model,
        args=arguments,
        train_dataset=to_dataset(data.train),
        processing_class=template.tokenizer,
        peft_config=lora_config(job.recipe),
        callbacks=[CompletenessMarker(), LossWatch()],
    )
    check_sharding(job.sharding, trainer.accelerator)
    trainer.remove_callback(PrinterCallback)  # LossWatch tells the log
    before = LossBefore(trainer, data.held_out)
    if sharded:
        # The model is cut when training begins: before that no device could hold it.
        trainer.add_callback(before)
    else:
        before.measure()
    figures: dict[str, Any] = {**fit(trainer, checkpoints), "held_out_loss_before": before.loss}
    figures["held_out_loss"] = held_out_loss(trainer, data.held_out)
    logger.info("held-out loss %s before, %s after", figures["held_out_loss_before"], figures["held_out_loss"])

    weights = whole_state(trainer) if sharded else None  # by all ranks together
    if ranks.is_main_process:
        record = {**describe(job, base, data, trainer), **figures, "seconds": time.monotonic() - started}
        model = model_with(job, weights) if sharded else trainer.accelerator.unwrap_model(trainer.model)
        export(job, model, template, base, record)
    ranks.wait_for_everyone()


def read_data(job: TrainingJob, template: ChatTemplate, first: bool) -> Data:
    """Encodes both splits; the first rank keeps account of the training rows."""
    limit = job.recipe["max_tokens"]
    if first:
        with StageWriter("training", kept=job.kept, rejected=job.rejected, counts=job.counts) as writer:
            train_rows, dropped = encode_rows(template, read_jsonl(job.train), limit, writer)
        logger.info("rows: %s", funnel(writer.counts()))
    else:
        train_rows, dropped = encode_rows(template, read_jsonl(job.train), limit)
    held_out, held_out_dropped = encode_rows(template, read_jsonl(job.held_out) if job.held_out else [], limit)
    return Data(train_rows, held_out, dropped, held_out_dropped)


def fit(trainer: Any, checkpoints: Path) -> dict:
    """Trains, from the last complete checkpoint when there is one, and returns the figures of it."""
    resume = last_complete(checkpoints)
    earlier, first = 0, None
    if resume:
        state = read_json(resume / "trainer_state.json")
        first = state["global_step"]
        earlier = max((point["tokens"] for point in loss_curve(state["log_history"])), default=0)
        trainer._total_train_tokens = earlier  # TRL counts from 0 after a restart
        logger.warning("going on from step %d, which an earlier job reached", first)
    began = time.monotonic()
    trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    seconds = time.monotonic() - began
    curve = loss_curve(trainer.state.log_history)
    tokens = max((point["tokens"] for point in curve), default=0)
    return {
        "loss_curve": curve,
        "steps": trainer.state.global_step,
        "tokens": tokens,
        "tokens_per_second": (tokens - earlier) / seconds,
        "train_seconds": seconds,
        "resumed_from_step": first,
        "peak_memory_mb": peak_memory_mb(),
    }


def describe(job: TrainingJob, base: dict, data: Data, trainer: Any) -> dict:
    """What was trained, on what, with what: the part of the record that no clock decides."""
    recipe = job.recipe
    trainable = sum(whole_size(parameter) for parameter in trainer.model.parameters() if parameter.requires_grad)
    return {
        "checkpoint": job.name,
        "base": {"name": job.model["name"], "digest": base["digest"], "revision": base.get("revision")},
        "dataset": {"name": job.dataset_name, "sha256": file_sha256(job.train)},
        "chat_template": job.model["chat_template"],
        "recipe": recipe,
        "rows": len(data.train),
        "rows_too_long": data.too_long,
        "held_out_rows": len(data.held_out),
        "held_out_rows_too_long": data.held_out_too_long,
        "sequences": len(trainer.train_dataset),
        "row_tokens": sum(len(row.input_ids) for row in data.train),
        "completion_tokens": sum(row.completion_tokens for row in data.train),
        "trainable_parameters": trainable,
        "processes": trainer.accelerator.num_processes,
        "sharding": job.sharding,
        "attention": trainer.model.config._attn_implementation,
        "device": device_name(),
        "versions": package_versions(),
    }


def export(job: TrainingJob, model: Any, template: ChatTemplate, base: dict, record: dict) -> None:
    """Writes model, training record and card; the model's manifest last of all, then the work folder goes."""
    folder = Path(job.folder)
    staging = folder.parent / f".{folder.name}.partial"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    try:
        record["parameters"] = save_model(model, template, job.recipe, staging)
        readable_as_config(staging)
        check_complete(staging)
        files = file_digests(staging)
        record["digest"] = weights_digest(files)
        write_json(job.training, record)
        write_text(job.card, model_card(record, base))
        write_json(staging / MANIFEST, manifest(job, record, files))
        take_place(staging, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    shutil.rmtree(job.work, ignore_errors=True)
    logger.info("checkpoint %s: %d steps, weights digest %s", job.name, record["steps"], record["digest"])


def manifest(job: TrainingJob, record: dict, files: dict) -> dict:
    """The checkpoint's model.json, with the keys that a fetched model's has."""
    return {
        "name": job.name,
        "source": {"trained_from": record["base"], "dataset": record["dataset"]},
        "revision": None,
        "digest": record["digest"],
        "files": files,
        "dtype": job.recipe["precision"],
    }


if __name__ == "__main__":
    set_up_logging(None)
    try:
        train(TrainingJob.from_json(Path(sys.argv[1]).read_text(encoding="utf-8")))
    except UserError as problem:
        logger.error("%s", problem)
        sys.exit(1)
