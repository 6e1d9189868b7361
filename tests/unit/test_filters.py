"""Every static rule: what it drops and, beside it, what it must not drop."""

import json

import pytest

from mine_seeds import main
from selfalign.corpora.base import SourceFile
from selfalign.errors import EmptyStageError
from selfalign.mining.filters import Filters, is_test
from selfalign.mining.mine import mine
from selfalign.reasons import REASONS
from selfalign.rows import row_id

CONFIG = {
    "min_lines": 3,
    "max_lines": 12,
    "min_docstring_words": 2,
    "require_return": True,
    "require_arguments": True,
    "forbidden_imports": ["os", "subprocess", "xml.sax"],
    "allowed_imports": ["numpy"],
    "unfinished_markers": ["todo", "fixme", "bug"],
    "max_file_bytes": 100_000,
    "max_line_length": 500,
}


def judge(text: str, path: str = "pkg/mod.py") -> list[str]:
    """Reason of every function in a source text, "" for a seed."""
    found = mine("c", SourceFile(path, text, "MIT", "pkg", "1"), Filters.from_config(CONFIG))
    assert {entry.reason for entry in found} <= set(REASONS["mine"]) | {""}
    return [entry.reason for entry in found]


def function(body: str, head: str = "def f(x):", docstring: str = '"""Gives a value."""') -> str:
    return f"{head}\n    {docstring}\n" + "".join(f"    {line}\n" for line in body.split("\n"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (function("return x"), ""),
        (function("return x", docstring="'Gives a value.'"), ""),
        (function("return x", docstring='f"""Gives {1} value."""'), "no_docstring"),
        (function("return x", docstring='b"""Gives a value."""'), "no_docstring"),
        (function("return x", docstring='"""Short."""'), "no_docstring"),
        (function("return x", docstring="x = 'Gives a value.'"), "no_docstring"),
        ('def f(x): "Gives a value."; return x\n', "too_short"),
        (function("\n".join(["x += 1"] * 12) + "\nreturn x"), "too_long"),
        (function("print(x)\nreturn None"), "no_return"),
        (function("return"), "no_return"),
        (function("def g():\n    return 1\nx = lambda: 2"), "no_return"),
        (function("for y in x:\n    yield y"), ""),
        (function("return 1", head="def f() -> int:"), "no_arguments"),
        (function("return 1", head="def f(\n):"), "no_arguments"),
        (function("return 1", head="def f(*, key=1):"), ""),
        (function("return x", head="async def f(x):"), ""),
        (function("..."), "unfinished"),
        (function("pass"), "unfinished"),
        (function("raise NotImplementedError('x')"), "unfinished"),
        (function("return x  # TODO: more"), "unfinished"),
        (function("return x  # fixme"), "unfinished"),
        (function("return x", docstring='"""Works around a bug."""'), "unfinished"),
        (function("debug = x  # debugging, todos\nreturn debug"), ""),
        (function('return "TODO " + x'), ""),
        ("import os\n" + function("return os.path.join(x)"), "forbidden_import"),
        ("from os import path\n" + function("return path.join(x)"), "forbidden_import"),
        ("from os.path import join\n" + function("return join(x)"), "forbidden_import"),
        ("from xml import sax\n" + function("return sax.parse(x)"), "forbidden_import"),
        (function("import subprocess\nreturn subprocess.run(x)"), "forbidden_import"),
        (function("return open(x)"), "forbidden_import"),
        ("import os\n" + function("return x"), ""),
        ("import ossaudiodev\n" + function("return ossaudiodev.open(x)"), ""),
        ("import xml.dom\n" + function("return xml.dom.Node(x)"), ""),
        ("import numpy.linalg\n" + function("return numpy.linalg.norm(x)"), ""),
        ("import requests\n" + function("return requests.get(x)"), "unresolved_import"),
        ("from . import helper\n" + function("return helper(x)"), "unresolved_import"),
        ("from .a import helper\n" + function("return helper(x)"), "unresolved_import"),
        (function("from ..a import b\nreturn b(x)"), "unresolved_import"),
        (function("return helper(x)"), "undefined_name"),
        ("from a import *\n" + function("return helper(x)"), "undefined_name"),
        ("class H:\n    pass\n" + function("return H(x)"), "undefined_name"),
        (function("return x", head="def __f(x):"), "dunder"),
        (function("return x", head="def _f(x):"), ""),
        (function("return x", head="def test_f(x):"), "test_code"),
        (function("return x", head="def tester(x):"), ""),
        (function("print 'a'\nreturn x"), "syntax_error"),
        (function("return await_(x"), "syntax_error"),
        (function("nonlocal z\nreturn x"), "syntax_error"),
    ],
)
def test_rules(text, reason):
    assert judge(text) == [reason]


