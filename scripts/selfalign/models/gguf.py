"""A GGUF file becomes an ordinary model folder: safetensors, tokenizer, chat template, generation config."""

import logging
from pathlib import Path

from selfalign.errors import UserError

logger = logging.getLogger(__name__)


def convert_gguf(file: Path, staging: Path, name: str) -> None:
    """Writes the dequantised model in `file` to `staging`.

    The weights are stored in bfloat16: half the size of float32, and the same numbers then reach a CPU (which widens
    them, exactly, to float32) and a GPU. The rounding (relative 0.002) is far below that of the quantisation that the
    file has been through. The tokenizer and its chat template come from the same file.

    Args:
        file: the GGUF file.
        staging: an existing, empty folder.
        name: what the model calls itself in its config.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, GgufConfig

    folder, member = str(file.parent), file.name
    try:
        # Without `dequantize` the model loads but can't be saved.
        model = AutoModelForCausalLM.from_pretrained(
            folder, gguf_file=member, dtype=torch.float32, quantization_config=GgufConfig(dequantize=True)
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=member)
    except (ValueError, OSError, KeyError, ImportError, RuntimeError) as error:
        raise UserError(
            f"the GGUF file can't be converted: {error}",
            where=str(file),
            fix="use an architecture that this transformers version reads from GGUF, or a source with safetensors",
        ) from error
    model = model.to(torch.bfloat16)
    model.config.name_or_path = name
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
    model.save_pretrained(staging)
    tokenizer.save_pretrained(staging)
    logger.info("converted %s: %d parameters", file.name, model.num_parameters())
