"""Fine-tuning by several processes: the same batch, the same model, one writer."""

import json

import pytest

import train as train_script
from selfalign.models.sources import fetch_model

PAIRS = [{"id": f"p{i}", "instruction": f"Write function number {i}.", "response": f"return {i}"} for i in range(8)]
RECIPE = {
    "method": "lora",
    "lora": {"rank": 4, "alpha": 8, "dropout": 0.0},
    "optimizer": "adamw",
    "learning_rate": 0.01,
    "schedule": "constant",
    "warmup_ratio": 0.0,
    "weight_decay": 0.0,
    "max_grad_norm": 1.0,
    "epochs": 2,
    "max_steps": None,
    "batch_size": 4,
    "micro_batch_size": 2,
    "max_tokens": 128,
    "packing": False,
    "precision": "float32",
    "gradient_checkpointing": False,
    "save_steps": None,
    "seed": 1,
}


def train(folder, base, processes):
    folder.mkdir()
    (folder / "train.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in PAIRS))
    paths = {"card": "README.md", "training": "training.json", "kept": "rows.jsonl", "rejected": "rejected.jsonl"}
    paths |= {
        "counts": "counts.json",
        "folder": "model",
        "work": "work",
        "train": "train.jsonl",
        "held_out": "train.jsonl",
    }
    train_script.main(
        name="tuned",
        base=str(base),
        model={"name": "fake", "chat_template": "instruction"},
        spec={"dataset": "pairs", "recipe": RECIPE},
        threads=1,
        processes=processes,
        **{key: str(folder / path) for key, path in paths.items()},
    )
    return json.loads((folder / "training.json").read_text())


def test_two_processes_train_what_one_does(tmp_path):
    base = tmp_path / "base"
    fetch_model("fake", {"engine": "fake"}, base)
    alone, together = train(tmp_path / "alone", base, 1), train(tmp_path / "together", base, 2)
    assert (alone["processes"], together["processes"]) == (1, 2)
    assert together["steps"] == alone["steps"] == 4
    assert together["tokens"] == alone["tokens"]
    for one, two in zip(alone["loss_curve"], together["loss_curve"], strict=True):
        assert two["loss"] == pytest.approx(one["loss"], rel=1e-3)
    assert together["held_out_loss"] == pytest.approx(alone["held_out_loss"], rel=1e-3)
    counts = json.loads((tmp_path / "together" / "counts.json").read_text())
    assert (counts["in"], counts["kept"]) == (8, 8)
    assert sorted(path.name for path in (tmp_path / "together").iterdir()) == [
        "README.md", "counts.json", "model", "rejected.jsonl", "rows.jsonl", "train.jsonl", "training.json",
    ]  # fmt: skip
