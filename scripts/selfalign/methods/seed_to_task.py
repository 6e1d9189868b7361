"""Seeds to tasks without concepts between them: the arm of the paper's table 10 that shows what concepts are worth."""

from selfalign.backends import Completion
from selfalign.methods.base import Method
from selfalign.stages.parsing import Rejected, similarity
from selfalign.stages.tasks import COPY, Tasks

METHOD = Method(
    name="seed-to-task",
    summary="Code taken from real projects inspired tasks directly, without concepts between, and the model answered each task "
    "with tests that ran in a sandbox (the ablation of SelfCodeAlign's table 10).",
    tasks="seed_to_task",
    responses="responses",
)


class SeedTasks(Tasks):
    """See :class:`selfalign.stages.Stage`. Input rows are seeds."""

    name = "seed_to_task"
    stop = ("\n[Snippet]", "\n[Properties]", "\n[Task]", "\n[Answer]")

    def fields(self, row: dict) -> dict:
        return {**self.properties(row), "code": row["code"].strip("\n")}

    def seed_id(self, row: dict) -> str:
        return row["id"]

    def parse(self, row: dict, sample: int, completion: Completion) -> dict | Rejected:
        parsed = super().parse(row, sample, completion)
        if not isinstance(parsed, Rejected) and similarity(parsed["instruction"], row["code"]) >= COPY:
            return Rejected("copies_seed")
        return parsed


STAGE = SeedTasks
