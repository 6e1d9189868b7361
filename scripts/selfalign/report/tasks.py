"""What kind of task a response answers: the properties by which the report counts and filters."""

import re
from collections import Counter
from collections.abc import Iterable

from selfalign.io import read_jsonl

GROUPS = 24
LARGEST_GROUP = 0.2
"""A word that more than this share of the tasks has would say too little to name a group."""

OTHER = "other"
UNKNOWN = "unknown"
WORD = re.compile(r"[^\W\d_]{3,}")
EMPTY_WORDS = frozenset(
    [
        "and",
        "the",
        "for",
        "with",
        "from",
        "into",
        "using",
        "use",
        "not",
        "non",
        "based",
        "its",
        "their",
        "are",
        "all",
        "any",
        "one",
        "two",
        "of",
    ]
)
LENGTHS = ((25, "under 25 words"), (50, "25 to 49 words"), (100, "50 to 99 words"), (200, "100 to 199 words"))
LONGEST = "200 words or more"


def concept_words(concepts: Iterable[str]) -> set[str]:
    """The telling words of a task's concepts, in lower case and without the s of a plural."""
    found = {word.lower() for concept in concepts for word in WORD.findall(concept)}
    singular = {
        word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 4 else word for word in found
    }
    return singular - EMPTY_WORDS


class ConceptGroups:
    """Groups of tasks by the words of their concepts.

    A task belongs to the most common word among its concepts that at most a fifth of all tasks have; the groups are the
    most common such words, and what has none of them is "other".
    """

    def __init__(self, concepts: Iterable[Iterable[str]]):
        counts: Counter[str] = Counter()
        total = 0
        for listed in concepts:
            counts.update(concept_words(listed))
            total += 1
        common = {word: number for word, number in counts.items() if number <= max(3, LARGEST_GROUP * total)}
        self.sizes = dict(sorted(common.items(), key=lambda item: (-item[1], item[0]))[:GROUPS])

    def of(self, concepts: Iterable[str]) -> str:
        words = concept_words(concepts) & self.sizes.keys()
        return min(words, key=lambda word: (-self.sizes[word], word)) if words else OTHER


def length_of(instruction: str) -> str:
    words = len(instruction.split())
    return next((label for limit, label in LENGTHS if words < limit), LONGEST)


def groups_of(task_files: list[str]) -> ConceptGroups:
    return ConceptGroups(row.get("concepts", ()) for path in task_files for row in read_jsonl(path))


def corpora_of(seed_files: list[str]) -> dict[str, str]:
    """Corpus of every seed, by id."""
    return {row["id"]: row["origin"].get("corpus", UNKNOWN) for path in seed_files for row in read_jsonl(path)}


def properties(task_files: list[str], seed_files: list[str], groups: ConceptGroups) -> dict[str, dict[str, str]]:
    """Of every task, by id: `category`, `difficulty`, `concept_group`, `corpus`, `length`."""
    corpora = corpora_of(seed_files)
    return {
        row["id"]: {
            "category": row["category"],
            "difficulty": row["difficulty"],
            "concept_group": groups.of(row.get("concepts", ())),
            "corpus": corpora.get(row.get("seed_id"), UNKNOWN),
            "length": length_of(row["instruction"]),
        }
        for path in task_files
        for row in read_jsonl(path)
    }


def in_length_order(names: Iterable[str]) -> list[str]:
    labels = [*(label for _, label in LENGTHS), LONGEST]
    return sorted(names, key=labels.index)
