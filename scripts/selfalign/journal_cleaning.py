"""What of the journal no current config refers to, and how to drop it.

A record is referred to when the last complete job of a generator, candidate and shard of the config used it. That says
nothing about a job that is yet to run: a stage with jobs ahead is left as it is, or an interrupted job would pay twice.
"""

import json
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from selfalign.candidates import candidates
from selfalign.io import atomic
from selfalign.journal import USED_DIGITS, used_file
from selfalign.methods import METHODS, layout

RULES = {
    "concepts": "generate_concepts",
    "tasks": "generate_tasks",
    "rounds": "evolve_tasks",
    "responses": "generate_responses",
    "tests": "generate_tests",
    "verdicts": "validate_responses",
    "completions": "generate_completions",
}
"""The rule that plays a role and writes the journal of it."""
STAGES = {"tests", "verdicts", "completions"} | {
    stage for method in METHODS.values() for role in RULES if (stage := getattr(method, role, ""))
}
"""Names of the journal's folders: what plays a role in a method has a journal of its own."""
CHECKPOINTS = {"training": "its training is still to end", "trained": "its training need not be done again"}
"""The journal's folders of checkpoints, and why one whose checkpoint is in the config stays."""


@dataclass
class Folder:
    """A folder of the journal, with what is in it and what of that no config refers to.

    `kept` says why the folder is left as it is, "" when it is not.
    """

    path: Path
    records: int = 0
    bytes: int = 0
    dropped: int = 0
    dropped_bytes: int = 0
    kept: str = ""


class Jobs(NamedTuple):
    """The jobs of a config that write to a folder of the journal: their rule, and their names as writers."""

    rule: str
    writers: set[str]


def writers(config: dict) -> Iterator[tuple[str, Jobs]]:
    """(folder below the journal, jobs) for every stage of a resolved config; a folder may come several times."""
    shards = shard_names(config["seeds"]["shards"])
    for name, generator in config["generators"].items():
        method = layout.method_of(config, name)
        for part in layout.generated_folders(config, name):
            role, _, number = part.replace("evolved-", "rounds-").partition("-")
            stage = getattr(method, role, role)
            folder = stage if stage == "verdicts" else f"{stage}/{generator['model']}"
            writer = f"{name}_{number}" if number else name
            yield folder, Jobs(RULES[role], {f"{writer}_{shard}" for shard in shards})
    for candidate in candidates(config):
        for benchmark, spec in config["evaluation"]["benchmarks"].items():
            jobs = {f"{candidate}_{benchmark}_{shard}" for shard in shard_names(spec["shards"])}
            yield f"completions/{candidate}", Jobs(RULES["completions"], jobs)


def shard_names(count: int) -> list[str]:
    return [f"{number}-of-{count}" for number in range(count)]


def clean(journal: Path, configs: Iterable[dict], ahead: dict[str, int], remove: bool) -> Iterator[Folder]:
    """Looks through the journal folder by folder.

    Args:
        journal: `results/.journal`.
        configs: resolved; a record that one of them refers to stays.
        ahead: jobs that are still to run, by rule.
        remove: whether to drop what is not referred to. False: only say how much that is.
    """
    current: dict[str, set[str]] = defaultdict(set)
    rules: dict[str, set[str]] = defaultdict(set)
    checkpoints: set[str] = set()
    for config in configs:
        checkpoints |= set(config["checkpoints"])
        for folder, jobs in writers(config):
            current[folder] |= jobs.writers
            rules[folder.split("/")[0]].add(jobs.rule)
    waiting = {stage: sum(ahead.get(rule, 0) for rule in names) for stage, names in rules.items()}
    for path in journal_folders(journal):
        name = path.relative_to(journal).as_posix()
        jobs = current.get(name, set())
        stage = name.split("/")[0]
        found = Folder(path)
        missing = [writer for writer in sorted(jobs) if not used_file(path, writer).is_file()]
        if waiting.get(stage):
            found.kept = f"{waiting[stage]} jobs of this stage are still to run"
        elif missing:
            found.kept = f"job {missing[0]} left no list of what it used"
        yield clean_folder(found, jobs, remove and not found.kept)
    for folder, why in CHECKPOINTS.items():
        for path in sorted((journal / folder).glob("*")):
            yield clean_training(path, why if path.name in checkpoints else "", remove)


def journal_folders(journal: Path) -> list[Path]:
    """Folders with journal files: one a stage and model, one for all verdicts."""
    folders = {path.parent for pattern in ("*/*.jsonl", "*/*/*.jsonl") for path in journal.glob(pattern)}
    return sorted(folder for folder in folders if folder.relative_to(journal).parts[0] in STAGES)


def clean_folder(found: Folder, jobs: set[str], remove: bool) -> Folder:
    """Counts the records of a folder, all of them as referred to if `found.kept`; rewrites its files if `remove`."""
    used: set[str] = set()
    for writer in () if found.kept else jobs:
        used.update(used_file(found.path, writer).read_text(encoding="ascii").split())
    if remove:
        for path in found.path.glob(".*.tmp"):
            path.unlink()
        for path in found.path.glob("*.used"):
            if path.stem not in jobs:
                path.unlink()
    for path in sorted(found.path.glob("*.jsonl")):
        before = found.dropped_bytes, found.dropped
        kept = sum(1 for _ in _kept_lines(path, used, found))
        if not remove or (found.dropped_bytes, found.dropped) == before:
            continue
        if not kept:
            path.unlink()
            continue
        with atomic(path, "wb") as stream:
            stream.writelines(_kept_lines(path, used, Folder(found.path)))
    return found


def _kept_lines(path: Path, used: set[str], found: Folder) -> Iterator[bytes]:
    """The lines whose key is used, all if the folder is left as it is; adds all of them up in `found`."""
    with open(path, "rb") as stream:
        for line in stream:
            try:
                record = json.loads(line)
                key = str(record["key"]) if "result" in record else ""
            except (ValueError, TypeError, KeyError):
                key = ""  # torn: of use to nobody
            found.records += 1
            found.bytes += len(line)
            if found.kept or key[:USED_DIGITS] in used:
                yield line
            else:
                found.dropped += 1
                found.dropped_bytes += len(line)


def clean_training(path: Path, why: str, remove: bool) -> Folder:
    """What a training has left, which without a current config is of no use; `why` it is of use, "" if it is not."""
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    found = Folder(path, records=1, bytes=size, kept=why)
    if not why:
        found.dropped, found.dropped_bytes = 1, size
        if remove:
            shutil.rmtree(path)
    return found
