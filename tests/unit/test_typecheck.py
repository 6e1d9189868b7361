"""The type check, with the real checker: what it finds, what it must not depend on, and what a crash does."""

import json

import pytest

from selfalign.errors import EmptyStageError, InfrastructureError
from selfalign.mining import typecheck
from selfalign.mining.typecheck import CheckerFailed, check, check_surely, self_test
from typecheck_seeds import main

MODULES = {
    "good": "import re\n\n\ndef f(x: str) -> bool:\n    return bool(re.match('a', x))\n",
    "undefined": "def f(x):\n    return x + nothing\n",
    "unbound": "def f(x):\n    if x:\n        y = 1\n    return y\n",
    "attribute": "def f(x: str):\n    return x.nosuch()\n",
    "call": "def f(x):\n    return len(x, 2)\n",
    "returns": "def f(x: int) -> str:\n    return x\n",
    "syntax": "def f(x):\n    return (\n",
    "nomodule": "import re\n\n\ndef f(x):\n    return re.nosuch(x)\n",
    "ignored": "def f(x):\n    return nothing  # type: ignore\n",
    "directive": "# pyright: basic, reportUndefinedVariable=false\ndef f(x):\n    return nothing  # pyright: ignore\n",
    "thirdparty": "import numpy as np\nimport attrs\n\n\ndef f(x):\n    return np.nosuch(attrs.nosuch, x)\n",
    "default": "def f(x=None):\n    return [y for y in x]\n",
    "oldstyle": "def f(x: int = None) -> int:\n    return x or 1\n",
}
WRONG = {"undefined", "unbound", "attribute", "call", "returns", "syntax", "nomodule", "ignored", "directive"}


@pytest.fixture(scope="module")
def verdicts() -> dict:
    return check(MODULES, timeout=120)


def test_errors_are_found_and_only_errors(verdicts):
    assert {name for name, verdict in verdicts.items() if verdict} == WRONG


def test_a_verdict_names_rule_and_line(verdicts):
    assert verdicts["undefined"] == 'reportUndefinedVariable, line 2: "nothing" is not defined'


def test_the_checker_works_here():
    self_test()


def test_a_broken_checker_is_the_machines_fault(monkeypatch):
    monkeypatch.setattr(typecheck.sys, "executable", "/nonexistent/python")
    with pytest.raises(InfrastructureError, match="does not work"):
        self_test()


def test_an_unknown_setting_is_noticed(monkeypatch):
    monkeypatch.setitem(typecheck.SETTINGS, "reportNoSuchThing", "error")
    with pytest.raises(InfrastructureError, match="does not know a setting"):
        self_test()


def test_an_answer_must_cover_every_file():
    with pytest.raises(CheckerFailed, match="1 of 2"):
        typecheck._verdicts({"summary": {"filesAnalyzed": 1}, "generalDiagnostics": []}, ["a", "b"])


def rows_file(tmp_path, codes: dict[str, str]) -> str:
    path = tmp_path / "seeds.jsonl"
    path.write_text("".join(json.dumps({"id": name, "code": code}) + "\n" for name, code in codes.items()))
    return str(path)


def run_main(tmp_path, seeds: str, threads: int = 1) -> dict:
    paths = {key: tmp_path / f"{key}.{threads}" for key in ("kept", "rejected", "counts")}
    main(seeds, **{key: str(path) for key, path in paths.items()}, threads=threads)
    return {key: path.read_bytes() for key, path in paths.items()}


def test_rows_go_where_their_verdict_says_whatever_the_threads(tmp_path):
    seeds = rows_file(tmp_path, MODULES)
    files = run_main(tmp_path, seeds, 1)
    assert [json.loads(line)["id"] for line in files["kept"].splitlines()] == [n for n in MODULES if n not in WRONG]
    counts = json.loads(files["counts"])
    assert counts["in"] == len(MODULES)
    assert counts["rejected"] == {"type_error": len(WRONG)}
    assert run_main(tmp_path, seeds, 2) == files


def test_one_row_that_brings_the_checker_down_costs_only_itself(tmp_path, monkeypatch):
    def fragile(texts, timeout):
        if any("poison" in text for text in texts.values()):
            raise CheckerFailed("crashed")
        return dict.fromkeys(texts)

    monkeypatch.setattr(typecheck, "check", fragile)
    monkeypatch.setattr("typecheck_seeds.self_test", lambda: None)
    codes = {f"{number}": "poison" if number == 3 else "x = 1" for number in range(7)}
    assert str(check_surely(codes, 1)["3"]) == "crashed"
    files = run_main(tmp_path, rows_file(tmp_path, codes))
    assert json.loads(files["counts"])["failed"] == {"no_verdict": 1}
    assert len(files["kept"].splitlines()) == 6


def test_nothing_left_is_an_error(tmp_path):
    with pytest.raises(EmptyStageError, match="1 type_error"):
        run_main(tmp_path, rows_file(tmp_path, {"a": MODULES["undefined"]}))
