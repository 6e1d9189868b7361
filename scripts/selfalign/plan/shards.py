"""How many shards a generator's stages should be cut into."""

import math
from dataclasses import dataclass

LIMIT_SHARE = 0.5
"""A job's first try should end within this share of its time limit: rates vary, and queues prefer short jobs."""
START_SHARE = 20
"""A job should work for so many times as long as its engine takes to start: 5 % of the GPU hours are lost to that."""
WAVES = 4
"""Jobs an engine's place: one that is slow or starts again holds up a quarter of the stage's time and no more."""


@dataclass(frozen=True)
class Advice:
    """A number of shards, and which of the three rules decided."""

    shards: int
    why: str


def advise_shards(work_seconds: float, start_seconds: float, limit_seconds: float, places: int, rows: int) -> Advice:
    """The number of shards for a stage.

    At least so many that a job ends in half its time limit; at most so many that engine starts stay below 5 %; between
    the two four a place, so that GPUs run out of work together. Above one wave it is a multiple of the places.

    Args:
        work_seconds: of one engine for the whole of the longest stage, without starts.
        start_seconds: of one engine.
        limit_seconds: run time that a job's first try asks for.
        places: engines that can run at once.
        rows: of the stage; no shard is empty.
    """
    usable = max(limit_seconds * LIMIT_SHARE - start_seconds, 1.0)
    least = max(1, math.ceil(work_seconds / usable))
    quick = start_seconds < 0.1  # no real engine
    most = WAVES * places if quick else max(1, math.floor(work_seconds / (START_SHARE * start_seconds)))
    wanted, why = WAVES * places, f"{WAVES} jobs for each of the {places} engines that can run at once"
    if wanted > most:
        wanted, why = most, "more would spend over 5 % of the GPU time on starting engines"
        if wanted > places:
            wanted = wanted // places * places
    if wanted < least:
        wanted, why = least, f"a job has to end in half of its {limit_seconds / 60:.0f} minutes"
        if wanted > places:
            wanted = math.ceil(wanted / places) * places
    if wanted > rows:
        wanted, why = max(rows, 1), "no more shards than rows"
    return Advice(wanted, why)
