"""What clean-journal keeps and what it drops."""

import json
from collections import Counter

import pytest
import yaml

from clean_journal import main, table
from selfalign.cluster.folder_lock import FolderLock
from selfalign.errors import UserError
from selfalign.io import write_json
from selfalign.journal import Journal
from selfalign.rows import digest

CONFIG = {
    "models": {"m": {"engine": "fake"}, "n": {"engine": "fake"}},
    "seeds": {"corpora": {"c": {"kind": "directory", "path": "c", "licence": "MIT"}}, "shards": 2},
    "generators": {"gen": {"model": "m"}},
    "datasets": {"d": {"generators": ["gen"]}},
    "checkpoints": {"tuned": {"model": "m", "dataset": "d"}},
    "evaluation": {"benchmarks": {"b": {"kind": "humaneval", "source": {"path": "b.jsonl"}}}},
}


@pytest.fixture
def folder(tmp_path):
    """A working folder whose jobs have all run, with a journal that other studies wrote to as well."""
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    for stage in ("concepts/m", "tasks/m", "responses/m", "verdicts"):
        for shard in ("0-of-2", "1-of-2"):
            job(tmp_path, stage, f"gen_{shard}", [f"{stage} {shard} old"])
            job(tmp_path, stage, f"gen_{shard}", [f"{stage} {shard} new"])
    for candidate in ("m", "tuned"):
        job(tmp_path, f"completions/{candidate}", f"{candidate}_b_0-of-1", [f"{candidate} answer"])
    return tmp_path


def job(folder, name, writer, keys):
    with Journal(folder / "results" / ".journal" / name, writer, ["00000000", "ffffffff"]) as journal:
        journal.append((digest(key), {"text": key}) for key in keys)


def keys(folder, name):
    paths = (folder / "results" / ".journal" / name).glob("*.jsonl")
    return {json.loads(line)["result"]["text"] for path in paths for line in path.read_text().splitlines()}


def run(folder, remove=True, ahead=(), configs=("config.yaml",)):
    return main([folder / name for name in configs], folder, remove, lambda config, directory: Counter(dict(ahead)))


def test_without_remove_it_says_how_much_and_touches_nothing(folder):
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    found = run(folder, remove=False)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == files
    text = table(found, folder, removed=False)
    assert "results/.journal/tasks/m: 4 records" in text and "together 8 records" in text
    size = sum(entry.dropped_bytes for entry in found)
    run(folder)
    assert sum(map(len, files.values())) - sum(path.stat().st_size for path in files) == size


def test_what_the_last_jobs_used_stays_and_nothing_else(folder):
    run(folder)
    assert keys(folder, "tasks/m") == {"tasks/m 0-of-2 new", "tasks/m 1-of-2 new"}
    assert keys(folder, "verdicts") == {"verdicts 0-of-2 new", "verdicts 1-of-2 new"}
    assert keys(folder, "completions/tuned") == {"tuned answer"}
    assert sum(entry.dropped for entry in run(folder)) == 0


def test_a_record_of_another_shard_count_that_is_still_used_stays(folder):
    """Its file has another writer's name: what counts is who used it last."""
    job(folder, "tasks/m", "gen_0-of-3", ["three"])
    with Journal(folder / "results/.journal/tasks/m", "gen_0-of-2", ["00000000", "ffffffff"]) as journal:
        assert journal.load({digest("three"), digest("tasks/m 0-of-2 new")})
    run(folder)
    assert keys(folder, "tasks/m") == {"three", "tasks/m 0-of-2 new", "tasks/m 1-of-2 new"}
    assert not (folder / "results/.journal/tasks/m/gen_0-of-3.used").exists()


def test_other_models_and_lost_generators_are_dropped_unless_their_config_is_named(folder):
    job(folder, "tasks/n", "other_0-of-2", ["of n, first half"])
    job(folder, "tasks/n", "other_1-of-2", ["of n, second half"])
    other = {**CONFIG, "generators": {"other": {"model": "n"}}, "datasets": {}, "checkpoints": {}}
    (folder / "other.yaml").write_text(yaml.safe_dump(other))
    for stage in ("verdicts",):
        for shard in ("0-of-2", "1-of-2"):
            job(folder, stage, f"other_{shard}", [f"other verdict {shard}"])
    run(folder, configs=("config.yaml", "other.yaml"))
    assert len(keys(folder, "tasks/n")) == 2 and len(keys(folder, "verdicts")) == 4
    run(folder)
    assert keys(folder, "tasks/n") == set() and len(keys(folder, "verdicts")) == 2


