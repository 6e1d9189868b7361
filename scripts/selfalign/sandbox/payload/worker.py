"""A worker: answers one request after another, each by programs in processes and namespaces of their own.

It prepares once what all programs need (see `harness.py`), finds out which layers of isolation the kernel grants, and has a
user namespace of its own, in which it may make the other ones. What the layers are, and what stands in for a missing one, is
in docs/sandbox.md.
"""

import errno
import mmap
import os
import resource
import signal
import socket
import time

from . import execution, frames, harness, isolation, proof, seccomp, walls

MAX_DESCRIPTOR = 4096


class Layers:
    """Which layers of isolation the kernel grants, tried once when the worker starts.

    Attributes:
        namespaces: a worker's six namespaces, of which a program has three for itself.
        proc: so is /proc.
        limit_own_tasks: the kernel counts the processes of a user namespace by themselves (Linux 5.14).
        limits_processes: the limit of processes holds; without it nothing is run.
        seccomp: "notify" (forbidden calls end a program and are named), "kill" (they end it), or "".
        missing: layer -> why it is missing.
    """

    def __init__(self):
        self.namespaces = self.proc = self.limit_own_tasks = self.limits_processes = False
        self.seccomp = ""
        self.missing: dict[str, str] = {}

    @property
    def action(self) -> int:
        """What a forbidden system call leads to."""
        return seccomp.NOTIFY if self.seccomp == "notify" else seccomp.KILL_PROCESS

    def as_dict(self) -> dict:
        own = ("user", "pid", "mount", "network", "ipc", "uts")
        return {
            "namespaces": list(own) if self.namespaces else [],
            "own_proc": self.proc,
            "own_task_count": self.limit_own_tasks,
            "limits_processes": self.limits_processes,
            "seccomp": self.seccomp,
            "missing": self.missing,
        }


def enter_namespaces(channel: int) -> Layers:
    """Moves this process (a fork of it, as process 1) into its own namespaces; without them it goes on and says so."""
    layers = Layers()
    reason = _try(isolation.own_namespaces)
    if reason:
        layers.missing["namespaces"] = reason
        isolation.prctl(isolation.PR_SET_CHILD_SUBREAPER, 1)
    else:
        isolation.own_namespaces()
        inner = os.fork()
        if inner:
            os.close(channel)
            _, status = os.waitpid(inner, 0)
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
        isolation.prctl(isolation.PR_SET_PDEATHSIG, signal.SIGKILL)
        isolation.private_mounts()
        layers.namespaces = True
        layers.limit_own_tasks = _kernel_counts_tasks_by_namespace()
        try:
            isolation.own_proc()
            layers.proc = True
        except OSError as error:
            layers.missing["own_proc"] = error.strerror
    layers.limits_processes = not _try(_start_one_too_many)
    _find_filter(layers)
    return layers


def _start_one_too_many() -> None:
    """Raises OSError unless the kernel keeps a process to a limit of processes, which it does not do for root."""
    resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
    try:
        child = os.fork()
    except BlockingIOError:
        return
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    raise OSError(errno.EPERM, "the limit does not hold")


def _find_filter(layers: Layers) -> None:
    for kind, action in (("notify", seccomp.NOTIFY), ("kill", seccomp.KILL_PROCESS)):
        reason = _try(
            lambda action=action, kind=kind: seccomp.install(seccomp.ready(seccomp.build(action)), kind == "notify")
        )
        if not reason:
            layers.seccomp = kind
            return
    layers.missing["seccomp"] = reason


def _try(what) -> str:
    """Does something in a process of its own; why it could not be done, or an empty string."""
    child = os.fork()
    if child == 0:
        try:
            what()
            os._exit(0)
        except OSError as error:
            os._exit(error.errno or 255)
        except BaseException:
            os._exit(255)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return "" if code == 0 else os.strerror(code) if 0 < code < 255 else "refused"


def _kernel_counts_tasks_by_namespace() -> bool:
    major, minor = (int(part) for part in os.uname().release.split(".")[:2])
    return (major, minor) >= (5, 14)


class Board:
    """A little memory that the worker shares with the server, and with nobody else."""

    def __init__(self):
        self._memory = mmap.mmap(-1, 16)
        self.memory_was_short()

    @property
    def compiled(self) -> bool:
        """Whether the texts have been compiled: from then on a crash is not their fault."""
        return bool(self._memory[0])

    @compiled.setter
    def compiled(self, value: bool) -> None:
        self._memory[0] = value

    def memory_was_short(self) -> bool:
        """Whether the kernel has killed a process for want of memory since this was asked last."""
        try:
            with open("/proc/vmstat") as stream:
                kills = next((int(line.split()[1]) for line in stream if line.startswith("oom_kill ")), 0)
        except OSError:
            return False
        before = int.from_bytes(self._memory[8:16], "little")
        self._memory[8:16] = kills.to_bytes(8, "little")
        return kills > before


class Worker:
    """What a worker holds for all requests.

    Attributes:
        layers: granted by the kernel.
        harness, witness: prepared once; see `harness.py` and `proof.py`.
        wakeup: readable when a child has ended.
        own_pids: the worker's process namespace, to return to after a fork.
        base: bytes of address space and in memory before any program.
        walls: around each program, see `walls.py`.
    """

    def __init__(self, settings: dict, board: Board, layers: Layers):
        self.settings, self.board, self.layers = settings, board, layers
        if settings["clock_shift_s"]:
            _shift_clock(settings["clock_shift_s"])
        os.environ["HOME"] = os.environ["TMPDIR"] = "/tmp"
        self.own_pids = os.open("/proc/self/ns/pid", os.O_RDONLY) if layers.namespaces else -1
        self._wake, self.wakeup = socket.socketpair()
        for end in (self._wake, self.wakeup):
            end.setblocking(False)
        signal.set_wakeup_fd(self._wake.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.harness = harness.Harness()
        self.witness = proof.Witness(self.harness.generator, self.harness.counters, self.harness.guarded)
        self.base = isolation.memory_now()
        self.walls = walls.Walls(settings, layers, self.base[0])


def _shift_clock(seconds: float) -> None:
    """Sets what `time` and `datetime` give for the time of day; it goes on from there, and waiting is as ever."""
    import time_machine

    time_machine.travel(time.time() + seconds, tick=True).start()


def main(channel: int, settings: dict, board: Board) -> None:
    """Answers requests until the channel closes."""
    os.closerange(3, channel)
    os.closerange(channel + 1, MAX_DESCRIPTOR)
    worker = Worker(settings, board, enter_namespaces(channel))
    frames.send(channel, {"layers": worker.layers.as_dict()})
    while (request := frames.receive(channel)) is not None:
        board.compiled = False
        answer = execution.Execution(request, worker).answer()
        frames.send(channel, {"id": request["id"], **answer})
