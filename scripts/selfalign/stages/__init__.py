"""The uses of a language model: what each asks a row, and what it makes of the answer."""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from selfalign.backends import Completion
from selfalign.fewshots import PROMPTS
from selfalign.stages.parsing import Rejected


@dataclass(frozen=True)
class Prompt:
    """What a stage asks for one row.

    Attributes:
        text: the whole prompt.
        prefix: its beginning, as far as other rows of the same group have it too; "" if none.
        group: number of that prefix; rows are generated group by group.
        prompt_id: name of the prefix and template, stored with what was generated.
        stop: strings that end the answer; they are no part of it.
    """

    text: str
    prefix: str
    group: int
    prompt_id: str
    stop: tuple[str, ...]


class Stage(Protocol):
    """A use of a model.

    Attributes:
        name: of the stage and its template.
        role: what it does in a method; its reasons for rejecting go by it (selfalign/reasons.py).
        made_by: field of its rows that says how they were generated.
        samples: answers to each prompt.
    """

    name: str
    role: str
    made_by: str
    samples: int

    def select(self, rows: list[dict]) -> list[dict]:
        """Of the rows that were read, those to ask about."""
        ...

    def group(self, row: dict) -> int:
        """The prompt's group, without making the prompt."""
        ...

    def prompt(self, row: dict) -> Prompt: ...

    def parse(self, row: dict, sample: int, completion: Completion) -> dict | Rejected:
        """The row made of an answer, without `generated`; or why there is none."""
        ...

    def seed_id(self, row: dict) -> str:
        """Id of the seed that an input row descends from; its own where there are no seeds."""
        ...


SHARED = ("concepts", "tasks", "responses", "answers", "tests", "completions")
"""Stages that several methods have, each a module here; all others are in the module of their method."""


def open_stage(name: str, settings: dict, model: dict, folder: str | None, prompts: Path = PROMPTS) -> Stage:
    """The stage called `name`; `model` and `folder` decide the chat template of prompts that are written in one."""
    if name == "completions":
        from selfalign.stages.completions import Completions

        return Completions(settings, model, folder, prompts)
    from selfalign.stages.answers import Answers
    from selfalign.stages.concepts import Concepts
    from selfalign.stages.responses import Responses
    from selfalign.stages.tasks import Tasks
    from selfalign.stages.tests import WrittenTests

    shared = {"concepts": Concepts, "tasks": Tasks, "responses": Responses, "answers": Answers, "tests": WrittenTests}
    kind = shared.get(name) or importlib.import_module(stage_module(name)).STAGE
    return kind(settings, prompts, model, folder)


def stage_module(name: str) -> str:
    """The module that a stage is in."""
    return f"selfalign.stages.{name}" if name in SHARED else f"selfalign.methods.{name}"
