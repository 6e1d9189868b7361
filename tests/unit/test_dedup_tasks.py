"""Unique tasks: over all shards of a generator, written shard by shard."""

import json

import pytest

from dedup_tasks import main
from selfalign.errors import EmptyStageError

NEAR = {"threshold": 0.6, "permutations": 128, "shingle": 2}
PROMPT = "Tell whether any two numbers in the list are closer than the threshold."


def task(row_id: str, instruction: str) -> dict:
    return {"id": row_id, "seed_id": row_id, "instruction": instruction, "concepts": ["x"]}


def dedup(tmp_path, shards: list[list[dict]]) -> tuple[list[list[str]], dict, list[dict]]:
    tmp_path.mkdir(exist_ok=True)
    tasks = [tmp_path / f"in-{n}.jsonl" for n in range(len(shards))]
    for path, rows in zip(tasks, shards, strict=True):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    bench = tmp_path / "bench.jsonl"
    bench.write_text(json.dumps({"benchmark": "bench", "task_id": "B/1", "prompt": PROMPT}) + "\n")
    out = [tmp_path / "out" / f"{n}-of-{len(shards)}.jsonl" for n in range(len(shards))]
    rejected, counts = tmp_path / "out" / "rejected.jsonl", tmp_path / "out" / "counts.json"
    main([*map(str, tasks)], [str(bench)], NEAR, {"ngram": 10}, [*map(str, out)], str(rejected), str(counts))
    kept = [[json.loads(line)["id"] for line in path.read_text().splitlines()] for path in out]
    return kept, json.loads(counts.read_text()), [json.loads(line) for line in rejected.read_text().splitlines()]


SHARDS = [
    [
        task("3", "Write a function that sorts the given list of words."),
        task("1", "Reverse a string in place, please."),
    ],
    [
        task("2", "reverse  a String in place, PLEASE."),
        task("4", "Write a function that sorts the given list of words by size."),
    ],
    [
        task("5", f"Write a function. {PROMPT}"),
        task("0", "Count the vowels of a sentence without regular expressions."),
    ],
]


def test_duplicates_across_shards_are_dropped_for_their_reason(tmp_path):
    kept, counts, rejected = dedup(tmp_path, SHARDS)
    assert kept == [["3", "1"], [], ["0"]]
    assert counts["rejected"] == {"exact_duplicate": 1, "near_duplicate": 1, "contaminated": 1}
    assert counts["in"] == 6
    assert {row["id"]: row["reason"] for row in rejected} == {
        "2": "exact_duplicate",
        "4": "near_duplicate",
        "5": "contaminated",
    }


def test_survivors_do_not_depend_on_shards(tmp_path):
    one = sorted(row for shard in dedup(tmp_path / "a", SHARDS)[0] for row in shard)
    other = sorted(dedup(tmp_path / "b", [[row for shard in reversed(SHARDS) for row in shard]])[0][0])
    assert one == other == ["0", "1", "3"]


def test_no_task_is_an_error(tmp_path):
    with pytest.raises(EmptyStageError, match="1 contaminated"):
        dedup(tmp_path, [[SHARDS[2][0]], []])


def test_more_shards_than_files_may_be_open(tmp_path, monkeypatch):
    monkeypatch.setattr("selfalign.unique.OPEN_FILES", 2)
    words = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta"]
    shards = [[task(f"{n}{m}", f"{word} {m} unlike {word}{m}") for m in range(3)] for n, word in enumerate(words)]
    kept, counts, _ = dedup(tmp_path, shards)
    assert counts["kept"] == 18
    assert kept == [[row["id"] for row in shard] for shard in shards]
