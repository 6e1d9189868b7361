"""OctoPack (arXiv 2308.07124): commits of people as instruction data; nothing is generated."""

from selfalign.methods.base import Method
from selfalign.stages.adoption import NO_MODEL
from selfalign.stages.parsing import Rejected, python_fence
from selfalign.stages.task_row import task_row

METHOD = Method(
    name="octopack",
    summary="Commits to real projects are the data: the message and the code before it ask, the code after it answers "
    "(OctoPack, arXiv 2308.07124).",
    seeds="commits",
    tasks="octopack",
    responses="answer_of_task",
    tested=False,
    direct=frozenset({"tasks", "responses"}),
    # Versions of one file are alike; which of them are too alike is for the dataset to say, which sees whole pairs.
    defaults={"tasks": {"near_duplicates": {"threshold": 0.9}}},
)


def adopt(seed: dict, settings: dict) -> dict | Rejected:
    """The task that a commit is, with its `answer`."""
    before, after = seed["before"].strip("\n"), seed["code"].strip("\n")
    instruction = f"{seed['message']}\n\n{python_fence(before)}" if before else seed["message"]
    answer = {"text": python_fence(after), "solution": after}
    return task_row(
        seed, instruction, after, seed_id=seed["id"], language=seed["language"], answer=answer, generated=NO_MODEL
    )
