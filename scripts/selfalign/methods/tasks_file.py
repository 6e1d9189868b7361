"""Tasks of a table: an instruction set that somebody made, as what other methods start from, or as data with its answers."""

from selfalign.methods.base import Method
from selfalign.stages.adoption import NO_MODEL
from selfalign.stages.answers import split_answer
from selfalign.stages.parsing import FENCE, Rejected, parse_code, python_fence
from selfalign.stages.task_row import task_row

METHOD = Method(
    name="tasks-file",
    summary="The tasks are those of a published set of instructions.",
    seeds="instructions",
    tasks="tasks_file",
    responses="answer_of_task",
    tested=False,
    direct=frozenset({"tasks", "responses"}),
    defaults={"tasks": {"min_words": 3, "max_words": 500}},
)


def adopt(seed: dict, settings: dict) -> dict | Rejected:
    """The task of a row, with its `answer` where the row has one that holds Python."""
    instruction = seed["code"]
    count = len(instruction.split())
    if count < settings["min_words"]:
        return Rejected("too_short", f"{count} words")
    if count > settings["max_words"]:
        return Rejected("too_long", f"{count} words")
    made = {**NO_MODEL, "model": f"corpus {seed['origin']['corpus']}"}
    task = task_row(seed, instruction, seed_id=seed["id"], language=seed["language"], generated=made)
    solution = solution_of(seed["answer"])
    return {**task, "answer": {"text": shown(seed["answer"]), "solution": solution}} if solution else task


def solution_of(answer: str) -> str:
    """The program in an answer: its longest Python block, or all of it where it is Python as it stands; "" for none."""
    found = split_answer(answer)
    if not isinstance(found, Rejected):
        return found[1]
    return answer if FENCE not in answer and is_code(answer) else ""


def shown(answer: str) -> str:
    """The answer as it was published, in a fence where it is nothing but code."""
    return answer if FENCE in answer else python_fence(answer)


def is_code(text: str) -> bool:
    """Whether a text is Python; a word or a number alone is no program."""
    tree = parse_code(text)
    return bool(tree and tree.body) and ("\n" in text.strip() or "(" in text)
