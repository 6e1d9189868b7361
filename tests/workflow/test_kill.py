"""Ten strikes at random points of a run, each followed by another start, end in the bytes of an unbroken run.

Little is made twice, and there is nothing that a user would have to clear away: no `--unlock`, no file to delete.
"""

import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from selfalign.journal_batches import ROWS
from study import Study

JOB, SNAKEMAKE, ALL = "the job's process", "Snakemake alone", "everything at once"
DRAWN = random.Random(20)
"""Draws the points; what is struck there depends on the machine's pace, what must hold afterwards does not."""


@dataclass(frozen=True)
class Strike:
    """SIGKILL for `whom` after a job has begun: when it has given `answers`, or after `seconds`.

    `file` is what the run is asked for, below results: the struck job is the last on the way to it.
    """

    job: str
    file: str
    whom: str
    answers: int = 0
    seconds: float = 0.0


STRIKES = (
    Strike("generate_concepts/gen/0-of-2", "generators/gen/concepts/0-of-2.jsonl", JOB, answers=DRAWN.randint(1, 17)),
    Strike(
        "generate_concepts/gen/1-of-2", "generators/gen/concepts/1-of-2.jsonl", SNAKEMAKE, answers=DRAWN.randint(1, 17)
    ),
    Strike("generate_tasks/gen/0-of-2", "generators/gen/tasks/0-of-2.jsonl", ALL, answers=DRAWN.randint(1, 17)),
    Strike(
        "generate_responses/gen/0-of-2",
        "generators/gen/responses/0-of-2.jsonl",
        JOB,
        answers=DRAWN.randint(ROWS + 8, 70),
    ),
    Strike(
        "generate_responses/gen/1-of-2",
        "generators/gen/responses/1-of-2.jsonl",
        ALL,
        answers=DRAWN.randint(ROWS + 8, 70),
    ),
    Strike("validate_responses/gen/0-of-2", "generators/gen/verdicts/0-of-2.jsonl", JOB, seconds=DRAWN.uniform(0, 2)),
    Strike(
        "validate_responses/gen/1-of-2", "generators/gen/verdicts/1-of-2.jsonl", SNAKEMAKE, seconds=DRAWN.uniform(0, 2)
    ),
    Strike("build_dataset/passing", "datasets/passing/train.jsonl", JOB, seconds=DRAWN.uniform(0, 0.2)),
    Strike("train_checkpoint/tuned", "checkpoints/tuned/model/model.json", JOB, seconds=DRAWN.uniform(0, 5)),
    Strike("train_checkpoint/tuned", "checkpoints/tuned/model/model.json", ALL, seconds=DRAWN.uniform(0, 5)),
)


@pytest.fixture
def trace(tmp_path) -> Path:
    """The key of every answer that the fake engine gave, a line each."""
    return tmp_path / "trace"


@pytest.fixture
def broken(study, trace) -> Study:
    """The fake study with an engine slow enough to be struck."""
    trace.touch()
    return study.set("models.fake.engine_args", {"fake_seconds": 0.1, "fake_trace": str(trace)})


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def job_processes(snakemake: psutil.Process) -> list[psutil.Process]:
    """Processes of the scripts that Snakemake runs now, without what they started."""
    found = []
    for process in snakemake.children(recursive=True):
        try:
            if any("/.snakemake/scripts/" in argument for argument in process.cmdline()):
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def until(true, process: subprocess.Popen, seconds: float = 300) -> bool:
    """Waits for a condition; False when the run ended before."""
    deadline = time.monotonic() + seconds
    while not true():
        if process.poll() is not None:
            return False
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return True


