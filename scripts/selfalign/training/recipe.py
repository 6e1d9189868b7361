"""A recipe from the config becomes the trainer's arguments, or an error that names the key."""

from pathlib import Path
from typing import Any

from selfalign.errors import UserError

OPTIMIZERS = {"adamw": "adamw_torch", "adafactor": "adafactor"}
SCHEDULES = {"linear": "linear", "cosine": "cosine", "constant": "constant_with_warmup"}
KEPT_CHECKPOINTS = 2  # the one before stays until the newest is complete


def accumulation_steps(recipe: dict, processes: int) -> int:
    """Backward passes an optimizer step, so that `batch_size` is what the config says on any number of devices."""
    together = recipe["micro_batch_size"] * processes
    if recipe["batch_size"] % together:
        raise UserError(
            f"batch_size {recipe['batch_size']} can't be made of micro_batch_size {recipe['micro_batch_size']} on "
            f"{processes} device{'s' if processes > 1 else ''}",
            where="config key checkpoints.*.recipe",
            fix=f"make batch_size a multiple of {together}, or change micro_batch_size",
        )
    return recipe["batch_size"] // together


def trainer_config(recipe: dict, output: str | Path, processes: int, use_cpu: bool) -> Any:
    """TRL's SFTConfig for a recipe.

    Args:
        recipe: with every default filled in.
        output: folder for resumable checkpoints.
        processes: how many devices train together.
        use_cpu: train on the CPU even if there is a GPU.
    """
    from trl import SFTConfig

    return SFTConfig(
        output_dir=str(output),
        use_cpu=use_cpu,
        per_device_train_batch_size=recipe["micro_batch_size"],
        gradient_accumulation_steps=accumulation_steps(recipe, processes),
        num_train_epochs=recipe["epochs"],
        max_steps=recipe["max_steps"] or -1,
        optim=OPTIMIZERS[recipe["optimizer"]],
        learning_rate=recipe["learning_rate"],
        lr_scheduler_type=SCHEDULES[recipe["schedule"]],
        # A number below 1 is a share of the steps, 1 is one step: a whole run of warm-up is just below.
        warmup_steps=min(recipe["warmup_ratio"], 1 - 1e-9),
        weight_decay=recipe["weight_decay"],
        max_grad_norm=recipe["max_grad_norm"],
        bf16=recipe["precision"] == "bfloat16",
        fp16=False,
        gradient_checkpointing=recipe["gradient_checkpointing"],
        packing=recipe["packing"],
        packing_strategy="bfd",
        # The rows fit already. Without packing no length is given, so that the trainer has nothing to cut by.
        max_length=recipe["max_tokens"] if recipe["packing"] else None,
        # The loss is a mean over the tokens of the whole batch, so long and short answers weigh by their tokens.
        average_tokens_across_devices=True,
        seed=recipe["seed"],
        data_seed=recipe["seed"],
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="steps" if recipe["save_steps"] else "epoch",
        save_steps=recipe["save_steps"] or 500,
        save_total_limit=KEPT_CHECKPOINTS,
        eval_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=not use_cpu,
        ddp_find_unused_parameters=False,
    )


def lora_config(recipe: dict) -> Any | None:
    """PEFT's adapter configuration over all linear layers but the output head, or None for full fine-tuning."""
    if recipe["method"] != "lora":
        return None
    from peft import LoraConfig

    lora = recipe["lora"]
    return LoraConfig(
        r=lora["rank"],
        lora_alpha=lora["alpha"],
        lora_dropout=lora["dropout"],
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
