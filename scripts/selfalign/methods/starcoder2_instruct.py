"""StarCoder2-Instruct, self-alignment as it was first published: functions alone, answers in four named sections."""

import io
import re
import tokenize

from selfalign.backends import Completion
from selfalign.methods.base import Method
from selfalign.rows import draw, row_id
from selfalign.stages.fewshot import unusable
from selfalign.stages.parsing import FENCE, Rejected, code_blocks, parse_code
from selfalign.stages.responses import Responses, response_row, unfinished

EXAMPLES = [
    "clock-minutes", "club-meetings", "coin-locker", "cooling-tea", "free-slots", "growing-steps", "lamp-switches",
    "meter-readings", "rule-matcher", "score-ranking", "share-sweets", "shelf-label", "still-to-buy", "stone-game",
    "stops-in-reach", "weather-memory",
]  # fmt: skip
"""The pool of 16, all functions but two."""

METHOD = Method(
    name="starcoder2-instruct",
    summary="Functions mined from real code gave concepts, concepts gave tasks for functions, and the model answered each "
    "task in four sections, with tests that ran in a sandbox (StarCoder2-Instruct, the forerunner of SelfCodeAlign).",
    concepts="concepts",
    tasks="tasks",
    responses="starcoder2_instruct",
    defaults={
        "concepts": {"examples": EXAMPLES},
        "tasks": {"examples": EXAMPLES, "categories": {"function": 1}},
        "responses": {"examples": EXAMPLES, "prefixes": 16},
    },
)

SECTIONS = ("Reasoning", "Implementation", "Explanation", "Tests")
TAG = re.compile(r"^[ \t]*\[(" + "|".join(SECTIONS) + r")\][ \t]*$", re.IGNORECASE | re.MULTILINE)
ASKS_FOR_TESTS = re.compile(r"\b(?:unit)?test", re.IGNORECASE)
DROPPED = 0.5
"""Share of the pairs that lose their reasoning, and of those that lose their explanation."""


class SectionedResponses(Responses):
    """See :class:`selfalign.stages.Stage`. The prompt ends with the first tag, so the answer begins after it."""

    name = "starcoder2_instruct"

    def parse(self, row: dict, sample: int, completion: Completion) -> dict | Rejected:
        parts = unusable(completion) or split_sections(completion.text)
        if isinstance(parts, Rejected):
            cut = completion.finish_reason == "length"
            return Rejected("truncated", f"{completion.output_tokens} tokens, {parts.reason}") if cut else parts
        key = row_id("sections", row["id"], sample, completion.text)
        asked = bool(ASKS_FOR_TESTS.search(row["instruction"]))
        text = student_text(parts, draw(key, "reasoning") >= DROPPED, draw(key, "explanation") >= DROPPED, asked)
        return response_row(row, sample, completion, text, parts["Implementation"], parts["Tests"])


def split_sections(answer: str) -> dict[str, str] | Rejected:
    """Section -> text, code for implementation and tests; every tag has to stand there once, in order.

    The first of the sections has no tag in the answer: the prompt ends with it.
    """
    pieces = TAG.split(answer)
    tags = [SECTIONS[0], *(tag.capitalize() for tag in pieces[1::2])]
    if tags != list(SECTIONS):
        return Rejected("malformed", f"sections {', '.join(tags)}")
    found = dict(zip(tags, (piece.strip() for piece in pieces[0::2]), strict=True))
    for name, reason in (("Implementation", "no_solution"), ("Tests", "no_tests")):
        blocks = code_blocks(found[name])
        python = [block for block in blocks if block.closed and block.python and block.code.strip()]
        if not python:
            return Rejected("unclosed_fence" if blocks and not blocks[-1].closed else reason)
        if name == "Tests" and len(blocks) != 1:
            return Rejected("malformed", f"{len(blocks)} blocks of tests")
        found[name] = "\n\n".join(block.code.strip("\n") for block in python)
    if detail := unfinished(found["Implementation"]):
        return Rejected("unfinished", detail)
    found["Implementation"] = without_comments(found["Implementation"])
    return found


def student_text(parts: dict[str, str], reasoning: bool, explanation: bool, tests: bool) -> str:
    """What a student is shown: the code, before and after it the sections that are drawn, and the tests for a task that
    asks for some."""
    code, checks = (f"{FENCE}python\n{parts[name]}\n{FENCE}" for name in ("Implementation", "Tests"))
    shown = [
        parts["Reasoning"] if reasoning else "", code, parts["Explanation"] if explanation else "", checks if tests else ""
    ]  # fmt: skip
    return "\n\n".join(part for part in shown if part)


def without_comments(code: str) -> str:
    """Code without the lines that hold nothing but a comment; as it was where it can't be read."""
    if parse_code(code) is None:
        return code
    lines = code.split("\n")
    try:
        found = list(tokenize.generate_tokens(io.StringIO(code).readline))
    except (tokenize.TokenError, IndentationError):
        return code
    comments = {token.start[0] for token in found if token.type == tokenize.COMMENT and token.line.lstrip()[:1] == "#"}
    return "\n".join(line for number, line in enumerate(lines, 1) if number not in comments)


STAGE = SectionedResponses
