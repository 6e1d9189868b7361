"""The ELF editor that makes a newer Apptainer run on an older glibc, on a real program of the machine."""

import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "setup"))
import relink_glibc  # noqa: E402 (lies beside the set-up scripts, which use no environment)

OLDEST = (2, 2, 5)


@pytest.fixture
def program() -> relink_glibc.Elf:
    return relink_glibc.Elf(Path(shutil.which("bash")).read_bytes())


def test_versions_are_read(program):
    assert any(name == relink_glibc.BASE for name, _ in program.versions.values())
    assert program.newer_than((99,)) == {}
    newer = program.newer_than(OLDEST)
    assert newer and all(relink_glibc.is_newer(version, OLDEST) for version in newer.values())


def test_a_symbol_that_is_really_new_is_refused_by_name_and_nothing_changes(program):
    before = bytes(program.data)
    some = next(iter(program.newer_than(OLDEST))).decode()
    with pytest.raises(ValueError, match=some):
        program.relink(OLDEST)
    assert bytes(program.data) == before


def test_renamed_symbols_end_at_the_base_version(program, monkeypatch):
    """With every newer symbol declared renameable, and a prefix of one letter, nothing newer is left."""
    newer = program.newer_than(OLDEST)
    monkeypatch.setattr(relink_glibc, "RENAMED", tuple(newer))
    monkeypatch.setattr(relink_glibc, "PREFIX", b"_")
    names_before = {name for name, _, _ in program.symbols()}
    assert set(program.relink(OLDEST)) == set(newer)
    again = relink_glibc.Elf(bytes(program.data))
    assert again.newer_than(OLDEST) == {}
    names = {name for name, _, _ in again.symbols()}
    assert {name[1:] for name in newer} <= names and names_before - set(newer) <= names


@pytest.mark.parametrize(
    ("version", "newer"),
    [(b"GLIBC_2.38", True), (b"GLIBC_2.36", False), (b"GLIBC_2.2.5", False), (b"GLIBC_PRIVATE", False), (b"OPENSSL_3.0", False)],
)
def test_versions_compare_as_numbers(version, newer):
    assert relink_glibc.is_newer(version, (2, 36)) is newer


def test_something_else_than_an_elf_file_is_refused():
    with pytest.raises(ValueError, match="ELF"):
        relink_glibc.Elf(b"#!/bin/sh\n")
