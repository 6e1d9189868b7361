"""Task to answers without tests: an explanation and a solution, as methods before self-alignment trained on them."""

from selfalign.backends import Completion
from selfalign.rows import draw
from selfalign.stages.fewshot import FewshotStage, truncated, unusable
from selfalign.stages.parsing import FENCE, Rejected, code_blocks, without_boilerplate
from selfalign.stages.responses import response_row, unfinished


class Answers(FewshotStage):
    """See :class:`selfalign.stages.Stage`. A row's `tests` are empty."""

    name = "answers"
    role = "responses"
    stop = ("\n[Task]", "\n[Answer]", "\n[Tests]", "\n[Properties]")

    def select(self, rows: list[dict]) -> list[dict]:
        return [row for row in rows if taken(row["id"], self.settings)]

    def fields(self, row: dict) -> dict:
        return {"instruction": row["instruction"]}

    def parse(self, row: dict, sample: int, completion: Completion) -> dict | Rejected:
        parts = unusable(completion) or truncated(completion) or split_answer(completion.text)
        if isinstance(parts, Rejected):
            return parts
        text, solution = parts
        return response_row(row, sample, completion, text, solution, "")


def taken(task: str, settings: dict) -> bool:
    """Whether a task of another generator is in the share that a method takes of them."""
    return draw(task, "share") < settings.get("share", 1)


def split_answer(answer: str) -> tuple[str, str] | Rejected:
    """Text for the student and solution of an answer without tests: its longest Python block, and what stands before that."""
    answer = without_boilerplate(answer).strip("\n")
    blocks = code_blocks(answer)
    closed = [block for block in blocks if block.closed and block.python and block.code.strip()]
    if not closed:
        return Rejected("unclosed_fence" if blocks and not blocks[-1].closed else "no_solution")
    # Of several blocks the longest is the solution: a usage example may come first or last.
    block = max(closed, key=lambda found: (len(found.code), found.start))
    solution = block.code.strip("\n")
    if detail := unfinished(solution):
        return Rejected("unfinished", detail)
    explanation = "\n".join(answer.split("\n")[: block.start]).strip()
    return f"{explanation}\n\n{FENCE}python\n{solution}\n{FENCE}".strip(), solution
