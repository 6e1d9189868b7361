"""Evol-Instruct (WizardCoder, arXiv 2306.08568): tasks that are made harder, or others, round after round.

In each round every lineage goes on from its latest version. An evolution that fails is eliminated, and its lineage tries
again in the next round, with an operator that is drawn anew.
"""

import re

from selfalign.backends import Completion
from selfalign.fewshots import render
from selfalign.methods.base import Method
from selfalign.rows import choose, digest
from selfalign.stages import Prompt
from selfalign.stages.answers import taken
from selfalign.stages.fewshot import truncated, unusable
from selfalign.stages.parsing import Rejected, similarity, without_boilerplate, words
from selfalign.stages.task_row import task_row
from selfalign.stages.tasks import COPY, Tasks

BROADEN = "broaden"
DEEPEN = ("constrain", "specify", "reason", "bound")
OPERATORS = (*DEEPEN, BROADEN)

METHOD = Method(
    name="evol-instruct",
    summary="Tasks of another generator were evolved over rounds, made harder or broader, and answered (Evol-Instruct, "
    "arXiv 2306.08568).",
    seeds="",
    rounds="evol_instruct",
    responses="answers",
    tested=False,
    defaults={
        "tasks": {"max_tokens": 768, "max_words": 300},
        "responses": {"samples": 1, "temperature": 0},
    },
)

# What a model says that writes about its own prompt instead of following it.
LEAKED = re.compile(
    r"^[ \t#*]*\[?change\]?[ \t#*]*:?[ \t]*$|"
    r"\b(?:new|evolved|rewritten|given|original|previous) (?:version of the )?(?:exercise|prompt|instruction|task)\b",
    re.IGNORECASE | re.MULTILINE,
)
STOP_WORDS = frozenset(
    words(
        "a an and are as at be but by for from has have if in into is it its of on or so that the their then there these they "
        "this to was we were what when which will with you your"
    )
)


class Evolution(Tasks):
    """See :class:`selfalign.stages.Stage`. Input rows are tasks: those that evolution began with, then all earlier rounds.

    Settings, beside those of tasks: `round`, weights of `operators`, `min_new_words`.
    """

    name = "evol_instruct"
    role = "evolved"
    stop = ("\n[Task]", "\n[Change]", "\n[Answer]", "\n[Properties]")

    def select(self, rows: list[dict]) -> list[dict]:
        """The latest version of every lineage, in the order in which the lineages began."""
        latest: dict[str, dict] = {}
        for row in rows:
            if taken(root := self._history(row)[0], self.settings):
                latest[root] = row
        return list(latest.values())

    @staticmethod
    def _history(row: dict) -> list[str]:
        return [*row.get("evolved_from", []), row["id"]]

    def operator(self, row: dict) -> str:
        return choose(row["id"], self.settings["operators"], "operator", self.settings["round"])

    def group(self, row: dict) -> int:
        return 0 if self._chat else OPERATORS.index(self.operator(row))

    def fields(self, row: dict) -> dict:
        change = render(self.name, "change", self.bank.folder, operator=self.operator(row))
        return {"instruction": row["instruction"], "change": change, "most_words": self.settings["max_words"]}

    def prompt(self, row: dict) -> Prompt:
        if self._chat:
            return self._chat.prompt(self.fields(row))
        operator, fields = self.operator(row), self.fields(row)
        prefix = render(self.name, "prefix", self.bank.folder, operator=operator, change=fields["change"])
        prompt_id = f"{self.name}/{operator}/{digest(prefix)[:12]}"
        return Prompt(prefix + self.bank.query(**fields), prefix, self.group(row), prompt_id, self.stop)

    def parse(self, row: dict, sample: int, completion: Completion) -> dict | Rejected:
        if problem := unusable(completion) or truncated(completion):
            return problem
        instruction = without_boilerplate(completion.text).strip()
        problem = (
            self._eliminated(row, instruction)
            or self._filter(instruction, row["instruction"])
            or self._without_gain(row, instruction)
        )
        if problem:
            return problem
        operator = self.operator(row)
        kept = ("concepts_id", "category", "concepts") if operator != BROADEN else ()
        return task_row(
            row,
            instruction,
            seed_id=row["seed_id"],
            language=row["language"],
            **{key: row[key] for key in kept},
            evolved_from=self._history(row),
            operator=operator,
            round=self.settings["round"],
        )

    def _eliminated(self, row: dict, instruction: str) -> Rejected | None:
        """The elimination rules of Evol-Instruct that can be told from the task alone."""
        if not set(words(instruction)) - STOP_WORDS:
            return Rejected("only_stop_words", instruction[:80])
        if match := LEAKED.search(instruction):
            return Rejected("prompt_leakage", match[0].strip())
        for shown in self._shown(row):
            if similarity(instruction, shown) >= COPY:
                return Rejected("copies_example", shown[:80])
        return None

    def _without_gain(self, row: dict, instruction: str) -> Rejected | None:
        """Whether it says the same again. New words are counted, not how alike the two are: an operator asks for ten to
        twenty words more, which is little beside a long task."""
        new = set(words(instruction)) - set(words(row["instruction"])) - STOP_WORDS
        return Rejected("no_gain", f"{len(new)} new words") if len(new) < self.settings["min_new_words"] else None

    def _shown(self, row: dict) -> list[str]:
        """The tasks that the row's prefix shows."""
        if self._chat:
            return []
        pieces = self.prompt(row).prefix.split("[Task]\n")[1:]
        return [piece.split("\n[Change]")[0].strip() for piece in pieces]


STAGE = Evolution
