"""Fine-tuning: what the loss is taken on, what is dropped, that a tuned model stops, that a killed job goes on."""

import json
import math
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTTrainer

import train as train_script
from selfalign.chat import load_template
from selfalign.errors import EmptyStageError, UserError
from selfalign.models.digest import check_complete, file_digests, weights_digest
from selfalign.models.sources import fetch_model
from selfalign.training import launch
from selfalign.training.job import TrainingJob
from selfalign.training.model import load_model
from selfalign.training.packing import check_rows_are_apart
from selfalign.training.parallel import Parallel, launch_command
from selfalign.training.recipe import accumulation_steps, lora_config, trainer_config
from selfalign.training.resume import last_complete
from selfalign.training.rows import IGNORED, encode_row, encode_rows, to_dataset
from selfalign.training.watch import LossWatch

ANSWER = "def one():\n    return 1"
PAIRS = [{"id": f"pair{i}", "instruction": f"Write function number {i}.", "response": ANSWER} for i in range(12)]
LONG = {"id": "long", "instruction": "Write.", "response": "x = 1\n" * 200}
MAX_TOKENS = 128


def recipe(**changes) -> dict:
    plain = {
        "method": "full",
        "lora": {"rank": 4, "alpha": 8, "dropout": 0.0},
        "optimizer": "adamw",
        "learning_rate": 0.01,
        "schedule": "constant",
        "warmup_ratio": 0.0,
        "weight_decay": 0.0,
        "max_grad_norm": 1.0,
        "epochs": 1,
        "max_steps": None,
        "batch_size": 4,
        "micro_batch_size": 2,
        "max_tokens": MAX_TOKENS,
        "packing": False,
        "precision": "float32",
        "gradient_checkpointing": False,
        "save_steps": None,
        "seed": 1,
    }
    return {**plain, **changes}


