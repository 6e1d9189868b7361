"""Pinned packages: real pip, against wheels made here; nothing half-downloaded stays."""

import zipfile
from pathlib import Path

import pytest

from selfalign import packages
from selfalign.errors import InfrastructureError, UserError
from selfalign.packages import explain_failure, fetch_wheel, file_sha256


def make_wheel(
    folder: Path, name: str = "tiny_pack", version: str = "1.0", files: dict[str, str] | None = None
) -> Path:
    """A pure-Python wheel, the way an index serves it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\nLicense-Expression: MIT\n"
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in (files or {f"{name}/__init__.py": "X = 1\n"}).items():
            archive.writestr(member, text)
        archive.writestr(f"{info}/METADATA", metadata)
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def index(tmp_path, monkeypatch) -> Path:
    """A folder that pip takes for its only index."""
    folder = tmp_path / "index"
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return folder


def test_the_wheel_with_the_hash_arrives(index, tmp_path):
    wheel = make_wheel(index)
    got = fetch_wheel("tiny-pack", "1.0", file_sha256(wheel), tmp_path / "out")
    assert got.parent == tmp_path / "out"
    assert got.read_bytes() == wheel.read_bytes()
    assert [path.name for path in (tmp_path / "out").iterdir()] == [wheel.name]


def test_a_wheel_that_is_there_needs_no_network(index, tmp_path):
    wheel = make_wheel(tmp_path / "out")
    assert fetch_wheel("Tiny.Pack", "1.0", file_sha256(wheel), tmp_path / "out") == wheel


def test_a_damaged_wheel_is_fetched_anew(index, tmp_path):
    wheel = make_wheel(index)
    digest = file_sha256(wheel)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / wheel.name).write_bytes(wheel.read_bytes()[:-20])
    assert file_sha256(fetch_wheel("tiny-pack", "1.0", digest, tmp_path / "out")) == digest


def test_a_wrong_hash_names_both_and_leaves_nothing(index, tmp_path):
    wheel = make_wheel(index)
    with pytest.raises(UserError) as caught:
        fetch_wheel("tiny-pack", "1.0", "0" * 64, tmp_path / "out")
    assert "0" * 64 in str(caught.value)
    assert file_sha256(wheel) in str(caught.value)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_missing_version_names_those_there_are(index, tmp_path):
    make_wheel(index)
    with pytest.raises(UserError, match=r"no wheel of tiny-pack 9\.9 .* 1\.0") as caught:
        fetch_wheel("tiny-pack", "9.9", "0" * 64, tmp_path / "out")
    assert not isinstance(caught.value, InfrastructureError)
    assert list((tmp_path / "out").iterdir()) == []


def test_no_network_is_the_machines_fault(tmp_path, monkeypatch):
    monkeypatch.setattr(packages, "RETRIES", 1)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    with pytest.raises(InfrastructureError, match=r"could not be reached for tiny-pack 1\.0"):
        fetch_wheel("tiny-pack", "1.0", "0" * 64, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("output", "kind", "words"),
    [
        ("/usr/bin/python: No module named pip", UserError, "has no pip"),
        ("OSError: [Errno 28] No space left on device", InfrastructureError, "no space left"),
        ("ERROR: something new", UserError, "something new"),
    ],
)
def test_other_failures_are_told_apart(output, kind, words):
    error = explain_failure("tiny-pack", "1.0", "0" * 64, output)
    assert type(error) is kind
    assert words in str(error)
