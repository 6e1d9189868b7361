"""Published sets of instructions: rows, tasks, answers, and what config has to say of them."""

import json

import pyarrow
import pyarrow.parquet
import pytest
import yaml

from adopt import main as adopt_rows
from mine_instructions import main as mine
from selfalign.config import resolve_config
from selfalign.corpora import hub
from selfalign.datasets.card import terms
from selfalign.errors import UserError
from selfalign.io import read_jsonl
from selfalign.methods import layout
from selfalign.methods.tasks_file import adopt
from selfalign.reasons import REASONS
from selfalign.report import arms
from selfalign.stages.adoption import answer_of_task
from selfalign.stages.parsing import Rejected

TABLE = {
    "kind": "instructions", "dataset": None, "revision": None, "path": None, "sha256": None, "files": ["*.jsonl"],
    "instruction_column": "instruction", "input_column": "input", "answer_column": "output", "licence_column": None,
    "licence": "MIT",
}  # fmt: skip
LENGTHS = {"min_words": 3, "max_words": 20}
CODE = "def total(prices):\n    return sum(prices)"
ASKED = "Write a function that adds prices."


def mine_table(tmp_path, licences=("MIT",), **spec):
    out = {name: str(tmp_path / name) for name in ("kept", "rejected", "counts")}
    mine("c", {**TABLE, **spec}, list(licences), **out)
    return list(read_jsonl(tmp_path / "kept")), list(read_jsonl(tmp_path / "rejected"))


def lines(tmp_path, *rows) -> str:
    path = tmp_path / "set.jsonl"
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return str(path)


def test_every_row_is_a_seed_or_has_its_reason(tmp_path):
    path = lines(
        tmp_path, {"instruction": f" {ASKED} ", "input": "[1, 2]", "output": CODE}, {"instruction": ASKED, "input": None},
        '{"instruction": ', [1], {"instruction": 3}, {"instruction": " ", "output": CODE}, {"instruction": "a \ud800 b c"},
    )  # fmt: skip
    kept, rejected = mine_table(tmp_path, path=path)
    assert [(row["code"], row["answer"]) for row in kept] == [(f"{ASKED}\n\n[1, 2]", CODE), (ASKED, "")]
    assert kept[0]["licence"] == "MIT"
    assert kept[0]["origin"] == {
        "corpus": "c", "package": "", "version": "", "path": "set.jsonl", "line": 1, "name": "",
    }  # fmt: skip
    assert [row["reason"] for row in rejected] == [*["unreadable"] * 3, "empty", "invalid_unicode"]
    assert {row["reason"] for row in rejected} <= REASONS["instructions"].keys()


@pytest.mark.parametrize("indent", [None, 4])
def test_a_file_may_be_one_list(tmp_path, indent):
    rows = [{"instruction": ASKED, "output": CODE}, [1], {"instruction": "Sort these words."}]
    (tmp_path / "set.json").write_text(json.dumps(rows, indent=indent))
    kept, rejected = mine_table(tmp_path, path=str(tmp_path / "set.json"))
    assert [row["origin"]["line"] for row in kept] == [1, 3] and [row["reason"] for row in rejected] == ["unreadable"]


def test_a_licence_has_to_be_allowed(tmp_path):
    path = lines(tmp_path, {"instruction": ASKED, "by": "MIT"}, {"instruction": ASKED, "by": "CC-BY-NC-4.0"})
    kept, rejected = mine_table(tmp_path, path=path, licence_column="by", licence=None)
    assert len(kept) == 1 and [row["reason"] for row in rejected] == ["licence"]


def test_a_set_on_the_hub_is_read_at_its_revision(tmp_path, monkeypatch):
    def download(dataset, revision, file):
        assert (dataset, revision, file) == ("o/d", "a" * 40, "x.parquet")
        pyarrow.parquet.write_table(
            pyarrow.Table.from_pylist([{"instruction": ASKED, "output": CODE}]), tmp_path / file
        )
        return str(tmp_path / file)

    monkeypatch.setattr(hub, "list_files", lambda *_: ["README.md", "x.parquet"])
    monkeypatch.setattr(hub, "download", download)
    ((seed,), _) = mine_table(tmp_path, dataset="o/d", revision="a" * 40, files=["*.parquet"], input_column=None)
    assert (seed["origin"]["package"], seed["origin"]["version"], seed["origin"]["line"]) == ("o/d", "a" * 40, 1)


def seed(answer="", instruction=ASKED):
    origin = {"corpus": "c", "package": "", "version": "", "path": "p", "line": 1, "name": ""}
    return {"id": "s", "code": instruction, "answer": answer, "language": "python", "origin": origin, "licence": "MIT"}


@pytest.mark.parametrize(
    ("answer", "text", "solution"),
    [
        (CODE, f"```python\n{CODE}\n```", CODE),
        (f"It adds.\n\n```python\n{CODE}\n```\nDone.", f"It adds.\n\n```python\n{CODE}\n```\nDone.", CODE),
        ("print('x')", "```python\nprint('x')\n```", "print('x')"),
    ],
)
def test_an_answer_is_the_response_as_it_was_published(answer, text, solution):
    task = adopt(seed(answer), LENGTHS)
    assert task["instruction"] == ASKED and task["generated"]["model"] == "corpus c"
    response = answer_of_task(task, {})
    assert (response["text"], response["solution"], response["tests"]) == (text, solution, "")