@pytest.fixture(scope="session")
def base(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "fake"
    fetch_model("fake", {"engine": "fake"}, folder)
    return folder


@pytest.fixture(scope="session")
def template(base):
    return load_template(base, "instruction")


def run(folder: Path, base: Path, pairs=PAIRS, held_out=PAIRS[:3], name="tuned", **changes) -> dict:
    """Trains a checkpoint into `folder` and returns its record."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, rows in (("train", pairs), ("held_out", held_out)):
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    outputs = {"card": "README.md", "training": "training.json", "kept": "rows.jsonl"}
    outputs |= {"rejected": "rejected.jsonl", "counts": "counts.json", "folder": "model", "work": "work"}
    outputs |= {"memory": "trained"}
    train_script.main(
        name=name,
        train=str(folder / "train.jsonl"),
        held_out=str(folder / "held_out.jsonl"),
        base=str(base),
        model={"name": "fake", "chat_template": "instruction", "dtype": "auto"},
        spec={"model": "fake", "dataset": "pairs", "recipe": recipe(**changes)},
        threads=1,  # a model this small gains nothing from more, and loses much beside another job
        gpus_a_node=1,
        code="as it is",
        **{key: str(folder / path) for key, path in outputs.items()},
    )
    return json.loads((folder / "training.json").read_text())


@pytest.fixture(scope="session")
def tuned(base, tmp_path_factory):
    """A checkpoint that has learnt one constant answer, and its record."""
    folder = tmp_path_factory.mktemp("tuned")
    record = run(folder, base, [*PAIRS, LONG], epochs=30, schedule="linear", warmup_ratio=0.05, save_steps=60)
    return folder, record


# --- rows


def test_the_labels_are_the_completion_with_its_end_token(template):
    row = encode_row(template, PAIRS[0])
    trained = [token for token in row.labels if token != IGNORED]
    assert trained == template.completion_ids(ANSWER) == row.input_ids[-len(trained) :]
    assert row.labels[: row.prompt_tokens] == [IGNORED] * row.prompt_tokens
    assert row.input_ids[: row.prompt_tokens] == template.prompt_ids(PAIRS[0]["instruction"])
    assert trained[-1] == template.eos_id
    assert row.input_ids.count(template.eos_id) == 1


def test_rows_at_the_limit_are_kept_and_longer_ones_dropped(template):
    tokens = len(encode_row(template, PAIRS[0]).input_ids)
    assert [len(rows) for rows in encode_rows(template, PAIRS[:1], tokens)[:1]] == [1]
    assert encode_rows(template, PAIRS[:1], tokens - 1) == ([], 1)


def spans(batch: dict) -> list[tuple[list[int], list[int]]]:
    """The (input ids, labels) of each row of a batch, padded or packed."""
    found = []
    for i in range(len(batch["input_ids"])):
        ids, labels = batch["input_ids"][i].tolist(), batch["labels"][i].tolist()
        if "position_ids" in batch:
            starts = [n for n, position in enumerate(batch["position_ids"][i].tolist()) if position == 0]
        else:
            ids = ids[: int(batch["attention_mask"][i].sum())]
            starts = [0]
        found += [(ids[a:b], labels[a:b]) for a, b in zip(starts, [*starts[1:], len(ids)], strict=True)]
    return found


@pytest.mark.parametrize("packing", [False, True], ids=["padded", "packed"])
def test_what_the_trainer_feeds_the_model(base, template, tmp_path, packing):
    answers = [{**pair, "response": ANSWER + f"  # {'long ' * i}"} for i, pair in enumerate(PAIRS)]
    rows, _ = encode_rows(template, answers, MAX_TOKENS)
    arguments = trainer_config(recipe(packing=packing), tmp_path, 1, use_cpu=True)
    model = load_model(base, recipe())
    trainer = SFTTrainer(model, arguments, train_dataset=to_dataset(rows), processing_class=template.tokenizer)
    fed = [span for batch in trainer.get_train_dataloader() for span in spans(batch)]
    assert sorted(ids for ids, _ in fed) == sorted(row.input_ids for row in rows)  # none cut, none twice
    by_ids = {tuple(row.input_ids): row for row in rows}
    for ids, labels in fed:
        assert labels[: len(ids)] == by_ids[tuple(ids)].labels
    if packing:
        assert len(trainer.train_dataset) < len(rows)


# --- packing


def test_packed_rows_do_not_see_each_other(base):
    check_rows_are_apart(load_model(base, recipe()))


def test_a_model_that_would_mix_packed_rows_is_refused(base):
    model = load_model(base, recipe())
    forward = model.forward

    def without_positions(*arguments, position_ids=None, cu_seq_lens_q=None, cu_seq_lens_k=None, **options):
        return forward(*arguments, **options)

    model.forward = without_positions
    with pytest.raises(UserError, match="rows see each other"):
        check_rows_are_apart(model)


# --- recipe


@pytest.mark.parametrize(("batch", "micro", "processes", "steps"), [(64, 1, 1, 64), (64, 4, 4, 4), (8, 8, 1, 1)])
def test_the_global_batch_is_what_the_recipe_says(batch, micro, processes, steps):
    assert accumulation_steps(recipe(batch_size=batch, micro_batch_size=micro), processes) == steps


def test_a_batch_that_cannot_be_divided_is_refused_before_anything_runs(tmp_path, base):
    with pytest.raises(UserError, match="micro_batch_size 3 on 1 device"):
        run(tmp_path, base, micro_batch_size=3)
    assert not (tmp_path / "rows.jsonl").exists()


def test_the_paper_s_recipe_reaches_the_trainer(tmp_path):
    paper = recipe(
        optimizer="adafactor",
        learning_rate=1e-5,
        schedule="linear",
        warmup_ratio=0.05,
        batch_size=64,
        micro_batch_size=1,
    )
    arguments = trainer_config({**paper, "max_grad_norm": 0.0, "epochs": 2}, tmp_path, 4, use_cpu=True)
    assert (arguments.optim, arguments.learning_rate, arguments.lr_scheduler_type) == ("adafactor", 1e-5, "linear")
    assert (arguments.gradient_accumulation_steps, arguments.per_device_train_batch_size) == (16, 1)
    assert arguments.get_warmup_steps(200) == 10
    assert arguments.max_grad_norm == 0
    assert not arguments.bf16
    assert arguments.gradient_checkpointing is False
    assert arguments.max_length is None


def test_the_adapter_is_on_every_linear_layer_but_the_head(base):
    from peft import get_peft_model

    model = get_peft_model(load_model(base, recipe()), lora_config(recipe(method="lora")))
    adapted = {name.split(".lora_A")[0].split(".")[-1] for name, _ in model.named_parameters() if ".lora_A" in name}
    assert adapted == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}


# --- the finished checkpoint


def test_the_tuned_model_stops(tuned):
    folder, _ = tuned
    model = AutoModelForCausalLM.from_pretrained(folder / "model")
    tokenizer = AutoTokenizer.from_pretrained(folder / "model")
    messages = [{"role": "user", "content": PAIRS[0]["instruction"]}]
    chat = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    output = model.generate(**chat, do_sample=False, max_new_tokens=100)[0, chat["input_ids"].shape[1] :].tolist()
    assert output[-1] == tokenizer.eos_token_id
    assert len(output) < 100
    assert tokenizer.decode(output, skip_special_tokens=True) == ANSWER


def test_the_end_token_is_the_same_everywhere(tuned, template):
    folder, _ = tuned
    model = AutoModelForCausalLM.from_pretrained(folder / "model")
    tokenizer = AutoTokenizer.from_pretrained(folder / "model")
    assert (
        model.config.eos_token_id == model.generation_config.eos_token_id == tokenizer.eos_token_id == template.eos_id
    )
    assert tokenizer.chat_template == template.jinja


def test_the_base_model_does_not_know_the_answer(base, template):
    model = AutoModelForCausalLM.from_pretrained(base)
    ids = torch.tensor([template.prompt_ids(PAIRS[0]["instruction"])])
    output = model.generate(ids, do_sample=False, max_new_tokens=100)[0, ids.shape[1] :]
    assert template.tokenizer.decode(output, skip_special_tokens=True) != ANSWER


def test_the_recorded_loss_is_the_exported_model_s(tuned, template):
    folder, record = tuned
    model = AutoModelForCausalLM.from_pretrained(folder / "model")
    nats = tokens = 0.0
    for pair in PAIRS[:3]:
        row = encode_row(template, pair)
        logits = model(torch.tensor([row.input_ids])).logits[0].double().log_softmax(-1)
        for position in range(row.prompt_tokens, len(row.input_ids)):
            nats -= logits[position - 1, row.input_ids[position]].item()
            tokens += 1
    assert math.isclose(record["held_out_loss"], nats / tokens, rel_tol=1e-3, abs_tol=1e-5)
    assert record["held_out_loss"] < 0.5 * record["held_out_loss_before"]


def test_the_record_adds_up(tuned, base):
    _, record = tuned
    steps = [point["step"] for point in record["loss_curve"]]
    assert steps == list(range(1, record["steps"] + 1))
    assert record["steps"] == 90  # 12 rows in batches of 4, 30 times
    assert record["tokens"] == 30 * record["row_tokens"] == record["loss_curve"][-1]["tokens"]
    assert record["loss_curve"][-1]["loss"] < record["loss_curve"][0]["loss"]
    assert max(point["learning_rate"] for point in record["loss_curve"]) <= 0.01
    assert (record["rows"], record["rows_too_long"], record["held_out_rows"]) == (12, 1, 3)
    assert record["base"]["digest"] == weights_digest(file_digests(base))
    assert record["tokens_per_second"] > 0
    assert record["peak_memory_mb"] > 0


def test_every_row_is_accounted_for(tuned):
    folder, _ = tuned
    counts = json.loads((folder / "counts.json").read_text())
    assert (counts["in"], counts["kept"], counts["rejected"]) == (13, 12, {"too_long": 1})
    rejected = json.loads((folder / "rejected.jsonl").read_text())
    assert (rejected["id"], rejected["row"]) == ("long", LONG)
    assert [json.loads(line)["id"] for line in (folder / "rows.jsonl").open()] == [pair["id"] for pair in PAIRS]


def test_the_manifest_names_the_weights_and_nothing_half_done_is_left(tuned):
    folder, record = tuned
    manifest = json.loads((folder / "model" / "model.json").read_text())
    check_complete(folder / "model")
    assert manifest["digest"] == record["digest"] == weights_digest(file_digests(folder / "model"))
    assert manifest["files"] == file_digests(folder / "model")
    assert not (folder / "work").exists()
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_the_card_has_the_hub_s_metadata_and_the_facts(tuned):
    folder, record = tuned
    _, metadata, text = (folder / "README.md").read_text().split("---\n", 2)
    block = yaml.safe_load(metadata)
    assert (block["library_name"], block["pipeline_tag"]) == ("transformers", "text-generation")
    for fact in (record["digest"], record["base"]["digest"], record["dataset"]["sha256"], "learning_rate: 0.01"):
        assert str(fact) in text


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "lora", "precision": "bfloat16", "gradient_checkpointing": True},
        {"optimizer": "adafactor", "packing": True, "max_grad_norm": 0.0},
        {"precision": "bfloat16", "packing": True},
    ],
    ids=lambda changes: "-".join(map(str, changes.values())),
)
def test_every_kind_of_recipe_gives_a_model_in_its_precision(base, tmp_path, changes):
    record = run(tmp_path, base, held_out=[], max_steps=2, **changes)
    assert record["held_out_loss"] is None
    assert record["steps"] == 2
    dtype = getattr(torch, recipe(**changes)["precision"])
    weights = load_file(tmp_path / "model" / "model.safetensors")
    assert {tensor.dtype for tensor in weights.values()} == {dtype}
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "model").dtype == dtype
    assert set(weights) == set(load_file(base / "model.safetensors"))  # an adapter is merged, its own names are gone
    changed = [
        name
        for name, tensor in load_file(base / "model.safetensors").items()
        if not torch.equal(tensor.to(dtype), weights[name])
    ]
    assert changed


@pytest.mark.parametrize(
    ("changes", "dtype"),
    [
        ({"precision": "bfloat16"}, torch.float32),
        ({"precision": "bfloat16", "master_weights": False}, torch.bfloat16),
        ({"precision": "bfloat16", "method": "lora"}, torch.bfloat16),
        ({"precision": "float32", "method": "lora"}, torch.float32),
        ({"precision": "float32", "master_weights": False}, torch.float32),
    ],
)
def test_weights_that_are_trained_are_kept_in_float32_unless_the_recipe_says_otherwise(base, changes, dtype):
    assert {parameter.dtype for parameter in load_model(base, recipe(**changes)).parameters()} == {dtype}


def test_rows_that_are_all_too_long_are_an_error_not_an_empty_training(base, tmp_path):
    with pytest.raises(EmptyStageError, match="1 too_long"):
        run(tmp_path, base, [LONG])
    assert not (tmp_path / "model").exists()


def test_a_loss_that_is_no_number_ends_the_training(base, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(base, broken)
    model = AutoModelForCausalLM.from_pretrained(base)
    with torch.no_grad():
        model.lm_head.weight.fill_(float("nan"))
    model.save_pretrained(broken)
    with pytest.raises(UserError, match="the loss is nan at step 1"):
        run(tmp_path / "out", broken)
    assert not (tmp_path / "out" / "model").exists()


# --- resuming


class Killed(BaseException):
    """The job's sudden end."""


def test_a_killed_training_goes_on_and_ends_where_it_would_have(base, tmp_path, monkeypatch):
    changes = {"epochs": 3, "save_steps": 2, "method": "lora", "schedule": "linear"}
    whole = run(tmp_path / "whole", base, **changes)
    on_log = LossWatch.on_log

    def dies(self, arguments, state, control, **options):
        if state.global_step == 5:
            raise Killed
        return on_log(self, arguments, state, control, **options)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(LossWatch, "on_log", dies)
        run(tmp_path / "killed", base, **changes)
    (checkpoints,) = (tmp_path / "killed" / "work").iterdir()
    assert last_complete(checkpoints).name == "checkpoint-4"
    half = shutil.copytree(checkpoints / "checkpoint-4", checkpoints / "checkpoint-6")
    (half / "complete.json").unlink()

    resumed = run(tmp_path / "killed", base, **changes)
    assert resumed["resumed_from_step"] == 4
    assert resumed["digest"] == whole["digest"]
    assert [point["loss"] for point in resumed["loss_curve"]] == [point["loss"] for point in whole["loss_curve"]]
    assert resumed["tokens"] == whole["tokens"]


def test_half_written_checkpoints_are_passed_over_with_a_warning(tmp_path, caplog):
    assert last_complete(tmp_path / "none") is None
    for step, marker in ((2, {"step": 2}), (10, {"step": 10}), (12, None), (14, {"step": 4})):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        if marker:
            (folder / "complete.json").write_text(json.dumps(marker))
    assert last_complete(tmp_path) == tmp_path / "checkpoint-10"
    assert "checkpoint-12 was not written to its end" in caplog.text


def test_another_recipe_dataset_base_template_or_device_count_starts_anew(tmp_path):
    def job(lines: str = "{}", **changes) -> TrainingJob:
        path = tmp_path / "train.jsonl"
        path.write_text(lines)
        outputs = dict.fromkeys(("folder", "work", "card", "training", "kept", "rejected", "counts"), "x")
        return TrainingJob("n", "d", str(path), None, "b", {}, recipe(**changes), **outputs)

    folders = [
        job().checkpoints("digest", "template", 1),
        job(learning_rate=0.1).checkpoints("digest", "template", 1),
        job("{ }").checkpoints("digest", "template", 1),
        job().checkpoints("other", "template", 1),
        job().checkpoints("digest", "other", 1),
        job().checkpoints("digest", "template", 2),
    ]
    assert len(set(folders)) == len(folders)
    assert job().checkpoints("digest", "template", 1) == folders[0]


# --- several devices


def test_several_devices_are_one_launch_whose_failure_is_told(tmp_path, monkeypatch):
    commands = []
    monkeypatch.setattr(launch, "_run", lambda command, environment: commands.append(command) or 1)
    with pytest.raises(UserError, match="4 devices ended with status 1"):
        outputs = dict.fromkeys(("folder", "card", "training", "kept", "rejected", "counts"), "x")
        job = TrainingJob("n", "d", "t", None, "b", {}, recipe(batch_size=8), work=str(tmp_path), **outputs)
        launch.launch(job, Parallel(gpus=4))
    assert commands == [launch_command(Parallel(gpus=4), str(tmp_path / "job.json"))]
    assert TrainingJob.from_json((tmp_path / "job.json").read_text()) == job
