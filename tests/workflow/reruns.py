"""The rerun table: a change, and exactly the jobs that run because of it.

test_invalidation.py asserts it; docs/reruns.md shows it (`python tests/workflow/reruns.py` writes it there anew).
"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parent))

from study import FAKE_STUDY, ROOT, Study, corpus_source

PAGE = ROOT / "docs" / "reruns.md"
BEGIN, END = "<!-- table: tests/workflow/reruns.py -->", "<!-- end of the table -->"

# Jobs of the table's study by how far down a change reaches: two corpora and shards, one generator, dataset, checkpoint and
# benchmark. What is made in one file has one job, what is made in shards two.
REPORT = {"write_report": 1}
RECORD = {"write_manifest": 1, **REPORT}
"""Every change of config, scripts and prompts is recorded in the manifest and shown in the report."""
SCORES = {"score_completions": 2, **RECORD}
TUNED = {"train_checkpoint": 1, "generate_completions": 1, "score_completions": 1, **RECORD}
"""The base model's evaluation stays."""
DATASET = {"build_dataset": 1, **TUNED}
VERDICTS = {"validate_responses": 2, **DATASET}
RESPONSES = {"generate_responses": 2, **VERDICTS}
UNIQUE = {"dedup_tasks_gen": 1, **RESPONSES}
TASKS = {"generate_tasks": 2, **UNIQUE}
CONCEPTS = {"generate_concepts": 2, **TASKS}
GATHER = {"gather_seeds": 1, **CONCEPTS}
SEEDS = {"mine_seeds": 1, **GATHER}


@dataclass(frozen=True)
class Row:
    """One line of the table.

    `change` edits a finished study, whose folder and checkout are copies made for this row alone; `jobs` by rule.
    """

    change: str
    edit: Callable[[Study], object]
    jobs: dict[str, int]
    why: str = ""


def setting(key: str, value: object) -> Callable[[Study], object]:
    return lambda study: study.set(key, value)


def without(jobs: dict[str, int], *rules: str) -> dict[str, int]:
    return {rule: number for rule, number in jobs.items() if rule not in rules}


def in_source(name: str, old: str, new: str) -> Callable[[Study], object]:
    """Replaces a text in a file of the checkout."""

    def edit(study: Study) -> None:
        path = study.root / name
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{name} has no {old!r}"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return edit


def appended(name: str, text: str) -> Callable[[Study], object]:
    """Adds a text to the end of a file of the checkout."""

    def edit(study: Study) -> None:
        path = study.root / name
        path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")

    return edit


def touch_all(study: Study) -> None:
    """New time stamps, as a fresh checkout has them."""
    for path in study.root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            os.utime(path)


def comment(study: Study) -> None:
    study.preamble = "# Another comment\n"


def other_order(study: Study) -> None:
    study.config = dict(reversed(study.config.items()))
    study.config["generators"]["gen"] = dict(reversed(study.config["generators"]["gen"].items()))


def another_corpus(study: Study) -> None:
    path = study.folder / "corpora" / "more" / "more.py"
    path.parent.mkdir()
    path.write_text(corpus_source("weigh", "letters", 99))
    study.set("seeds.corpora.more", {"kind": "directory", "path": "corpora/more", "licence": "MIT"})


def without_corpus(study: Study) -> None:
    del study.config["seeds"]["corpora"]["prices"]


def new_example(study: Study) -> None:
    folder = study.root / "prompts" / "examples"
    (folder / "zz-new.yaml").write_bytes((folder / "bakery-report.yaml").read_bytes())


def other_image(study: Study) -> None:
    """The sandbox's manifest with another digest, in place of the link to the real image."""
    link = study.folder / "resources" / "sandbox"
    text = (link / "image.json").read_text()
    link.unlink()
    link.mkdir()
    digest = yaml.safe_load(text)["digest"]
    (link / "image.json").write_text(text.replace(digest, "0" * len(digest)))


def removed(name: str) -> Callable[[Study], object]:
    return lambda study: (study.folder / "results" / name).unlink()


def truncated(name: str) -> Callable[[Study], object]:
    """Cuts the last ten bytes off a result, as a full disk or a copy that broke off does."""

    def edit(study: Study) -> None:
        path = study.folder / "results" / name
        path.write_bytes(path.read_bytes()[:-10])

    return edit


def profile(study: Study) -> None:
    study.arguments = (
        "--set-threads",
        "generate_concepts=1",
        "--default-resources",
        "slurm_partition=other",
        "mem_mb=1234",
    )