def strike(study: Study, trace: Path, plan: Strike) -> bool:
    """Starts the study and strikes; says whether the blow fell on a running job."""
    log = study.folder / "results" / "run" / "logs" / f"{plan.job}.log"

    def stamp() -> int:
        return log.stat().st_mtime_ns if log.exists() else 0

    before = stamp()
    with open(study.folder / "output.txt", "ab") as output:
        run = subprocess.Popen(
            study.command(f"results/{plan.file}"), stdout=output, stderr=output, start_new_session=True
        )
    snakemake = psutil.Process(run.pid)
    try:
        hit = until(lambda: stamp() != before, run)
        answered = len(lines(trace))
        hit = hit and until(lambda: len(lines(trace)) >= answered + plan.answers, run)
        if hit and plan.seconds:
            time.sleep(plan.seconds)
        jobs = job_processes(snakemake) if hit else []
        targets = jobs if plan.whom == JOB else [snakemake] if plan.whom == SNAKEMAKE else [snakemake, *jobs]
        for process in targets if jobs else ():
            process.send_signal(signal.SIGKILL)
        run.wait(timeout=300)
        assert not jobs or run.returncode
        return bool(jobs)
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)


def journal_files(study: Study, stage: str) -> Iterator[Path]:
    return (study.folder / "results" / ".journal" / stage).rglob("*.jsonl")


def tear_and_mix(study: Study) -> None:
    """Cuts the last record of a journal in two, and puts a file of another config's answers beside it."""
    path = next(iter(journal_files(study, "responses")))
    text = path.read_bytes()
    path.write_bytes(text[:-20])
    others = [json.loads(line) for line in text.splitlines()]
    with open(path.with_name("00000000_ffffffff_other_0-of-1.jsonl"), "w") as stream:
        for number, record in enumerate(others):
            result = {**record["result"], "text": "of another config"}
            stream.write(json.dumps({"key": f"{number:064x}", "result": result}) + "\n")


def test_struck_ten_times_and_started_again_it_ends_in_the_bytes_of_an_unbroken_run(broken, trace, finished):
    hits = []
    for plan in STRIKES:
        hits.append(strike(broken, trace, plan))
        if plan == STRIKES[3]:
            tear_and_mix(broken)
    # Half of a file that a job killed while writing would have left: chance rarely makes one.
    half = broken.folder / "results" / "datasets" / f".train.jsonl.{'0' * 32}.tmp"
    half.parent.mkdir(exist_ok=True)
    half.write_text("half a row")
    broken.run("train")

    assert all(hits[:5]) and sum(hits) >= 8, hits
    made, unbroken = broken.made(), finished.made()
    assert made.keys() == unbroken.keys()
    for path, content in unbroken.items():
        assert made[path] == content, path
    model = Path("results/checkpoints/tuned/model/model.json")
    assert (broken.folder / model).read_bytes() == (finished.folder / model).read_bytes()

    # A killed engine's last answers may not have reached the journal: at most one batch of it, and the torn record.
    killed = sum(plan.answers > 0 and plan.whom != SNAKEMAKE for plan in STRIKES)
    again = {key: number - 1 for key, number in Counter(lines(trace)).items() if number > 1}
    assert sum(again.values()) <= killed * ROWS + 1
    keys = [json.loads(line)["key"] for path in journal_files(broken, "verdicts") for line in lines(path)]
    assert len(keys) == len(set(keys)), "a program was executed though its result was in the journal"

    assert not list(broken.folder.rglob("*.tmp"))
    assert not list((broken.folder / ".snakemake" / "locks").glob("*"))
    assert not (broken.folder / "results" / "run" / "running.json").exists()
    assert "unlock" not in (broken.folder / "output.txt").read_text()
    assert broken.planned("train") == {}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_told_to_stop_leaves_nothing_half_done(broken, trace, number):
    """Ctrl-C ends the job; a polite end of Snakemake lets it end first."""
    run = subprocess.Popen(
        broken.command("results/generators/gen/concepts/0-of-2.jsonl"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        # A shell's background job ignores Ctrl-C, and hands that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert until(lambda: lines(trace), run)
    os.killpg(run.pid, number) if number == signal.SIGINT else run.send_signal(number)
    assert run.wait(timeout=300)
    assert not list((broken.folder / "results").rglob("*.tmp"))
    broken.run("results/generators/gen/concepts/0-of-2.jsonl")
    assert Counter(lines(trace)).most_common(1)[0][1] == 1, "what had been answered was in the journal"
