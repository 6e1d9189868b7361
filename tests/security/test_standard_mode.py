"""A machine that grants no namespaces within the container: `sandbox.require: standard` goes on with what is left.

Bubblewrap puts up a filter that refuses new user namespaces, as hardened hosts and some containers do.
"""

import os
import shutil
import struct

import pytest

from selfalign.errors import UserError
from selfalign.sandbox import Limits, Sandbox, engines
from selfalign.sandbox.attacks import ATTACKS, HONEST
from selfalign.sandbox.payload.isolation import CLONE_NEWUSER

LIMITS = Limits(cpu_seconds=1, wall_seconds=20, memory_mb=512, processes=16, output_kb=256, disk_mb=16)
UNSHARE, EPERM = 272, 1
REFUSE_USER_NAMESPACES = (
    (0x20, 0, 0, 0),  # the call's number
    (0x15, 0, 3, UNSHARE),
    (0x20, 0, 0, 16),  # its flags
    (0x45, 0, 1, CLONE_NEWUSER),
    (0x06, 0, 0, 0x00050000 | EPERM),
    (0x06, 0, 0, 0x7FFF0000),
)


ONLY_IN_NAMESPACES = {
    "own memory, to write": "/proc can be written: a program that knows how can forge its own pass",
    "other processes": "/proc shows the workers and other programs",
    "full disk": "one /tmp for all: a file has a limit, their sum has that of the container",
    "all inodes": "so has their number",
    "stopped process": "the attack is refused, and ends as an honest program",
}
"""What `standard` gives up there; docs/sandbox.md says so."""


@pytest.fixture(scope="module")
def bubblewrap():
    """The engine's usual command line, for tests that change it."""
    if not shutil.which("bwrap"):
        pytest.fail("bubblewrap is not installed, which makes such a machine of this one", pytrace=False)
    usual = engines._bubblewrap
    with pytest.MonkeyPatch.context() as patch:
        yield usual, lambda changed: patch.setattr(engines, "_bubblewrap", changed)


@pytest.fixture(scope="module")
def hardened(bubblewrap, tmp_path_factory):
    usual, use = bubblewrap
    refuse = tmp_path_factory.mktemp("filter") / "refuse.bpf"
    refuse.write_bytes(b"".join(struct.pack("<HBBI", *instruction) for instruction in REFUSE_USER_NAMESPACES))

    def command(rootfs):
        program, *flags = usual(rootfs)
        return ["bash", "-c", 'exec "$@" 9<"$0"', str(refuse), program, "--seccomp", "9", *flags]

    use(command)


@pytest.fixture(scope="module")
def standard(sandbox_image, hardened):
    with Sandbox.open(sandbox_image, LIMITS, engine="bubblewrap", workers=2, require="standard") as opened:
        yield opened


def test_strict_refuses_the_machine_and_says_what_it_lacks(sandbox_image, hardened):
    with pytest.raises(UserError, match="namespaces") as caught:
        Sandbox.open(sandbox_image, LIMITS, engine="bubblewrap", workers=1, require="strict")
    assert "sandbox-check" in caught.value.fix


def test_standard_says_what_is_missing_and_keeps_the_rest(standard):
    assert "namespaces" in standard.layers["missing"] and standard.layers["namespaces"] == []
    assert standard.layers["seccomp"] == "notify" and standard.layers["limits_processes"]


@pytest.mark.parametrize("name", ATTACKS)
def test_attack_is_held_without_namespaces(standard, name):
    attack, container = ATTACKS[name], standard._container
    result, neighbour = standard.run([attack.program, HONEST])
    assert result.verdict in attack.verdicts or name in ONLY_IN_NAMESPACES, result
    assert neighbour.passed, "a neighbour was harmed"
    assert standard._container is container, "the container did not survive"


def test_without_a_limit_of_processes_nothing_is_run(sandbox_image, bubblewrap):
    """Root behind a user namespace has none: the kernel counts its processes, and refuses it nothing. A user has one."""
    usual, use = bubblewrap

    def command(rootfs):
        program, *flags = usual(rootfs)
        pairs = zip(["", *flags], flags, strict=False)
        kept = [flag for before, flag in pairs if not {before, flag} & {"--cap-drop", "--cap-add"}]
        return [program, "--unshare-user", "--uid", "1000", "--gid", "1000", "--disable-userns", *kept]

    if os.geteuid():
        use(usual)
        with Sandbox.open(sandbox_image, LIMITS, engine="bubblewrap", workers=1) as opened:
            assert opened.layers["limits_processes"]
        return
    use(command)
    with pytest.raises(UserError, match="limit of processes"):
        Sandbox.open(sandbox_image, LIMITS, engine="bubblewrap", workers=1, require="standard")
