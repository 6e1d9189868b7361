"""The dataset card: what is in the data, where it came from, how it was made and what is known to be weak."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable

from huggingface_hub import DatasetCardData

from selfalign.datasets.census import PROPERTIES, STAGES, Census, in_order, ordered
from selfalign.reasons import REASONS

# SPDX identifiers (lower case) that the hub knows under the same name, and those that it names otherwise.
HUB_LICENCES = {
    **{name: name for name in ("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "isc", "unlicense", "zlib", "bsl-1.0")},
    **{name: name for name in ("cc0-1.0", "cc-by-4.0", "mpl-2.0", "ncsa", "postgresql", "wtfpl", "artistic-2.0")},
    "psf-2.0": "psfl", "python-2.0": "psfl",
}  # fmt: skip
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
STAGE_NAMES = {
    "seeds": "seeds", "concepts": "concept lists", "unique_tasks": "unique tasks", "responses": "responses",
    "verdicts": "verdicts", "tests": "tests",
}  # fmt: skip
COPIED = ("commits", "instructions")
"""Kinds of seeds whose text itself is in the pairs."""


def card_text(name: str, spec: dict, census: Census, counts: dict, models: list[dict], origins: dict) -> str:
    """README.md with the hub's metadata block.

    Args:
        spec: the dataset's config.
        counts: the dataset's counts file.
        models: manifests of the models that generated.
        origins: generator -> its method and the terms of its models (:func:`selfalign.methods.layout.origin`).
    """
    splits = census.splits
    sections = [
        f"---\n{metadata(name, census, origins).to_yaml()}\n---\n\n# {name}\n",
        f"{terms(origins)} {licences(census)} {proof(spec['policy'], origins)}\n",
        f"{splits['train']:,} training pairs and {splits['held_out']:,} held-out pairs of instruction and response. "
        f"{' '.join(dict.fromkeys(origin['summary'] for origin in origins.values()))}\n",
        "Each row has `id`, `instruction`, `response` (what a student is shown), `solution` and `tests` (its code alone and "
        "what it was checked with), and `lineage`: the ids of the rows that it descends from, category, difficulty, "
        "concepts, verdict, and origin (as JSON text in the Parquet files) and licence of the function that began it.\n",
        selection(spec),
        funnel_table(census, counts),
        table("Verdicts", ("verdict", "responses", "pairs"), verdict_rows(census)),
        *(table(f"Pass rate by {kind}", RATE_COLUMNS, rate_rows(census.rates[kind])) for kind in PROPERTIES),
        table(
            "Pairs dropped because they overlap a benchmark", ("benchmark", "pairs"), extras(counts, "contaminated: ")
        ),
        table("Licences of the functions that the pairs descend from", ("licence", "pairs"), ordered(census.licences)),
        table("Where these functions are from", ("source", "pairs"), ordered(census.corpora)[:MOST_SOURCES]),
        generation(census, models),
        known_limits(spec["policy"], origins),
    ]
    return "\n".join(sections)


MOST_SOURCES = 50
RATE_COLUMNS = ("", "responses", "passed", "share", "pairs")


def metadata(name: str, census: Census, origins: dict[str, dict]) -> DatasetCardData:
    """The hub's metadata; a licence that the hub has no name for is `other`."""
    written = not origins or any(origin["models"] for origin in origins.values())
    creators = ["machine-generated"] * written + ["found"] * bool(copied(origins))
    pairs = census.splits.total()
    files = [{"split": split, "path": f"{split}.parquet"} for split in ("train", "held_out") if census.splits[split]]
    return DatasetCardData(
        language=["en", "code"],
        license=sorted({HUB_LICENCES.get(licence.lower(), "other") for licence in census.licences}),
        annotations_creators=creators,
        language_creators=creators,
        size_categories=[next((label for limit, label in SIZES if pairs < limit), "1M<n<10M")],
        task_categories=["text-generation"],
        tags=["code", *["synthetic"] * written, "instruction-tuning", "selfcodealign"],
        pretty_name=name,
        configs=[{"config_name": "default", "data_files": files}],
    )