ROWS = (
    Row("nothing", lambda study: None, {}),
    Row("`touch` of every file of the checkout", touch_all, {}, "content counts, not time stamps"),
    Row("a fresh checkout in another folder", lambda study: None, {}, "the same"),
    Row("a comment in config.yaml", comment, {}),
    Row("the order of keys in config.yaml", other_order, {}),
    Row("a profile's values (threads, memory, partition)", profile, {}),
    Row("learning rate of a recipe", setting("checkpoints.tuned.recipe.learning_rate", 3e-5), TUNED),
    Row("selection policy of a dataset", setting("datasets.passing.policy", "any"), DATASET),
    Row(
        "a new dataset on an old generator",
        setting("datasets.second", {"generators": ["gen"], "policy": "any"}),
        {"build_dataset": 1, **RECORD},
    ),
    Row(
        "a new checkpoint on an old dataset",
        setting("checkpoints.second", {**FAKE_STUDY["checkpoints"]["tuned"]}),
        TUNED,
        "the old checkpoint stays",
    ),
    Row(
        "one more benchmark",
        setting("evaluation.benchmarks.second", FAKE_STUDY["evaluation"]["benchmarks"]["humaneval"]),
        {**GATHER, "fetch_benchmark": 1, "generate_completions": 3, "score_completions": 3},
        "seeds, tasks and pairs are cleaned of its problems; rows that stay come from the journal",
    ),
    Row(
        "decoding of one benchmark",
        setting("evaluation.benchmarks.humaneval.max_tokens", 200),
        {"generate_completions": 2, **SCORES},
    ),
    Row("temperature of responses", setting("generators.gen.responses.temperature", 0.5), RESPONSES),
    Row("number of samples, 4 to 6", setting("generators.gen.responses.samples", 6), RESPONSES, "samples 5 and 6 are generated"),
    Row("number of samples, 4 to 3", setting("generators.gen.responses.samples", 3), RESPONSES, "nothing is generated"),
    Row("a new few-shot example", new_example, CONCEPTS),
    Row("wording of the tasks prompt", appended("prompts/tasks.jinja", "\n"), TASKS),
    Row(
        "how a benchmark's problems are asked",
        appended("prompts/completions.jinja", "\n"),
        {"generate_completions": 2, **SCORES},
    ),
    Row("one corpus added", another_corpus, SEEDS, "only for new seeds something is generated"),
    Row("one corpus removed", without_corpus, GATHER, "nothing is generated"),
    Row(
        "version of a corpus",
        setting("seeds.corpora.notes.revision", "2"),
        SEEDS,
        "seeds that are in both versions keep their ids",
    ),
    Row("threshold of a seed filter", setting("seeds.filters.min_lines", 5), {**SEEDS, "mine_seeds": 2}),
    Row("a licence left out (`seeds.exclude`)", setting("seeds.exclude.licences", ["0BSD"]), GATHER, "nothing is generated"),
    Row("number of shards, 2 to 3", setting("seeds.shards", 3), {rule: 3 if number == 2 and rule != "score_completions" else number for rule, number in GATHER.items()}, "nothing is generated or trained"),
    Row("revision of a model", setting("models.fake.sources", [{"hub": "owner/name", "revision": "1" * 40}]), {"fetch_model": 1, **CONCEPTS, "generate_completions": 2, "score_completions": 2}, "rows are made anew where the digest of the weights is another one"),
    Row("how a model is served (dtype)", setting("models.fake.dtype", "bfloat16"), {**CONCEPTS, "generate_completions": 2, "score_completions": 2}),
    Row(
        "a function that only training uses",
        appended("scripts/selfalign/training/packing.py", "\n\ndef unused():\n    return 1\n"),
        TUNED,
    ),
    Row(
        "a function that only building prompts uses",
        appended("scripts/selfalign/stages/fewshot.py", "\n\ndef unused():\n    return 1\n"),
        {**CONCEPTS, "generate_completions": 2, "score_completions": 2},
    ),
    Row("a comment in a module that every script uses", appended("scripts/selfalign/io.py", "\n# comment\n"), {}),
    Row("time limit of the sandbox", setting("sandbox.cpu_seconds", 30), {**VERDICTS, "score_completions": 2}, "of the responses only those that had timed out are executed again"),
    Row("digest of the sandbox image", other_image, {**VERDICTS, "score_completions": 2}),
    Row("a caption of Snakemake's report", appended("report/scores.rst", "\nMore.\n"), {}),
    Row("a template of the report", appended("scripts/selfalign/report/templates/style.css", "\n"), REPORT),
    Row("lock of the training environment", appended("envs/local-cpu.lock", "# more\n"), RECORD),
    Row("a deleted intermediate file", removed("generators/gen/tasks/0-of-2.jsonl"), {}, "made again when a job needs it"),
    Row("a truncated intermediate file", truncated("generators/gen/tasks/0-of-2.jsonl"), without(UNIQUE, "write_manifest"), "the job that reads it stops and names it: delete it"),
)  # fmt: skip


def table() -> str:
    """The rows in Markdown."""
    lines = ["| change | jobs that run | |", "|---|---|---|"]
    for row in ROWS:
        jobs = ", ".join(rule if number == 1 else f"{rule} ×{number}" for rule, number in row.jobs.items())
        lines.append(f"| {row.change} | {jobs or 'none'} | {row.why} |")
    return "\n".join(lines)


def page(text: str) -> str:
    """The page with the table put in."""
    head, rest = text.split(BEGIN)
    return f"{head}{BEGIN}\n{table()}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
