"""The hash that takes the place of Snakemake's view of code."""

import pytest

from selfalign import fingerprint


@pytest.fixture
def scripts(tmp_path, monkeypatch):
    """A small tree: one script uses `used`, which uses `deep`; nothing uses `unused`."""
    package = tmp_path / "scripts" / "selfalign"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "used.py").write_text("def f():\n    from selfalign.deep import g\n    return g()\n")
    (package / "deep.py").write_text("def g():\n    return 1\n")
    (package / "unused.py").write_text("def h():\n    return 1\n")
    (tmp_path / "scripts" / "step.py").write_text("from selfalign import used\n\nused.f()\n")
    monkeypatch.setattr(fingerprint, "SCRIPTS", tmp_path / "scripts")

    def measure():
        for function in (fingerprint._imports, fingerprint.source_files, fingerprint.code_fingerprint):
            function.cache_clear()
        return fingerprint.code_fingerprint("step.py")

    yield tmp_path / "scripts", measure
    measure.__globals__["fingerprint"]._imports.cache_clear()
    fingerprint.source_files.cache_clear()
    fingerprint.code_fingerprint.cache_clear()


def test_an_edit_anywhere_in_the_reached_code_counts(scripts):
    folder, measure = scripts
    before = measure()
    (folder / "selfalign" / "deep.py").write_text("def g():\n    return 2\n")
    assert measure() != before


def test_comments_layout_and_unreached_code_do_not_count(scripts):
    folder, measure = scripts
    before = measure()
    (folder / "selfalign" / "deep.py").write_text("# why\ndef g():\n\n    return 1\n")
    (folder / "selfalign" / "unused.py").write_text("def h():\n    return 2\n")
    (folder / "step.py").touch()
    assert measure() == before


def test_every_script_of_the_workflow_can_be_fingerprinted(root):
    for script in (root / "scripts").glob("*.py"):
        assert len(fingerprint.code_fingerprint(script.name)) == fingerprint.LENGTH


@pytest.mark.parametrize("script", ["validate.py", "score.py"])
def test_all_that_runs_in_the_sandbox_is_reached(script, root):
    payload = set((root / "scripts" / "selfalign" / "sandbox" / "payload").glob("*.py"))
    assert payload <= set(fingerprint.source_files(script))
