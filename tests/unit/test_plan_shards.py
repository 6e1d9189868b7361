"""The rule for a number of shards."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfalign import ROOT
from selfalign.plan.shards import advise_shards
from selfalign.plan.stages import FIRST_TRY_MINUTES

HOUR = 3600.0


@pytest.mark.parametrize(
    ("work", "start", "limit", "places", "rows", "shards", "why"),
    [
        (300 * HOUR, 90, 12 * HOUR, 64, 250_000, 256, "jobs for each of the 64 engines"),
        (90 * HOUR, 90, 12 * HOUR, 64, 250_000, 128, "over 5 %"),
        (1 * HOUR, 90, 12 * HOUR, 64, 250_000, 2, "over 5 %"),
        (300 * HOUR, 90, 1 * HOUR, 2, 250_000, 632, "in half of its 60 minutes"),
        (300 * HOUR, 90, 12 * HOUR, 64, 40, 40, "than rows"),
        (60.0, 90, 12 * HOUR, 1, 10, 1, "over 5 %"),
    ],
)
def test_each_rule_decides_where_it_should(work, start, limit, places, rows, shards, why):
    found = advise_shards(work, start, limit, places, rows)
    assert found.shards == shards and why in found.why


@given(
    work=st.floats(0, 1e8), start=st.floats(0, 600) | st.just(5e-324), limit=st.floats(3600, 1e5), places=st.integers(1, 256),
    rows=st.integers(1, 10**7),
)  # fmt: skip
def test_a_job_ends_in_time_and_no_shard_is_empty(work, start, limit, places, rows):
    shards = advise_shards(work, start, limit, places, rows).shards
    assert 1 <= shards <= rows
    if shards < rows:
        assert work / shards + start <= limit * 0.5 + 1e-6 or work / shards <= 1


def test_the_time_that_jobs_ask_for_is_the_profiles():
    text = Path(ROOT / "profiles" / "slurm" / "profile.yaml").read_text()
    for kind, partition in (("generation", "gpu"), ("verdicts", "cpu"), ("other", "cpu")):
        assert f"time(site.{partition}, {FIRST_TRY_MINUTES[kind]})" in text
