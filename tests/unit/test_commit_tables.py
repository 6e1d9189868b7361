"""Tables of commits such as CommitPackFT: judged as commits of repositories are, on the hub or in a file."""

import json

import pyarrow
import pyarrow.parquet
import pytest
import yaml
from test_commits import GOOD, LIMITS, RULES

from mine_commits import main
from selfalign.config import resolve_config
from selfalign.corpora import hub
from selfalign.errors import UserError
from selfalign.io import read_jsonl
from selfalign.methods.octopack import adopt

TABLE = {
    "kind": "commits", "dataset": None, "revision": None, "path": None, "sha256": None, "files": ["data/python/*.jsonl"],
    "commit_column": "commit", "message_column": "subject", "path_column": "new_file", "before_column": "old_contents",
    "after_column": "new_contents", "repository_column": "repos", "licence_column": "license", "licence": None,
}  # fmt: skip
"""As the config's defaults, which are CommitPackFT's columns."""

BEFORE, AFTER = "def f(values):\n    total = 0\n    return total\n", "def f(values):\n    return sum(values) + 1\n"


def table_row(**more):
    return {
        "commit": "c" * 40, "old_file": "a.py", "new_file": "pkg/a.py", "old_contents": BEFORE, "new_contents": AFTER,
        "subject": GOOD, "message": f"{GOOD}\n\nAnd why.\n", "lang": "Python", "license": "mit", "repos": "o/r,o/fork", **more,
    }  # fmt: skip


ROWS = [
    (table_row(), ""),
    (table_row(old_contents="", subject="Add the sum of all values"), ""),
    (table_row(license="agpl-3.0"), "licence"),
    (table_row(license=None), "licence"),
    (table_row(new_file="a.rb"), "not_python"),
    (table_row(subject="returns the sum of all values"), "not_capitalised"),
    (table_row(subject="Fix it"), "message_too_short"),
    (table_row(subject=None), "message_too_short"),
    (table_row(new_contents=BEFORE), "no_change"),
    (table_row(new_contents=None), "empty"),
    (table_row(new_contents="x = 1\n" * 9000), "too_large"),
    (table_row(old_contents="x\0" * 40), "binary"),
]


def mine_table(tmp_path, **spec):
    out = {name: str(tmp_path / name) for name in ("kept", "rejected", "counts")}
    main("c", {**TABLE, **spec}, ["MIT"], RULES, LIMITS, **out)
    return list(read_jsonl(tmp_path / "kept")), [row["reason"] for row in read_jsonl(tmp_path / "rejected")]


def test_rows_of_a_table_are_judged_as_commits_are(tmp_path):
    odd = [
        '{"commit": ',
        "[1]",
        json.dumps(table_row(new_contents=3)),
        json.dumps(table_row(subject="Return \ud800 of the values")),
    ]
    lines = [*(json.dumps(row) for row, _ in ROWS), *odd]
    (tmp_path / "data.jsonl").write_text("\n".join(lines) + "\n")
    kept, dropped = mine_table(tmp_path, path=str(tmp_path / "data.jsonl"))
    assert dropped == [*(reason for _, reason in ROWS if reason), *["unreadable"] * 3, "message_not_utf8"]
    changed, added = kept
    assert (changed["message"], changed["before"], changed["code"], changed["licence"]) == (GOOD, BEFORE, AFTER, "mit")
    assert changed["origin"] == {
        "corpus": "c", "package": "o/r", "version": "c" * 40, "path": "pkg/a.py", "line": 1, "name": "",
    }  # fmt: skip
    assert added["before"] == "" and adopt(added, {})["instruction"] == "Add the sum of all values"
    assert "return total" in adopt(changed, {})["instruction"] and "And why" not in adopt(changed, {})["instruction"]


def test_a_table_on_the_hub_is_read_at_its_revision(tmp_path, monkeypatch):
    asked = []

    def download(dataset, revision, file):
        asked.append((dataset, revision, file))
        path = tmp_path / file.replace("/", "-")
        if file.endswith(".parquet"):
            pyarrow.parquet.write_table(pyarrow.Table.from_pylist([table_row(commit="d" * 40)]), path)
        else:
            path.write_text(json.dumps(table_row(subject="Return the values that were summed")) + "\n")
        return str(path)

    files = ["README.md", "data/python/data.jsonl", "data/python/more.parquet", "data/ruby/data.jsonl"]
    monkeypatch.setattr(hub, "list_files", lambda *_: files)
    monkeypatch.setattr(hub, "download", download)
    kept, dropped = mine_table(tmp_path, dataset="o/d", revision="a" * 40, files=["data/python/*"])
    assert asked == [("o/d", "a" * 40, "data/python/data.jsonl"), ("o/d", "a" * 40, "data/python/more.parquet")]
    assert [row["origin"]["version"] for row in kept] == ["c" * 40, "d" * 40] and not dropped


def test_a_table_without_its_columns_or_with_another_hash_is_a_clear_error(tmp_path):
    file = tmp_path / "x.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"text": ["x"]}), file)
    with pytest.raises(UserError, match="no column 'commit'; it has text"):
        mine_table(tmp_path, path=str(file))
    with pytest.raises(UserError, match="not the configured"):
        mine_table(tmp_path, path=str(file), sha256="0" * 64)


@pytest.mark.parametrize(
    ("corpus", "words"),
    [
        ({}, "needs either `dataset`"),
        ({"dataset": "o/d", "path": "x"}, "needs either `dataset`"),
        ({"dataset": "o/d"}, "revision is missing"),
        ({"path": "x", "licence_column": None}, "code of unknown licence is not used"),
        ({"path": "x"}, ""),
        ({"dataset": "o/d", "revision": "a" * 40}, ""),
    ],
)
def test_a_table_is_on_the_hub_at_a_revision_or_a_file(root, corpus, words):
    config = yaml.safe_load((root / "config.yaml").read_text())
    config["seeds"]["corpora"]["history"] = {"kind": "commits", **corpus}
    config["generators"]["commits"] = {"method": "octopack"}
    config["datasets"]["published"] = {"generators": ["commits"], "policy": "unfiltered"}
    if words:
        with pytest.raises(UserError, match=words):
            resolve_config(config)
    else:
        found = resolve_config(config)["seeds"]["corpora"]["history"]
        assert {key: found[key] for key in TABLE if key not in corpus} == {
            key: TABLE[key] for key in TABLE if key not in corpus
        }
