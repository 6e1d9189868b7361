"""Evolution over three rounds: what the operators ask for comes through elimination and both removals of duplicates."""

import pytest
import yaml
from generation import SAMPLING

from dedup_tasks import main as dedup
from selfalign.backends import Completion
from selfalign.config import resolve_config
from selfalign.datasets.judge import PairJudge
from selfalign.decontaminate import Contamination
from selfalign.fewshots import PROMPTS
from selfalign.io import read_json, read_jsonl, write_jsonl
from selfalign.methods.evol_instruct import Evolution
from selfalign.rows import row_id
from selfalign.stages.parsing import Rejected

ROUNDS = (
    "Raise a ValueError that names the first offending entry when anything but whole numbers is handed over.",
    "It has to finish within a second for a hundred thousand records, so avoid nested loops and repeated sorting.",
    "Where two candidates tie, prefer whichever appeared earlier, and never modify the caller's original arguments.",
)
"""What each round adds: ten to twenty words."""
SHOWN = "lamp-switches"
"""The one example that prompts show here; the others are the tasks."""


@pytest.fixture
def generator(root):
    """A generator that evolves and a dataset of it, with the settings that the method and the schema give them."""
    config = yaml.safe_load((root / "config.yaml").read_text())
    model = next(iter(config["models"]))
    config["generators"]["evolved"] = {"method": "evol-instruct", "model": model, "tasks_of": "self-align"}
    config["datasets"]["evolved"] = {"generators": ["evolved"], "policy": "unfiltered"}
    resolved = resolve_config(config)
    return resolved["generators"]["evolved"], resolved["datasets"]["evolved"]


def begun() -> list[dict]:
    """The worked examples' tasks, of 20 to 90 words, as rows that evolution begins with."""
    paths = [path for path in sorted((PROMPTS / "examples").glob("*.yaml")) if path.stem != SHOWN]
    texts = [yaml.safe_load(path.read_text())["task"].strip() for path in paths]
    common = {"concepts_id": None, "category": "function", "concepts": [], "language": "python"}
    return [
        {"id": row_id("task", text), "seed_id": row_id("seed", text), "instruction": text, **common} for text in texts
    ]


def evolve(settings: dict, rows: list[dict], number: int, text_of) -> list[dict | Rejected]:
    settings = {**settings["tasks"], **settings["evolution"], "operators": {"constrain": 1}, "round": number}
    stage = Evolution({**settings, **SAMPLING, "examples": [SHOWN], "fewshots": 1, "prefixes": 1}, PROMPTS)
    return [stage.parse(row, 0, Completion(text_of(row), "stop", 1, 0, 1)) for row in rows]


def test_three_rounds_of_the_same_lineage_are_kept(tmp_path, generator):
    settings, dataset = generator
    rows, files = begun(), []
    for number, more in enumerate(ROUNDS, 1):
        rows = evolve(settings, rows, number, lambda row, more=more: f"{row['instruction']} {more}")
        assert not [row for row in rows if isinstance(row, Rejected)]
        write_jsonl(tmp_path / f"evolved-{number}", rows)
        files.append(str(tmp_path / f"evolved-{number}"))
    near, ngram = settings["tasks"]["near_duplicates"], settings["tasks"]["decontaminate"]
    dedup(files, [], near, ngram, [str(tmp_path / "unique")], str(tmp_path / "rejected"), str(tmp_path / "counts"))
    assert read_json(tmp_path / "counts")["kept"] == 3 * len(rows) > 60
    judge = PairJudge(dataset["near_duplicates"], Contamination.from_files([], 10))
    assert {judge.judge(pair(row)) for row in sorted(read_jsonl(tmp_path / "unique"), key=lambda row: row["id"])} == {
        ("", "")
    }


def pair(task: dict) -> dict:
    return {
        "id": row_id("pair", task["id"]), "instruction": task["instruction"], "response": "", "tests": "",
        "solution": f"x = '{task['id']}'", "lineage": {"task_id": task["id"], "evolved_from": task["evolved_from"]},
    }  # fmt: skip


def test_versions_of_other_tasks_are_compared(tmp_path, generator):
    settings, dataset = generator
    (first, *_) = begun()
    rows = evolve(
        settings, [first, {**first, "id": "f" * 20}], 1, lambda row: f"{row['instruction']} {ROUNDS[0]} {row['id'][0]}"
    )
    write_jsonl(tmp_path / "tasks", rows)
    out = [str(tmp_path / name) for name in ("unique", "rejected", "counts")]
    dedup([str(tmp_path / "tasks")], [], settings["tasks"]["near_duplicates"], {"ngram": 10}, [out[0]], *out[1:])
    assert read_json(tmp_path / "counts")["rejected"] == {"near_duplicate": 1}
    judge = PairJudge(dataset["near_duplicates"], Contamination.from_files([], 10))
    assert [judge.judge(pair(row))[0] for row in rows] == ["", "near_duplicate"]


@pytest.mark.parametrize(
    "again",
    [
        "{task}",
        "Please write this: {task}",
        "{task} Think about it carefully.",
        "{task} {task}",
        "Again. {task} That is all.",
    ],
)
def test_a_task_that_says_the_same_again_is_dropped(generator, again):
    settings, _ = generator
    short = [row for row in begun() if len(row["instruction"].split()) < 60]
    parsed = evolve(settings, short, 1, lambda row: again.format(task=row["instruction"]))
    assert len(parsed) >= 8 and {row.reason for row in parsed} == {"no_gain"}
