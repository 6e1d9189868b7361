"""Every attack of selfalign/sandbox/attacks.py between honest neighbours; `make sandbox-check` tries the same ones."""

import os

import pytest

from selfalign.sandbox.attacks import ATTACKS, HONEST


@pytest.mark.parametrize("name", ATTACKS)
def test_attack_is_held(sandbox, name):
    attack, container = ATTACKS[name], sandbox._container
    first, result, *others = sandbox.run([HONEST, attack.program, HONEST, HONEST])
    assert result.verdict in attack.verdicts, result
    assert first.passed and all(other.passed for other in others), "a neighbour was harmed"
    assert sandbox._container is container, "the container did not survive"


def test_nothing_of_an_attack_is_left_on_the_machine(sandbox):
    """Processes of programs show the image's Python, under the container's process, and no other ones."""
    sandbox.run([HONEST])
    pids = {int(name) for name in os.listdir("/proc") if name.isdigit()}
    below, level = set(), {sandbox._container._process.pid}
    while level:
        below |= level
        level = {pid for pid in pids - below if _parent(pid) in below}
    workers = sandbox.workers
    assert len(below) <= 3 + 2 * 2 * workers, "container, server, and a waiting parent and a worker of either kind"


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
