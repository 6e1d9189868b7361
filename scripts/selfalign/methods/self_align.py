"""Self-alignment (SelfCodeAlign, arXiv 2410.24198): seeds to concepts to tasks to responses with their own tests."""

from selfalign.methods.base import Method

METHOD = Method(
    name="self-align",
    summary="Functions mined from real code gave concepts, concepts gave tasks, and the model answered each task with tests "
    "that ran in a sandbox (SelfCodeAlign, arXiv 2410.24198).",
    concepts="concepts",
    tasks="tasks",
    responses="responses",
)
