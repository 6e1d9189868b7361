"""Steps without a model that several methods share; a method's own is the function `adopt` of its module."""

from selfalign.backends import Completion
from selfalign.stages.parsing import Rejected
from selfalign.stages.responses import response_row

MADE_BEFORE = "adopted"
"""Finish reason of a response that came with its task."""


def answer_of_task(task: dict, settings: dict) -> dict | Rejected:
    """The response that a task brought in its `answer`: `text`, `solution`, and how it was made, where a model made it; a
    task of a table may have brought none."""
    answer = task.get("answer")
    if answer is None:
        return Rejected("no_solution", "the task came without an answer in Python")
    row = response_row(task, 0, Completion("", MADE_BEFORE), answer["text"], answer["solution"], "")
    return {**row, "generated": answer["generated"] if "generated" in answer else task.get("generated", NO_MODEL)}


NO_MODEL = {"model": "none", "revision": "", "prompt_id": "", "sampling": {}, "engine": "none", "engine_version": ""}
"""How a row was generated that a person wrote."""

STEPS = {"answer_of_task": answer_of_task}
