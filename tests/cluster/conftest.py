"""The cluster of the tests: a real SLURM on this machine, started once, or the user's own (SELFALIGN_SITE)."""

import functools
import os
import shutil
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from harness import ROOT, WORK, daemons, slurm, until

sys.path.insert(0, str(ROOT / "tests" / "workflow"))

OWN = bool(os.environ.get("SELFALIGN_SITE"))
SCRIPT = ROOT / "setup" / "slurm.sh"


def pytest_configure(config):
    config.addinivalue_line("markers", "together: runs at the same time as the others so marked")
    config.addinivalue_line("markers", "local_cluster: breaks daemons or nodes, so that it needs a cluster of our own")


def together(items: list[pytest.Item]) -> None:
    """Runs the marked tests (functions without fixtures) at the same time: they wait for SLURM more than they work."""
    pool, running = ThreadPoolExecutor(max_workers=8), dict[str, Future]()
    functions = {item.nodeid: item.obj for item in items}

    def result(name: str) -> None:
        if not running:
            running.update({name: pool.submit(function) for name, function in functions.items()})
        running[name].result()

    for item in items:
        item.obj = functools.partial(result, item.nodeid)


# Last, so that tests that were not asked for (-k) are gone.
@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """On somebody's cluster nothing is broken that is not ours: those tests are left out, and the header says so."""
    if OWN and (left := [item for item in items if item.get_closest_marker("local_cluster")]):
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]
        names = ", ".join(dict.fromkeys(item.name.partition("[")[0] for item in left))
        config.get_terminal_writer().line(
            f"NOT RUN on your cluster, since they end daemons or drain nodes: {names}", yellow=True
        )
    together([item for item in items if item.get_closest_marker("together")])


@pytest.fixture(scope="session", autouse=True)
def cluster():
    """A cluster that takes jobs; ours is stopped at the end unless SELFALIGN_KEEP_CLUSTER is set."""
    subprocess.run([ROOT / "setup" / "shared_environment.sh"], check=True, cwd=ROOT)
    # Work folders of an earlier session hold its results.
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    if OWN:
        slurm("sinfo")
        yield
        return
    if os.geteuid():
        pytest.fail(
            "a SLURM of our own needs root; on a cluster: SELFALIGN_SITE=/path/to/site.yaml make cluster-test",
            pytrace=False,
        )
    with open(WORK / "held", "w") as held:
        started = subprocess.run([SCRIPT, "start"], capture_output=True, text=True, pass_fds=[held.fileno()])
    if started.returncode:
        pytest.fail(f"{SCRIPT} start:\n{started.stdout}{started.stderr}", pytrace=False)
    yield
    if not os.environ.get("SELFALIGN_KEEP_CLUSTER"):
        subprocess.run([SCRIPT, "stop"], check=True)
        until(lambda: not daemons(), lambda: f"the end of the daemons that setup/slurm.sh stop left: {daemons()}", 60)


@pytest.fixture(scope="session")
def resources() -> Path:
    """Downloads that the tests share with `make run`."""
    return ROOT / "resources"
