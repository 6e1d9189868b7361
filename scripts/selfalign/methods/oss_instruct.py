"""OSS-Instruct (Magicoder, arXiv 2312.02120): a few lines of real code inspire problem and solution in one answer."""

import re

from selfalign.backends import Completion
from selfalign.methods.base import Method
from selfalign.stages.answers import split_answer
from selfalign.stages.fewshot import truncated, unusable
from selfalign.stages.parsing import Rejected, without_boilerplate
from selfalign.stages.task_row import task_row
from selfalign.stages.tasks import Tasks

METHOD = Method(
    name="oss-instruct",
    summary="Code from real projects inspired a problem and its solution in one answer (OSS-Instruct, arXiv 2312.02120).",
    seeds="snippets",
    tasks="oss_instruct",
    responses="answer_of_task",
    tested=False,
    direct=frozenset({"responses"}),
    defaults={"tasks": {"fewshots": 3, "temperature": 0, "max_tokens": 1536}},
)

# At the beginning of a line; chat models go on behind it as often as below it.
PROBLEM = re.compile(r"\A.*?^[ \t#*]*\[Problem\][ \t#*:]*", re.IGNORECASE | re.MULTILINE | re.DOTALL)
SOLUTION = re.compile(r"^[ \t#*]*\[Solution\][ \t#*:]*", re.IGNORECASE | re.MULTILINE)
MOST_LINES = 15


class ProblemsWithSolutions(Tasks):
    """See :class:`selfalign.stages.Stage`. A row is a task with its `answer`; category and difficulty are not drawn."""

    name = "oss_instruct"
    stop = ("\n[Snippet]", "\n[Tests]")

    def fields(self, row: dict) -> dict:
        return {"code": shown(row["code"])}

    def seed_id(self, row: dict) -> str:
        return row["id"]

    def parse(self, row: dict, sample: int, completion: Completion) -> dict | Rejected:
        if problem := unusable(completion) or truncated(completion):
            return problem
        parts = SOLUTION.split(completion.text, maxsplit=1)
        if len(parts) != 2:
            return Rejected("malformed", "no heading [Solution]")
        instruction = without_boilerplate(PROBLEM.sub("", parts[0], count=1)).strip()
        if problem := self._filter(instruction):
            return problem
        answer = split_answer(parts[1])
        if isinstance(answer, Rejected):
            return answer
        text, solution = answer
        return task_row(row, instruction, text, seed_id=row["id"], answer={"text": text, "solution": solution})


def shown(code: str) -> str:
    """At most MOST_LINES lines of a seed, from its beginning."""
    return "\n".join(code.strip("\n").split("\n")[:MOST_LINES])


STAGE = ProblemsWithSolutions
