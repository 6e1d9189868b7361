"""What is looked at while training runs: the loss, the speed, the memory."""

import logging
import math
import platform
import resource
import time
from importlib import metadata

from transformers import TrainerCallback

from selfalign.errors import UserError

logger = logging.getLogger(__name__)

LOG_SECONDS = 10.0


class LossWatch(TrainerCallback):
    """Tells the log how far training is, and ends it when the loss is no number any more."""

    def __init__(self) -> None:
        self._told = 0.0
        self._first: tuple[int, float] | None = None

    def on_log(self, args, state, control, logs=None, **kwargs):
        loss = (logs or {}).get("loss")
        if loss is None:
            return
        if not math.isfinite(loss):
            raise UserError(
                f"the loss is {loss} at step {state.global_step}",
                where="config key checkpoints.*.recipe",
                fix="lower learning_rate, raise warmup_ratio, or set max_grad_norm to 1.0 and precision to float32",
            )
        last = state.global_step >= state.max_steps
        if state.is_world_process_zero and (last or time.monotonic() - self._told > LOG_SECONDS):
            self._told = time.monotonic()
            self._first = self._first or (state.global_step, self._told)
            rate = logs.get("learning_rate", 0.0)
            done, left = state.global_step - self._first[0], state.max_steps - state.global_step
            seconds = (self._told - self._first[1]) / done * left if done else None
            guess = "too early for an estimate" if seconds is None else f"about {seconds:.0f} s to go"
            # The form that `make status` looks for, see selfalign.progress.
            told = (state.global_step, state.max_steps, guess, loss, rate)
            logger.info("%d of %d steps, %s; loss %.4f, rate %.2e", *told)


def loss_curve(history: list[dict]) -> list[dict]:
    """`[{step, loss, learning_rate, grad_norm, tokens, epoch}]`, one an optimizer step, from the trainer's history.

    `tokens` counts all tokens so far, prompts and, where rows are padded, no padding.
    """
    return [
        {
            "step": entry["step"],
            "loss": entry["loss"],
            "learning_rate": entry.get("learning_rate"),
            "grad_norm": entry.get("grad_norm"),
            "tokens": int(entry.get("num_tokens", 0)),
            "epoch": entry.get("epoch"),
        }
        for entry in history
        if "loss" in entry
    ]


def peak_memory_mb() -> float:
    """Most memory so far, in MB: of the GPU when one is used, else of this process."""
    import torch

    if torch.cuda.is_available() and torch.cuda.is_initialized():
        return torch.cuda.max_memory_allocated() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def device_name() -> str:
    """The accelerator, or the processor with the number of threads in use."""
    import torch

    if torch.cuda.is_available() and torch.cuda.is_initialized():
        return torch.cuda.get_device_name()
    return f"CPU {platform.machine()}, {torch.get_num_threads()} threads"


def package_versions() -> dict[str, str]:
    """Versions of what training's numbers depend on."""
    packages = ("torch", "transformers", "trl", "peft", "accelerate", "datasets", "flash-attn")
    found = {"python": platform.python_version()}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
