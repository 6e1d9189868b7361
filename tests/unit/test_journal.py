"""Row journals and the batches that fill them."""

import threading

import pytest

from selfalign.journal import Journal, used_file
from selfalign.journal_batches import JournalBatches


def filled(folder, writer, records, seeds=("00", "ff")):
    with Journal(folder, writer, seeds) as journal:
        journal.append(records)


def test_what_was_appended_is_found_by_key_and_only_that(tmp_path):
    filled(tmp_path, "a", [("k1", {"text": "x"}), ("k2", {"text": "y"})])
    assert Journal(tmp_path, "b", ["50"]).load({"k2", "k3"}) == {"k2": {"text": "y"}}


def test_files_of_other_seed_ranges_are_not_read(tmp_path):
    filled(tmp_path, "a", [("k", {"from": "low"})], seeds=["00000000", "3fffffff"])
    filled(tmp_path, "a", [("k", {"from": "high"})], seeds=["80000000", "ffffffff"])
    assert Journal(tmp_path, "r", ["20000000"]).load({"k"}) == {"k": {"from": "low"}}
    assert Journal(tmp_path, "r", ["90000000"]).load({"k"}) == {"k": {"from": "high"}}
    assert Journal(tmp_path, "r", ["50000000"]).load({"k"}) == {}


def test_a_torn_record_is_passed_over_and_the_next_writer_begins_a_new_line(tmp_path):
    filled(tmp_path, "a", [("k1", {"n": 1}), ("k2", {"n": 2})])
    (path,) = tmp_path.glob("*.jsonl")
    path.write_bytes(path.read_bytes()[:-5])
    assert Journal(tmp_path, "a", ["00", "ff"]).load({"k1", "k2"}) == {"k1": {"n": 1}}
    filled(tmp_path, "a", [("k3", {"n": 3})])
    assert Journal(tmp_path, "a", ["00", "ff"]).load({"k1", "k2", "k3"}) == {"k1": {"n": 1}, "k3": {"n": 3}}


@pytest.mark.parametrize("garbage", [b"[]\n", b"null\n", b'{"key": 1}\n', b"\xff\xfe\n", b"\n"])
def test_a_line_that_is_no_record_is_passed_over(tmp_path, garbage):
    filled(tmp_path, "a", [("k1", {"n": 1})])
    (path,) = tmp_path.glob("*.jsonl")
    path.write_bytes(garbage + path.read_bytes())
    assert Journal(tmp_path, "b", ["50"]).load({"k1"}) == {"k1": {"n": 1}}


def test_the_first_record_of_a_key_wins(tmp_path):
    filled(tmp_path, "a", [("k", {"n": 1}), ("k", {"n": 2})])
    assert Journal(tmp_path, "b", ["50"]).load({"k"}) == {"k": {"n": 1}}


def test_a_job_that_ended_lists_what_it_used_and_a_killed_one_leaves_the_list_as_it_was(tmp_path):
    filled(tmp_path, "a", [("k1", {"n": 1}), ("k2", {"n": 2})])
    with Journal(tmp_path, "b", ["50"]) as journal:
        journal.load({"k1", "k4"})
        journal.append([("k3", {"n": 3})])
    assert used_file(tmp_path, "b").read_text().split() == ["k1", "k3"]
    with pytest.raises(KeyboardInterrupt), Journal(tmp_path, "b", ["50"]) as journal:
        journal.append([("k5", {})])
        raise KeyboardInterrupt
    assert used_file(tmp_path, "b").read_text().split() == ["k1", "k3"]


def test_lone_surrogates_survive(tmp_path):
    filled(tmp_path, "a", [("k", {"text": "\udc80"})])
    assert Journal(tmp_path, "b", ["50"]).load({"k"}) == {"k": {"text": "\udc80"}}


class Store:
    """A journal that remembers what it was given, batch by batch."""

    def __init__(self, error=None):
        self.batches, self.error, self.written = [], error, threading.Event()

    def append(self, records):
        if self.error:
            self.written.set()
            raise self.error
        self.batches.append(list(records))
        self.written.set()


def test_full_batches_are_written_at_once_and_the_rest_at_the_end():
    store = Store()
    with JournalBatches(store, rows=3, seconds=3600) as batches:
        for number in range(7):
            batches.add(str(number), {})
        assert [len(batch) for batch in store.batches] == [3, 3]
    assert [len(batch) for batch in store.batches] == [3, 3, 1]


def test_a_waiting_record_is_written_while_nothing_else_comes():
    store = Store()
    with JournalBatches(store, rows=100, seconds=0.01) as batches:
        batches.add("k", {})
        assert store.written.wait(30)
        assert store.batches == [[("k", {})]]


def test_what_was_done_before_an_error_is_written():
    store = Store()
    with pytest.raises(KeyboardInterrupt), JournalBatches(store, seconds=3600) as batches:
        batches.add("k", {})
        raise KeyboardInterrupt
    assert store.batches == [[("k", {})]]


def test_a_full_disk_is_not_swallowed():
    store = Store(error=OSError(28, "No space left on device"))
    with pytest.raises(OSError, match="No space"), JournalBatches(store, rows=100, seconds=0.01) as batches:
        batches.add("k", {})
        assert store.written.wait(30)
