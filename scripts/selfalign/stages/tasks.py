"""Concepts to a task: a new exercise of a drawn category and difficulty."""

import ast
import re

from selfalign.backends import Completion
from selfalign.rows import choose
from selfalign.stages.fewshot import FewshotStage, truncated, unusable
from selfalign.stages.parsing import Rejected, code_blocks, is_stub, parse_code, similarity
from selfalign.stages.task_row import task_row

COPY = 0.75  # similarity with a few-shot example's task from which on a task counts as copied

# A heading or a property of the prompt, at the beginning of a line.
LEAKED = re.compile(
    r"^[ \t#*]*(\[(Properties|Task|Answer|Tests|Snippet|Concepts)\]|(category|language|difficulty|concepts)\s*:)",
    re.IGNORECASE | re.MULTILINE,
)
SOLUTION_HEADING = re.compile(
    r"^[ \t#*\[]*(solution|answer|implementation|explanation)\b[\]*]*[ \t]*:?[ \t*]*$", re.I | re.M
)
DEFINITION = re.compile(r"^(?:async )?(?:def|class) .*(?:\n(?:[ \t]+.*)?)*", re.MULTILINE)


class Tasks(FewshotStage):
    """See :class:`selfalign.stages.Stage`. Category and difficulty are drawn by row id from the settings' weights.

    Input rows are concepts; of a method that derives its stage from this one they may be seeds, which have no `concepts`.
    """

    name = role = "tasks"
    stop = ("\n[Properties]", "\n[Task]", "\n[Answer]")

    def properties(self, row: dict) -> dict:
        return {
            "category": choose(row["id"], self.settings["categories"], "category"),
            "difficulty": choose(row["id"], self.settings["difficulties"], "difficulty"),
        }

    def fields(self, row: dict) -> dict:
        return {**self.properties(row), "concepts": row["concepts"]}

    def parse(self, row: dict, sample: int, completion: Completion) -> dict | Rejected:
        instruction = completion.text.strip()
        if problem := unusable(completion) or truncated(completion) or self._filter(instruction):
            return problem
        return task_row(
            row,
            instruction,
            seed_id=self.seed_id(row),
            concepts_id=row["id"] if "concepts" in row else None,
            concepts=row.get("concepts", ()),
            **self.properties(row),
        )

    def _filter(self, instruction: str, given: str = "") -> Rejected | None:
        """Args: given: the task that this one is made from; the code that it shows already is no solution."""
        if match := LEAKED.search(instruction):
            return Rejected("prompt_leakage", match[0].strip())
        if detail := shown_solution(instruction, given):
            return Rejected("contains_solution", detail)
        count = len(instruction.split())
        if count < self.settings["min_words"]:
            return Rejected("too_short", f"{count} words")
        if count > self.settings["max_words"]:
            return Rejected("too_long", f"{count} words")
        for example in self.bank.pool:
            if (alike := similarity(instruction, example.task)) >= COPY:
                return Rejected("copies_example", f"{example.slug}, similarity {alike:.2f}")
        return None


def shown_solution(instruction: str, given: str = "") -> str:
    """Says what in a task is already a solution; "" for a plain task, which may show a signature or a call, and the code
    that the task before it, `given`, shows too."""
    if match := SOLUTION_HEADING.search(instruction):
        return f"heading {match[0].strip()!r}"
    pieces = [block.code for block in code_blocks(instruction)] + DEFINITION.findall(instruction)
    for piece in pieces:
        tree = parse_code(piece) if piece.strip() not in given else None
        for node in ast.walk(tree) if tree else ():
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not is_stub(node):
                return f"function {node.name!r} with a body"
    return ""
