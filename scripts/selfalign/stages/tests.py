"""Response to the same response with tests, for methods whose answers bring none.

The tests are written with the solution in sight, as in self-alignment, so that arms are filtered alike.
"""

import ast
import io

from selfalign.backends import Completion
from selfalign.rows import row_id
from selfalign.stages.fewshot import FewshotStage, truncated, unusable
from selfalign.stages.parsing import Rejected, code_blocks

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class WrittenTests(FewshotStage):
    """See :class:`selfalign.stages.Stage`. Input rows are responses with their task's `instruction`."""

    name = role = "tests"
    made_by = "tests_generated"
    stop = ("\n[Task]", "\n[Answer]", "\n[Tests]", "\n[Properties]")

    def fields(self, row: dict) -> dict:
        return {"instruction": row["instruction"], "text": row["text"]}

    def parse(self, row: dict, sample: int, completion: Completion) -> dict | Rejected:
        if problem := unusable(completion):
            return problem
        blocks = code_blocks(completion.text)
        closed = [block for block in blocks if block.closed and block.python and block.code.strip()]
        if not closed:
            cut = truncated(completion)
            return cut or Rejected("unclosed_fence" if blocks and not blocks[-1].closed else "no_tests")
        tests = without_copies(closed[0].code, row["solution"]).strip("\n")
        if not tests:
            return Rejected("no_tests", "nothing but a copy of the answer")
        kept = {key: value for key, value in row.items() if key != "instruction"}
        return {
            **kept,
            "id": row_id("response", row["task_id"], row["sample"], row["text"], tests),
            "untested_id": row["id"],
            "tests": tests,
        }


def without_copies(tests: str, solution: str) -> str:
    """The tests without definitions that the solution has word for word, comments and layout aside.

    A model that is shown an answer often begins its tests with a copy of it, which would be what they test. What it changed
    in a copy stays, and the tests are found to redefine the solution.
    """
    try:
        known = {ast.dump(node) for node in ast.parse(solution).body}
        body = ast.parse(tests).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return tests
    copies = [node for node in body if isinstance(node, DEFINITIONS) and ast.dump(node) in known]
    gone = {line for node in copies for line in lines_of(node)}  # which no other statement can share
    # Not str.splitlines, which ends lines at characters where Python does not.
    lines = io.StringIO(tests, newline="").readlines()
    return "".join(line for number, line in enumerate(lines, 1) if number not in gone)


def lines_of(node: ast.stmt) -> range:
    """Numbers of a statement's lines, those of its decorators among them."""
    first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])
    return range(first, node.end_lineno + 1)
