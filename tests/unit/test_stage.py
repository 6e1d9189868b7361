"""Rows in = kept + rejected + failed, and no stage ends empty."""

import os

import pytest

from selfalign.errors import EmptyStageError, UserError
from selfalign.io import read_json, read_jsonl, write_json
from selfalign.stage import StageWriter, merge_counts


def writer(folder, **options):
    paths = {name: str(folder / f"x.{name}") for name in ("kept", "rejected", "counts")}
    return StageWriter("tasks", **paths, **options)


def test_kept_and_rejected_rows_are_stored_and_counted(tmp_path):
    with writer(tmp_path) as out:
        out.read(3)
        out.keep({"id": "a"})
        out.keep({"id": "b"})
        out.reject({"id": "c", "text": "long"}, "too_long", "300 words")
    counts = read_json(tmp_path / "x.counts")
    assert (counts["in"], counts["kept"], counts["rejected"]) == (3, 2, {"too_long": 1})
    assert list(read_jsonl(tmp_path / "x.rejected")) == [
        {"id": "c", "stage": "tasks", "reason": "too_long", "detail": "300 words", "row": {"id": "c", "text": "long"}}
    ]


def test_a_lost_row_stops_the_stage_and_leaves_no_file(tmp_path):
    with pytest.raises(UserError, match="don't add up"), writer(tmp_path) as out:
        out.read(2)
        out.keep({"id": "a"})
    assert os.listdir(tmp_path) == []


def test_an_empty_success_is_a_failure_that_says_where_the_rows_went(tmp_path):
    with pytest.raises(EmptyStageError, match="2 in, 0 kept, 1 empty, 1 too_long"), writer(tmp_path) as out:
        out.read(2)
        out.reject({"id": "a"}, "too_long")
        out.reject({"id": "b"}, "empty")
    assert os.listdir(tmp_path) == []


def test_an_exception_leaves_no_file(tmp_path):
    with pytest.raises(ZeroDivisionError), writer(tmp_path) as out:
        out.read()
        out.keep({"id": "a"})
        raise ZeroDivisionError
    assert os.listdir(tmp_path) == []


def test_reasons_come_from_the_fixed_list(tmp_path):
    with pytest.raises(ValueError, match=r"reasons\.py"), writer(tmp_path) as out:
        out.reject({"id": "a"}, "just because")


def test_gathering_refuses_a_shard_whose_counts_do_not_add_up(tmp_path):
    good = {"stage": "tasks", "in": 2, "kept": 1, "rejected": {"empty": 1}, "failed": {}, "extra": {"tokens": 5}}
    write_json(tmp_path / "0", good)
    write_json(tmp_path / "1", good)
    total = merge_counts([tmp_path / "0", tmp_path / "1"])
    assert (total["in"], total["kept"], total["rejected"], total["extra"]) == (4, 2, {"empty": 2}, {"tokens": 10})
    write_json(tmp_path / "1", {**good, "kept": 2})
    with pytest.raises(UserError, match="don't add up") as caught:
        merge_counts([tmp_path / "0", tmp_path / "1"])
    assert caught.value.where == str(tmp_path / "1")
