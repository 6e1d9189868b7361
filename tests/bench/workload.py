"""What the accelerator benchmark trains: models with random weights, rows of random tokens."""

import random
from typing import Any

from flops import SHAPES

MAX_TOKENS = 1280  # a row of the paper's recipe


def build_model(size: str, dtype: Any, implementation: str) -> Any:
    """A model of that shape with random weights, on the accelerator if there is one."""
    import torch
    from transformers import AutoModelForCausalLM, Qwen2Config

    hidden, intermediate, layers, heads, kv_heads, vocabulary, tied = SHAPES[size]
    config = Qwen2Config(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=intermediate,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        max_position_embeddings=32768,
        rms_norm_eps=1e-6,
        rope_parameters={"rope_type": "default", "rope_theta": 1_000_000.0},
        tie_word_embeddings=tied,
        eos_token_id=0,
        pad_token_id=1,
    )
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        return AutoModelForCausalLM.from_config(config, dtype=dtype, attn_implementation=implementation)


def random_rows(count: int, vocabulary: int) -> list:
    """Rows of random tokens: lengths log-normal around 450, at most MAX_TOKENS; a third of a row is prompt."""
    from selfalign.training.rows import EncodedRow

    draw = random.Random(0)
    lengths = [min(MAX_TOKENS, max(64, int(draw.lognormvariate(6.1, 0.5)))) for _ in range(count)]
    rows = [[draw.randrange(2, vocabulary) for _ in range(length)] for length in lengths]
    return [EncodedRow(str(i), ids, len(ids) // 3) for i, ids in enumerate(rows)]


class Meter:
    """A collator that remembers, of each batch it makes, the rows' lengths and the number of scored tokens."""

    def __init__(self, collate: Any):
        self._collate, self.batches = collate, []

    def __call__(self, examples: list[dict]) -> dict:
        batch = self._collate(examples)
        if "cu_seq_lens_q" in batch:
            lengths = batch["cu_seq_lens_q"].diff().tolist()
        else:
            lengths = batch["attention_mask"].sum(1).tolist()
        self.batches.append((lengths, int((batch["labels"] != -100).sum())))
        return batch
