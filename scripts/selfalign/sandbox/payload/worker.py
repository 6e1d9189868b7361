"""A worker: gives one program after another its own process, namespaces, limits and deadline, and says what it did.

A worker has its own user, process, mount, network and IPC namespace where the kernel allows it. In it every program
gets a further process namespace, whose end takes all its processes along, a further mount namespace with a temporary
folder of its own, and a further IPC namespace. It reports facts; what they mean is decided on the host.
"""

import json
import os
import secrets
import select
import signal
import time

from . import frames, harness, isolation
from .process_tree import descendants, own_id_in_proc, tree_usage

POLL_SECONDS = 0.05
MAX_REPORT = 64 * 1024
TAIL_BYTES = 8 * 1024
MAX_DESCRIPTOR = 4096
REPORT_DESCRIPTOR = 3


class Layers:
    """Which layers of isolation the kernel granted, tried once when the worker starts."""

    def __init__(self):
        self.namespaces = self.proc = self.limit_own_tasks = self.namespaces_forbidden = False
        self.missing: dict[str, str] = {}

    def as_dict(self) -> dict:
        own = ("user", "pid", "mount", "network", "ipc", "uts")
        return {
            "namespaces": list(own) if self.namespaces else [],
            "own_proc": self.proc,
            "own_task_count": self.limit_own_tasks,
            "further_namespaces_forbidden": self.namespaces_forbidden,
            "missing": self.missing,
        }


def _kernel_counts_tasks_by_namespace() -> bool:
    major, minor = (int(part) for part in os.uname().release.split(".")[:2])
    return (major, minor) >= (5, 14)


def enter_namespaces(channel: int) -> Layers:
    """Moves this process (a fork of it, as pid 1) into its own namespaces; without them it goes on and says so."""
    layers = Layers()
    flags = isolation.CLONE_NEWNS | isolation.CLONE_NEWPID | isolation.CLONE_NEWNET
    flags |= isolation.CLONE_NEWIPC | isolation.CLONE_NEWUTS
    probe = os.fork()
    if probe == 0:
        try:
            isolation.own_user_namespace(flags)
            os._exit(0)
        except OSError as error:
            os._exit(error.errno or 1)
    code = os.waitstatus_to_exitcode(os.waitpid(probe, 0)[1])
    if code != 0:
        layers.missing["namespaces"] = os.strerror(code) if code > 0 else "refused"
        isolation.prctl(isolation.PR_SET_CHILD_SUBREAPER, 1)
        return layers
    isolation.own_user_namespace(flags)
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
    layers.namespaces_forbidden = isolation.forbid_more_namespaces()
    return layers


def main(channel: int, settings: dict) -> None:
    """Answers requests until the channel closes."""
    os.closerange(3, channel)
    os.closerange(channel + 1, MAX_DESCRIPTOR)
    layers = enter_namespaces(channel)
    own_pids = os.open("/proc/self/ns/pid", os.O_RDONLY) if layers.namespaces else -1
    base = isolation.memory_now()
    frames.send(channel, {"layers": layers.as_dict()})
    while (request := frames.receive(channel)) is not None:
        run = Execution(request, settings, layers, own_pids, base)
        frames.send(channel, {"id": request["id"], **run.facts()})


