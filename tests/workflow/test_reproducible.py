"""Law 2 over the whole path to the data: where and how a study runs changes no byte of it."""

import json
from pathlib import Path

import pytest

from study import FAKE_STUDY, MEASURED, Study

WAYS = {
    "one shard on one core": (1, "1", "0"),
    "three shards on two cores": (3, "2", "1"),
    "seven shards on one core": (7, "1", "4242"),
}
"""Shards, cores, PYTHONHASHSEED. What it is compared with has two shards, two cores and a random hash seed."""

STAGES = ("concepts", "tasks", "unique_tasks", "responses", "verdicts")


def joined(folder: Path, suffix: str) -> bytes:
    """The shards' files of a stage, put together in the order of the shards."""
    files = [path for path in folder.glob(f"*{suffix}") if path.name.removesuffix(suffix).replace("-of-", "").isdigit()]
    return b"".join(path.read_bytes() for path in sorted(files, key=lambda path: int(path.name.split("-")[0])))


def rows(study: Study) -> dict[str, object]:
    """All rows of a study by stage, kept and rejected, without what was measured; the datasets as files."""
    results = study.folder / "results"
    found: dict[str, object] = {"seeds": joined(results / "seeds" / "shards", ".jsonl")}
    for path in sorted((results / "seeds").glob("*.jsonl")) + sorted((results / "generators").rglob("unique_tasks.*")):
        found[str(path.relative_to(results))] = path.read_bytes()
    for stage in STAGES:
        for suffix in (".jsonl", ".rejected.jsonl"):
            found[stage + suffix] = joined(results / "generators" / "gen" / stage, suffix)
    found["verdicts.jsonl"] = [
        {key: value for key, value in json.loads(line).items() if key not in MEASURED}
        for line in found["verdicts.jsonl"].splitlines()
    ]
    for path in sorted((results / "datasets").rglob("*")):
        if path.is_file():
            found[str(path.relative_to(results))] = path.read_bytes()
    return found


@pytest.mark.parametrize(("shards", "cores", "hash_seed"), WAYS.values(), ids=WAYS)
def test_the_data_is_the_same_however_it_is_made(finished, tmp_path, shards, cores, hash_seed):
    """Each in a working folder of its own, started from that folder."""
    study = Study(tmp_path, FAKE_STUDY).set("seeds.shards", shards)
    study.run("data", "--cores", cores, env={"PYTHONHASHSEED": hash_seed}, cwd=tmp_path)
    made, expected = rows(study), rows(finished)
    assert made.keys() == expected.keys()
    assert len(expected["seeds"].splitlines()) == 36 and all(expected[f"{stage}.jsonl"] for stage in STAGES)
    for name, content in expected.items():
        assert made[name] == content, name
