"""Response to the same response with tests, for methods whose answers bring none.

The tests are written with the solution in sight, as in self-alignment, so that arms are filtered alike.
"""

from selfalign.backends import Completion
from selfalign.rows import row_id
from selfalign.stages.fewshot import FewshotStage, truncated, unusable
from selfalign.stages.parsing import Rejected, code_blocks


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
        tests = closed[0].code.strip("\n")
        kept = {key: value for key, value in row.items() if key != "instruction"}
        return {
            **kept,
            "id": row_id("response", row["task_id"], row["sample"], row["text"], tests),
            "untested_id": row["id"],
            "tests": tests,
        }
