"""Benchmark problems to completions, asked in the chat template that the model was or will be trained in.

The answer is begun for the model with an open code fence, so that base models and tuned ones are asked the same thing.
A chat server can't go on with an answer: it is sent the message alone, and the program is looked for in what it says.
What is asked, and what program comes of an answer, the benchmark says (:mod:`selfalign.benchmarks.base`).
A problem is never dropped: a truncated answer is scored as it is, one that could not be asked counts as failed.
"""

from pathlib import Path

from selfalign.backends import PROMPT_TOO_LONG, Completion
from selfalign.benchmarks.base import Benchmark, open_benchmark
from selfalign.chat import load_template
from selfalign.fewshots import PROMPTS
from selfalign.rows import digest, row_id
from selfalign.stages import Prompt


class Completions:
    """See :class:`selfalign.stages.Stage`; `folder` is the model's, for its tokenizer and chat template."""

    name = role = "completions"
    made_by = "generated"

    def __init__(self, settings: dict, model: dict, folder: str, prompts: Path = PROMPTS):
        self._prompts = prompts
        self.samples: int = settings["samples"]
        self._chat = (model.get("endpoint") or {}).get("api") == "chat"
        self._template = None if self._chat else load_template(folder, model["chat_template"])
        self._prompt_ids: dict[str, str] = {}

    def select(self, rows: list[dict]) -> list[dict]:
        return rows

    def group(self, row: dict) -> int:
        return 0

    def prompt(self, row: dict) -> Prompt:
        benchmark = open_benchmark(row["kind"])
        message, prompt_id = benchmark.message(row, self._prompts), self._prompt_id(benchmark)
        if self._chat:
            return Prompt(message, "", 0, prompt_id, ())
        return Prompt(self._template.prompt(message, benchmark.prefill), "", 0, prompt_id, benchmark.stop)

    def _prompt_id(self, benchmark: Benchmark) -> str:
        if benchmark.kind not in self._prompt_ids:
            words = benchmark.wording(self._prompts)
            self._prompt_ids[benchmark.kind] = (
                f"completions/chat/{digest(words)[:12]}"
                if self._chat
                else f"completions/{digest(words, self._template.prompt('', benchmark.prefill))[:12]}"
            )
        return self._prompt_ids[benchmark.kind]

    def seed_id(self, row: dict) -> str:
        return row_id("problem", row["benchmark"], row["task_id"])

    def parse(self, row: dict, sample: int, completion: Completion) -> dict:
        # A lone surrogate can't be written to a program's file; the replacement mark fails just as surely.
        text = completion.text.encode("utf-8", "replace").decode("utf-8")
        return {
            "id": row_id("completion", self.seed_id(row), sample, text),
            "benchmark": row["benchmark"],
            "task_id": row["task_id"],
            "sample": sample,
            "solution": "" if completion.finish_reason == PROMPT_TOO_LONG else self._solution(row, text),
            "text": text,
            "finish_reason": completion.finish_reason,
            "truncated": completion.finish_reason == "length",
            "prompt_tokens": completion.prompt_tokens,
            "output_tokens": completion.output_tokens,
        }

    def _solution(self, row: dict, text: str) -> str:
        benchmark = open_benchmark(row["kind"])
        return benchmark.solution(row, benchmark.code(row, text) if self._chat else text)
