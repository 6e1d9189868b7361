"""Which pairs are held out from training."""

from collections.abc import Collection

from selfalign.rows import draw

SMALLEST_SPLIT = 10
"""Pairs from which on a held-out share above 0 holds at least one."""


def held_out_ids(ids: Collection[str], share: float) -> set[str]:
    """Ids of the pairs that are held out: those that draw a number below `share`.

    A pair's side hangs on its own id, so it stays where it is when pairs are added. Two exceptions keep both sides
    usable: from SMALLEST_SPLIT pairs on at least one is held out if the share is above 0, and one is always trained on.
    """
    drawn = {pair_id: draw(pair_id, "split") for pair_id in ids}
    held_out = {pair_id for pair_id, number in drawn.items() if number < share}
    if share and not held_out and len(drawn) >= SMALLEST_SPLIT:
        held_out = {min(drawn, key=lambda pair_id: (drawn[pair_id], pair_id))}
    if held_out and len(held_out) == len(drawn):
        held_out.discard(max(drawn, key=lambda pair_id: (drawn[pair_id], pair_id)))
    return held_out
