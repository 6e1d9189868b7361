"""The model before and after training: loading, agreement on the end token, merging, saving."""

import importlib.util
import logging
from pathlib import Path
from typing import Any

from selfalign.chat import ChatTemplate
from selfalign.errors import UserError

logger = logging.getLogger(__name__)


def attention() -> str:
    """FlashAttention 2 where its package and a GPU are there, else torch's own scaled dot product."""
    import torch

    if torch.cuda.is_available() and importlib.util.find_spec("flash_attn"):
        return "flash_attention_2"
    return "sdpa"


def load_model(folder: str | Path, recipe: dict) -> Any:
    """The base model, in the number format that its weights are trained in.

    Full fine-tuning keeps float32 master weights also when it computes in bfloat16 (autocast): at a rate of 1e-5 most
    updates are smaller than a bfloat16 weight can show. `master_weights: false` in the recipe does without them, for
    models that would not fit. A frozen base under an adapter is loaded in the recipe's format; the adapter itself is
    float32.
    """
    import torch
    from transformers import AutoModelForCausalLM

    widened = recipe["method"] == "full" and recipe.get("master_weights", True)
    dtype = torch.bfloat16 if recipe["precision"] == "bfloat16" and not widened else torch.float32
    # FlashAttention has no float32 kernels: it runs under bfloat16 autocast only.
    implementation = attention() if recipe["precision"] == "bfloat16" else "sdpa"
    try:
        return AutoModelForCausalLM.from_pretrained(
            str(folder), dtype=dtype, attn_implementation=implementation, local_files_only=True
        )
    except (ValueError, OSError) as error:
        raise UserError(
            f"the model can't be loaded for training: {error}", where=str(folder), fix="fetch it again, or take another"
        ) from error


def agree_on_end(model: Any, template: ChatTemplate) -> None:
    """Makes tokenizer, config and generation config name the template's end token, and the tokenizer carry the template.

    Other end tokens that the base model's generation config names stay behind it: any of them stops generation.
    """
    tokenizer, eos = template.tokenizer, template.eos_id
    tokenizer.eos_token = template.eos
    tokenizer.chat_template = template.jinja
    if tokenizer.pad_token is None:
        tokenizer.pad_token = template.eos
    known = model.generation_config.eos_token_id
    others = [] if known is None else [known] if isinstance(known, int) else list(known)
    ends = [eos, *(other for other in others if other != eos)]
    model.generation_config.eos_token_id = ends if len(ends) > 1 else eos
    model.config.get_text_config().eos_token_id = eos
    for config in (model.config.get_text_config(), model.generation_config):
        config.pad_token_id = tokenizer.pad_token_id


def save_model(model: Any, template: ChatTemplate, recipe: dict, folder: Path) -> int:
    """Writes the whole model (an adapter is merged first), tokenizer and template to `folder`; returns the number of
    parameters. The weights are stored in the recipe's precision."""
    import torch

    if recipe["method"] == "lora":
        # Merged in float32, so that the sum is rounded once and not twice.
        model = model.float().merge_and_unload(safe_merge=True)
    dtype = torch.bfloat16 if recipe["precision"] == "bfloat16" else torch.float32
    model = model.to(dtype)
    model.config.use_cache = True  # switched off for training with gradient checkpointing
    agree_on_end(model, template)
    model.save_pretrained(folder)
    template.tokenizer.save_pretrained(folder)
    return model.num_parameters()
