"""Every attack of selfalign/sandbox/attacks.py between honest neighbours; `make sandbox-check` tries the same ones."""

import os

import pytest

from selfalign.sandbox.attacks import ATTACKS, CLEAN, HONEST


@pytest.mark.parametrize("name", ATTACKS)
def test_attack_is_held(sandbox, name):
    """By the right verdict, between neighbours that pass; no process outlives it, and the next ones find nothing of it."""
    attack, container = ATTACKS[name], sandbox._container
    before = processes(container._process.pid)
    first, result, *others = sandbox.run([HONEST, attack.program, HONEST, CLEAN, CLEAN])
    assert result.verdict in attack.verdicts, result
    assert first.passed and all(other.passed for other in others), f"a neighbour was harmed: {others}"
    assert sandbox._container is container, "the container did not survive"
    assert processes(container._process.pid) == before, "a process was left, or a worker was lost"


def processes(root: int) -> set[int]:
    """A process and all below it: container, server, and for each worker its waiting parent and itself."""
    pids = {int(name) for name in os.listdir("/proc") if name.isdigit()}
    below, level = set(), {root}
    while level:
        below |= level
        level = {pid for pid in pids - below if _parent(pid) in below}
    return below


def _parent(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat") as stream:
            return int(stream.read().rpartition(")")[2].split()[1])
    except OSError:
        return -1


def test_a_claim_is_believed_only_of_a_harness_at_its_end(sandbox):
    """Claims of every form that a program can write, at every place it can write them from."""
    claims = [
        '{"state": "end"}',
        '{"state": "end", "thread_errors": []}',
        "[]",
        "null",
        "{}",
        '{"state": "setup"}',
        "\\xff",
    ]
    solution = "def f():\n    return 1\n"
    for claim in claims:
        write = f"import os\nos.write(3, {claim!r}.encode() + b'\\n')\n"
        places = [(solution + write, "assert f() == 2"), (solution, write + "assert f() == 2"),
                  (solution, f"import atexit\ndef last():\n    {write.replace(chr(10), '; ').rstrip('; ')}\natexit.register(last)\nassert f() == 2")]  # fmt: skip
        for result in sandbox.run(places):
            assert not result.passed, (claim, result)
