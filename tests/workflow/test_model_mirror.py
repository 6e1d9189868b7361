"""The default model as `make model` got it from its real mirror: downloaded, joined, converted."""

import yaml

from selfalign.chat import load_template
from selfalign.io import read_json
from selfalign.models.digest import check_complete


def test_the_mirrored_model_is_complete_and_has_the_pinned_digest(small_model, root):
    check_complete(small_model)
    manifest = read_json(small_model / "model.json")
    pinned = yaml.safe_load((root / "config.yaml").read_text())["models"]["qwen2.5-coder-0.5b"]["digest"]
    assert (manifest["digest"], manifest["licence"], manifest["dtype"]) == (pinned, "Apache-2.0", "bfloat16")
    # Neither the packages nor the joined file stay behind.
    assert not [path for path in small_model.rglob("*") if path.suffix in (".whl", ".gguf", ".bin")]


def test_it_answers_and_stops(small_model):
    from transformers import AutoModelForCausalLM

    template = load_template(small_model, "native")
    model = AutoModelForCausalLM.from_pretrained(small_model, dtype="float32")
    assert model.config.eos_token_id == model.generation_config.eos_token_id == template.eos_id
    prompt = template.tokenizer(template.prompt("Write a Python function add(a, b)."), return_tensors="pt")
    output = model.generate(**prompt, do_sample=False, max_new_tokens=60)
    assert "def add(a, b):" in template.tokenizer.decode(output[0, prompt["input_ids"].shape[1] :])
