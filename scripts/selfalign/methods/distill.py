"""Distillation: the tasks of another generator, answered by another model (the direct arm of the paper's table 11)."""

from selfalign.methods.base import Method

METHOD = Method(
    name="distill",
    summary="The tasks of another generator were answered by a teacher model.",
    seeds="",
    responses="answers",
    tested=False,
    defaults={"responses": {"samples": 1, "temperature": 0}},
)
