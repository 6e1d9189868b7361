"""How far a job is, in lines of its log that people read and `make status` finds again."""

import logging
import re
import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeVar

logger = logging.getLogger(__name__)

SECONDS = 30.0
"""Between two lines of a log, at least."""

LINE = re.compile(
    r"(?P<done>\d+) (?:of (?P<total>\d+) (?P<unit>[a-z]+)\b.*?(?:about (?P<left>\d+) s to go|$)|(?P<things>[a-z]+) so far)"
)
Item = TypeVar("Item")


class Reading(NamedTuple):
    """The last progress of a log: `done` of `total` (None: not known yet), and seconds to go where the log could tell."""

    done: int
    total: int | None
    unit: str
    left: float | None


def counted(items: Iterable[Item], total: int | None, unit: str) -> Iterator[Item]:
    """Passes the items on, and logs now and then how many of `total` have passed, how fast, and how long it will take.

    Args:
        total: None where it is not known before the end; then there is no time to go.
    """
    started = said = time.monotonic()
    done = 0
    for item in items:
        yield item
        done += 1
        now = time.monotonic()
        if now - said >= SECONDS and done != total:
            said = now
            rate = done / (now - started)
            if total is None:
                logger.info("%d %s so far, %.1f a second", done, unit, rate)
            else:
                left = (total - done) / rate
                logger.info("%d of %d %s, %.1f a second, about %.0f s to go", done, total, unit, rate, left)
    logger.info("%d of %d %s, done in %.0f s", done, total or done, unit, time.monotonic() - started)


def say_reuse(rows: int, reused: int, made: int) -> None:
    """One line about what a job's rows cost: in the same words in every log."""
    logger.info("rows %d: reused %d from the journal, made %d", rows, reused, made)


def last_reading(lines: Iterable[str]) -> Reading | None:
    """The last line of a log that tells its progress."""
    found = None
    for line in lines:
        match = LINE.search(line) if " INFO " in line else None
        if match:
            left = match["left"]
            total = int(match["total"]) if match["total"] else None
            found = Reading(int(match["done"]), total, match["unit"] or match["things"], float(left) if left else None)
    return found
