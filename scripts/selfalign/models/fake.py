"""A tiny model with random weights, made on the spot: real files for tests of plumbing, never for results."""

from pathlib import Path
from typing import Any

SEED = 42
EOS, PAD = "<|end|>", "<|pad|>"
VOCABULARY = 640
# Text that the tokenizer's merges are learnt from: words of prompts and of simple Python.
TEXT = """
def return import from class for while if else elif in not and or is None True False assert print len range list dict
str int float bool tuple set sorted sum min max abs enumerate zip self value values result results number numbers text
You are a careful programmer: you read the instruction closely and answer it with correct, working code.
### Instruction ### Response Write a Python function that takes a list of numbers and returns their sum.
```python\ndef solution(values):\n    result = 0\n    for value in values:\n        result += value\n    return result\n```
assert solution([1, 2, 3]) == 6\nassert solution([]) == 0\n
"""


def make_fake_model(staging: Path) -> None:
    """Writes a Qwen2 model of 2 layers and 32 channels, with a byte-level BPE tokenizer, to `staging`. The same bytes
    every time."""
    import torch
    from transformers import GenerationConfig, Qwen2Config, Qwen2ForCausalLM

    tokenizer = fake_tokenizer()
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=8192,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        model = Qwen2ForCausalLM(config)
    model.generation_config = GenerationConfig(eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    model.save_pretrained(staging)
    tokenizer.save_pretrained(staging)


def fake_tokenizer() -> Any:
    """The byte-level BPE tokenizer of the fake model, a transformers tokenizer."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bare = Tokenizer(models.BPE())
    bare.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bare.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bare.train_from_iterator(
        [TEXT],
        trainers.BpeTrainer(
            vocab_size=VOCABULARY, initial_alphabet=sorted(alphabet), special_tokens=[EOS, PAD], show_progress=False
        ),
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=bare, eos_token=EOS, pad_token=PAD, clean_up_tokenization_spaces=False
    )
