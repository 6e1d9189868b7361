"""The stage that judges a shard: every response has a verdict, nothing is executed twice, reruns give the same bytes."""

import json

import pytest

import validate
from selfalign.errors import InfrastructureError
from selfalign.io import read_json, read_jsonl, write_jsonl
from selfalign.rows import row_id
from selfalign.sandbox import Sandbox

LIMITS = {"cpu_seconds": 1, "wall_seconds": 120, "memory_mb": 512, "processes": 16, "output_kb": 64, "disk_mb": 16}
SOLUTION = "def double(n):\n    return 2 * n\n"
TESTS = {
    "passed": "assert double(2) == 4",
    "assertion_failed": "assert double(2) == 5",
    "error": "assert double(2, 3) == 4",
    "syntax_error": "assert double(2",
    "no_checks": "print(double(2))",
    "vacuous": "assert True",
    "early_exit": "import os; os._exit(0); assert double(1)",
    "timeout": "while double(1): pass\nassert 1",
}


def responses(names: list[str]) -> list[dict]:
    rows = []
    for number, name in enumerate(names):
        seed = row_id("seed", number)
        rows.append({"id": row_id("response", number), "task_id": row_id("task", number), "seed_id": seed,
                     "sample": 0, "solution": SOLUTION, "tests": TESTS[name]})  # fmt: skip
    return rows


class Shard:
    """A folder with a shard's responses; judges them."""

    def __init__(self, folder, image, engine, names):
        self.validation = {"stub": "skip", "second_run": "skip", "mutants": 0}
        self.folder, self.image, self.engine, self.names = folder, image, engine, names
        write_jsonl(folder / "responses.jsonl", responses(names))

    def judge(self, threads: int = 2, journal: str = "journal", writer: str = "w") -> bytes:
        out = {name: str(self.folder / f"{name}.json") for name in ("verdicts", "rejected", "counts", "usage")}
        validate.main(
            responses=str(self.folder / "responses.jsonl"), image=str(self.image / "image.json"), limits=LIMITS,
            engine=self.engine, require="strict", validation=self.validation, journal=str(self.folder / journal), writer=writer, threads=threads, **out,
        )  # fmt: skip
        return (self.folder / "verdicts.json").read_bytes()

    def usage(self) -> dict:
        return read_json(self.folder / "usage.json")


@pytest.fixture
def shard(tmp_path, sandbox_image, engine):
    return Shard(tmp_path, sandbox_image, engine, [*TESTS, "passed", "error"])


def test_every_response_has_its_verdict(shard):
    rows = [json.loads(line) for line in shard.judge().splitlines()]
    assert [row["verdict"] for row in rows] == shard.names
    assert [row["passed"] for row in rows] == [name == "passed" for name in shard.names]
    given = list(read_jsonl(shard.folder / "responses.jsonl"))
    for row, response in zip(rows, given, strict=True):
        assert row["id"] == row_id("verdict", response["id"]) and row["response_id"] == response["id"]
        assert (row["task_id"], row["seed_id"]) == (response["task_id"], response["seed_id"])
    counts = read_json(shard.folder / "counts.json")
    assert counts["in"] == counts["kept"] == len(rows) and counts["extra"]["passed"] == 2


def test_identical_programs_are_executed_once_and_a_rerun_executes_nothing(shard):
    first = shard.judge()
    usage = shard.usage()
    assert tuple(usage[name] for name in ("requests", "duplicates", "without_execution", "executed")) == (10, 2, 3, 5)
    assert (usage["reused"], usage["made"]) == (0, 7), "three of the ten need no execution"
    assert shard.judge(threads=1, writer="another") == first, "measured columns come from the journal"
    usage = shard.usage()
    assert tuple(usage[name] for name in ("reused", "made", "executed", "engine")) == (7, 0, 0, None)


def test_verdicts_depend_on_neither_workers_nor_order(shard):
    verdicts = {row["response_id"]: row["verdict"] for row in map(json.loads, shard.judge().splitlines())}
    write_jsonl(shard.folder / "responses.jsonl", reversed(responses(shard.names)))
    again = {row["response_id"]: row["verdict"] for row in map(json.loads, shard.judge(1, "fresh").splitlines())}
    assert again == verdicts


def test_the_machines_fault_stops_the_shard_and_keeps_what_was_judged(shard, monkeypatch):
    stream = Sandbox.stream

    def breaks(self, programs, trials):
        for number, result in enumerate(stream(self, programs, trials)):
            if number == 3:
                raise InfrastructureError("out of memory")
            yield result

    monkeypatch.setattr(Sandbox, "stream", breaks)
    with pytest.raises(InfrastructureError):
        shard.judge()
    assert not (shard.folder / "verdicts.json").exists() and not (shard.folder / "counts.json").exists()
    monkeypatch.undo()
    shard.judge()
    usage = shard.usage()
    assert usage["executed"] == 2 and usage["made"] >= 2 and usage["reused"] + usage["made"] == 7
