"""The part that the three few-shot stages have in common."""

from pathlib import Path

from selfalign.backends import Completion
from selfalign.fewshots import PROMPTS, PrefixBank
from selfalign.stages import Prompt
from selfalign.stages.parsing import Rejected, invalid_unicode


class FewshotStage:
    """A stage whose prompt is a prefix from the bank and a query.

    Args:
        settings: of the stage, from config.
        folder: where prompts lie.
    """

    name: str
    stop: tuple[str, ...]

    def __init__(self, settings: dict, folder: Path = PROMPTS):
        self.settings = settings
        self.samples: int = settings.get("samples", 1)
        self.bank = PrefixBank(self.name, settings, folder)

    def group(self, row: dict) -> int:
        return self.bank.index(row["id"])

    def prompt(self, row: dict) -> Prompt:
        group = self.group(row)
        prefix = self.bank.prefixes[group]
        text = prefix + self.bank.query(**self.fields(row))
        return Prompt(text, prefix, group, self.bank.prompt_ids[group], self.stop)

    def seed_id(self, row: dict) -> str:
        return row["seed_id"]

    def fields(self, row: dict) -> dict:
        """What the template's query shows of a row."""
        raise AssertionError("each stage says what it shows")


def unusable(completion: Completion) -> Rejected | None:
    """The reasons that all stages share for not looking closer at an answer."""
    if problem := invalid_unicode(completion.text):
        return Rejected("invalid_unicode", problem)
    if not completion.text.strip():
        return Rejected("empty", f"finish reason {completion.finish_reason}")
    return None
