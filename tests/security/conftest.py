"""One running sandbox for each engine that this machine has."""

import shutil
from dataclasses import replace

import pytest

from selfalign.sandbox import Limits, Sandbox

ENGINES = [name for name, program in (("apptainer", "apptainer"), ("bubblewrap", "bwrap")) if shutil.which(program)]
LIMITS = Limits(cpu_seconds=1, wall_seconds=120, memory_mb=512, processes=16, output_kb=256, disk_mb=16)


@pytest.fixture(scope="session", params=ENGINES or ["none"])
def engine(request) -> str:
    if not ENGINES:
        pytest.fail("neither Apptainer nor bubblewrap is installed: nothing can be shown here", pytrace=False)
    return request.param


@pytest.fixture(scope="session")
def first_engine(engine) -> str:
    """The engine that a run would choose here."""
    return ENGINES[0]


@pytest.fixture
def impatient(sandbox_image, engine):
    """A sandbox with a short wall clock, for programs that wait; the others could hit it on a busy machine."""
    with Sandbox.open(sandbox_image, replace(LIMITS, wall_seconds=4), engine=engine, workers=2) as opened:
        yield opened


@pytest.fixture
def patient(sandbox_image, engine):
    """A sandbox with much CPU time, for programs that fill memory: a slow machine needs more than a second for that."""
    with Sandbox.open(sandbox_image, replace(LIMITS, cpu_seconds=60), engine=engine, workers=2) as opened:
        yield opened


@pytest.fixture(scope="session")
def sandbox(sandbox_image, engine):
    with Sandbox.open(sandbox_image, LIMITS, engine=engine, workers=2) as opened:
        yield opened