@pytest.mark.parametrize(
    ("method", "reason"),
    [
        ("@staticmethod\ndef m(x):\n    'Gives a value.'\n    return x", ""),
        ("def m(self, x):\n    'Gives a value.'\n    return x", ""),
        ("@classmethod\ndef m(cls, x):\n    'Gives a value.'\n    return cls(x)", "needs_instance"),
        ("def m(self, x):\n    'Gives a value.'\n    return self.y + x", "needs_instance"),
        ("def m(self, x):\n    'Gives a value.'\n    return super().m(x)", "needs_instance"),
        ("@staticmethod\ndef m(x):\n    'Gives a value.'\n    return Box.other(x)", "needs_instance"),
        ("def m(self):\n    'Gives a value.'\n    return 1", "no_arguments"),
        ("@other.setter\ndef m(self, x):\n    'Gives a value.'\n    return x", "undefined_name"),
        ("def __eq__(self, x):\n    'Gives a value.'\n    return True", "dunder"),
    ],
)
def test_methods(method, reason):
    assert judge("class Box:\n" + "".join(f"    {line}\n" for line in method.split("\n"))) == [reason]


@pytest.mark.parametrize(
    ("name", "path", "wanted"),
    [
        ("f", "pkg/mod.py", False),
        ("f", "pkg/tests/mod.py", True),
        ("f", "pkg/test_mod.py", True),
        ("f", "conftest.py", True),
        ("f", "pkg/contest.py", False),
        ("f", "pkg/latest/mod.py", False),
        ("TestCode.f", "pkg/mod.py", True),
        ("MyTestCase.f", "pkg/mod.py", True),
        ("Testimony.f", "pkg/mod.py", False),
        ("testSum", "pkg/mod.py", True),
        ("testament", "pkg/mod.py", False),
    ],
)
def test_tests_are_told_by_whole_words(name, path, wanted):
    assert is_test(name, path) is wanted


def test_a_seed_row_says_what_it_is_and_where_it_is_from():
    text = "import re\n\n\n" + function("return re.sub('a', 'b', x)")
    (found,) = mine("c", SourceFile("pkg/mod.py", text, "MIT", "pkg", "1"), Filters.from_config(CONFIG))
    assert found.row == {
        "id": row_id("seed", text),
        "code": text,
        "docstring": "Gives a value.",
        "language": "python",
        "licence": "MIT",
        "origin": {"corpus": "c", "package": "pkg", "version": "1", "path": "pkg/mod.py", "line": 4, "name": "f"},
    }


def run_main(tmp_path, path, out="out", licence="MIT", threads=1) -> dict:
    folder = tmp_path / out
    names = {
        "kept": "c.jsonl",
        "rejected": "c.rejected.jsonl",
        "counts": "c.counts.json",
        "files_rejected": "c.files.rejected.jsonl",
        "files_counts": "c.files.counts.json",
    }
    spec = {"kind": "directory", "path": str(path), "licence": licence, "revision": ""}
    paths = {key: str(folder / name) for key, name in names.items()}
    main("c", spec, None, ["MIT"], CONFIG, **paths, threads=threads)
    return {key: (folder / name).read_bytes() for key, name in names.items()}


def write_corpus(folder) -> None:
    folder.mkdir()
    (folder / "good.py").write_text(function("return x") + "\n" + function("return x", docstring="x"))
    (folder / "broken.py").write_text("def f(x:\n\n" + function("return x", head="def g(x):"))
    (folder / "binary.py").write_bytes(b"\0\1")
    (folder / "empty.py").write_text("")
    (folder / "latin.py").write_bytes(b"# \xe9\n")
    (folder / "line.py").write_bytes(b"x" * 10_000_000)
    (folder / "loop").symlink_to(folder)


def test_every_file_and_function_is_accounted_for(tmp_path):
    write_corpus(tmp_path / "corpus")
    files = run_main(tmp_path, tmp_path / "corpus")
    counts = json.loads(files["counts"])
    assert counts["in"] == counts["kept"] + sum(counts["rejected"].values())
    assert counts["rejected"]["no_docstring"] == 1
    books = json.loads(files["files_counts"])
    assert books["in"] == 7
    assert {key: books["rejected"][key] for key in ("binary", "not_utf8", "too_large", "symlink")} == {
        "binary": 1,
        "not_utf8": 1,
        "too_large": 1,
        "symlink": 1,
    }
    assert len(files["files_rejected"].splitlines()) == sum(books["rejected"].values())


def test_processes_do_not_show_in_the_output(tmp_path):
    write_corpus(tmp_path / "corpus")
    for number in range(200):
        (tmp_path / "corpus" / f"m{number}.py").write_text(function(f"return x + {number}"))
    assert run_main(tmp_path, tmp_path / "corpus", "one") == run_main(tmp_path, tmp_path / "corpus", "two", threads=2)


def test_an_empty_corpus_stops_with_a_message(tmp_path):
    (tmp_path / "corpus").mkdir()
    with pytest.raises(EmptyStageError, match="it has no file at all"):
        run_main(tmp_path, tmp_path / "corpus")
    assert not list((tmp_path / "out").iterdir())


def test_a_licence_that_is_not_allowed_stops_with_a_message(tmp_path):
    write_corpus(tmp_path / "corpus")
    with pytest.raises(EmptyStageError, match="3 licence"):
        run_main(tmp_path, tmp_path / "corpus", licence="GPL-3.0-only")
