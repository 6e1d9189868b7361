"""From a pair to its seed and back, on a small run of two shards."""

import json
import subprocess
import sys

import pytest

from selfalign.errors import UserError
from selfalign.io import write_jsonl
from selfalign.lineage import Run

SEEDS = {"0-of-2": "11" * 10, "1-of-2": "22" * 10}


def pair_of(seed: str, package: str, licence: str) -> dict:
    return {
        "id": f"ab{seed[2:]}", "instruction": "Add one.", "response": "```python\n…```",
        "lineage": {
            "generator": "g", "seed_id": seed, "task_id": f"t{seed}", "response_id": f"r1{seed}", "concepts_id": f"c{seed}",
            "concepts": ["addition"], "category": "function", "difficulty": "easy", "licence": licence, "model": "m",
            "origin": {"corpus": "c", "package": package, "path": "a.py", "line": 3},
        },
    }  # fmt: skip


@pytest.fixture
def results(tmp_path):
    generator = tmp_path / "generators" / "g"
    pairs = []
    for shard, seed in SEEDS.items():
        pair = pair_of(seed, "left" if seed.startswith("1") else "right", "MIT" if seed.startswith("1") else "ISC")
        pairs.append(pair)
        write_jsonl(
            tmp_path / "seeds" / "shards" / f"{shard}.jsonl", [{"id": seed, "code": "def f():\n    return '\x1b[31m'"}]
        )
        write_jsonl(generator / "concepts" / f"{shard}.jsonl", [{"id": f"c{seed}"}])
        write_jsonl(generator / "unique_tasks" / f"{shard}.jsonl", [{"id": f"t{seed}", "instruction": "Add one."}])
        responses = [
            {"id": f"r{sample}{seed}", "task_id": f"t{seed}", "sample": sample, "solution": f"s{sample}", "tests": "t"}
            for sample in (1, 0)
        ]
        write_jsonl(generator / "responses" / f"{shard}.jsonl", responses)
        verdicts = [{"response_id": f"r1{seed}", "task_id": f"t{seed}", "verdict": "passed", "reason": ""}]
        write_jsonl(generator / "verdicts" / f"{shard}.jsonl", verdicts)
    write_jsonl(tmp_path / "datasets" / "d" / "train.jsonl", pairs)
    write_jsonl(tmp_path / "datasets" / "d" / "held_out.jsonl", [])
    write_jsonl(tmp_path / "datasets" / "d" / "rejected.jsonl", [{"id": "abcdef99"}])
    write_jsonl(tmp_path / "datasets" / "e" / "held_out.jsonl", pairs[:1])
    return tmp_path


def test_a_seed_of_another_kind_is_found_too(results):
    (results / "seeds" / "snippets").mkdir()
    (results / "seeds" / "shards").rename(results / "seeds" / "snippets" / "shards")
    path = Run(results).path(Run(results).pair("ab2222")[1])
    assert path["seed"]["id"] == SEEDS["1-of-2"] and len(path["samples"]) == 2


def test_a_pair_leads_to_its_seed_and_all_samples(results):
    run = Run(results)
    datasets, pair = run.pair("ab2222")
    path = run.path(pair)
    assert datasets == ["d (train)"] and path["seed"]["id"] == SEEDS["1-of-2"]
    assert path["task"]["id"] == f"t{SEEDS['1-of-2']}" and path["concepts"]
    samples = [(sample["response"]["sample"], sample["chosen"], sample["verdict"]) for sample in path["samples"]]
    assert samples[0] == (0, False, None) and samples[1][:2] == (1, True) and samples[1][2]["verdict"] == "passed"


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"licence": "MIT"}, {("d", "train"), ("e", "held_out")}),
        ({"package": "right"}, {("d", "train")}),
        ({"seed": "2222"}, {("d", "train")}),
        ({"corpus": "c"}, {("d", "train"), ("e", "held_out")}),
        ({"licence": "GPL-3.0-only"}, set()),
    ],
)
def test_a_source_leads_to_all_pairs_that_came_of_it(results, wanted, found):
    assert {(dataset, part) for dataset, part, _ in Run(results).descendants(**wanted)} == found


@pytest.mark.parametrize(("start", "message"), [("ab", "too short"), ("abcdef9", "no pair"), ("x" * 9, "no pair")])
def test_what_is_no_pair_is_said(results, start, message):
    with pytest.raises(UserError, match=message):
        Run(results).pair(start)


def test_the_command_prints_a_path_without_terminal_escapes(results, root):
    command = [sys.executable, root / "scripts" / "lineage.py", "--results", results]
    done = subprocess.run([*command, "--pair", "ab1111"], capture_output=True, text=True, check=True)
    for part in (
        "seed 1111",
        "package left",
        "addition",
        "Add one.",
        "sample 1",
        "passed",
        "no verdict",
        "d (train), e",
    ):
        assert part in done.stdout
    assert "\x1b" not in done.stdout
    done = subprocess.run([*command, "--licence", "ISC", "--json"], capture_output=True, text=True, check=True)
    assert [json.loads(line)["seed"] for line in done.stdout.splitlines()] == [SEEDS["1-of-2"]]
    done = subprocess.run([*command, "--pair", "nothing"], capture_output=True, text=True)
    assert done.returncode == 1 and "no pair nothing" in done.stderr and "Traceback" not in done.stderr