def copied(origins: dict[str, dict]) -> list[str]:
    """The generators whose pairs hold text of what they began with."""
    return sorted(name for name, origin in origins.items() if origin["seeds"] in COPIED)


def known_limits(policy: str, origins: dict[str, dict]) -> str:
    """What nobody should take the data for."""
    tested = (
        "No response was run: nobody knows which of them work."
        if policy == "unfiltered"
        else "A response that passed agrees with tests that a language model wrote, the same one as a rule: both may share one "
        "misreading of the task. They ran on one machine; some may pass by luck."
    )
    held, taken = copied(origins), [name for name, origin in origins.items() if origin["seeds"] not in COPIED]
    whose = f" of {', '.join(map(cell, held))}" if taken else ""
    lines = [
        "Nobody has read all instructions, responses and tests."
        + (
            " A language model wrote those of generated rows."
            if not origins or any(o["models"] for o in origins.values())
            else ""
        ),
        tested,
        "Overlap with benchmarks was looked for only in those that the run was configured with, by shared runs of words, equal "
        "short texts and equal functions; a reworded problem is not found.",
    ]
    if held:
        lines.append(
            f"The pairs{whose} hold text of the commits or published instructions that they descend from: the licences are "
            "theirs, and apply to it."
        )
    if taken or not origins:
        lines.append(
            "The licences are those of the code that the seeds were taken from. Seeds themselves are not in the pairs"
            f"{' of the others' if held else ''}, but a response may resemble code that the model was trained on."
        )
    return "## Known limits\n\n" + "\n".join(f"- {line}" for line in lines) + "\n"


def terms(origins: dict[str, dict]) -> str:
    """What the models' terms say of training on these rows, the gravest first."""
    stated = {model: outputs for origin in origins.values() for model, outputs in origin["models"].items()}
    by_word: dict[str, list[str]] = defaultdict(list)
    for model, outputs in sorted(stated.items()):
        by_word[outputs["training"]].append(f"{model} ({outputs['terms']})" if outputs["terms"] else model)
    said = [sentence.format(", ".join(by_word[word])) for word, sentence in TERMS.items() if by_word[word]]
    return " ".join(["**Terms.**", *(said or ["No model wrote any of these rows."])])


TERMS = {
    "restricted": "The terms of {} may forbid training other models on these rows: read them before you do.",
    "unknown": "Whether the terms of {} allow training other models on these rows was not stated.",
    "allowed": "The terms of {} allow training other models on these rows.",
}


def licences(census: Census) -> str:
    """The licences of the code that the pairs began with, the most frequent first."""
    named = ", ".join(cell(name) for name, _ in ordered(census.licences))
    return f"**Licences** of the code that the pairs descend from: {named}."


def proof(policy: str, origins: dict[str, dict]) -> str:
    """Whether the pairs were tested, and by whose tests, in a sentence or two."""
    said = PROOFS.get(policy, "**Mixed**: responses were tested, and some of them failed.")
    foreign = sorted({origin["method"] for origin in origins.values() if not origin["own_tests"]})
    if policy == "unfiltered" or not foreign:
        return said
    return f"{said} Responses of {' and '.join(foreign)} bring no tests: their generator's model wrote them afterwards."


PROOFS = {
    "unfiltered": "**Unfiltered**: no response was run against tests.",
    "passing": "**Filtered**: every response passed its tests in a sandbox.",
    "consensus": "**Filtered**: every response passed its tests in a sandbox.",
    "failing": "**Failures**: every response failed its tests.",
}


