"""Corpora: every kind yields the same records, and bad input becomes a rejected file or a clear error."""

import gzip
import json
import os
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from test_packages import index, make_wheel  # noqa: F401 (a fixture)

from fetch_corpus import main as fetch_corpus
from selfalign.corpora import hub, pypi, read_corpus
from selfalign.corpora.base import Limits, RejectedFile, SourceFile, licence_allowed
from selfalign.errors import InfrastructureError, UserError
from selfalign.packages import file_sha256
from selfalign.reasons import REASONS

LIMITS = Limits(max_file_bytes=1_000_000, max_line_length=2000)
CODE = "def f(x):\n    return x\n"


def read(spec: dict, folder: Path | None = None) -> list:
    return list(read_corpus("c", spec, str(folder) if folder else None, LIMITS))


def directory(path: Path, **more) -> dict:
    return {"kind": "directory", "path": str(path), "licence": "MIT", "revision": "abc", **more}


def reasons(found: list) -> dict[str, str]:
    rejected = {entry.path: entry.reason for entry in found if isinstance(entry, RejectedFile)}
    assert set(rejected.values()) <= set(REASONS["corpus_file"])
    return rejected


def test_a_folder_is_read_in_order_of_path(tmp_path):
    for name in ("b/z.py", "a.py", "b/a.py", "b.py", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(CODE)
    found = read(directory(tmp_path))
    assert [entry.path for entry in found] == ["a.py", "b.py", "b/a.py", "b/z.py"]
    assert found[0] == SourceFile("a.py", CODE, "MIT", tmp_path.name, "abc")


def test_bad_files_are_passed_over_with_their_reason(tmp_path):
    (tmp_path / "good.py").write_text(CODE)
    (tmp_path / "binary.py").write_bytes(b"\x7fELF\0\0\1")
    (tmp_path / "latin.py").write_bytes("# -*- coding: latin-1 -*-\nx = 'é'\n".encode("latin-1"))
    (tmp_path / "huge.py").write_bytes(b"x = 1\n" * 400_000)
    (tmp_path / "one_line.py").write_bytes(b"x = '" + b"a" * 10_000_000 + b"'\n")
    (tmp_path / "packed.py").write_text("x = [" + "1, " * 2000 + "]\n")
    os.mkfifo(tmp_path / "pipe.py")
    found = read(directory(tmp_path))
    assert [entry.path for entry in found if isinstance(entry, SourceFile)] == ["good.py"]
    assert reasons(found) == {
        "binary.py": "binary",
        "latin.py": "not_utf8",
        "huge.py": "too_large",
        "one_line.py": "too_large",
        "packed.py": "line_too_long",
        "pipe.py": "unreadable",
    }


def test_symbolic_links_are_not_followed(tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "a.py").write_text(CODE)
    (tmp_path / "code" / "loop").symlink_to(tmp_path / "code")
    (tmp_path / "code" / "up").symlink_to("..")
    (tmp_path / "code" / "link.py").symlink_to("a.py")
    (tmp_path / "code" / "broken.py").symlink_to("nowhere.py")
    found = read(directory(tmp_path / "code"))
    assert [entry.path for entry in found if isinstance(entry, SourceFile)] == ["a.py"]
    assert reasons(found) == dict.fromkeys(("loop", "up", "link.py", "broken.py"), "symlink")


def test_version_control_and_virtual_environments_are_not_entered(tmp_path):
    for name in (".git/hook.py", "venv/lib.py", "my-own/pyvenv.cfg", "my-own/lib.py", "node_modules/x.py", "src/a.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(CODE)
    assert [entry.path for entry in read(directory(tmp_path))] == ["src/a.py"]


def test_subfolders_have_their_own_licences(tmp_path):
    for name in ("one/a.py", "two/a.py", "unstated/a.py"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(CODE)
    found = read(directory(tmp_path, licence={"one": "MIT", "two": "Apache-2.0"}))
    licences = [(entry.package, entry.licence) for entry in found]
    assert licences == [("one", "MIT"), ("two", "Apache-2.0"), ("unstated", "")]
    assert not licence_allowed("", ["MIT"])


def test_line_ends_and_byte_order_marks_are_made_plain(tmp_path):
    (tmp_path / "a.py").write_bytes("\ufeffx = 1\r\ny = 'é'\r".encode())
    assert read(directory(tmp_path))[0].text == "x = 1\ny = 'é'\n"


@pytest.mark.parametrize(
    "spec",
    [
        {"kind": "directory", "path": "nowhere", "licence": "MIT"},
        {"kind": "jsonl", "path": "nowhere.jsonl", "content_column": "content"},
        {"kind": "pypi", "packages": []},
    ],
)
def test_a_missing_corpus_is_a_clear_error(spec, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="corpus 'c'") as caught:
        read(spec, tmp_path)
    assert caught.value.fix


def jsonl_spec(path: Path, **more) -> dict:
    return {
        "kind": "jsonl",
        "path": str(path),
        "sha256": None,
        "content_column": "content",
        "path_column": "path",
        "repository_column": "repo",
        "licence_column": "licence",
        "licence": None,
        **more,
    }


ROWS = [
    {"content": CODE, "path": "a.py", "repo": "o/r", "licence": "MIT"},
    {"content": CODE, "path": "b.py", "repo": "o/r", "licence": ["MIT", "Apache-2.0"]},
    {"content": None, "path": "c.py", "repo": "o/r", "licence": "MIT"},
    {"content": "x = '\ud800'", "path": "d.py", "repo": "o/r", "licence": "MIT"},
    {"content": CODE, "repo": "o/r", "licence": None},
]


def check_rows(found: list) -> None:
    assert [(e.path, e.licence) for e in found[:2]] == [("a.py", "MIT"), ("b.py", "Apache-2.0 AND MIT")]
    assert isinstance(found[2], RejectedFile)
    assert found[2].reason == "not_a_string"
    assert found[-1].licence == ""


@pytest.mark.parametrize("opener", [open, gzip.open])
def test_json_lines_are_read_plain_and_compressed(tmp_path, opener):
    path = tmp_path / "rows.jsonl"
    with opener(path, "wt") as stream:
        stream.write("\n".join(map(json.dumps, ROWS)) + "\n")
    found = read(jsonl_spec(path))
    check_rows(found)
    assert found[3].reason == "not_utf8"
    assert found[4].path == "rows.jsonl:5"


def test_a_broken_line_costs_one_row(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(ROWS[0]) + '\n{"content": "x\n[1, 2]\n' + json.dumps(ROWS[1]) + "\n")
    found = read(jsonl_spec(path))
    assert [getattr(entry, "reason", "") for entry in found] == ["", "unreadable", "unreadable", ""]


def test_a_cut_off_archive_is_an_error(tmp_path):
    path = tmp_path / "rows.jsonl.gz"
    data = gzip.compress("".join(json.dumps({**ROWS[0], "n": n}) + "\n" for n in range(5000)).encode())
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError, match="damaged"):
        read(jsonl_spec(path))


def test_the_hash_of_a_json_lines_file_is_checked(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(ROWS[0]) + "\n")
    assert len(read(jsonl_spec(path, sha256=file_sha256(path)))) == 1
    with pytest.raises(UserError, match="has the hash"):
        read(jsonl_spec(path, sha256="0" * 64))


def test_packages_are_unpacked_and_read(index, tmp_path):  # noqa: F811
    files = {"tiny_pack/b.py": CODE, "tiny_pack/a.py": CODE, "tiny_pack/data.bin": "x", "../../outside.py": CODE}
    wheel = make_wheel(index, files=files)
    pin = {"name": "tiny-pack", "version": "1.0", "sha256": file_sha256(wheel), "licence": "MIT"}
    folder = tmp_path / "resources" / "c"
    fetch_corpus("c", {"kind": "pypi", "packages": [pin]}, str(folder))
    found = read({"kind": "pypi"}, folder)
    assert [entry.path for entry in found] == ["tiny_pack/a.py", "tiny_pack/b.py"]
    assert (found[0].package, found[0].version, found[0].licence) == ("tiny-pack", "1.0", "MIT")
    assert not list(tmp_path.rglob("outside.py"))
    assert json.loads((folder / "corpus.json").read_text())["packages"][0]["files"] == 2


def test_a_failed_fetch_leaves_no_manifest(index, tmp_path):  # noqa: F811
    wheel = make_wheel(index)
    pin = {"name": "tiny-pack", "version": "1.0", "sha256": file_sha256(wheel), "licence": "MIT"}
    pypi.fetch("c", [pin], tmp_path / "c")
    with pytest.raises(UserError):
        pypi.fetch("c", [pin, {**pin, "name": "absent"}], tmp_path / "c")
    assert not (tmp_path / "c" / "corpus.json").exists()


def test_a_licence_other_than_the_packages_own_is_refused(index, tmp_path):  # noqa: F811
    wheel = make_wheel(index)
    pin = {"name": "tiny-pack", "version": "1.0", "sha256": file_sha256(wheel), "licence": "Apache-2.0"}
    with pytest.raises(UserError, match="states MIT"):
        pypi.fetch("c", [pin], tmp_path / "c")


HUB = {**jsonl_spec(Path("x")), "kind": "hub", "dataset": "o/d", "revision": "a" * 40, "files": ["**/*.parquet"]}


def test_hub_files_are_chosen_by_pattern_and_streamed(tmp_path, monkeypatch):
    rows = [row for row in ROWS if "\ud800" not in str(row["content"]) and not isinstance(row["licence"], list)]
    table = pyarrow.Table.from_pylist([{"path": None, **row, "more": 1} for row in rows])
    pyarrow.parquet.write_table(table, tmp_path / "x.parquet")
    monkeypatch.setattr(hub, "list_files", lambda *_: ["b/x.parquet", "README.md", "a.parquet"])
    monkeypatch.setattr(hub, "download", lambda *_: str(tmp_path / "x.parquet"))
    found = read(HUB)
    assert [getattr(entry, "reason", "") for entry in found] == ["", "not_a_string", ""] * 2
    assert found[2].path == "a.parquet:3"
    assert found[0].version == "a" * 40


def test_hub_errors_say_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(hub, "list_files", lambda *_: ["README.md"])
    with pytest.raises(UserError, match="no file that fits"):
        read(HUB)
    pyarrow.parquet.write_table(pyarrow.table({"text": ["x"]}), tmp_path / "x.parquet")
    monkeypatch.setattr(hub, "list_files", lambda *_: ["x.parquet"])
    monkeypatch.setattr(hub, "download", lambda *_: str(tmp_path / "x.parquet"))
    with pytest.raises(UserError, match="no column 'content'; it has text"):
        read(HUB)


def test_a_hub_out_of_reach_is_the_machines_fault(monkeypatch):
    def unreachable(*_):
        raise ConnectionError("no route")

    monkeypatch.setattr(hub, "list_files", unreachable)
    with pytest.raises(InfrastructureError, match="could not be fetched: no route"):
        read(HUB)
