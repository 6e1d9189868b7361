"""Finds rows that overlap a benchmark.

A row overlaps a task of a benchmark if any of these holds:

- *ngram*: both share a run of `ngram` word tokens (lower case, punctuation and underscores aside), in code or prose.
- *text*: a text of the task that is shorter than `ngram` tokens equals the whole row, or one of its docstrings, or the
  description in it (what stands before the first example).
- *function*: a function in the row equals the task's canonical solution once names, comments, docstrings and layout are
  set aside (:func:`selfalign.normalise.skeleton`).

Not evidence of overlap, hence exempt:

- a run with fewer than half as many different tokens as it is long ("0 1 0 1 …"), or with fewer than TELLING_WORDS
  different words of two letters or more (the digits in order, the alphabet);
- a run that COMMON_TASKS or more tasks of one benchmark share (its boilerplate: imports, "write a function to …");
- a short text of fewer than SHORT_TEXT_TOKENS tokens, and a solution of fewer than SMALLEST_SOLUTION syntax nodes
  (`return a + b`).
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from selfalign.errors import UserError
from selfalign.io import read_jsonl
from selfalign.normalise import docstrings, functions, python_trees, skeleton

TOKEN = re.compile(r"[^\W_]+")
EXAMPLES = re.compile(r"^\s*(?:>>>|examples?\b.*:|for example\b)", re.IGNORECASE | re.MULTILINE)
COMMON_TASKS = 4
TELLING_WORDS = 2
SHORT_TEXT_TOKENS = 4
SMALLEST_SOLUTION = 30


@dataclass(frozen=True)
class Hit:
    """One overlap: the benchmark, the task in it, how it was found ("ngram", "text", "function"), the matched text."""

    benchmark: str
    task_id: str
    kind: str
    matched: str

    def __str__(self) -> str:
        return f"{self.benchmark} {self.task_id}, {self.kind}: {self.matched}"


def tokens(text: str) -> list[str]:
    """Word tokens in lower case; `snake_case` is two words."""
    return TOKEN.findall(text.lower())


class Contamination:
    """An index of benchmark tasks.

    Args:
        ngram: length of a shared run of tokens that counts as overlap.
    """

    def __init__(self, ngram: int):
        self.ngram = ngram
        self._runs: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        self._texts: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        self._skeletons: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        self.tasks: dict[str, int] = defaultdict(int)
        """Benchmark -> number of tasks indexed."""

    @classmethod
    def from_files(cls, paths: Iterable[str | Path], ngram: int) -> "Contamination":
        """Indexes benchmark files (`resources/benchmarks/{benchmark}.jsonl`).

        Raises:
            UserError: a file without tasks, or a row without benchmark or task id: it would protect nothing.
        """
        index = cls(ngram)
        for path in sorted(map(str, paths)):
            before = sum(index.tasks.values())
            for row in read_jsonl(path):
                if not row.get("benchmark") or not row.get("task_id"):
                    raise UserError(
                        "a benchmark row lacks `benchmark` or `task_id`", where=path, fix="delete the file and rerun"
                    )
                index.add(row)
            if sum(index.tasks.values()) == before:
                raise UserError("a benchmark file holds no task", where=path, fix="delete the file and rerun")
        return index

    def add(self, row: dict) -> None:
        """Indexes one task: the texts in `decontaminate`, prompt, canonical solution and both together."""
        benchmark, task_id = row["benchmark"], str(row["task_id"])
        self.tasks[benchmark] += 1
        prompt, solution = row.get("prompt") or "", row.get("canonical_solution") or ""
        texts = [text for text in (prompt, solution, *row.get("decontaminate", [])) if text]
        joined = prompt + solution
        for text in texts:
            for run in self._runs_of(tokens(text)):
                self._runs[run][benchmark].add(task_id)
        for text in [*texts, joined]:
            for tree in python_trees(text):
                for part in docstrings(tree):
                    self._add_short(part, benchmark, task_id)
                for function in functions(tree):
                    key, nodes = skeleton(function)
                    if nodes >= SMALLEST_SOLUTION:
                        self._skeletons[key][benchmark].add(task_id)
            self._add_short(text, benchmark, task_id)

    def _add_short(self, text: str, benchmark: str, task_id: str) -> None:
        for variant in (text, description(text)):
            words = tokens(variant)
            if SHORT_TEXT_TOKENS <= len(words) < self.ngram:
                self._texts[" ".join(words)][benchmark].add(task_id)

    def _runs_of(self, words: list[str]) -> Iterator[str]:
        for start in range(len(words) - self.ngram + 1):
            run = words[start : start + self.ngram]
            different = set(run)
            telling = sum(len(word) > 1 and word.isalpha() for word in different)
            if 2 * len(different) >= self.ngram and telling >= TELLING_WORDS:
                yield " ".join(run)

    def find(self, text: str) -> Hit | None:
        """The first overlap of a text (by benchmark name), or None."""
        return next(iter(self.find_all(text)), None)

    def find_all(self, text: str) -> list[Hit]:
        """The first overlap with each benchmark, by benchmark name."""
        hits: dict[str, Hit] = {}
        for kind, key, tasks in self._matches(text):
            for benchmark, ids in tasks.items():
                common = kind == "ngram" and len(ids) >= COMMON_TASKS
                if benchmark not in hits and not common:
                    hits[benchmark] = Hit(benchmark, min(ids), kind, key)
        return [hits[benchmark] for benchmark in sorted(hits)]

    def _matches(self, text: str) -> Iterator[tuple[str, str, dict[str, set[str]]]]:
        words = tokens(text)
        for start in range(len(words) - self.ngram + 1):
            run = " ".join(words[start : start + self.ngram])
            if run in self._runs:
                yield "ngram", run, self._runs[run]
        trees = python_trees(text)
        whole = [text, *(part for tree in trees for part in docstrings(tree))]
        for part in whole:
            for variant in (part, description(part)):
                key = " ".join(tokens(variant))
                if key in self._texts:
                    yield "text", key, self._texts[key]
        for tree in trees:
            for function in functions(tree):
                key, _ = skeleton(function)
                if key in self._skeletons:
                    yield "function", function.name, self._skeletons[key]


def description(text: str) -> str:
    """What stands before the first example in a docstring or task."""
    found = EXAMPLES.search(text)
    return text[: found.start()] if found else text
