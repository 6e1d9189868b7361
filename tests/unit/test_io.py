"""Nothing half-written is ever taken for whole."""

import errno
import json
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfalign import io
from selfalign.errors import InfrastructureError, UserError


def test_a_failed_write_leaves_the_old_file_and_no_temporary(tmp_path):
    target = tmp_path / "rows.jsonl"
    io.write_jsonl(target, [{"id": 1}])
    before = target.read_bytes()
    with pytest.raises(RuntimeError), io.atomic(target) as stream:
        stream.write("half a ro")
        raise RuntimeError
    assert target.read_bytes() == before
    assert os.listdir(tmp_path) == ["rows.jsonl"]


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(io.os, "fsync", full)
    with pytest.raises(InfrastructureError, match="no space left") as caught:
        io.write_json(tmp_path / "counts.json", {})
    assert str(tmp_path) in caught.value.where and "free space" in caught.value.fix
    assert os.listdir(tmp_path) == []


FULL_DISK = """
import os, sys
from selfalign.errors import InfrastructureError
from selfalign.stage import StageWriter

os.chdir(sys.argv[1])
try:
    with StageWriter("tasks", kept="k.jsonl", rejected="r.jsonl", counts="c.json") as out:
        for number in range(10_000):
            out.read()
            out.keep({"id": str(number), "text": "x" * 1000})
except InfrastructureError as error:
    print(error, sorted(os.listdir(".")))
"""


def test_a_disk_that_fills_up_while_a_shard_is_written(tmp_path, root):
    """A real full file system of 256 kB, in a mount namespace of its own."""
    script = 'mount -t tmpfs -o size=256k none "$1" && PYTHONPATH="$2" "$3" -c "$4" "$1"'
    arguments = [tmp_path, root / "scripts", sys.executable, FULL_DISK]
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-euc", script, "sh", *arguments],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "no space left while writing" in done.stdout and "run the same command again" in done.stdout
    assert done.stdout.strip().endswith("[]"), "something half-written stayed behind"


def test_two_writers_with_the_same_process_number_on_two_nodes_do_not_mix(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "getpid", lambda: 17)
    with io.atomic(tmp_path / "a.txt") as one:
        one.write("one, ")
        with io.atomic(tmp_path / "a.txt") as other:
            other.write("other")
        one.write("whole")
    assert (tmp_path / "a.txt").read_text() == "one, whole" and os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("read", [io.read_jsonl, io.read_jsonl_offsets])
def test_a_file_that_was_cut_between_two_rows_is_not_taken_for_whole(tmp_path, read):
    path = tmp_path / "0-of-2.jsonl"
    io.write_jsonl(path, [{"id": 1}, {"id": 2}, {"id": 3}])
    io.write_json(tmp_path / "0-of-2.counts.json", {"kept": 3})
    assert len(list(read(path))) == 3
    path.write_text('{"id":1}\n{"id":2}\n')
    with pytest.raises(UserError, match="has 2 rows, its counts file says 3"):
        list(read(path))


def test_a_broken_row_is_named_by_file_and_line(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": 1}\n{"id": 2')
    with pytest.raises(UserError, match="line 2"):
        list(io.read_jsonl(path))


@given(st.dictionaries(st.text(), st.one_of(st.integers(), st.text(), st.none(), st.booleans())))
def test_rows_survive_a_round_trip_and_equal_rows_give_equal_bytes(row):
    text = io.dumps(row)
    assert json.loads(text) == row
    assert io.dumps(dict(reversed(row.items()))) == text
    assert "\n" not in text and "\r" not in text


def test_lone_surrogates_can_be_written(tmp_path):
    row = {"text": "\ud800 and text"}
    io.write_jsonl(tmp_path / "rows.jsonl", [row])
    assert list(io.read_jsonl(tmp_path / "rows.jsonl")) == [row]
