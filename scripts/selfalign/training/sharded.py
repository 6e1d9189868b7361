"""A model that is cut over several devices: whole again for saving, and cut on CPUs for tests."""

from typing import Any

from selfalign.errors import InfrastructureError
from selfalign.training.job import TrainingJob
from selfalign.training.model import load_model
from selfalign.training.recipe import lora_config

KINDS = {"none": ("NO", "MULTI_GPU", "MULTI_CPU"), "fsdp2": ("FSDP",), "zero3": ("DEEPSPEED",)}
"""What accelerate calls the kinds of distribution."""


def check_sharding(wanted: str, accelerator: Any) -> None:
    """Raises unless accelerate does what the config asks for: a model that is silently not cut may still fit."""
    kind = accelerator.distributed_type.value
    if kind not in KINDS[wanted]:
        raise InfrastructureError(
            f"training was to run with sharding {wanted!r}, and accelerate set up {kind}",
            where="recipes/accelerate",
            fix="please report it, with this log",
        )


def shard_on_cpu() -> None:
    """Lets accelerate cut a model over CPU processes (gloo): by itself it does so on accelerators alone. For tests of the
    way that a sharded model takes, where there is no GPU. To be called before the trainer is made."""
    from accelerate import PartialState
    from accelerate.utils import DistributedType

    state = PartialState()
    assert state.device.type == "cpu"
    # The only kind of distribution that accelerate's state goes on from to FSDP; the device stays what it is.
    PartialState._shared_state["distributed_type"] = DistributedType.MULTI_GPU


def whole_size(parameter: Any) -> int:
    """Number of weights in a parameter, on all devices together."""
    # ZeRO-3 leaves an empty tensor behind and keeps the size beside it.
    return getattr(parameter, "ds_numel", None) or parameter.numel()


def whole_state(trainer: Any) -> dict:
    """The weights of a sharded model by name, in the memory of the first rank's host; to be called by all ranks."""
    return trainer.accelerator.get_state_dict(trainer.model_wrapped)


def model_with(job: TrainingJob, weights: dict) -> Any:
    """A model of the job's kind on the CPU, with an adapter where the recipe has one, that holds `weights`."""
    from peft import get_peft_model

    model = load_model(job.base, job.recipe)
    adapter = lora_config(job.recipe)
    if adapter is not None:
        model = get_peft_model(model, adapter)
    model.load_state_dict(weights)
    return model
