"""What is remembered of a training: put back for the very same one, and for no other."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from selfalign.models.digest import file_digests
from selfalign.training.job import TrainingJob
from selfalign.training.trained import Trained

CODE = "code"


@pytest.fixture
def job(tmp_path: Path) -> TrainingJob:
    """A training whose outputs are there."""
    outputs = {"card": "README.md", "training": "training.json", "kept": "rows.jsonl", "rejected": "rejected.jsonl"}
    paths = outputs | {"counts": "counts.json", "folder": "model", "train": "train.jsonl", "held_out": "held_out.jsonl"}
    for folder in ("model", "base"):
        (tmp_path / folder).mkdir()
    for name in (*outputs.values(), "counts.json", "train.jsonl", "held_out.jsonl", "model/model.safetensors"):
        (tmp_path / name).write_text(f"{name} as it was")
    (tmp_path / "base" / "model.json").write_text('{"digest": "d1"}')
    (tmp_path / "model" / "model.json").write_text(json.dumps({"files": file_digests(tmp_path / "model")}))
    return TrainingJob(
        name="tuned",
        dataset_name="pairs",
        base=str(tmp_path / "base"),
        model={"name": "m", "chat_template": "native"},
        recipe={"learning_rate": 1e-5},
        work=str(tmp_path / "work"),
        **{key: str(tmp_path / name) for key, name in paths.items()},
    )


def trained(job: TrainingJob, code: str = CODE) -> Trained:
    return Trained(job, code, Path(job.folder).parent / "memory")


def test_what_snakemake_deletes_is_put_back_and_the_manifest_last(job, monkeypatch):
    trained(job).remember()
    outputs = trained(job).outputs
    before = {path: path.read_bytes() for path in outputs}
    for path in outputs:
        path.unlink()
    assert trained(job).put_back()
    assert {path: path.read_bytes() for path in outputs} == before
    assert outputs[-1].name == "model.json" and len(outputs) == 6


def test_nothing_is_put_back_before_a_training_has_ended(job):
    assert not trained(job).put_back()


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"dataset_name": "other"},
        {"recipe": {"learning_rate": 2e-5}},
        {"model": {"name": "m", "chat_template": "instruction"}},
        {"held_out": None},
    ],
)
def test_another_training_is_done(job, change):
    trained(job).remember()
    assert not trained(replace(job, **change)).put_back()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("train.jsonl", "{}"),
        ("held_out.jsonl", "{}"),
        ("base/model.json", '{"digest": "d2"}'),
        ("base/model.json", '{"digest": "d1", "files": {"tokenizer_config.json": {"sha256": "another"}}}'),
    ],
)
def test_another_input_is_another_training(job, name, text):
    trained(job).remember()
    (Path(job.folder).parent / name).write_text(text)
    assert not trained(job).put_back()


def test_other_code_is_another_training_and_other_devices_are_not(job):
    trained(job).remember()
    assert not trained(job, "changed").put_back()
    assert trained(replace(job, threads=7, sharding="zero3")).put_back()


@pytest.mark.parametrize("harm", ["changed", "one more", "gone"])
def test_weights_that_are_not_as_they_were_are_trained_again(job, harm, caplog):
    trained(job).remember()
    folder = Path(job.folder)
    if harm == "gone":
        shutil.rmtree(folder)
    else:
        (folder / ("model.safetensors" if harm == "changed" else "more.safetensors")).write_text("x")
    assert not trained(job).put_back()
    assert "training them again" in caplog.text


def test_a_full_disk_does_not_undo_the_training(job, monkeypatch, caplog):
    def full(*_):
        raise OSError(28, "No space left on device")

    trained(job).remember()
    Path(job.card).write_text("a newer one")
    newer = replace(job, recipe={"learning_rate": 3e-5})
    monkeypatch.setattr("selfalign.training.trained.shutil.copyfile", full)
    trained(newer).remember()
    assert "No space left" in caplog.text
    assert not trained(newer).put_back() and trained(job).put_back()
    assert [path.name for path in Path(job.folder).parent.glob(".*partial")] == []
