"""The model card of a checkpoint: the hub's metadata, what it is made of, how to use it."""

import yaml

HUB_LICENCES = {"apache-2.0", "mit", "bsd-3-clause", "bigcode-openrail-m", "llama3.1", "gemma", "cc-by-4.0"}
"""Identifiers that the hub takes (and that this project's models have); others are left to the text."""

CARD = """---
{metadata}---

# {name}

{base} fine-tuned on {rows:,} instruction-response pairs of the dataset `{dataset}`. The first lines of the dataset's card say
which models' terms and which licences its pairs are under and whether they were tested; the rest of it says how they were made.

| | |
|---|---|
| base model | {base}{revision} |
| digest of the base weights | `{base_digest}` |
| digest of these weights | `{digest}` |
| parameters | {parameters:,} ({trainable:,} trained) |
| dataset | `{dataset}`, training file SHA-256 `{dataset_sha256}` |
| pairs | {rows:,}, and {too_long:,} dropped as longer than {max_tokens:,} tokens |
| training | {steps:,} steps, {tokens:,} tokens, {method} |
| loss on held-out pairs | {held_out} |
| hardware | {processes} × {device} |

The digests are SHA-256 over the lines that `LC_ALL=C sha256sum *.safetensors` prints.

## Recipe

```yaml
{recipe}```

The loss is taken on the response and its end token alone, as a mean over the tokens of a batch. Pairs that don't fit
are dropped, never cut.

## Use

The tokenizer carries the chat template that the model was trained with (`{template}`), and a response ends in the
tokenizer's end token.

```python
from transformers import AutoModelForCausalLM, AutoTokenizer

folder = "model"
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto")
messages = [{{"role": "user", "content": "Write a Python function that reverses the words of a sentence."}}]
inputs = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True, return_tensors="pt")
output = model.generate(**inputs, max_new_tokens=512)
print(tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))
```

or `vllm serve model`.

## Limits

The responses that it learnt from are at best as right as their tests. Run what this model writes in a sandbox. The base
model's licence and terms apply to these weights, and those that the dataset's card begins with.

## Software

{versions}
"""


def model_card(record: dict, base: dict) -> str:
    """The card's text.

    Args:
        record: the training record (`training.json`).
        base: the base model's manifest.
    """
    recipe, loss, before = record["recipe"], record["held_out_loss"], record["held_out_loss_before"]
    held_out = "no pairs held out"
    if loss is not None:
        held_out = f"{loss:.4f} nats a token ({before:.4f} before), on {record['held_out_rows']:,} pairs"
    return CARD.format(
        metadata=yaml.safe_dump(metadata(record, base), sort_keys=False, allow_unicode=True),
        name=record["checkpoint"],
        base=record["base"]["name"],
        revision=f", revision `{base['revision']}`" if base.get("revision") else "",
        base_digest=record["base"]["digest"],
        digest=record["digest"],
        parameters=record["parameters"],
        trainable=record["trainable_parameters"],
        dataset=record["dataset"]["name"],
        dataset_sha256=record["dataset"]["sha256"],
        rows=record["rows"],
        too_long=record["rows_too_long"],
        max_tokens=recipe["max_tokens"],
        steps=record["steps"],
        tokens=record["tokens"],
        method="all weights" if recipe["method"] == "full" else f"LoRA of rank {recipe['lora']['rank']}, merged",
        held_out=held_out,
        processes=record["processes"],
        device=record["device"],
        recipe=yaml.safe_dump(recipe, sort_keys=True),
        template=record["chat_template"],
        versions=", ".join(f"{name} {version}" for name, version in record["versions"].items()),
    )


def metadata(record: dict, base: dict) -> dict:
    """The hub's metadata block. `base_model` is a hub name, so it is given only when the weights came from there."""
    block = {"library_name": "transformers", "pipeline_tag": "text-generation", "language": ["en"]}
    hub = base.get("source", {}).get("hub")
    if hub:
        block |= {"base_model": hub, "base_model_relation": "finetune"}
    if base.get("licence", "").lower() in HUB_LICENCES:
        block["license"] = base["licence"].lower()
    return {**block, "tags": ["code", "selfcodealign", "sft", "trl"]}
