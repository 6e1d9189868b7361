"""The comparison of a run's manifest with a checkout."""

import json
import subprocess
import sys

import pytest
import yaml

from reproduce import comparable, differences, this_checkout
from selfalign import ROOT
from selfalign.config import resolve_config
from selfalign.fingerprint import sha256, source_fingerprints
from selfalign.images import image_path
from selfalign.io import write_json
from selfalign.rows import digest
from write_manifest import git_state, package_versions, tool_versions


@pytest.fixture
def config() -> dict:
    return resolve_config(yaml.safe_load((ROOT / "config.yaml").read_text()))


@pytest.fixture
def manifest(config, tmp_path) -> dict:
    """As write_manifest.py would write it here, with a model and images that are none."""
    write_json(tmp_path / "models" / "m" / "model.json", {"digest": "aa"})
    write_json(tmp_path / "sandbox" / "image.json", {"digest": "bb"})
    image = {"role": "workflow", "accelerator": "none", "digest": "cc", "sif_sha256": "differs from build to build"}
    name = image_path("workflow", "none").with_suffix(".json").name
    write_json(tmp_path / "containers" / name, image | {"sif_sha256": "otherwise"})
    return {
        "config_sha256": digest(config),
        "git": git_state(ROOT),
        "versions": {"python": sys.version.split()[0], **package_versions(), **tool_versions()},
        "platform": "another machine",
        "locks": {"sandbox": sha256("envs/sandbox.lock")},
        "sources": source_fingerprints(),
        "models": {"m": {"digest": "aa"}},
        "sandbox": {"digest": "bb"},
        "containers": {"workflow": image},
    }


def compared(manifest: dict, config: dict, resources) -> list[str]:
    return differences(comparable(manifest, config), this_checkout(manifest, config, resources))


def test_the_checkout_that_wrote_it_differs_in_nothing(manifest, config, tmp_path):
    assert compared(manifest, config, tmp_path) == []


def test_a_commit_that_changed_no_source_is_no_difference(manifest, config, tmp_path):
    manifest["git"] = {"commit": "0" * 40, "modified": False}
    assert compared(manifest, config, tmp_path) == []


def test_everything_that_differs_is_named(manifest, config, tmp_path):
    manifest["locks"]["sandbox"] = "0"
    manifest["models"]["m"]["digest"] = "dd"
    manifest["versions"]["python"] = "2.7"
    manifest["containers"]["workflow"]["digest"] = "ee"
    manifest["sources"] |= {"prompts/tasks.jinja": "1", "scripts/gone.py": "2"}
    text = compared(manifest, config, tmp_path)
    assert any(line.startswith("models.m: dd then, aa here") for line in text)
    assert "sources.scripts/gone.py: 2 then, absent here" in text
    names = ("locks.sandbox", "versions.python", "containers.workflow", "sources.prompts/tasks.jinja")
    for name in names:
        assert any(line.startswith(f"{name}: ") for line in text), name
    assert len(text) == len(names) + 2


def test_a_config_that_is_read_otherwise_here_is_named_by_its_keys(manifest, config, tmp_path):
    """As a checkout does that has a default more than the run's had."""
    del config["sandbox"]["memory_mb"]
    (line,) = compared(manifest, config, tmp_path)
    assert line.startswith("config.sandbox.memory_mb: absent then, ")


def test_a_container_image_that_is_not_here_is_absent(manifest, config, tmp_path):
    next((tmp_path / "containers").iterdir()).unlink()
    assert compared(manifest, config, tmp_path) == ["containers.workflow: cc then, absent here"]


def reproduce(folder) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / "scripts" / "reproduce.py"), str(folder / "manifest.json")]
    return subprocess.run([*command, "--resources", str(folder)], capture_output=True, text=True)


def test_the_command_says_yes_or_names_what_differs_and_both_commits(manifest, config, tmp_path):
    write_json(tmp_path / "manifest.json", manifest)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    done = reproduce(tmp_path)
    assert done.returncode == 0 and "make run CONFIG=" in done.stdout
    write_json(tmp_path / "manifest.json", manifest | {"git": {"commit": "f" * 40}, "sandbox": {"digest": "zz"}})
    done = reproduce(tmp_path)
    assert done.returncode == 1 and "sandbox: zz then" in done.stderr and "f" * 40 in done.stderr


def test_a_config_that_was_edited_since_is_refused(manifest, config, tmp_path):
    write_json(tmp_path / "manifest.json", manifest)
    config["seeds"]["shards"] += 1
    (tmp_path / "config.yaml").write_text(json.dumps(config))
    done = reproduce(tmp_path)
    assert done.returncode and "not the config" in done.stderr and "Traceback" not in done.stderr


def test_a_file_that_is_no_manifest_is_named(tmp_path):
    write_json(tmp_path / "manifest.json", {"x": 1})
    (tmp_path / "config.yaml").write_text("a: 1\n")
    done = reproduce(tmp_path)
    assert done.returncode and "no manifest" in done.stderr and "Traceback" not in done.stderr
