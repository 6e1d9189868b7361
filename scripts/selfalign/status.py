"""Where a run is, from its files alone: from any shell or node, while it runs or after."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from selfalign.candidates import candidates
from selfalign.io import read_json
from selfalign.methods import layout
from selfalign.progress import last_reading
from selfalign.report.costs import number
from selfalign.report.text import amount, duration


@dataclass
class Stage:
    """One rule's jobs: (name below the logs and benchmarks, the file that is there when it is done, counts or None)."""

    rule: str
    title: str
    jobs: list[tuple[str, Path, Path | None]] = field(default_factory=list)


def stages(config: dict, results: Path) -> list[Stage]:
    """The stages of a resolved config, in the order of the workflow."""
    shards = [f"{i}-of-{config['seeds']['shards']}" for i in range(config["seeds"]["shards"])]

    def below(rule: str, title: str, names: list[str], folder: str) -> Stage:
        files = [results / folder / f"{name}.counts.json" for name in names]
        return Stage(rule, title, [(name, file, file) for name, file in zip(names, files, strict=True)])

    found = []
    for kind in layout.seed_kinds(config):
        corpora, home = layout.corpora_of(config, kind), layout.SEED_HOMES[kind].removeprefix("results/")
        rule = "mine_seeds" if kind == "functions" else f"mine_{kind}"
        found.append(below(rule, f"mine {kind}", corpora, f"{home}/mined"))
        if kind == "functions" and config["seeds"]["typecheck"]:
            found.append(below("typecheck_seeds", "check types", corpora, "seeds/typechecked"))
        counts = results / home / "seeds.counts.json"
        gather, job = ("gather_seeds", "") if kind == "functions" else ("gather_other_seeds", kind)
        found.append(Stage(gather, f"deduplicate {kind}", [(job, counts, counts)]))
    for name in sorted(config["generators"]):
        folder = results / "generators" / name
        for stage in layout.stage_folders(config, name):
            if stage == "responses" and layout.tasks_owner(config, name) == name:
                file = folder / "unique_tasks.counts.json"
                found.append(Stage("dedup_tasks", f"{name}: unique tasks", [(name, file, file)]))
            rule, log = rule_and_log(config, name, stage)
            jobs = [(f"{log}/{shard}", folder / stage / f"{shard}.counts.json") for shard in shards]
            found.append(Stage(rule, f"{name}: {stage}", [(job, file, file) for job, file in jobs]))
    for name in sorted(config["datasets"]):
        file = results / "datasets" / name / "counts.json"
        found.append(Stage("build_dataset", f"dataset {name}", [(name, file, file)]))
    for name in sorted(config["checkpoints"]):
        folder = results / "checkpoints" / name
        found.append(
            Stage("train_checkpoint", f"checkpoint {name}", [(name, folder / "training.json", folder / "counts.json")])
        )
    for name in candidates(config):
        for benchmark, spec in config["evaluation"]["benchmarks"].items():
            folder = results / "evaluation" / name / benchmark / "completions"
            parts = [f"{i}-of-{spec['shards']}" for i in range(spec["shards"])]
            files = [(f"{name}/{benchmark}/{part}", folder / f"{part}.counts.json") for part in parts]
            answers = [(job, file, file) for job, file in files]
            found.append(Stage("generate_completions", f"{name} answers {benchmark}", answers))
            result = results / "evaluation" / name / f"{benchmark}.json"
            found.append(
                Stage("score_completions", f"{name} scored on {benchmark}", [(f"{name}/{benchmark}", result, None)])
            )
    found.append(Stage("write_report", "report", [("", results / "report" / "report.html", None)]))
    return found


def rule_and_log(config: dict, name: str, stage: str) -> tuple[str, str]:
    """The rule that makes a folder of a generator, and where its logs lie below the rule's."""
    if stage.startswith("evolved-"):
        return "evolve_tasks", f"{name}/{stage.removeprefix('evolved-')}"
    if stage == "verdicts":
        return "validate_responses", name
    return f"{'adopt' if stage in layout.method_of(config, name).direct else 'generate'}_{stage}", name


