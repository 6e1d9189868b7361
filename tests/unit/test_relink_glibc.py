"""The ELF editor that makes a newer Apptainer run on an older glibc, on programs of the machine."""

import platform
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EDITOR = ROOT / "setup" / "relink_glibc.py"
sys.path.insert(0, str(EDITOR.parent))
import relink_glibc  # noqa: E402 (lies beside the set-up scripts, which use no environment)

OLDEST = (2, 2, 5)
MACHINE = tuple(map(int, platform.libc_ver()[1].split(".")))
TOO_NEW = relink_glibc.PREFIX + b"memcpy"


@pytest.fixture
def program() -> relink_glibc.Elf:
    return relink_glibc.Elf(Path(shutil.which("bash")).read_bytes())


@pytest.fixture
def future(program) -> relink_glibc.Elf:
    """A bash that asks for `__isoc23_memcpy` of GLIBC_9.14 where it asked for `memcpy` of GLIBC_2.14."""
    data = bytearray(program.data)
    # The name of a weak symbol that no C library has makes room for the new name.
    room = data.index(b"\0_ITM_deregisterTMCloneTable\0") + 1
    data[room : room + len(TOO_NEW) + 1] = TOO_NEW + b"\0"
    strings = program._sections[b".dynstr"][0]
    memcpy = next(symbol for symbol in program.symbols if symbol.name == b"memcpy")
    struct.pack_into("<I", data, memcpy.record, room - strings)

    version = program.version_of(memcpy)
    assert version.name == b"GLIBC_2.14"
    (name,) = struct.unpack_from("<I", data, version.record + 8)
    data[strings + name : strings + name + len(version.name)] = b"GLIBC_9.14"
    struct.pack_into("<I", data, version.record, elf_hash(b"GLIBC_9.14"))
    return relink_glibc.Elf(bytes(data))


def elf_hash(name: bytes) -> int:
    value = 0
    for byte in name:
        value = (value << 4) + byte
        value = (value ^ (value & 0xF0000000) >> 24) & 0x0FFFFFFF
    return value


def write_program(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    path.chmod(0o755)
    return path


def run(*command: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        list(map(str, command)), capture_output=True, text=True, env={"LD_BIND_NOW": "1"}, check=False
    )


def test_versions_are_read(program):
    assert any(version.name == relink_glibc.BASE for version in program.versions.values())
    assert program.newer_than(MACHINE) == {}
    newer = program.newer_than(OLDEST)
    assert newer[b"memcpy"] == b"GLIBC_2.14"
    assert all(relink_glibc.is_newer(version, OLDEST) for version in newer.values())


def test_a_program_of_a_newer_glibc_runs_after_relinking_and_not_before(future, tmp_path):
    before = run(write_program(tmp_path / "before", future.data), "-c", "echo $((6 * 7))")
    assert before.returncode != 0 and "GLIBC_9.14" in before.stderr

    assert future.newer_than(MACHINE) == {TOO_NEW: b"GLIBC_9.14"}
    assert future.relink(MACHINE, {TOO_NEW}) == [TOO_NEW]
    assert future.newer_than(MACHINE) == {}
    after = run(write_program(tmp_path / "after", future.data), "-c", "echo $((6 * 7))")
    assert (after.returncode, after.stdout, after.stderr) == (0, "42\n", "")


def test_relinking_changes_the_one_symbol_and_no_other(future):
    before = [symbol.name for symbol in future.symbols]
    future.relink(MACHINE, {TOO_NEW})
    place = next(number for number, symbol in enumerate(future.symbols) if symbol.name != before[number])
    assert future.symbols[place].name == b"memcpy"
    assert future.version_of(future.symbols[place]).name == relink_glibc.BASE
    assert [symbol.name for symbol in future.symbols if symbol.name != b"memcpy"] == [
        name for number, name in enumerate(before) if number != place
    ]


def test_a_program_with_nothing_newer_stays_as_it_is(program):
    before = bytes(program.data)
    assert program.relink(MACHINE) == []
    assert bytes(program.data) == before


def test_a_symbol_that_is_really_new_is_refused_by_name_and_nothing_changes(future):
    before = bytes(future.data)
    with pytest.raises(ValueError, match=f"newer than {platform.libc_ver()[1]} for: {TOO_NEW.decode()}$"):
        future.relink(MACHINE)
    assert bytes(future.data) == before


def test_the_command_lists_and_refuses(future, tmp_path):
    path = write_program(tmp_path / "program", future.data)
    listed = run(sys.executable, EDITOR, "--check", path)
    assert (listed.returncode, listed.stdout) == (1, f"{TOO_NEW.decode()} GLIBC_9.14\n")
    assert run(sys.executable, EDITOR, "--check", "--glibc", "9.14", path).returncode == 0

    refused = run(sys.executable, EDITOR, path)
    assert refused.returncode == 2 and TOO_NEW.decode() in refused.stderr
    assert path.read_bytes() == future.data and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("version", "newer"),
    [
        (b"GLIBC_2.38", True),
        (b"GLIBC_2.36", False),
        (b"GLIBC_2.4", False),
        (b"GLIBC_2.2.5", False),
        (b"GLIBC_PRIVATE", False),
        (b"OPENSSL_3.0", False),
        (b"GLIBC_ABI_DT_RELR", False),
        (b"GLIBC_ABI_GNU2_TLS", True),
    ],
)
def test_versions_compare_as_numbers(version, newer):
    assert relink_glibc.is_newer(version, (2, 36)) is newer


def test_something_else_than_an_elf_file_is_refused(tmp_path):
    script = tmp_path / "script"
    script.write_bytes(b"#!/bin/sh\n")
    assert "not a 64-bit little-endian ELF file" in run(sys.executable, EDITOR, script).stderr
    assert script.read_bytes() == b"#!/bin/sh\n"
