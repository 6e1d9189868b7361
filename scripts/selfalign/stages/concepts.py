"""Seed to concepts: a list of short phrases for what a piece of code shows."""

import re

from selfalign.backends import Completion
from selfalign.rows import row_id
from selfalign.stages.fewshot import FewshotStage, unusable
from selfalign.stages.parsing import FENCE, Rejected

LONGEST_PHRASE = 6  # words
CODE = re.compile(
    r"^\s*(?:async\s+)?(?:def|class)\s+\w+.*:|^\s*(?:import|from)\s+[\w.]+(?:\s+(?:import|as)\b.*)?$|^\s*return\b.*\w|"
    r"[{};]|[=!<>]=|\w\s*=\s*\w"
)
SENTENCE = re.compile(r"^(?:it|this|that|these|there|here|we|you|i|let)\b", re.IGNORECASE)
MARKER = re.compile(r"^\s*(?:[-*•]|\d+[.)]|\(\d+\))\s*")  # of a list's line


class Concepts(FewshotStage):
    """See :class:`selfalign.stages.Stage`. Settings `min` and `max` bound the number of concepts."""

    name = role = "concepts"
    stop = ("\n\n", "\n[", f"\n{FENCE}")

    def fields(self, row: dict) -> dict:
        return {"code": row["code"].strip("\n")}

    def seed_id(self, row: dict) -> str:
        return row["id"]

    def parse(self, row: dict, sample: int, completion: Completion) -> dict | Rejected:
        if problem := unusable(completion):
            return problem
        if completion.finish_reason == "length":
            return Rejected("truncated", f"{completion.output_tokens} tokens")
        if FENCE in completion.text or any(CODE.search(line) for line in completion.text.splitlines()):
            return Rejected("code", completion.text.strip()[:80])
        concepts = phrases(completion.text)
        if not concepts:
            return Rejected("malformed", completion.text.strip()[:80])
        if len(concepts) < self.settings["min"]:
            return Rejected("too_few", f"{len(concepts)}: {', '.join(concepts)}")
        concepts = concepts[: self.settings["max"]]
        return {"id": row_id("concepts", row["id"], concepts), "seed_id": row["id"], "concepts": concepts}


def phrases(text: str) -> list[str]:
    """The different short phrases of a comma- or line-separated list, in order; longer ones are left out."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        for part in re.split(r",(?![^(]*\))", MARKER.sub("", line)):
            phrase = re.sub(r"^and\s+", "", part.strip(" \t.;:\"'`*")).strip()
            worded = re.search(r"[^\W\d_]", phrase) and not SENTENCE.match(phrase)
            if worded and len(phrase.split()) <= LONGEST_PHRASE:
                found.setdefault(phrase.casefold(), phrase)
    return list(found.values())
