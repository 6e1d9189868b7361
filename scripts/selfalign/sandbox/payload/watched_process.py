"""A program's process, seen from its worker: started, watched, stopped at a limit, and gone with all that it started.

What is said of it here are facts; what they mean is decided on the host.
"""

import _socket
import contextlib
import os
import select
import shutil
import signal
import sys
import time

from . import claims, harness, isolation, seccomp
from .process_tree import descendants, is_alone, living, own_id_in_proc, tree_usage

POLL_SECONDS = 0.05
MAX_CLAIM = 64 * 1024
TAIL_BYTES = 8 * 1024
GRACE_SECONDS = 0.5
"""For helpers of the standard library to end by themselves after the program."""


class WatchedProcess:
    """One program, once.

    Args:
        worker: what the worker holds for all programs, see `worker.py`.
        limits: see :class:`selfalign.sandbox.limits.Limits`.
    """

    def __init__(self, worker, limits: dict):
        self.worker, self.layers, self.limits = worker, worker.layers, limits
        self.killed: str | None = None
        self.forbidden = ""
        self.output_bytes = 0
        self.peak_bytes = 0
        self.orphans_cpu = 0.0
        self.ended: tuple | None = None
        self.seen = {"stdout": b"", "stderr": b"", "claim": b""}
        self.proved, self.counts, self.claimed = False, {}, False
        self.fault = ""
        self.left_behind = self.fork_failed = False

    def run(self, prepared: harness.Prepared) -> dict:
        """Runs a program to the end of the last of its processes; what can be known about it from outside, and its claim."""
        # Not of the module `socket`, whose enums cost more pages than the rest of this.
        ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
        pipes = {"stdout": os.pipe(), "stderr": os.pipe()}
        # A pipe can be opened anew in /proc, and what was said there be read by who said it; a socket can't.
        pipes["claim"] = tuple([end.detach() for end in _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)])
        started = time.monotonic()
        folder = self._shared_folder()
        self.worker.walls.prepare(self.limits)
        self._forget_wakeups()  # those of the program before, which is gone; after the fork it would cost copies
        self.child = self._fork()
        if self.child == 0:
            self._become_program(prepared, {name: write for name, (_, write) in pipes.items()}, theirs, folder)
        theirs.close()
        readers = {}
        for name, (read, write) in pipes.items():
            os.close(write)
            os.set_blocking(read, False)
            readers[read] = name
        listener = self._listener(ours)
        try:
            self._watch(readers, listener, started)
        finally:
            self._end_all()
        for descriptor, name in readers.items():
            while self._read(descriptor, name):
                pass
            os.close(descriptor)
        if listener >= 0:
            os.close(listener)
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
        return self._facts()

    def _fork(self) -> int:
        if not self.layers.namespaces:
            return isolation.fork()
        isolation.unshare(isolation.CLONE_NEWPID)
        child = isolation.fork()
        if child:
            isolation.setns(self.worker.own_pids, isolation.CLONE_NEWPID)
        return child

    def _shared_folder(self) -> str:
        """A folder in the container's /tmp where a program cannot have a /tmp of its own, else an empty string."""
        if self.layers.namespaces:
            return ""
        folder = f"/tmp/{os.getpid()}-{time.monotonic_ns()}"
        os.mkdir(folder, 0o700)
        return folder

    def _become_program(
        self, prepared: harness.Prepared, pipes: dict[str, int], channel: _socket.socket, folder: str
    ) -> None:
        """In the child: puts up the walls, then hands over to the harness. Does not return."""
        try:
            self.worker.walls.put_up(folder, pipes, channel)
        except BaseException as error:
            channel.send(b"e" + repr(error).encode("utf-8", "replace")[:500])
            os._exit(1)
        harness.become(self.worker.harness, prepared, folder or "/tmp", claims.DESCRIPTOR)

    def _listener(self, channel: _socket.socket) -> int:
        """The descriptor at which forbidden calls of the program are announced, or -1.

        What went wrong with the walls comes this way too, which is closed before the program begins.
        """
        said, rights, _, _ = channel.recvmsg(1024, _socket.CMSG_LEN(4))
        channel.close()
        if said[:1] not in (b"l", b"n"):
            self.fault = "the walls around a program could not be put up: " + said[1:].decode("utf-8", "replace")
        return int.from_bytes(rights[0][2], sys.byteorder) if rights else -1

    # --- watching -----------------------------------------------------------------------------------------------------

    def _watch(self, readers: dict[int, str], listener: int, started: float) -> None:
        """Reads what the program says and stops it at a limit; returns when it has ended or proved its end."""
        poller = select.poll()
        for descriptor in (self.worker.wakeup.fileno(), *readers, *([listener] if listener >= 0 else [])):
            poller.register(descriptor, select.POLLIN)
        next_look = started + POLL_SECONDS
        while not (self.killed or self.ended or self.claimed):
            for descriptor, _ in poller.poll(POLL_SECONDS * 1000):
                if descriptor == self.worker.wakeup.fileno():
                    self._reap()
                elif descriptor == listener:
                    self._stop_forbidden(listener, poller)
                elif not self._read(descriptor, readers[descriptor]):
                    poller.unregister(descriptor)
            now = time.monotonic()
            if now >= next_look:
                self._look_at_tree(now - started)
                next_look = now + POLL_SECONDS
        if self.proved:
            self._wait_for_helpers()

    def _stop_forbidden(self, listener: int, poller: select.poll) -> None:
        call = seccomp.announced(listener)
        if call:
            self.killed, self.forbidden = self.killed or "forbidden", call
        else:
            poller.unregister(listener)

    def _read(self, descriptor: int, name: str) -> bool:
        """Takes what a pipe holds; False when it is empty or closed. No more of it is kept than can be used."""
        try:
            data = os.read(descriptor, 1 << 16)
        except BlockingIOError:
            return False
        if name == "claim":
            self.seen[name] = (self.seen[name] + data)[: MAX_CLAIM + 1]
            claimed, failed = claims.split(data)
            self.fork_failed |= failed
            if b"\n" in claimed or len(self.seen[name]) > MAX_CLAIM:
                self._verify(claims.read(self.seen[name]).get("state"))
            return bool(data)
        self.seen[name] = (self.seen[name] + data)[-TAIL_BYTES:] if name == "stderr" else b""
        self.output_bytes += len(data)
        if self.output_bytes > self.limits["output_kb"] * 1024:
            self.killed = self.killed or "output"
        return bool(data)

    def _verify(self, state: object) -> None:
        """Looks into the program's memory: has its harness come to the end that was claimed, and what was counted?"""
        with contextlib.suppress(OSError):
            proved, untouched, self.counts = self.worker.witness.look(self.child)
            self.proved = proved and state == "end"
            self.claimed = self.proved or state in ("raised", "exit")
            if not untouched:
                self.killed, self.forbidden = "forbidden", "changed the harness"
        if not self.claimed:
            self.killed = "forbidden"
            self.forbidden = (
                "claimed the end of its tests before it was there" if state else "wrote to the harness's socket"
            )

    def _wait_for_helpers(self) -> None:
        """After the end: other processes of the program have a moment to go; one that stays was left behind."""
        if self.layers.proc and is_alone(self.child):
            return  # first process of its namespace: orphans would be its children
        patience = time.monotonic() + GRACE_SECONDS
        while len(living(own_id_in_proc())) > 1:  # the program itself waits
            if time.monotonic() > patience:
                self.left_behind = True
                return
            time.sleep(0.01)
            self._reap()

    def _look_at_tree(self, wall: float) -> None:
        """Stops the program at its limits of CPU time and memory, summed over its processes, and of wall time."""
        cpu, memory = tree_usage(own_id_in_proc(), self.worker.base[1])
        self.peak_bytes = max(self.peak_bytes, memory)
        if cpu + self.orphans_cpu > self.limits["cpu_seconds"]:
            self.killed = self.killed or "cpu"
        elif memory > self.limits["memory_mb"] * 2**20:
            self.killed = self.killed or "memory"
        elif wall > self.limits["wall_seconds"]:
            self.killed = self.killed or "wall"

    def _reap(self) -> None:
        """Collects processes that have ended, the program's orphans among them."""
        self._forget_wakeups()
        while True:
            try:
                process, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if process == 0:
                return
            self._ended(process, status, usage)

    def _forget_wakeups(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self.worker.wakeup.recv(4096):
                pass

    def _ended(self, process: int, status: int, usage) -> None:
        if process == self.child:
            self.ended = (status, usage)
        else:
            self.orphans_cpu += usage.ru_utime + usage.ru_stime

    def _end_all(self) -> None:
        """Ends every process of the program and waits for them; none is left when the next one starts."""
        while True:
            self._kill_all()
            try:
                process, status, usage = os.wait4(-1, 0)
            except ChildProcessError:
                return
            self._ended(process, status, usage)

    def _kill_all(self) -> None:
        """In a process namespace the kernel ends all of it with its first process, which the program is."""
        processes = [self.child]
        if not self.layers.namespaces:
            processes += descendants(own_id_in_proc())
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def _facts(self) -> dict:
        """What can be known about the program from outside, and what it claimed."""
        status, usage = self.ended
        code = os.waitstatus_to_exitcode(status)
        cpu = usage.ru_utime + usage.ru_stime + self.orphans_cpu
        if cpu > self.limits["cpu_seconds"]:
            self.killed = self.killed or "cpu"  # it ended between two looks
        if code == -signal.SIGKILL and not self.claimed and not self.killed and self.worker.board.memory_was_short():
            self.fault = "the kernel killed a program because the machine, or the job, is out of memory"
        return {
            "fault": self.fault,
            "killed": self.killed,
            "forbidden": self.forbidden,
            "exit": code if code >= 0 else None,
            "signal": -code if code < 0 else None,
            "report": claims.read(self.seen["claim"]) or None,
            "claimed": self.claimed,
            "proved": self.proved,
            "counts": self.counts,
            "left_behind": self.left_behind,
            "fork_failed": self.fork_failed,
            "output_bytes": self.output_bytes,
            "stderr_tail": self.seen["stderr"].decode("utf-8", "replace"),
            "cpu_seconds": round(cpu, 4),
            "peak_memory_mb": round(max(usage.ru_maxrss * 1024, self.peak_bytes) / 2**20, 1),
        }
