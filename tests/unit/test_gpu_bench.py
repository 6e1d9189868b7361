"""The arithmetic of the accelerator benchmark."""

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
