"""Selection, duplicates, split, and that nothing depends on shards or order."""

import errno
import json
import random
from itertools import pairwise

import datasets
import pytest
from huggingface_hub import DatasetCard
from pyarrow import parquet

import build_dataset
from selfalign.datasets.census import STAGES
from selfalign.datasets.policies import POLICIES
from selfalign.datasets.split import held_out_ids
from selfalign.errors import EmptyStageError, InfrastructureError, UserError
from selfalign.io import dumps, read_json, read_jsonl, write_json, write_jsonl
from selfalign.rows import row_id

SPEC = {
    "generators": ["gen"],
    "policy": "passing",
    "limit": None,
    "held_out": 0.2,
    "unique_names": False,
    "shown_tests": 0,
    "near_duplicates": {"threshold": 0.8, "permutations": 64, "shingle": 5},
    "decontaminate": {"ngram": 10},
}
SAMPLES = 3
WORDS = [
    "amber",
    "birch",
    "cedar",
    "delta",
    "ember",
    "fjord",
    "grove",
    "haze",
    "iris",
    "jade",
    "kelp",
    "lava",
    "moss",
    "nova",
    "opal",
    "pine",
    "quartz",
    "reef",
    "sage",
    "tide",
]


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
    concepts = {"id": row_id("concepts", number), "seed_id": seed["id"], "concepts": ["loops"]}
    task = {
        "id": row_id("task", number), "seed_id": seed["id"], "concepts_id": row_id("concepts", number), "category": "function",
        "difficulty": "easy", "concepts": ["loops"], "instruction": f"Task {number}: {words(number)}",
    }  # fmt: skip
    responses = [
        {
            "id": row_id("response", number, sample), "task_id": task["id"], "seed_id": seed["id"], "sample": sample,
            "text": f"```python\n# {words(number)}\nx = {number}{sample}\n```", "solution": f"x = {number}{sample}",
            "tests": f"assert x == {number}{sample}", "generated": {
                "model": "m", "revision": "r", "prompt_id": "p/1", "engine": "vllm", "engine_version": "1",
                "sampling": {"temperature": 0.7, "max_tokens": 9, "seed": number * 10 + sample},
            },
        }
        for sample in range(SAMPLES)
    ]  # fmt: skip
    verdicts = [
        {
            "id": row_id("verdict", response["id"]), "response_id": response["id"], "task_id": task["id"],
            "passed": response["sample"] > 0, "verdict": "passed" if response["sample"] else "assertion_failed",
            "consensus": 1.0 if response["sample"] else None,
        }
        for response in responses
    ]  # fmt: skip
    return {
        "seeds": [seed],
        "concepts": [concepts],
        "unique_tasks": [task],
        "responses": responses,
        "verdicts": verdicts,
    }


