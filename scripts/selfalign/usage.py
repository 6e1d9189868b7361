"""What a generation job costs, added up and logged while it runs."""

import logging
import time
from dataclasses import dataclass, field

from selfalign.backends import PROMPT_TOO_LONG, UNKNOWN, Completion

logger = logging.getLogger("selfalign.generate")

PROGRESS_SECONDS = 30.0


@dataclass
class Usage:
    """What a shard's generation cost; becomes the usage file."""

    model: str = ""
    requests: int = 0
    reused: int = 0
    made: int = 0
    prompt_tokens: int = 0
    cached_prompt_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0
    engine_start_seconds: float = 0.0
    engine: str = ""
    engine_version: str = ""
    gpus: int = 0
    versions: dict[str, int] = field(default_factory=dict)
    """Answers by the version of the engine or server that gave them, those from the journal too."""

    @property
    def cached_share(self) -> float:
        return self.cached_prompt_tokens / self.prompt_tokens if self.prompt_tokens else 0.0

    @property
    def tokens_per_second(self) -> float:
        return self.output_tokens / self.seconds if self.seconds else 0.0


def differ(versions: dict[str, int]) -> bool:
    """Whether answers (their number by version) were made by more than one version, as far as is known."""
    return len(versions.keys() - {UNKNOWN}) > 1


class Progress:
    """Adds up what answers cost and logs how far the job is."""

    def __init__(self, spent: Usage, total: int):
        self._spent, self._total = spent, total
        self._started = self._said = time.monotonic()

    def add(self, completion: Completion) -> None:
        spent = self._spent
        if not spent.made:
            logger.info("first answer (%s):\n%s", completion.finish_reason, completion.text)
        spent.made += 1
        if completion.finish_reason != PROMPT_TOO_LONG:
            spent.prompt_tokens += completion.prompt_tokens
            spent.cached_prompt_tokens += completion.cached_tokens
            spent.output_tokens += completion.output_tokens
        now = time.monotonic()
        if now - self._said >= PROGRESS_SECONDS:
            self._said = now
            left = (now - self._started) / spent.made * (self._total - spent.made)
            # Before the first wave of answers is in, their number says nothing about the pace.
            self._say(f"about {left:.0f} s to go" if spent.made * 20 >= self._total else "too early for an estimate")

    def end(self) -> None:
        self._say("done")

    def _say(self, remark: str) -> None:
        spent = self._spent
        spent.seconds = round(time.monotonic() - self._started, 2)
        logger.info(
            "%d of %d answers (%d reused), %s; prompt tokens %d, of them %.1f %% cached; output tokens %d, %.1f a second",
            spent.made,
            self._total,
            spent.reused,
            remark,
            spent.prompt_tokens,
            100 * spent.cached_share,
            spent.output_tokens,
            spent.tokens_per_second,
        )
