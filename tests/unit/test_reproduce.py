"""The comparison of a run's manifest with a checkout."""

import subprocess
import sys

import pytest
import yaml

from reproduce import comparable, differences, this_checkout
from selfalign import ROOT
from selfalign.config import resolve_config
from selfalign.fingerprint import sha256
from selfalign.io import write_json
from selfalign.rows import digest
from write_manifest import git_state, package_versions, tool_versions


@pytest.fixture
def manifest() -> dict:
    """As write_manifest.py would write it here, with a model and an image that aren't fetched."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    return {
        "config_sha256": digest(resolve_config(config)),
        "git": git_state(ROOT),
        "versions": {"python": sys.version.split()[0], **package_versions(), **tool_versions()},
        "platform": "another machine",
        "locks": {"sandbox": sha256("envs/sandbox.lock")},
        "models": {"m": {"digest": "aa"}},
        "sandbox": {"digest": "bb"},
    }


def here(manifest: dict, tmp_path) -> dict:
    write_json(tmp_path / "models" / "m" / "model.json", {"digest": "aa"})
    write_json(tmp_path / "sandbox" / "image.json", {"digest": "bb"})
    return this_checkout(manifest, yaml.safe_load((ROOT / "config.yaml").read_text()), tmp_path)


def test_the_checkout_that_wrote_it_differs_in_nothing(manifest, tmp_path):
    assert differences(comparable(manifest), here(manifest, tmp_path)) == []


def test_everything_that_differs_is_named(manifest, tmp_path):
    found = here(manifest, tmp_path)
    manifest["locks"]["sandbox"] = "0"
    manifest["models"]["m"]["digest"] = "cc"
    manifest["versions"]["python"] = "2.7"
    manifest["git"] = {"commit": "1", "modified": False}
    manifest["config_sha256"] = "2"
    text = differences(comparable(manifest), found)
    assert any(line.startswith("models.m: cc then, aa here") for line in text)
    for name in ("locks.sandbox", "versions.python", "git.commit", "config"):
        assert any(line.startswith(f"{name}: ") for line in text), name


def test_a_file_that_is_no_manifest_is_named(tmp_path):
    write_json(tmp_path / "manifest.json", {"x": 1})
    (tmp_path / "config.yaml").write_text("a: 1\n")
    command = [sys.executable, str(ROOT / "scripts" / "reproduce.py"), str(tmp_path / "manifest.json")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode and "no manifest" in done.stderr and "Traceback" not in done.stderr