def build(folder, numbers, *, cuts=(), reverse=False, spec=SPEC, benchmark=(), change=None):
    """Runs the stage on the lineages of `numbers` and gives its folder.

    Args:
        cuts: ranks of the sorted seed ids at which a new shard begins.
        reverse: gives shards, and the rows in each, in the opposite order.
        change: function of stage and row that gives the row to be written instead, or None to leave it out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ranked = sorted((lineage(number) for number in numbers), key=lambda entry: entry["seeds"][0]["id"])
    edges = [0, *cuts, len(ranked)]
    shards = [write_shard(folder, i, ranked[a:b], reverse, change) for i, (a, b) in enumerate(pairwise(edges))]
    write_json(folder / "verdicts.counts.json", {"stage": "verdicts", "in": 0, "kept": 0, "rejected": {}, "failed": {}})
    write_json(folder / "model.json", {"name": "m", "digest": "d"})
    write_jsonl(folder / "benchmark.jsonl", benchmark)
    out = folder / "out"
    build_dataset.main(
        name="passing", spec=spec, generators=["gen"] * len(shards), shards=shards[::-1] if reverse else shards,
        verdict_counts=[str(folder / "verdicts.counts.json")],
        benchmarks=[str(folder / "benchmark.jsonl")] if benchmark else [], models=[str(folder / "model.json")],
        train=str(out / "train.jsonl"), held_out=str(out / "held_out.jsonl"), train_parquet=str(out / "train.parquet"),
        held_out_parquet=str(out / "held_out.parquet"), rejected=str(out / "rejected.jsonl"),
        counts=str(out / "counts.json"), card=str(out / "README.md"),
    )  # fmt: skip
    return out


def write_shard(folder, number, entries, reverse, change):
    paths = {}
    for stage in STAGES:
        rows = [row for entry in entries for row in entry[stage]]
        if change:
            rows = [new for row in rows if (new := change(stage, row)) is not None]
        paths[stage] = str(folder / f"{stage}.{number}.jsonl")
        write_jsonl(paths[stage], rows[::-1] if reverse else rows)
    return paths


def problem(text):
    return {
        "id": "x", "benchmark": "bench", "task_id": "b/1", "prompt": text, "canonical_solution": "", "entry_point": "f",
        "tests": "", "decontaminate": [text],
    }  # fmt: skip


def pairs(out):
    return [*read_jsonl(out / "train.jsonl"), *read_jsonl(out / "held_out.jsonl")]


def test_one_passing_response_a_task_and_every_row_is_accounted_for(tmp_path):
    out = build(tmp_path, range(20))
    assert len(pairs(out)) == 20
    assert {pair["lineage"]["verdict"] for pair in pairs(out)} == {"passed"}
    counts = read_json(out / "counts.json")
    assert (counts["in"], counts["kept"]) == (60, 20)
    assert counts["rejected"] == {"not_qualified": 20, "not_drawn": 20}
    assert counts["extra"]["verdict: assertion_failed"] == 20
    rejected = list(read_jsonl(out / "rejected.jsonl"))
    ids = {record["row"]["lineage"]["response_id"] for record in rejected}
    ids |= {pair["lineage"]["response_id"] for pair in pairs(out)}
    assert ids == {row["id"] for number in range(20) for row in lineage(number)["responses"]}
    assert {record["row"]["lineage"]["verdict"] for record in rejected if record["reason"] == "not_qualified"} == {
        "assertion_failed"
    }


def test_the_bytes_do_not_depend_on_shards_or_order(tmp_path):
    one = build(tmp_path / "one", range(40))
    again = build(tmp_path / "again", range(40))
    other = build(tmp_path / "other", range(40), cuts=(3, 20), reverse=True)
    names = sorted(path.name for path in one.iterdir())
    assert names == [
        "README.md", "counts.json", "held_out.jsonl", "held_out.parquet", "rejected.jsonl", "train.jsonl", "train.parquet",
    ]  # fmt: skip
    for name in names:
        assert (one / name).read_bytes() == (again / name).read_bytes() == (other / name).read_bytes(), name


def test_every_policy_gives_pairs_with_the_verdicts_that_it_names(tmp_path):
    found = {}
    for policy in POLICIES:
        out = build(tmp_path / policy, range(60), spec={**SPEC, "policy": policy})
        found[policy] = {pair["lineage"]["verdict"] for pair in pairs(out)}
    assert found == {
        "passing": {"passed"}, "consensus": {"passed"}, "any": {"passed"}, "failing": {"assertion_failed"},
        "random": {"passed", "assertion_failed"}, "unfiltered": {"passed", "assertion_failed"},
    }  # fmt: skip


def test_zero_passing_responses_stop_with_the_verdicts_and_leave_nothing(tmp_path):
    def fail(stage, row):
        return {**row, "passed": False, "verdict": "timeout"} if stage == "verdicts" else row

    with pytest.raises(EmptyStageError, match="60 timeout") as caught:
        build(tmp_path, range(20), change=fail)
    assert "datasets.passing.policy" in caught.value.where
    assert not list((tmp_path / "out").iterdir())


def test_a_dataset_of_which_nothing_is_left_stops_with_the_reasons_and_leaves_nothing(tmp_path):
    def same(stage, row):
        return {**row, "instruction": words(3)} if stage == "unique_tasks" else row

    with pytest.raises(EmptyStageError, match="1 contaminated"):
        build(tmp_path, [3], change=same, benchmark=[problem(words(3))])
    assert not list((tmp_path / "out").iterdir())


def test_a_response_without_its_verdict_is_named(tmp_path):
    gone = lineage(2)["verdicts"][1]

    def drop(stage, row):
        return None if row["id"] == gone["id"] else row

    with pytest.raises(UserError, match=gone["response_id"]) as caught:
        build(tmp_path, range(4), change=drop)
    assert "verdicts.0.jsonl" in caught.value.where


def test_a_full_disk_leaves_nothing_half_written(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InfrastructureError, match="no space"):
        build_dataset.write_candidates(tmp_path / "c", [], "passing", None, None)
    assert not list(tmp_path.iterdir())


def test_duplicates_are_found_by_instruction_solution_and_skeleton(tmp_path):
    code = "def f{n}(a):\n    total{n} = 0\n    for x in a:\n        if x > 3:\n            total{n} += x * 2\n    return total{n}, len(a)"

    def same(changed, key, value):
        return lambda stage, row: {**row, key: value(row)} if stage == changed else row

    changes = {
        "instruction": same("unique_tasks", "instruction", lambda row: "ONE  Task for all"),
        "solution": same("responses", "solution", lambda row: "x  =  4"),
        "skeleton": same("responses", "solution", lambda row: code.replace("{n}", row["id"])),
    }
    for kind, change in changes.items():
        out = build(tmp_path / kind, range(5), change=change)
        counts = read_json(out / "counts.json")
        assert counts["kept"] == 1 and counts["rejected"]["exact_duplicate"] == 4
        details = [row["detail"] for row in read_jsonl(out / "rejected.jsonl") if row["reason"] == "exact_duplicate"]
        assert details == [f"{kind} of {pairs(out)[0]['id']}"] * 4
        assert pairs(out)[0]["id"] < min(
            row["id"] for row in read_jsonl(out / "rejected.jsonl") if row["reason"] == "exact_duplicate"
        ), "the survivor is the one of lowest id"


def test_near_duplicates_are_dropped_with_their_similarity(tmp_path):
    long = words(1, 80)

    def change(stage, row):
        return {**row, "instruction": f"{row['id']} {long}"} if stage == "unique_tasks" else row

    out = build(tmp_path, range(4), change=change)
    assert read_json(out / "counts.json")["rejected"]["near_duplicate"] == 3
    detail = next(row["detail"] for row in read_jsonl(out / "rejected.jsonl") if row["reason"] == "near_duplicate")
    assert detail.startswith(f"of {pairs(out)[0]['id']}, similarity 0.")


@pytest.mark.parametrize("where", ["instruction", "text", "tests"])
def test_overlap_with_a_benchmark_is_dropped_and_counted_wherever_it_is(tmp_path, where):
    stage_of = {"instruction": "unique_tasks", "text": "responses", "tests": "responses"}
    task = lineage(3)["unique_tasks"][0]["id"]

    def plant(stage, row):
        if stage == stage_of[where] and task in (row["id"], row.get("task_id")):
            return {**row, where: f"{row[where]}\n{words(99)}"}
        return row

    counts = read_json(build(tmp_path, range(6), change=plant, benchmark=[problem(words(99))]) / "counts.json")
    assert counts["rejected"]["contaminated"] == 1 and counts["extra"]["contaminated: bench"] == 1


def test_the_split_is_stable_when_pairs_are_added(tmp_path):
    few = {row["id"] for row in read_jsonl(build(tmp_path / "few", range(40)) / "held_out.jsonl")}
    many = {row["id"] for row in read_jsonl(build(tmp_path / "many", range(80)) / "held_out.jsonl")}
    assert few and few <= many


def test_the_split_leaves_both_sides_usable():
    ids = [row_id("pair", number) for number in range(200)]
    assert 20 < len(held_out_ids(ids, 0.2)) < 60
    assert held_out_ids(ids, 0) == set()
    assert held_out_ids(ids[:9], 1e-9) == set() and len(held_out_ids(ids[:10], 1e-9)) == 1
    assert len(held_out_ids(ids[:3], 0.999999)) == 2, "one pair is left to train on"
    assert held_out_ids([], 0.5) == set() and held_out_ids(ids[:1], 0.999999) == set()


def test_the_folder_is_read_by_the_datasets_library(tmp_path, monkeypatch):
    out = build(tmp_path, range(20))
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    loaded = datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"))
    for split in ("train", "held_out"):
        rows = list(read_jsonl(out / f"{split}.jsonl"))
        for row in rows:
            row["lineage"]["origin"] = dumps(row["lineage"]["origin"])
        assert loaded[split].to_list() == rows
    assert json.loads(loaded["train"][0]["lineage"]["origin"])["path"].endswith(".py")


def test_a_small_dataset_without_a_held_out_side_is_read_too(tmp_path):
    out = build(tmp_path, range(3), spec={**SPEC, "held_out": 0})
    assert (out / "held_out.jsonl").read_bytes() == b""
    assert parquet.read_schema(out / "held_out.parquet") == parquet.read_schema(out / "train.parquet")
    loaded = datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"))
    assert {name: len(part) for name, part in loaded.items()} == {"train": 3}


def test_parquet_is_written_in_groups(tmp_path, monkeypatch):
    monkeypatch.setattr("selfalign.datasets.files.ROWS_A_GROUP", 4)
    out = build(tmp_path, range(10), spec={**SPEC, "held_out": 0})
    table = parquet.ParquetFile(out / "train.parquet")
    assert [table.metadata.row_group(i).num_rows for i in range(table.num_row_groups)] == [4, 4, 2]
    assert table.read()["id"].to_pylist() == [row["id"] for row in read_jsonl(out / "train.jsonl")]


def test_the_card_is_valid_and_holds_the_figures(tmp_path):
    def licences(stage, row):
        odd = {"licence": "Odd | <b>own</b>"} if stage == "seeds" and row["origin"]["path"] == "a/7.py" else {}
        return {**row, **odd}

    out = build(tmp_path, range(20), change=licences)
    card = DatasetCard.load(out / "README.md")
    assert card.data.license == ["mit", "other"] and card.data.size_categories == ["n<1K"]
    splits = [entry["split"] for entry in card.data.configs[0]["data_files"]]
    assert splits == ["train", "held_out"] and all((out / f"{split}.parquet").is_file() for split in splits)
    for line in (
        "| gen | 20 | 20 | 20 | 60 | 60 |",
        "| assertion\\_failed | 20 | 0 |",
        "| easy | 60 | 40 | 66.7% | 20 |",
        "| MIT | 19 |",
        "| Odd \\| \\<b\\>own\\</b\\> | 1 |",
        "| gen | responses | m | max\\_tokens 9, temperature 0.7 | vllm 1 | p/1 |",
    ):
        assert line in card.text, line


def test_a_limit_keeps_the_lowest_ids(tmp_path):
    all_pairs = sorted(pair["id"] for pair in pairs(build(tmp_path / "all", range(20))))
    out = build(tmp_path / "some", range(20), spec={**SPEC, "limit": 5})
    assert sorted(pair["id"] for pair in pairs(out)) == all_pairs[:5]
    assert read_json(out / "counts.json")["rejected"]["over_limit"] == 15


def test_two_generators_that_share_rows_give_each_pair_once(tmp_path):
    build(tmp_path, range(6))
    shard = {stage: str(tmp_path / f"{stage}.0.jsonl") for stage in STAGES}
    out = tmp_path / "both"
    build_dataset.main(
        name="both", spec=SPEC, generators=["b", "a"], shards=[shard, shard], verdict_counts=[], benchmarks=[], models=[],
        train=str(out / "train.jsonl"), held_out=str(out / "held_out.jsonl"), train_parquet=str(out / "train.parquet"),
        held_out_parquet=str(out / "held_out.parquet"), rejected=str(out / "rejected.jsonl"),
        counts=str(out / "counts.json"), card=str(out / "README.md"),
    )  # fmt: skip
    assert len(pairs(out)) == 6 and {pair["lineage"]["generator"] for pair in pairs(out)} == {"a"}
    assert read_json(out / "counts.json")["rejected"]["exact_duplicate"] == 6
