"""The accelerator benchmark: its arithmetic, and that it runs on a CPU."""

import json
import os
import subprocess
import sys

import pytest


@pytest.fixture
def flops(root, monkeypatch):
    monkeypatch.syspath_prepend(str(root / "tests" / "bench"))
    import flops

    return flops


@pytest.mark.parametrize(("size", "billions"), [("0.5b", 0.36), ("1.5b", 1.31), ("7b", 6.53)])
def test_the_matrices_are_as_many_as_the_model_cards_say(flops, size, billions):
    assert round(flops.matrix_weights(size)[0] / 1e9, 2) == billions


def test_the_shapes_are_those_that_transformers_builds(flops):
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    for size, (hidden, intermediate, layers, heads, kv_heads, vocabulary, tied) in flops.SHAPES.items():
        config = Qwen2Config(
            vocab_size=vocabulary,
            hidden_size=hidden,
            intermediate_size=intermediate,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            num_key_value_heads=kv_heads,
            tie_word_embeddings=tied,
        )
        with torch.device("meta"):
            model = Qwen2ForCausalLM(config)
        matrices = [p.numel() for n, p in model.named_parameters() if ".layers." in n and p.dim() == 2]
        assert (sum(matrices), model.lm_head.weight.numel()) == flops.matrix_weights(size)


def test_the_operations_are_six_a_weight_and_token_and_the_attention(flops):
    body, head = flops.matrix_weights("tiny")
    hidden, layers = 64, 2
    assert flops.model_flops("tiny", [10, 20], 12, 0, True) == 6 * body * 30 + 6 * head * 12 + 6 * layers * hidden * 500
    frozen = 4 * body * 30 + 4 * head * 12 + 6 * layers * hidden * 500
    assert flops.model_flops("tiny", [10, 20], 12, 1000, False) == frozen + 6 * 1000 * 30


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("NVIDIA H200", 989),
        ("NVIDIA H100 PCIe", 756),
        ("NVIDIA A100-SXM4-80GB", 312),
        ("NVIDIA A10", 125),
        ("Radeon", None),
    ],
)
def test_peaks_are_found_by_name(flops, name, peak):
    assert flops.peak_tflops(name) == peak


def test_it_runs_on_a_cpu_and_tells_what_failed(root, tmp_path):
    command = [sys.executable, "tests/bench/gpu.py", "--sizes", "tiny", "--methods", "lora", "--steps", "4"]
    command += [
        "--prompts",
        "2",
        "--new-tokens",
        "4",
        "--engine",
        "transformers",
        "--output",
        str(tmp_path / "out.json"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(root / "scripts"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "out.json").read_text())["results"]
    assert [(r["kind"], r["packing"]) for r in results] == [("train", False), ("train", True), ("generate", False)]
    assert all(result.get("tokens_per_second", 0) > 0 for result in results), results
    assert "| tiny | lora, packed |" in done.stdout

    broken = [
        *command[:2],
        "--sizes",
        "tiny",
        "--methods",
        "lora",
        "--steps",
        "4",
        "--prompts",
        "0",
        "--timeout",
        "0.01",
    ]
    done = subprocess.run(broken, cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert "took more than 0 s" in done.stdout
