"""Fine-tuning by several processes: the same batch, the same model, one writer."""

import json
import time
from functools import cache

import psutil
import pytest

import train as train_script
from selfalign.errors import UserError
from selfalign.models.sources import fetch_model
from selfalign.training import launch

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


def train(folder, base, processes, sharding="none", exist_ok=False, **recipe):
    folder.mkdir(exist_ok=exist_ok)
    (folder / "train.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in PAIRS))
    paths = {"card": "README.md", "training": "training.json", "kept": "rows.jsonl", "rejected": "rejected.jsonl"}
    paths |= {
        "counts": "counts.json",
        "folder": "model",
        "work": "work",
        "memory": "trained",
        "train": "train.jsonl",
        "held_out": "train.jsonl",
    }
    train_script.main(
        name="tuned",
        base=str(base),
        model={"name": "fake", "chat_template": "instruction"},
        spec={"dataset": "pairs", "recipe": {**RECIPE, **recipe}},
        threads=1,
        code="as it is",
        gpus_a_node=processes,
        sharding=sharding,
        **{key: str(folder / path) for key, path in paths.items()},
    )
    return json.loads((folder / "training.json").read_text())


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "base"
    fetch_model("fake", {"engine": "fake"}, folder)
    return folder


@pytest.fixture(scope="module")
def alone(base, tmp_path_factory):
    """Folder and record of a training by one process, by its method."""

    @cache
    def trained(method):
        folder = tmp_path_factory.mktemp("alone") / method
        return folder, train(folder, base, 1, method=method)

    return trained


def check_same_training(alone, together):
    assert (alone["processes"], together["processes"]) == (1, 2)
    assert together["steps"] == alone["steps"] == 4
    assert together["tokens"] == alone["tokens"]
    for one, two in zip(alone["loss_curve"], together["loss_curve"], strict=True):
        assert two["loss"] == pytest.approx(one["loss"], rel=1e-3)
        assert two["grad_norm"] == pytest.approx(one["grad_norm"], rel=1e-3)
    for key in ("held_out_loss_before", "held_out_loss"):
        assert together[key] == pytest.approx(alone[key], rel=1e-3)
    assert together["trainable_parameters"] == alone["trainable_parameters"]
    assert together["parameters"] == alone["parameters"]


def weights(folder):
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder / "model").state_dict()


def test_two_processes_train_what_one_does(tmp_path, base, alone):
    check_same_training(alone("lora")[1], train(tmp_path / "together", base, 2))
    counts = json.loads((tmp_path / "together" / "counts.json").read_text())
    assert (counts["in"], counts["kept"]) == (8, 8)
    assert sorted(path.name for path in (tmp_path / "together").iterdir()) == [
        "README.md", "counts.json", "model", "rejected.jsonl", "rows.jsonl", "train.jsonl", "trained", "training.json",
    ]  # fmt: skip


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_model_cut_over_two_processes_learns_the_same_and_is_saved_whole(tmp_path, base, alone, method):
    """FSDP2 by gloo on the CPU: what accelerate does on GPUs, but for the device."""
    folder, record = alone(method)
    together = train(tmp_path / "together", base, 2, sharding="fsdp2", method=method)
    check_same_training(record, together)
    assert together["sharding"] == "fsdp2"
    one, two = weights(folder), weights(tmp_path / "together")
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        assert two[name].shape == tensor.shape
        assert two[name].numpy() == pytest.approx(tensor.numpy(), abs=1e-4), name
    assert not (tmp_path / "together" / "work").exists()


def test_a_killed_sharded_training_goes_on_from_the_parts_that_each_rank_wrote(tmp_path, base, alone, monkeypatch):
    """All ranks are killed once the first resumable checkpoint is whole."""
    folder, started = tmp_path / "killed", launch._run

    def killed(command, environment):
        with psutil.Popen(command, env=environment) as process:
            while process.poll() is None and not list((folder / "work").glob("*/checkpoint-2/complete.json")):
                time.sleep(0.01)
            for one in [*process.children(recursive=True), process]:
                one.kill()
            return process.wait()

    monkeypatch.setattr(launch, "_run", killed)
    with pytest.raises(UserError, match="goes on from the last complete checkpoint"):
        train(folder, base, 2, sharding="fsdp2", method="full")
    assert not (folder / "model").exists()
    monkeypatch.setattr(launch, "_run", started)
    again = train(folder, base, 2, sharding="fsdp2", method="full", exist_ok=True)
    assert again["resumed_from_step"] == 2
    _, unbroken = alone("full")
    losses = [[point["loss"] for point in record["loss_curve"]] for record in (again, unbroken)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    assert again["held_out_loss"] == pytest.approx(unbroken["held_out_loss"], rel=1e-3)