def rows(config: dict, results: Path) -> Iterator[tuple[str, str, str, str, str]]:
    """(stage, jobs done, rows kept of those that came in, what failed, what runs or is left), as texts."""
    for stage in stages(config, results):
        done = [job for job in stage.jobs if job[1].is_file()]
        counted = [read_json(job[2]) for job in done if job[2] and job[2].is_file()]
        kept = (
            f"{amount(sum(c['kept'] for c in counted))} of {amount(sum(c['in'] for c in counted))}" if counted else ""
        )
        failed = sum(sum(c["failed"].values()) for c in counted)
        running, broken = open_jobs(stage, results)
        troubles = [f"{amount(failed)} rows"] * bool(failed) + [f"{len(broken)} jobs"] * bool(broken)
        left = ", ".join([*running, *waiting(stage, results, len(stage.jobs) - len(done) - len(running))])
        yield stage.title, f"{len(done)} of {len(stage.jobs)}", kept, ", ".join(troubles), left


def log_of(stage: Stage, job: str, results: Path) -> Path:
    name = f"{stage.rule}/{job}.log" if job else f"{stage.rule}.log"
    return results / "run" / "logs" / name


def open_jobs(stage: Stage, results: Path) -> tuple[list[str], list[Path]]:
    """(progress of jobs that have a log and no result, logs of those that ended in an error)."""
    running, broken = [], []
    for job, file, _ in stage.jobs:
        log = log_of(stage, job, results)
        if file.is_file() or not log.is_file():
            continue
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        if any(" ERROR " in line for line in lines[-40:]):
            broken.append(log)
            continue
        reading = last_reading(lines)
        name = job.rsplit("/", 1)[-1] or stage.title
        if reading is None:
            running.append(f"{name} begun")
        else:
            left = f", {duration(reading.left)} left" if reading.left is not None else ""
            of = f" of {amount(reading.total)}" if reading.total is not None else ""
            running.append(f"{name}: {amount(reading.done)}{of} {reading.unit}{left}")
    return running[:3] + ([f"{len(running) - 3} more begun"] if len(running) > 3 else []), broken


def waiting(stage: Stage, results: Path, number_left: int) -> list[str]:
    """How long the jobs that have not begun will take together."""
    if number_left <= 0:
        return []
    seconds = usual_seconds(stage, results)
    if seconds is None:
        return [f"{number_left} to come"]
    return [f"{number_left} to come, {duration(number_left * seconds)} of work"]


def usual_seconds(stage: Stage, results: Path) -> float | None:
    """Mean seconds of a stage's jobs that are done; None while none is."""
    seconds = []
    for job, file, _ in stage.jobs:
        timing = results / "run" / "benchmarks" / (f"{stage.rule}/{job}.tsv" if job else f"{stage.rule}.tsv")
        if file.is_file() and timing.is_file():
            with open(timing, newline="", encoding="utf-8") as stream:
                seconds += [number(row["s"]) for row in csv.DictReader(stream, delimiter="\t")]
    return sum(seconds) / len(seconds) if seconds else None


def ahead(config: dict, results: Path) -> str:
    """What of the whole run is ahead, as far as the jobs that are done can tell."""
    seconds, unknown = 0.0, 0
    for stage in stages(config, results):
        left = sum(not file.is_file() for _, file, _ in stage.jobs)
        each = usual_seconds(stage, results) if left else 0.0
        seconds += left * (each or 0.0)
        unknown += each is None
    if not seconds and not unknown:
        return "nothing is left to do"
    said = f"ahead: {duration(seconds)} of work, less by as many jobs as run at once"
    return said + (f"; {unknown} stages not told, since no job of theirs is done yet" if unknown else "")


def table(config: dict, results: Path) -> str:
    """The status as a plain table, and below it the commands that show the logs of failed jobs."""
    head = ("stage", "jobs done", "rows kept", "failed", "running, to come")
    lines = [head, *rows(config, results)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    broken = [log for stage in stages(config, results) for log in open_jobs(stage, results)[1]]
    return (
        "\n".join(
            [*text, "", ahead(config, results), *(f"\nfailed, or being tried again: less {log}" for log in broken)]
        )
        + "\n"
    )
