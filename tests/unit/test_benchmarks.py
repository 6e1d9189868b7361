"""The registry of benchmarks: what each kind must have, and that a new one changes nothing that the others have made."""

import datetime
from pathlib import Path

import pytest
import yaml

from selfalign.benchmarks import BENCHMARKS
from selfalign.benchmarks.base import Benchmark, module_of, open_benchmark
from selfalign.config import resolve_config
from selfalign.errors import UserError
from selfalign.fingerprint import SCRIPTS, benchmark_files, source_files

PACKAGE = SCRIPTS / "selfalign" / "benchmarks"


def config(root: Path, **spec) -> dict:
    found = yaml.safe_load((root / "config.yaml").read_text(encoding="utf-8"))
    found["evaluation"]["benchmarks"] = {"b": {"kind": "humaneval", "source": {"path": "x"}, **spec}}
    return found


def test_every_kind_is_a_module_with_a_line_in_the_registry():
    modules = {module_of(kind).rsplit(".", 1)[1] for kind in BENCHMARKS}
    listed = {path.stem for path in PACKAGE.glob("*.py") if "\nBENCHMARK = " in path.read_text(encoding="utf-8")}
    assert modules == listed
    for kind, benchmark in BENCHMARKS.items():
        assert open_benchmark(kind) is benchmark and benchmark.kind == kind
        assert benchmark.fields and len(benchmark.hub) == 2
        sizes = [benchmark.size(variant) for variant in benchmark.variants or (None,)]
        assert all(size > 0 for size in sizes) and benchmark.scorer({"evalplus": "1"})


@pytest.mark.parametrize("kind", sorted(BENCHMARKS))
def test_every_kind_is_documented(root: Path, kind: str):
    assert f"`{kind}`" in (root / "docs" / "benchmarks.md").read_text(encoding="utf-8")


def test_no_script_that_asks_or_scores_reaches_the_other_kinds():
    kinds = {path.name for path in PACKAGE.glob("*.py") if "\nBENCHMARK = " in path.read_text(encoding="utf-8")}
    for script in ("fetch_benchmark.py", "generate.py", "score.py", "build_dataset.py", "validate.py"):
        reached = {path.name for path in source_files(script) if path.parent == PACKAGE}
        assert not reached & (kinds | {"__init__.py"})


@pytest.mark.parametrize("kind", sorted(BENCHMARKS))
def test_scoring_decides_scores_and_not_what_is_asked(kind: str):
    """So that a change to the sandbox, or to how answers are scored, asks nothing again."""
    asking, scoring = (benchmark_files(script, kind) for script in ("generate.py", "score.py"))
    module = PACKAGE / f"{kind.replace('-', '_')}.py"
    assert module in asking and module in scoring
    assert not [path for path in asking if "sandbox" in path.parts or path.stem.endswith("scoring")]
    assert PACKAGE / "scoring.py" in scoring or PACKAGE / f"{module.stem}_scoring.py" in scoring
    own = PACKAGE / f"{module.stem}_scoring.py"
    assert own in scoring or not own.exists()


def test_a_kind_that_is_none_is_an_error_that_names_the_others(root: Path):
    with pytest.raises(UserError, match=r"b\.kind is 'humanevil': one of humaneval, "):
        resolve_config(config(root, kind="humanevil"))
    with pytest.raises(UserError, match=r"b\.variant is 'hard': kind 'humaneval' has no variants"):
        resolve_config(config(root, variant="hard"))
    with pytest.raises(UserError, match="no benchmark is of kind 'base'"):
        open_benchmark("base")


def test_a_window_of_dates_is_for_kinds_that_have_them(root: Path):
    with pytest.raises(UserError, match="`since` or `until`: problems of kind 'humaneval' have no dates"):
        resolve_config(config(root, since="2024-01-01"))
    dated = {"kind": "livecodebench", "variant": "v1", "since": datetime.date(2024, 8, 2), "until": "2024-09-01"}
    found = resolve_config(config(root, **dated))["evaluation"]["benchmarks"]["b"]
    assert (found["since"], found["until"]) == ("2024-08-02", "2024-09-01")  # YAML makes a date of an unquoted day
    with pytest.raises(UserError, match=r"b\.since is 2024-08-02: after `until`, 2024-08-01"):
        resolve_config(config(root, **{**dated, "until": "2024-08-01"}))
    with pytest.raises(UserError, match=r"b\.until is 'May': it must match"):
        resolve_config(config(root, **{**dated, "until": "May"}))
    with pytest.raises(UserError, match=r"b\.variant is None: kind 'livecodebench' wants one of v1, v2"):
        resolve_config(config(root, kind="livecodebench"))


def test_a_kind_says_what_it_must():
    with pytest.raises(NotImplementedError):
        Benchmark().problem({})


def test_locks_of_libraries_need_names_of_their_own(root: Path):
    found = config(root, libraries="a/x.lock")
    found["evaluation"]["benchmarks"]["c"] = {"kind": "humaneval", "source": {"path": "y"}, "libraries": "b/x.lock"}
    with pytest.raises(UserError, match=r"c\.libraries is 'b/x\.lock': give it another file name than 'a/x\.lock'"):
        resolve_config(found)
    found["evaluation"]["benchmarks"]["c"]["libraries"] = "a/x.lock"
    resolve_config(found)
