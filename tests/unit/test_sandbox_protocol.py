"""Messages, verdicts from facts, command lines, order and retries: all without a container."""

import os
from itertools import count

import pytest

from selfalign.errors import InfrastructureError, UserError
from selfalign.sandbox import VERDICTS, Limits, engines
from selfalign.sandbox import sandbox as sandbox_module
from selfalign.sandbox.container import ContainerLost
from selfalign.sandbox.payload import frames
from selfalign.sandbox.sandbox import Sandbox
from selfalign.sandbox.verdicts import judge, printable

LIMITS = Limits().as_dict()
REPORT = {"state": "end", "seen": [], "blocked": [], "thread_errors": []}
COUNTS = {"run": 2, "failed": 0, "test_failures": 0, "test_errors": 0, "thread_errors": 0, "blocked": 0, "hollow": 0}


def facts(**changes) -> dict:
    base = {
        "fault": "",
        "killed": None,
        "forbidden": "",
        "exit": None,
        "signal": 9,
        "report": REPORT,
        "claimed": True,
        "proved": True,
    }
    base |= {"counts": COUNTS, "left_behind": False, "fork_failed": False, "output_bytes": 0, "stderr_tail": ""}
    return {**base, "cpu_seconds": 0.1, "peak_memory_mb": 20.0, **changes}


def counted(**changes) -> dict:
    return {"counts": {**COUNTS, **changes}}


def unproved(report: dict | None, **changes) -> dict:
    """Facts of a program that did not come to its end; without a report it ended by itself."""
    ended = {} if report else {"claimed": False, "signal": None, "exit": 0}
    return {"report": report, "proved": False, **ended, **changes}


def raised(name: str, *bases: str, phase: str = "tests", message: str = "m", errno=None) -> dict:
    report = {"state": "raised", "phase": phase, "type": name, "bases": [name, *bases], "errno": errno}
    return unproved({**REPORT, **report, "message": message, "line": "tests.py:1"})


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "passed"),
        (counted(run=0), "no_checks"),
        (counted(failed=1), "assertion_failed"),
        (counted(test_failures=1), "assertion_failed"),
        (counted(test_errors=1), "error"),
        (counted(thread_errors=1), "error"),
        (counted(blocked=1), "forbidden"),
        (counted(hollow=1), "vacuous"),
        ({"left_behind": True}, "forbidden"),
        ({"fork_failed": True}, "assertion_failed"),
        (unproved(REPORT), "early_exit"),
        (unproved(None), "early_exit"),
        (unproved(None, exit=3), "early_exit"),
        (unproved({**REPORT, "state": "exit", "phase": "tests", "message": "0"}), "early_exit"),
        (unproved({"state": "raised"}), "error"),
        (raised("AssertionError"), "assertion_failed"),
        (raised("AssertionError", phase="solution"), "error"),
        (raised("ValueError"), "error"),
        (raised("IndentationError", "SyntaxError", phase="compile"), "syntax_error"),
        (raised("SyntaxError"), "error"),
        (raised("MemoryError"), "memory"),
        (raised("BlockingIOError", "OSError", errno=11), "process_limit"),
        (raised("RuntimeError", message="can't start new thread"), "process_limit"),
        (raised("Blocked", message="replaced builtins.len"), "forbidden"),
        (unproved(None, exit=None, signal=9), "early_exit"),
        (unproved(None, exit=None, signal=11), "error"),
        (unproved(None, exit=None, signal=24), "timeout"),
        (unproved(None, exit=None, signal=31), "forbidden"),
        (unproved(None, killed="cpu"), "timeout"),
        (unproved(None, killed="wall"), "timeout"),
        (unproved(None, killed="output"), "output_limit"),
        (unproved(None, killed="memory"), "memory"),
        (unproved(None, killed="forbidden", forbidden="ptrace"), "forbidden"),
    ],
)
def test_every_outcome_has_its_verdict(changes, verdict):
    result = judge(facts(**changes), LIMITS)
    assert result.verdict == verdict and verdict in VERDICTS
    assert result.passed == (verdict == "passed")


def test_walls_that_cannot_be_put_up_are_no_verdict():
    with pytest.raises(InfrastructureError, match="mount"):
        judge(facts(**unproved(None, fault="mount")), LIMITS)


@pytest.mark.parametrize("claim", [{"state": ["end"]}, {"state": "raised", "bases": 7, "line": {}}, {"blocked": 3}])
def test_a_claim_of_any_shape_is_no_pass(claim):
    assert not judge(facts(**unproved({**REPORT, **claim})), LIMITS).passed


def test_text_for_a_log_has_no_controls_and_a_limit():
    assert printable("a\x1b[31mred\x1b[0m\x07\x9b\u202eb\n\tc") == "aredb\n\tc"
    assert printable("\x1b]0;title\x07x\x1b]8;;http://a\x1b\\y") == "xy"
    long = printable("世" * 5000)
    assert len(long.encode()) <= 2048 and set(long) == {"世"}
    assert printable("\ud800") == "?"


def test_messages_survive_the_channel_whatever_they_hold():
    read, write = os.pipe()
    messages = [{"text": "a\n\x00\ud800世"}, {}, {"n": list(range(1000))}]
    for message in messages:
        frames.send(write, message)
    os.close(write)
    assert [frames.receive(read) for _ in messages] == messages
    assert frames.receive(read) is None
    os.close(read)


