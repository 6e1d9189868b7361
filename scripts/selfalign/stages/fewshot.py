"""The part that the stages which generate data have in common."""

from pathlib import Path

from selfalign.backends import Completion
from selfalign.fewshots import KINDS, PROMPTS, PrefixBank, render
from selfalign.rows import digest
from selfalign.stages import Prompt
from selfalign.stages.parsing import Rejected, invalid_unicode, refusal

CHAT = "chat"


class FewshotStage:
    """A stage whose prompt is a prefix from the bank and a query; or, in style `chat`, one message to a tuned model.

    Args:
        settings: of the stage, from config; `style` is "chat" where it is not few-shot.
        folder: where prompts lie.
        model, weights: entry of `models` and its folder, for the chat template of style `chat`.
    """

    name: str
    role: str
    made_by = "generated"
    stop: tuple[str, ...]

    def __init__(self, settings: dict, folder: Path = PROMPTS, model: dict | None = None, weights: str | None = None):
        self.settings = settings
        self.samples: int = settings.get("samples", 1)
        self.bank = PrefixBank(self.name, settings, folder)
        self._chat = Chat(self.name, folder, model, weights) if settings.get("style") == CHAT else None

    def select(self, rows: list[dict]) -> list[dict]:
        return rows

    def group(self, row: dict) -> int:
        return 0 if self._chat else self.bank.index(row["id"])

    def prompt(self, row: dict) -> Prompt:
        if self._chat:
            return self._chat.prompt(self.fields(row))
        group = self.group(row)
        prefix = self.bank.prefixes[group]
        text = prefix + self.bank.query(**self.fields(row))
        return Prompt(text, prefix, group, self.bank.prompt_ids[group], self.stop)

    def seed_id(self, row: dict) -> str:
        return row["seed_id"]

    def fields(self, row: dict) -> dict:
        """What the template's query shows of a row."""
        raise AssertionError("each stage says what it shows")


class Chat:
    """One message in place of worked examples: block `chat` of the stage's template, in the model's chat template.

    An endpoint of the chat interface puts the message into its own template, so it gets the message alone.
    """

    def __init__(self, name: str, folder: Path, model: dict, weights: str | None):
        self._name, self._folder = name, folder
        endpoint = model.get("endpoint") or {}
        if endpoint.get("api") == CHAT:
            self._wrap = str
        else:
            from selfalign.chat import load_template

            self._wrap = load_template(weights or "", model["chat_template"]).prompt
        source = (folder / f"{name}.jinja").read_text(encoding="utf-8")
        self._prompt_id = f"{name}/chat/{digest(source, self._wrap(''))[:12]}"

    def prompt(self, fields: dict) -> Prompt:
        message = render(self._name, "chat", self._folder, kinds=KINDS, **fields).strip()
        return Prompt(self._wrap(message), "", 0, self._prompt_id, ())


def unusable(completion: Completion) -> Rejected | None:
    """The reasons that all stages share for not looking closer at an answer."""
    if problem := invalid_unicode(completion.text):
        return Rejected("invalid_unicode", problem)
    if completion.finish_reason == "content_filter":
        return Rejected("refused", "the server's content filter")
    if not completion.text.strip():
        return truncated(completion) or Rejected("empty", f"finish reason {completion.finish_reason}")
    if said := refusal(completion.text):
        return Rejected("refused", said)
    return None


def truncated(completion: Completion) -> Rejected | None:
    """For stages whose answers are of no use when they are cut."""
    if completion.finish_reason == "length":
        return Rejected("truncated", f"{completion.output_tokens} tokens")
    return None
