"""Random lines of source files: what they are a function of, and what is dropped."""

import pytest

from mine_seeds import main
from selfalign.corpora.base import SourceFile
from selfalign.io import read_json, read_jsonl
from selfalign.mining.snippets import cut_snippets
from selfalign.reasons import REASONS

SETTINGS = {"min_lines": 1, "max_lines": 15, "per_file": 3, "min_words": 3}
TEXT = "".join(f"value_{n} = total_{n} + other_{n}\n" * (n % 3 + 1) for n in range(60))
FILTERS = {
    "min_lines": 4, "max_lines": 150, "min_docstring_words": 3, "require_return": True, "require_arguments": True,
    "forbidden_imports": [], "allowed_imports": [], "unfinished_markers": [], "max_file_bytes": 100_000,
    "max_line_length": 500,
}  # fmt: skip


def cut(text, path="a.py", **settings):
    found = cut_snippets("c", SourceFile(path, text, "MIT", "p", "1"), {**SETTINGS, **settings})
    assert {entry.reason for entry in found} <= {*REASONS["snippets"], ""}
    return found


def test_lines_are_a_function_of_the_text_alone():
    first, moved = cut(TEXT), cut(TEXT, path="elsewhere/b.py")
    assert [entry.row["id"] for entry in first] == [entry.row["id"] for entry in moved]
    assert [entry.row["code"] for entry in first] != [entry.row["code"] for entry in cut(TEXT + "x = 1\n")]
    assert len({entry.row["id"] for entry in first}) == len(first) == 3


def test_more_snippets_a_file_leave_the_first_ones_as_they_were():
    assert [entry.row["id"] for entry in cut(TEXT, per_file=5)][:3] == [entry.row["id"] for entry in cut(TEXT)]


def test_a_snippet_is_consecutive_lines_and_its_origin_says_which():
    lines = TEXT.split("\n")
    lengths = set()
    for entry in cut(TEXT, per_file=200):
        code, start = entry.row["code"].split("\n"), entry.row["origin"]["line"] - 1
        assert code == lines[start : start + len(code)]
        lengths.add(len(code))
    assert lengths == set(range(1, 16)), "every length from 1 to 15 is drawn"


@pytest.mark.parametrize(
    ("text", "settings", "reason"),
    [
        ("# a licence\n# of many words\n", {}, "only_comments"),
        ("x = y\n", {}, "too_few_words"),
        ("x = y + z\n", {"min_lines": 4}, "too_short"),
        ("x = y + z\n", {}, ""),
    ],
)
def test_lines_without_an_idea_are_dropped(text, settings, reason):
    assert {entry.reason for entry in cut(text, **settings)} == {reason}


def test_every_file_and_every_snippet_is_in_the_books(tmp_path):
    for name, text in (("a", TEXT), ("blank", "\n\n"), ("comment", "# only words here\n")):
        (tmp_path / "corpus").mkdir(exist_ok=True)
        (tmp_path / "corpus" / f"{name}.py").write_text(text)
    spec = {"kind": "directory", "path": str(tmp_path / "corpus"), "licence": "MIT"}
    out = {name: str(tmp_path / name) for name in ("kept", "rejected", "counts", "files_rejected", "files_counts")}
    main("c", spec, None, ["MIT"], FILTERS, **out, snippets=SETTINGS)
    assert read_json(tmp_path / "counts")["stage"] == "snippets"
    assert read_json(tmp_path / "counts")["rejected"] == {"only_comments": 1}
    assert read_json(tmp_path / "files_counts")["rejected"] == {"empty": 1}
    assert {row["licence"] for row in read_jsonl(tmp_path / "kept")} == {"MIT"}