class Execution:
    """One program in its own process, from start to the last of its processes."""

    def __init__(self, request: dict, settings: dict, layers: Layers, own_pids: int, base: tuple[int, int]):
        self.request, self.settings, self.layers, self.own_pids, self.base = request, settings, layers, own_pids, base
        self.limits = {**settings["limits"], **request.get("limits", {})}
        self.nonce = secrets.token_hex(16)
        self.killed: str | None = None
        self.output_bytes = 0
        self.seen = {"stdout": b"", "stderr": b"", "report": b""}
        self.peak_tree_bytes = 0

    def facts(self) -> dict:
        """Runs the program and returns what can be known about it from outside, and what its harness reported."""
        pipes = {name: os.pipe() for name in self.seen}
        started = time.monotonic()
        child = self._fork()
        if child == 0:
            self._become_program({name: write for name, (_, write) in pipes.items()})
        readers = {}
        for name, (read, write) in pipes.items():
            os.close(write)
            os.set_blocking(read, False)
            readers[read] = name
        try:
            self._watch(child, readers, started)
        finally:
            self._kill(child)
            _, status, usage = os.wait4(child, 0)
            if not self.layers.namespaces:
                _reap_orphans()
        for descriptor, name in readers.items():
            while self._read(descriptor, name):
                pass
            os.close(descriptor)
        code = os.waitstatus_to_exitcode(status)
        if usage.ru_utime + usage.ru_stime > self.limits["cpu_seconds"]:
            self.killed = self.killed or "cpu"  # it ended between two looks
        return {
            "killed": self.killed,
            "exit": code if code >= 0 else None,
            "signal": -code if code < 0 else None,
            "report": self._authentic_report(),
            "output_bytes": self.output_bytes,
            "stderr_tail": self.seen["stderr"].decode("utf-8", "replace"),
            "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 4),
            "peak_memory_mb": round(max(usage.ru_maxrss * 1024, self.peak_tree_bytes) / 2**20, 1),
        }

    def _fork(self) -> int:
        if not self.layers.namespaces:
            return os.fork()
        isolation.unshare(isolation.CLONE_NEWPID)
        child = os.fork()
        if child:
            isolation.setns(self.own_pids, isolation.CLONE_NEWPID)
        return child

    def _become_program(self, pipes: dict[str, int]) -> None:
        """In the child: puts up the walls, then hands over to the harness. Does not return."""
        channel = pipes["report"]
        try:
            os.setsid()
            if self.layers.namespaces:
                isolation.unshare(isolation.CLONE_NEWNS | isolation.CLONE_NEWIPC)
                isolation.own_temporary_folders(int(self.limits["disk_mb"]))
                (isolation.own_proc if self.layers.proc else isolation.hide_proc)()
            else:
                os.environ["HOME"] = os.environ["TMPDIR"] = f"/tmp/{secrets.token_hex(8)}"
                os.mkdir(os.environ["HOME"], 0o700)
            os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
            os.dup2(pipes["stdout"], 1)
            os.dup2(pipes["stderr"], 2)
            os.dup2(pipes["report"], REPORT_DESCRIPTOR, inheritable=False)
            channel = REPORT_DESCRIPTOR
            os.closerange(REPORT_DESCRIPTOR + 1, MAX_DESCRIPTOR)
            os.chdir(os.environ["HOME"])
            isolation.set_limits(self.limits, self.base[0], self._tasks())
            isolation.drop_capabilities()
        except BaseException as error:
            report = {"nonce": self.nonce, "state": "setup", "message": repr(error)}
            os.write(channel, json.dumps(report).encode())
            os._exit(1)
        harness.run(self.request, self.nonce, REPORT_DESCRIPTOR)

    def _tasks(self) -> int:
        """Tasks that the kernel may count: the program's, this worker and its waiting parent, or all of the user's."""
        own = int(self.limits["processes"])
        if self.layers.limit_own_tasks:
            return own + 2
        return self.settings["user_tasks"] + (own + 2) * self.settings["workers"]

    def _watch(self, child: int, readers: dict[int, str], started: float) -> None:
        """Reads what the program says and stops it at a limit; returns when its first process has ended."""
        ended = os.pidfd_open(child)
        poller = select.poll()
        for descriptor in (ended, *readers):
            poller.register(descriptor, select.POLLIN)
        next_look = started + POLL_SECONDS
        try:
            while not self.killed:
                for descriptor, _ in poller.poll(POLL_SECONDS * 1000):
                    if descriptor == ended:
                        return
                    if not self._read(descriptor, readers[descriptor]):
                        poller.unregister(descriptor)
                now = time.monotonic()
                if now >= next_look:
                    self._look_at_tree(now - started)
                    next_look = now + POLL_SECONDS
        finally:
            os.close(ended)

    def _read(self, descriptor: int, name: str) -> bool:
        """Takes what a pipe holds; False when it is empty or closed. No more of it is kept than can be used."""
        try:
            data = os.read(descriptor, 1 << 16)
        except BlockingIOError:
            return False
        if name == "report":
            self.seen[name] = (self.seen[name] + data)[: MAX_REPORT + 1]
            return bool(data)
        self.seen[name] = (self.seen[name] + data)[-TAIL_BYTES:] if name == "stderr" else b""
        self.output_bytes += len(data)
        if self.output_bytes > self.limits["output_kb"] * 1024:
            self.killed = self.killed or "output"
        return bool(data)

    def _look_at_tree(self, wall: float) -> None:
        """Stops the program at its limits of CPU time and memory, summed over its processes, and of wall time."""
        cpu, memory = tree_usage(own_id_in_proc(), self.base[1])
        self.peak_tree_bytes = max(self.peak_tree_bytes, memory)
        if cpu > self.limits["cpu_seconds"]:
            self.killed = "cpu"
        elif memory > self.limits["memory_mb"] * 2**20:
            self.killed = "memory"
        elif wall > self.limits["wall_seconds"]:
            self.killed = "wall"

    def _kill(self, child: int) -> None:
        """Ends every process of the program; in a process namespace the kernel does it when the first one ends."""
        try:
            os.kill(child, signal.SIGKILL)
            if not self.layers.namespaces:
                os.killpg(child, signal.SIGKILL)
                for process in descendants(own_id_in_proc()):
                    os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def _authentic_report(self) -> dict | None:
        """The harness's report, if there is exactly one and it carries the nonce."""
        try:
            report = json.loads(self.seen["report"])
            return report if report.pop("nonce") == self.nonce else None
        except (ValueError, KeyError, AttributeError, TypeError):
            return None


def _reap_orphans() -> None:
    """Without a process namespace, orphans come to this worker: ends them until none is left."""
    while True:
        for process in descendants(own_id_in_proc()):
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return