@pytest.mark.parametrize("data", [b"\x00\x00", b"\x00\x00\x00\x09abc", b"\x00\x00\x00\x03abc", b"\xff\xff\xff\xff"])
def test_a_broken_message_is_an_error(data):
    read, write = os.pipe()
    os.write(write, data)
    os.close(write)
    with pytest.raises(frames.BrokenChannelError):
        frames.receive(read)
    os.close(read)


def test_limits_must_be_positive():
    with pytest.raises(UserError, match="memory_mb"):
        Limits(memory_mb=0)


@pytest.mark.parametrize("user", [0, 1000])
def test_command_lines_ask_for_every_wall(monkeypatch, tmp_path, user):
    monkeypatch.setattr(engines.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(engines.os, "geteuid", lambda: user)
    apptainer = engines.command("apptainer", tmp_path, engines.ENVIRONMENT)
    for flag in ("--containall", "--cleanenv", "--no-home", "--no-privs", "--net"):
        assert flag in apptainer
    assert apptainer[apptainer.index("--network") + 1] == "none"
    assert apptainer.count("--bind") == 1 and apptainer[apptainer.index("--bind") + 1].endswith("/payload:/mnt:ro")
    bubblewrap = engines.command("bubblewrap", tmp_path, engines.ENVIRONMENT)
    for flag in ("--unshare-pid", "--unshare-net", "--unshare-ipc", "--clearenv", "--die-with-parent", "--new-session"):
        assert flag in bubblewrap
    assert "--bind" not in bubblewrap and "--dev-bind" not in bubblewrap and bubblewrap.count("--ro-bind") == 2
    assert ("--unshare-user" in bubblewrap) == (user != 0)
    assert "-i" in bubblewrap[bubblewrap.index("/usr/bin/env") :], "the environment is made anew"


def test_the_engines_own_environment_carries_no_binds(monkeypatch):
    monkeypatch.setenv("APPTAINER_BIND", "/home")
    monkeypatch.setenv("SECRET", "x")
    assert not {"APPTAINER_BIND", "SECRET"} & set(engines.host_environment())


class FakeContainer:
    """Answers in an order of its own; loses what `losses` says, by the number of the request."""

    made: list["FakeContainer"] = []  # noqa: RUF012 (reset by the fixture)
    losses: dict[int, int] = {}  # noqa: RUF012
    dies_at: int | None = None

    def __init__(self, engine, image, settings, environment):
        self.engine, self.hello, self.held = engine, {"layers": {"missing": {}, "limits_processes": True}}, []
        FakeContainer.made.append(self)

    def send(self, message):
        self.held.append(message)

    def receive(self, seconds):
        if FakeContainer.dies_at is not None and any(m["id"] == FakeContainer.dies_at for m in self.held):
            FakeContainer.dies_at = None
            raise ContainerLost("killed")
        number = self.held.pop(-1)["id"]  # the last first
        if FakeContainer.losses.get(number, 0):
            FakeContainer.losses[number] -= 1
            return {"id": number, "lost": "worker died"}
        return {"id": number, **facts(), "cpu_seconds": float(number)}

    def stop(self):
        pass


@pytest.fixture
def fake_sandbox(tmp_path, monkeypatch):
    (tmp_path / "rootfs").mkdir()
    (tmp_path / "image.json").write_text('{"digest": "d"}')
    monkeypatch.setattr(sandbox_module, "Container", FakeContainer)
    monkeypatch.setattr(engines, "candidates", lambda engine: ["bubblewrap"])
    FakeContainer.made, FakeContainer.losses, FakeContainer.dies_at = [], {}, None
    return Sandbox.open(tmp_path, {}, workers=3)


def numbers(sandbox: Sandbox, requests: int) -> list[float]:
    return [answer["cpu_seconds"] for answer in sandbox.exchange({"n": n} for n in range(requests))]


def test_answers_come_in_the_order_of_the_requests(fake_sandbox):
    assert numbers(fake_sandbox, 50) == list(range(50))


def test_lost_requests_are_sent_again(fake_sandbox):
    FakeContainer.losses = {0: 2, 7: 1}
    assert numbers(fake_sandbox, 20) == list(range(20)) and len(FakeContainer.made) == 1


def test_a_lost_container_is_replaced_and_its_requests_are_sent_again(fake_sandbox):
    FakeContainer.dies_at = 9
    assert numbers(fake_sandbox, 20) == list(range(20)) and len(FakeContainer.made) == 2


def test_a_request_that_is_always_lost_stops_everything(fake_sandbox):
    FakeContainer.losses = {4: 99}
    with pytest.raises(InfrastructureError, match="request 5"):
        numbers(fake_sandbox, 20)


def test_requests_are_drawn_as_they_are_needed(fake_sandbox, monkeypatch):
    """The first one is answered last: what waits for it is bounded."""
    monkeypatch.setattr(sandbox_module, "HELD", 20)
    drawn = count()
    answers = fake_sandbox.exchange({"n": next(drawn)} for _ in range(1000))
    next(answers)
    assert next(drawn) < 50