def selection(spec: dict) -> str:
    near = spec["near_duplicates"]
    limit = "no limit" if spec["limit"] is None else f"at most {spec['limit']:,} pairs"
    names = " Pairs whose functions have the names of a kept pair's are dropped too." if spec["unique_names"] else ""
    shown = (
        f" {spec['shown_tests']:.0%} of the instructions, drawn by id, end with some of the pair's tests, where these are plain "
        "assertions and the instruction does not speak of tests."
        if spec["shown_tests"]
        else ""
    )
    return (
        "## Selection\n\n"
        f"Policy `{spec['policy']}`: at most one response a task, drawn by id. Exact duplicates of instruction, solution or "
        f"code skeleton are dropped, and pairs whose Jaccard similarity with a kept one is {near['threshold']} or more "
        f"(shingles of {near['shingle']} words). Pairs that share {spec['decontaminate']['ngram']} words in a row with a "
        f"benchmark are dropped.{names}{shown} Held out: {spec['held_out']:.1%}, by id; {limit}.\n"
    )


def funnel_table(census: Census, counts: dict) -> str:
    """Rows by stage and generator, and every loss between responses and pairs."""
    columns = ("generator", *(STAGE_NAMES[stage] for stage in STAGES))
    rows = [(name, *(number[stage] for stage in STAGES)) for name, number in sorted(census.rows.items())]
    lost = Counter(counts["rejected"])
    losses = [(reason, number, REASONS["datasets"][reason]) for reason, number in ordered(lost)]
    passing = census.tasks_by_passes
    return "\n".join(
        [
            table("Where the rows went", columns, rows),
            f"{passing[True]:,} of {passing.total():,} answered tasks have a response that passed. Of {counts['in']:,} responses "
            f"{counts['kept']:,} became pairs; the others were dropped:\n",
            table("", ("reason", "responses", "meaning"), losses),
        ]
    )


def verdict_rows(census: Census) -> list[tuple]:
    return [(verdict, number, census.verdicts_kept[verdict]) for verdict, number in ordered(census.verdicts)]


def rate_rows(rates: dict[str, Counter[str]]) -> list[tuple]:
    found = ((name, rates[name]) for name in in_order(rates))
    return [
        (name, rate["responses"], rate["passed"], f"{rate['passed'] / rate['responses']:.1%}", rate["pairs"])
        for name, rate in found
    ]


def generation(census: Census, models: list[dict]) -> str:
    """Models and, by generator and stage, how rows were sampled."""
    weights = [
        (model.get("name", ""), model.get("revision") or "", f"`{model.get('digest') or ''}`") for model in models
    ]
    prompts: dict[tuple[str, ...], list[str]] = defaultdict(list)
    order = [*STAGES, "tests"]
    for generator, stage in sorted(census.settings, key=lambda key: (key[0], order.index(key[1]))):
        for text in sorted(census.settings[generator, stage]):
            made = json.loads(text)
            sampling = ", ".join(f"{key} {value}" for key, value in sorted(made["sampling"].items()))
            engine = f"{made.get('engine', '')} {made.get('engine_version', '')}".strip()
            way = (generator, STAGE_NAMES[stage], made["model"], sampling, engine)
            prompts[way].append(made.get("prompt_id", ""))
    columns = ("generator", "stage", "model", "sampling", "engine", "prompts")
    rows = [(*way, ", ".join(found)) for way, found in prompts.items()]
    return "\n".join(
        [
            table("Models", ("name", "revision", "SHA-256 of the weights"), weights),
            table("How rows were generated", columns, rows),
        ]
    )


def extras(counts: dict, prefix: str) -> list[tuple[str, int]]:
    found = counts.get("extra", {})
    return [(key.removeprefix(prefix), number) for key, number in sorted(found.items()) if key.startswith(prefix)]


def table(title: str, columns: Iterable[str], rows: Iterable[tuple]) -> str:
    """A Markdown table under a heading; "none" in place of a table without rows."""
    head = list(columns)
    lines = [f"| {' | '.join(map(cell, row))} |" for row in rows]
    heading = [f"## {title}", ""] if title else []
    rules = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return "\n".join([*heading, *([*rules, *lines] if lines else ["None."]), ""])


def cell(value: object) -> str:
    """A table cell: numbers with separators, text that can neither end the cell nor become markup."""
    if isinstance(value, int):
        return f"{value:,}"
    text = " ".join(str(value).split())
    return re.sub(r"([|<>\[\]\\*_])", r"\\\1", text) if not text.startswith("`") else text
