"""Selection, duplicates, split, and that nothing depends on shards or order."""

import json
import random

import datasets
import pytest
from huggingface_hub import DatasetCard

import build_dataset
from selfalign.datasets.assemble import exact_keys
from selfalign.datasets.policies import POLICIES
from selfalign.errors import EmptyStageError
from selfalign.io import read_json, read_jsonl, write_json, write_jsonl
from selfalign.rows import row_id

SPEC = {
    "generators": ["gen"],
    "policy": "passing",
    "limit": None,
    "held_out": 0.2,
    "near_duplicates": {"threshold": 0.8, "permutations": 64, "shingle": 5},
    "decontaminate": {"ngram": 10},
}
SAMPLES = 3
WORDS = ["amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "haze", "iris", "jade", "kelp", "lava", "moss", "nova", "opal", "pine", "quartz", "reef", "sage", "tide"]


def words(number: int, count: int = 12) -> str:
    """A text that shares hardly a shingle with another number's."""
    return " ".join(random.Random(number).choices(WORDS, k=count))


def lineage(number: int) -> dict[str, list[dict]]:
    """Rows of every stage that descend from one seed; sample 0 fails, the others pass."""
    seed = {
        "id": row_id("seed", number),
        "licence": "MIT",
        "origin": {"path": f"a/{number}.py"},
        "code": "",
        "docstring": "",
    }
    task = {
        "id": row_id("task", number), "seed_id": seed["id"], "concepts_id": row_id("concepts", number), "category": "function",
        "difficulty": "easy", "concepts": ["loops"], "instruction": f"Task {number}: {words(number)}",
    }  # fmt: skip
    responses = [
        {
            "id": row_id("response", number, sample), "task_id": task["id"], "seed_id": seed["id"], "sample": sample,
            "text": f"```python\n# {words(number)}\nx = {number}{sample}\n```", "solution": f"x = {number}{sample}",
            "tests": f"assert x == {number}{sample}", "generated": {"model": "m", "revision": "r"},
        }
        for sample in range(SAMPLES)
    ]  # fmt: skip
    verdicts = [
        {
            "id": row_id("verdict", response["id"]), "response_id": response["id"], "task_id": task["id"],
            "passed": response["sample"] > 0, "verdict": "passed" if response["sample"] else "assertion_failed",
        }
        for response in responses
    ]  # fmt: skip
    return {"seeds": [seed], "concepts": [], "unique_tasks": [task], "responses": responses, "verdicts": verdicts}


def build(folder, numbers, *, shards=1, spec=SPEC, benchmark=(), change=None):
    """Runs the stage on the lineages of `numbers` and gives its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [{stage: str(folder / f"{stage}.{shard}.jsonl") for stage in lineage(0)} for shard in range(shards)]
    for shard, files in enumerate(paths):
        rows = [lineage(number) for number in numbers if number % shards == shard]
        for stage, path in files.items():
            found = [row for entry in rows for row in entry[stage]]
            write_jsonl(path, [change(stage, row) for row in found] if change else found)
    write_json(folder / "verdicts.counts.json", {"stage": "verdicts", "in": 0, "kept": 0, "rejected": {}, "failed": {}})
    write_json(folder / "model.json", {"name": "m", "digest": "d"})
    write_jsonl(folder / "benchmark.jsonl", benchmark)
    out = folder / "out"
    build_dataset.main(
        name="passing", spec=spec, generators=["gen"] * shards, shards=paths,
        verdict_counts=[str(folder / "verdicts.counts.json")],
        benchmarks=[str(folder / "benchmark.jsonl")] if benchmark else [], models=[str(folder / "model.json")],
        train=str(out / "train.jsonl"), held_out=str(out / "held_out.jsonl"), train_parquet=str(out / "train.parquet"),
        held_out_parquet=str(out / "held_out.parquet"), rejected=str(out / "rejected.jsonl"),
        counts=str(out / "counts.json"), card=str(out / "README.md"),
    )  # fmt: skip
    return out


def pairs(out):
    return [*read_jsonl(out / "train.jsonl"), *read_jsonl(out / "held_out.jsonl")]


def test_one_passing_response_a_task_and_every_row_is_accounted_for(tmp_path):
    out = build(tmp_path, range(20))
    assert len(pairs(out)) == 20
    assert {pair["lineage"]["verdict"] for pair in pairs(out)} == {"passed"}
    counts = read_json(out / "counts.json")
    assert (counts["in"], counts["kept"], counts["rejected"]) == (60, 20, {"not_selected": 40})
    assert counts["extra"]["verdict: assertion_failed"] == 20


def test_the_bytes_do_not_depend_on_shards_or_order(tmp_path):
    one = build(tmp_path / "one", range(20))
    other = build(tmp_path / "other", [*reversed(range(20))], shards=3)
    for name in ("train.jsonl", "held_out.jsonl", "train.parquet", "held_out.parquet", "README.md"):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


def test_the_policies_take_what_they_say():
    passed = [({"id": f"p{n}"}, {"passed": True}) for n in range(3)]
    failed = [({"id": f"f{n}"}, {"passed": False}) for n in range(3)]
    assert POLICIES["passing"](failed) is None and POLICIES["failing"](passed) is None
    assert POLICIES["passing"](passed + failed)[1]["passed"]
    assert not POLICIES["failing"](passed + failed)[1]["passed"]
    assert POLICIES["any"](passed + failed) == POLICIES["passing"](passed)
    assert POLICIES["any"](failed) in failed
    assert POLICIES["random"]([]) is None
    for policy in POLICIES.values():
        assert policy(passed + failed) == policy(list(reversed(passed + failed))), "depends on the order"


def test_random_is_blind_to_the_verdict():
    tasks = [[({"id": f"{task}-{n}"}, {"passed": n == 0}) for n in range(4)] for task in range(400)]
    share = sum(POLICIES["random"](task)[1]["passed"] for task in tasks) / len(tasks)
    assert 0.15 < share < 0.35


def test_zero_passing_responses_stop_with_the_verdicts_and_leave_nothing(tmp_path):
    def fail(stage, row):
        return {**row, "passed": False, "verdict": "timeout"} if stage == "verdicts" else row

    with pytest.raises(EmptyStageError, match="60 timeout") as caught:
        build(tmp_path, range(20), change=fail)
    assert "datasets.passing.policy" in caught.value.where
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out").iterdir())


def test_duplicates_are_found_by_instruction_solution_and_skeleton(tmp_path):
    def same(stage, row):
        return {**row, "instruction": "ONE  Task for all"} if stage == "unique_tasks" else row

    counts = read_json(build(tmp_path, range(5), change=same) / "counts.json")
    assert counts["kept"] == 1 and counts["rejected"]["exact_duplicate"] == 4

    first = {
        "instruction": "a",
        "solution": "def f(a):\n    '''Doc.'''\n    total = 0\n    for x in a:\n        total += x * 2\n    return total",
    }
    other = {
        "instruction": "b",
        "solution": "def g(items: list) -> int:\n    s = 0\n    for i in items:  # why\n        s += i * 2\n    return s\n",
    }
    third = {"instruction": "c", "solution": other["solution"].replace("* 2", "* 3")}
    assert exact_keys(first)["skeleton"] == exact_keys(other)["skeleton"] != exact_keys(third)["skeleton"]


def test_overlap_with_a_benchmark_is_dropped_and_counted(tmp_path):
    text = f"Task 3: {words(3)}"
    problem = {
        "id": "x", "benchmark": "bench", "task_id": "b/1", "prompt": text, "canonical_solution": "", "entry_point": "f",
        "tests": "", "decontaminate": [text],
    }  # fmt: skip
    counts = read_json(build(tmp_path, range(6), benchmark=[problem]) / "counts.json")
    assert counts["rejected"]["contaminated"] == 1 and counts["extra"]["contaminated: bench"] == 1


def test_the_split_is_stable_when_pairs_are_added(tmp_path):
    few = {row["id"] for row in read_jsonl(build(tmp_path / "few", range(40)) / "held_out.jsonl")}
    many = {row["id"] for row in read_jsonl(build(tmp_path / "many", range(80)) / "held_out.jsonl")}
    assert few and few <= many


def test_the_folder_is_read_by_the_datasets_library_and_the_card_is_valid(tmp_path, monkeypatch):
    out = build(tmp_path, range(20))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    loaded = datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"))
    assert {name: len(part) for name, part in loaded.items()} == {
        "train": sum(1 for _ in read_jsonl(out / "train.jsonl")),
        "held_out": sum(1 for _ in read_jsonl(out / "held_out.jsonl")),
    }
    first = loaded["train"][0]
    assert json.loads(first["lineage"]["origin"])["path"].endswith(".py")
    card = DatasetCard((out / "README.md").read_text())
    assert card.data.license == ["mit"] and "training pairs" in card.text


def test_a_limit_keeps_the_lowest_ids(tmp_path):
    all_pairs = sorted(pair["id"] for pair in pairs(build(tmp_path / "all", range(20))))
    some = sorted(pair["id"] for pair in pairs(build(tmp_path / "some", range(20), spec={**SPEC, "limit": 5})))
    assert some == all_pairs[:5]