@pytest.mark.parametrize("answer", ["", "Yes", "42", "Add them up.", "```java\nint x;\n```", "```python\nx ="])
def test_a_task_without_an_answer_in_python_is_still_a_task(answer):
    task = adopt(seed(answer), LENGTHS)
    assert task["instruction"] == ASKED
    assert answer_of_task(task, {}).reason == "no_solution"


@pytest.mark.parametrize(("instruction", "reason"), [("Sort it.", "too_short"), ("word " * 21, "too_long")])
def test_tasks_are_bounded(instruction, reason):
    found = adopt(seed(instruction=instruction), LENGTHS)
    assert isinstance(found, Rejected) and found.reason == reason and reason in REASONS["tasks"]


def test_the_step_adopts_the_rows_of_a_shard(tmp_path):
    kept, _ = mine_table(tmp_path, path=lines(tmp_path, {"instruction": ASKED, "output": CODE}), input_column=None)
    out = {name: str(tmp_path / f"tasks-{name}") for name in ("kept", "rejected", "counts")}
    adopt_rows("tasks_file", "tasks", str(tmp_path / "kept"), LENGTHS, **out)
    (task,) = read_jsonl(tmp_path / "tasks-kept")
    assert task["seed_id"] == kept[0]["id"] and task["answer"]["solution"] == CODE


def study(root, corpus, **datasets):
    config = yaml.safe_load((root / "config.yaml").read_text())
    model = next(iter(config["models"]))
    config["seeds"]["corpora"]["set"] = {"kind": "instructions", "licence": "MIT", **corpus}
    config["generators"]["published"] = {"method": "tasks-file"}
    config["generators"]["taught"] = {"method": "distill", "model": model, "tasks_of": "published"}
    config["generators"]["evolved"] = {"method": "evol-instruct", "model": model, "tasks_of": "published"}
    config["datasets"] |= datasets
    return config


def test_other_methods_start_from_it_and_their_cards_tell_its_terms(root):
    outputs = {"training": "restricted", "terms": "Terms 7"}
    config = resolve_config(study(root, {"path": "set.jsonl", "outputs": outputs}))
    assert layout.corpora_of(config, "instructions") == ["set"] and layout.corpora_of(config, "functions") == [
        "utilities"
    ]
    assert layout.task_parents(config, "published") == "results/seeds/instructions/shards/{shard}.jsonl"
    for name in ("taught", "evolved"):
        assert layout.seed_kind(config, name) == "instructions"
        told = terms({name: layout.origin(config, name)})
        assert "The terms of corpus set (Terms 7) may forbid training" in told
    assert "corpus set" in terms({"published": layout.origin(config, "published", True)})
    assert "corpus set" not in terms({"self-align": layout.origin(config, "self-align")})


def test_the_report_says_of_an_arm_whose_terms_its_data_are_under(root):
    outputs = {"training": "restricted", "terms": "Terms 7"}
    config = study(root, {"path": "set.jsonl", "answer_column": "output", "outputs": outputs})
    base = next(iter(config["models"]))
    for name in ("published", "taught"):
        config["datasets"][name] = {"generators": [name], "policy": "unfiltered"}
        config["checkpoints"][name] = {"model": base, "dataset": name}
    whole = resolve_config(config)
    told = {name: arms.origin(whole, name, {}, {}, []) for name in ("published", "taught", *set(config["checkpoints"]))}
    assert told["published"]["data_models"] == ["corpus set"] and told["taught"]["data_models"] == ["corpus set", base]
    for name, row in told.items():
        assert row["may_forbid_training"] == (["corpus set"] if name in ("published", "taught") else [])
        assert row["own_data"] == (name not in ("published", "taught"))


@pytest.mark.parametrize(
    ("corpus", "words"),
    [
        ({}, "needs either `dataset`"),
        ({"dataset": "o/d"}, "revision is missing"),
        ({"path": "x", "licence": None}, "needs `licence` or `licence_column`"),
        ({"path": "x", "licence": "CC-BY-NC-4.0"}, "which seeds.licences does not allow"),
        ({"path": "x"}, "name no answer_column"),
        ({"path": "x", "answer_column": "output"}, ""),
    ],
)
def test_config_says_what_is_missing(root, corpus, words):
    config = study(root, corpus, published={"generators": ["published"], "policy": "unfiltered"})
    if words:
        with pytest.raises(UserError, match=words):
            resolve_config(config)
    else:
        assert resolve_config(config)["seeds"]["corpora"]["set"]["outputs"] == {"training": "unknown", "terms": ""}


def test_the_method_wants_a_set(root):
    config = study(root, {"path": "x"})
    del config["seeds"]["corpora"]["set"]
    with pytest.raises(UserError, match=r"no corpus of kind instructions, which generators\.published"):
        resolve_config(config)
