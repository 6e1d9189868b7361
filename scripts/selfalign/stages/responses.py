"""Task to responses: several answers, each an explanation, a solution, and tests that are parsed apart."""

import ast
import re

from selfalign.backends import Completion
from selfalign.rows import row_id
from selfalign.stages.fewshot import FewshotStage, unusable
from selfalign.stages.parsing import FENCE, Rejected, code_blocks, is_stub, parse_code

TESTS_HEADING = re.compile(
    r"^[ \t]*(?:\[Tests?\]|#+[ \t]*Tests?:?|\*\*Tests?:?\*\*)[ \t]*$", re.IGNORECASE | re.MULTILINE
)
PLACEHOLDER = re.compile(
    r"#\s*(?:your (?:code|implementation|solution)|(?:rest of|remaining) (?:the )?code|(?:implement|write|add)\b.*\bhere)|"
    r"#\s*\.\.\.\s*$|\.\.\.\s*#\s*rest",
    re.IGNORECASE | re.MULTILINE,
)


class Responses(FewshotStage):
    """See :class:`selfalign.stages.Stage`.

    A row's `text` is what a student is shown: explanation and fenced solution. The tests are in `tests` alone.
    """

    name = role = "responses"
    stop = ("\n[Task]", "\n[Answer]", "\n[Properties]")

    def fields(self, row: dict) -> dict:
        return {"instruction": row["instruction"]}

    def parse(self, row: dict, sample: int, completion: Completion) -> dict | Rejected:
        parts = unusable(completion) or split_response(completion.text)
        if isinstance(parts, Rejected):
            cut = completion.finish_reason == "length" and parts.reason in ("no_solution", "no_tests", "unclosed_fence")
            return Rejected("truncated", f"{completion.output_tokens} tokens, {parts.reason}") if cut else parts
        return response_row(row, sample, completion, *parts)


def response_row(task: dict, sample: int, completion: Completion, text: str, solution: str, tests: str) -> dict:
    """A response row (docs/data.md)."""
    return {
        "id": row_id("response", task["id"], sample, text, tests),
        "task_id": task["id"],
        "seed_id": task["seed_id"],
        "sample": sample,
        "text": text,
        "solution": solution,
        "tests": tests,
        "finish_reason": completion.finish_reason,
        "prompt_tokens": completion.prompt_tokens,
        "output_tokens": completion.output_tokens,
    }


def split_response(answer: str) -> tuple[str, str, str] | Rejected:
    """Text for the student, solution and tests of an answer, which is complete once its tests are closed.

    The tests are the first Python block after the heading; without a heading, the last block of several. The solution
    is the last Python block before them, so that a usage example or a sketch may come first.
    """
    blocks = code_blocks(answer)
    closed = [block for block in blocks if block.closed and block.python]
    if not closed:
        return Rejected("unclosed_fence" if blocks and not blocks[-1].closed else "no_solution")
    heading = TESTS_HEADING.search(answer)
    if heading:
        line = answer.count("\n", 0, heading.start())
        before = [block for block in closed if block.end <= line]
        after = [block for block in closed if block.start > line]
    else:
        line, before, after = closed[-1].start, closed[:-1], closed[-1:]
        if not before:
            before, after = after, []
    if not before:
        return Rejected("no_solution")
    if not after or not after[0].code.strip():
        return Rejected("no_tests" if blocks[-1].closed else "unclosed_fence")
    solution, tests = before[-1].code.strip("\n"), after[0].code.strip("\n")
    if detail := unfinished(solution):
        return Rejected("unfinished", detail)
    explanation = "\n".join(answer.split("\n")[: before[-1].start]).strip()
    text = f"{explanation}\n\n{FENCE}python\n{solution}\n{FENCE}".strip()
    return text, solution, tests


def unfinished(solution: str) -> str:
    """Says which placeholder stands where code should; "" when none does.

    A stub beside working functions is taken for an abstract method, one alone for no solution.
    """
    if not solution.strip():
        return "no code"
    if match := PLACEHOLDER.search(solution):
        return match[0].strip()
    tree = parse_code(solution)
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)] if tree else []
    if functions and all(is_stub(function) for function in functions):
        return f"function {functions[0].name!r} does nothing"
    return ""
