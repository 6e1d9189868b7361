"""What a plan assumes where nothing has been measured: rates by model size, yields, sizes of rows.

Rough by nature, and on purpose in one place: docs/plan.md lists each with its source. Tokens are output tokens, rates are
those of one engine with full batches and few-shot prefixes in its cache.
"""

import re
from dataclasses import dataclass, replace

GENERATION = ("concepts", "tasks", "responses", "tests", "completions")
"""Stages in which a model answers."""


@dataclass(frozen=True)
class Assumptions:
    """Figures of one generator or checkpoint; `measured` names those that are no defaults."""

    tokens: dict[str, float]
    """Output tokens a request, by stage."""
    prompt_tokens: dict[str, float]
    """Tokens of a prompt, by stage."""
    kept: dict[str, float]
    """Share of a stage's requests that becomes rows; "pairs": training pairs a unique task."""
    tokens_per_second: float
    """Of one engine."""
    engine_start_seconds: float
    execution_seconds: float
    """Of one response's tests, on one core."""
    training_tokens_per_second: float
    """Of one device."""
    pair_tokens: float
    measured: frozenset[str] = frozenset()

    def with_measured(self, name: str, value) -> "Assumptions":
        return replace(self, **{name: value}, measured=self.measured | {name})


TOKENS = {"concepts": 40.0, "tasks": 150.0, "responses": 450.0, "tests": 150.0, "completions": 250.0}
PROMPT_TOKENS = {
    "few-shot": {"concepts": 1700.0, "tasks": 1250.0, "responses": 650.0, "tests": 800.0, "completions": 150.0},
    "chat": {"tasks": 200.0, "responses": 100.0, "tests": 300.0, "completions": 150.0},
}
"""By style: as long as the prompts are with their usual number of examples."""
KEPT = {"concepts": 0.98, "tasks": 0.95, "unique_tasks": 0.9, "responses": 0.9, "tests": 0.9, "pairs": 0.33}
TOKEN_RATE = 22_000.0
"""Output tokens a second of one 80 GB GPU, times billions of parameters: what the paper's run comes to (37,000 seeds of a
15 B model in 7 h on four A100)."""
TOKEN_RATE_LIMIT = 15_000.0
"""Of small models: scheduling and sampling take their time whatever the size."""
TENSOR_PARALLEL_GAIN = 1.7
"""Speed of an engine for each doubling of its GPUs."""
TRAINING_FLOPS = 312e12 * 0.35
"""FLOP/s of one A100 at 35 % of its dense bfloat16 peak."""
BYTES = {
    "seeds": 1_600,
    "concepts": 420,
    "tasks": 700,
    "responses": 1_100,
    "tests": 1_400,
    "verdicts": 420,
    "pairs": 4_500,
    "completions": 1_600,
}
"""On disk, a row; generated rows are there twice, in the journal too."""
RESUMABLE_CHECKPOINTS = 2
DEFAULT_BILLIONS = 7.0


SIZE = re.compile(r"(?:(\d+)x)?(?<![-_]a)(?<![\d.])(\d+(?:\.\d+)?)([bm])(?![a-z0-9])")
"""A size in a model's name: 7b, 350m, 8x7b; not the a3b of 30b-a3b, the part of a mixture of experts that is at work."""


def billions(name: str, entry: dict, weight_bytes: int | None = None) -> float:
    """Billions of parameters of a model: by the size of its weights when they are here (two bytes each), else by a size like 7b
    in the name of its source or of its entry, else 7."""
    if weight_bytes:
        return weight_bytes / 2e9
    words = [str(source.get(key, "")) for source in entry["sources"] for key in ("hub", "path", "mirror")]
    for text in [*words, (entry["endpoint"] or {}).get("model", ""), name]:
        if found := SIZE.findall(text.lower()):
            experts, number, unit = found[-1]
            return int(experts or 1) * float(number) / (1 if unit == "b" else 1000)
    return DEFAULT_BILLIONS


def defaults(size: float, gpus: int, lora: bool = False) -> Assumptions:
    """The defaults for a model of `size` billion parameters whose engine runs on `gpus` GPUs."""
    rate = min(TOKEN_RATE / size, TOKEN_RATE_LIMIT)
    doublings = max(gpus, 1).bit_length() - 1
    flops = (4 if lora else 6) * size * 1e9
    return Assumptions(
        tokens=dict(TOKENS),
        prompt_tokens=dict(PROMPT_TOKENS["few-shot"]),
        kept=dict(KEPT),
        tokens_per_second=rate * TENSOR_PARALLEL_GAIN**doublings,
        engine_start_seconds=60 + 4 * size,
        execution_seconds=0.2,
        training_tokens_per_second=TRAINING_FLOPS / flops,
        pair_tokens=600.0,
    )
