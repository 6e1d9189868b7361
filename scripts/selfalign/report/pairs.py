"""The explorer's data: a line for every pair, and of a sample of them everything that they descend from."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice, zip_longest

from selfalign.io import read_jsonl
from selfalign.report.packing import clean
from selfalign.report.paths import owner
from selfalign.report.tasks import UNKNOWN, ConceptGroups

MOST_LISTED = 100_000
MOST_OPENED = 1_500
TITLE = 120
LONGEST = 6_000
"""Characters of one text of a lineage, at most; the rest is cut with a note."""

COLUMNS = ("dataset", "category", "difficulty", "concept_group", "corpus", "licence", "verdict", "generator")
"""What pairs can be filtered by."""

TASK_ID = re.compile(rb'"task_id":\s*"([^"\\]*)"')
ORIGIN = ("corpus", "package", "repository", "version", "revision", "path", "line", "name")


class Listed:
    """Pairs of the datasets as columns; values that repeat are stored once."""

    def __init__(self, pair_files: list[str], groups: ConceptGroups):
        self.totals: dict[str, int] = {}
        self.rows: list[tuple[str, str, str]] = []
        self.values: dict[str, dict[str, int]] = {name: {} for name in COLUMNS}
        self.codes: dict[str, list[int]] = {name: [] for name in COLUMNS}
        share = MOST_LISTED // max(1, len(pair_files))
        for path in pair_files:
            dataset = owner(path)[1]
            self.totals[dataset] = 0
            for pair in read_jsonl(path):
                self.totals[dataset] += 1
                if self.totals[dataset] <= share:
                    self._add(pair, {**kinds(pair, groups), "dataset": dataset})

    def _add(self, pair: dict, found: dict[str, str]) -> None:
        title = " ".join(pair["instruction"].split())
        concepts = ", ".join(map(str, pair["lineage"].get("concepts", ())))
        self.rows.append(clean((pair["id"], cut(title), cut(concepts))))
        for name in COLUMNS:
            values = self.values[name]
            self.codes[name].append(values.setdefault(str(found[name]), len(values)))

    def table(self, opened: dict[tuple[str, str], tuple[int, int]]) -> dict:
        """What the page searches: `totals`, `ids`, `titles`, `concepts`, `columns` {name: {values, codes}}, and `places`,
        where the chunk and number of those that open are."""
        datasets = list(self.values["dataset"])
        keys = [(datasets[code], row[0]) for code, row in zip(self.codes["dataset"], self.rows, strict=True)]
        return {
            "totals": self.totals,
            "ids": [row[0] for row in self.rows],
            "titles": [row[1] for row in self.rows],
            "concepts": [row[2] for row in self.rows],
            "columns": {
                name: {"values": clean(list(self.values[name])), "codes": self.codes[name]} for name in COLUMNS
            },
            "places": {number: opened[key] for number, key in enumerate(keys) if key in opened},
        }


def cut(text: str) -> str:
    return text if len(text) <= TITLE else text[: TITLE - 1] + "…"


def kinds(pair: dict, groups: ConceptGroups) -> dict[str, str]:
    lineage = pair["lineage"]
    return {
        **{name: lineage.get(name, UNKNOWN) for name in ("category", "difficulty", "licence", "verdict", "generator")},
        "concept_group": groups.of(lineage.get("concepts", ())),
        "corpus": lineage["origin"].get("corpus", UNKNOWN),
    }


def lineages(pair_files: list[str], stages: dict[str, list[str]], policies: dict[str, str]) -> Iterator[dict]:
    """Pairs of every dataset in turns, of every category and difficulty: `dataset`, `pair`, `seed`, `origin`
    [(key, value)], `samples` (all responses to the task, each with its `verdict`), `why` it was chosen.

    Args:
        stages: files of seeds, responses, verdicts.
        policies: selection policy by dataset.
    """
    share = max(1, MOST_OPENED // max(1, len(pair_files)))
    chosen = [[(owner(path)[1], pair) for pair in sample(path, share)] for path in pair_files]
    entries = [entry for turn in zip_longest(*chosen) for entry in turn if entry]
    wanted = {pair["lineage"]["seed_id"] for _, pair in entries}
    seeds = {row["id"]: row for path in stages["seeds"] for row in read_jsonl(path) if row["id"] in wanted}
    tasks = {pair["lineage"]["task_id"] for _, pair in entries}
    verdicts = {row["response_id"]: row for row in of_tasks(stages["verdicts"], tasks)}
    samples: dict[str, dict[str, dict]] = defaultdict(dict)
    for row in of_tasks(stages["responses"], tasks):
        samples[row["task_id"]][row["id"]] = slim(row, verdicts.get(row["id"], UNJUDGED))
    for dataset, pair in entries:
        lineage = pair["lineage"]
        seed = seeds[lineage["seed_id"]]
        found = sorted(samples[lineage["task_id"]].values(), key=lambda row: (row["sample"], row["id"]))
        entry = {
            "dataset": dataset,
            "pair": pair,
            "seed": seed,
            "origin": origin_items(seed["origin"]),
            "samples": found,
            "why": why(policies.get(dataset, ""), found),
        }
        yield clean(entry, LONGEST)


UNJUDGED = {"verdict": "untested", "passed": False}
"""Stands for the verdict on a response that nobody ran."""


def slim(response: dict, verdict: dict) -> dict:
    """What is shown of a sample."""
    keys = ("verdict", "passed", "reason", "checks_run", "checks_passed", "cpu_seconds", "stderr_tail")
    judged = {key: verdict.get(key) for key in keys}
    return {**{key: response[key] for key in ("id", "sample", "text", "solution", "tests")}, "verdict": judged}


def why(policy: str, samples: list[dict]) -> str:
    """Why this sample became the pair, in words."""
    passed = sum(bool(row["verdict"]["passed"]) for row in samples)
    qualified = {"passing": passed, "failing": len(samples) - passed, "random": len(samples)}.get(policy)
    if qualified is None:
        return f"Chosen by the policy “{policy}”; {passed} of {len(samples)} samples passed."
    drawn = "It was the only one." if qualified == 1 else "Of these one was drawn, by a hash of their ids."
    return f"{qualified} of {len(samples)} samples qualified under the policy “{policy}”. {drawn}"


def sample(path: str, number: int) -> list[dict]:
    """Pairs of all categories and difficulties in turns, among the first of a file, whose order is that of hashes."""
    groups: dict[tuple, list[dict]] = defaultdict(list)
    for pair in islice(read_jsonl(path), 2 * number):
        groups[pair["lineage"]["category"], pair["lineage"]["difficulty"]].append(pair)
    turns = zip_longest(*(groups[key] for key in sorted(groups)))
    return [pair for turn in turns for pair in turn if pair is not None][:number]


def of_tasks(paths: list[str], tasks: set[str]) -> Iterator[dict]:
    """Rows of the tasks. Other lines are not parsed: of millions of responses a sample needs a few thousand."""
    wanted = {task.encode() for task in tasks}
    for path in paths:
        with open(path, "rb") as stream:
            for line in stream:
                if wanted.intersection(TASK_ID.findall(line)):
                    yield json.loads(line)


def origin_items(origin: dict) -> list[tuple[str, object]]:
    """What is known of a seed's origin, the most telling first."""
    keys = [*(key for key in ORIGIN if key in origin), *sorted(set(origin) - set(ORIGIN))]
    return [(key, origin[key]) for key in keys if origin[key] not in (None, "")]