METHODS = {
    "generators": {
        "gen": {"model": "m"},
        "oss": {"method": "oss-instruct", "model": "n"},
        "evolved": {"method": "evol-instruct", "model": "n", "tasks_of": "gen", "evolution": {"rounds": 2}},
    },
    "datasets": {"d": {"generators": ["gen", "oss"]}, "e": {"generators": ["evolved"], "policy": "unfiltered"}},
    "evaluation": {**CONFIG["evaluation"], "models": ["n"]},
}
JOURNALS_OF_METHODS = {
    "oss_instruct/n": ["oss"],
    "tests/n": ["oss"],
    "verdicts": ["oss"],
    "evol_instruct/n": ["evolved_1", "evolved_2"],
    "answers/n": ["evolved"],
}


def test_every_journal_of_every_method_and_every_evaluated_model_is_known(folder):
    (folder / "config.yaml").write_text(yaml.safe_dump({**CONFIG, **METHODS}))
    for name, writers in JOURNALS_OF_METHODS.items():
        for writer in writers:
            for shard in ("0-of-2", "1-of-2"):
                job(folder, name, f"{writer}_{shard}", [f"{name} {writer} {shard} old"])
                job(folder, name, f"{writer}_{shard}", [f"{name} {writer} {shard} new"])
    job(folder, "completions/n", "n_b_0-of-1", ["n answer"])
    found = {entry.path.relative_to(folder / "results/.journal").as_posix(): entry for entry in run(folder)}
    assert not any(entry.kept for entry in found.values())
    assert keys(folder, "completions/n") == {"n answer"}
    for name, writers in JOURNALS_OF_METHODS.items():
        kept = {f"{name} {writer} {shard} new" for writer in writers for shard in ("0-of-2", "1-of-2")}
        assert kept == {key for key in keys(folder, name) if key.split()[1] in writers}
        assert found[name].dropped >= len(kept)
    waiting = {entry.path.parent.name for entry in run(folder, ahead={"evolve_tasks": 1}) if "1 jobs" in entry.kept}
    assert waiting == {"evol_instruct"}


def test_a_stage_with_jobs_ahead_is_left_as_it_is(folder):
    found = {entry.path.name: entry for entry in run(folder, ahead={"validate_responses": 3, "build_dataset": 1})}
    assert len(keys(folder, "verdicts")) == 4 and len(keys(folder, "tasks/m")) == 2
    assert "3 jobs" in found["verdicts"].kept


def test_a_folder_is_left_as_it_is_when_a_job_left_no_list(folder):
    (folder / "results/.journal/tasks/m/gen_1-of-2.used").unlink()
    text = table(run(folder), folder, removed=True)
    assert "gen_1-of-2 left no list" in text and len(keys(folder, "tasks/m")) == 4


def test_torn_and_half_rewritten_files_of_killed_processes_go_too(folder):
    path = next((folder / "results/.journal/tasks/m").glob("*gen_0*.jsonl"))
    path.write_bytes(path.read_bytes() + b'{"key": "torn')
    path.with_name(".half.tmp").write_text("x")
    run(folder)
    assert keys(folder, "tasks/m") == {"tasks/m 0-of-2 new", "tasks/m 1-of-2 new"}
    assert not list((folder / "results").rglob("*.tmp"))


def test_work_of_a_training_that_was_broken_off_goes_with_its_checkpoint(folder):
    for name in ("tuned", "gone"):
        part = folder / "results/.journal/training" / name / "checkpoint-1"
        part.mkdir(parents=True)
        (part / "weights").write_bytes(b"x" * 1000)
    found = {entry.path.name: entry for entry in run(folder)}
    assert found["gone"].dropped_bytes == 1000 and "still to end" in found["tuned"].kept
    assert [path.name for path in (folder / "results/.journal/training").iterdir()] == ["tuned"]


def test_what_is_remembered_of_a_training_goes_with_its_checkpoint(folder):
    for name in ("tuned", "gone"):
        write_json(folder / "results/.journal/trained" / name / "key.json", name)
    found = {entry.path.name: entry for entry in run(folder)}
    assert found["gone"].dropped == 1 and "need not be done again" in found["tuned"].kept
    assert [path.name for path in (folder / "results/.journal/trained").iterdir()] == ["tuned"]


def test_nothing_is_dropped_while_a_run_goes_on_or_after_one_was_killed(folder):
    lock = FolderLock(folder / "results/run/running.json", print)
    lock.acquire()
    assert sum(entry.dropped for entry in run(folder, remove=False)) == 8, "to look is allowed"
    with pytest.raises(UserError, match="already runs"):
        run(folder)
    lock.path.write_text(json.dumps({**json.loads(lock.path.read_text()), "started": "1"}))
    with pytest.raises(UserError, match="killed"):
        run(folder)
    assert lock.path.is_file() and len(keys(folder, "tasks/m")) == 4
