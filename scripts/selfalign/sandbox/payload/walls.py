"""What a program's process puts up around itself before the program begins: see the layers in docs/sandbox.md.

Whatever does not depend on the program is made ready in the worker, since the process copies every page that it changes.
"""

import _signal
import _socket
import os
import resource
import sys

from . import claims, isolation, seccomp

MAX_DESCRIPTOR = 4096


class Walls:
    """Those of one worker's programs.

    Args:
        settings: the worker's: `user_tasks`, `workers`.
        layers: granted by the kernel, see `worker.py`.
        base_bytes: address space that the preloaded interpreter has already; it is not charged to a program.
    """

    def __init__(self, settings: dict, layers, base_bytes: int):
        self.settings, self.layers, self.base_bytes = settings, layers, base_bytes
        self.filter = seccomp.ready(seccomp.build(layers.action))
        self.folders = isolation.TemporaryFolders()
        self._known: dict = {}

    def prepare(self, limits: dict) -> None:
        """In the worker: makes ready what the next program's limits decide; those asked for last are kept.

        Args:
            limits: see :class:`selfalign.sandbox.limits.Limits`.
        """
        if self._known != limits:
            self._known = dict(limits)
            self._limits = isolation.resource_limits(limits, self.base_bytes, self._tasks(limits))
            self.folders.set_size(int(limits["disk_mb"]))

    def _tasks(self, limits: dict) -> int:
        """Tasks that the kernel may count: the program's, the worker and its waiting parent, or all of the user's."""
        own = int(limits["processes"])
        if self.layers.limit_own_tasks:
            return own + 2
        return self.settings["user_tasks"] + (own + 2) * self.settings["workers"]

    def put_up(self, folder: str, pipes: dict[str, int], channel: _socket.socket) -> None:
        """In the program's process, which has nothing but its three pipes when this is done, and no way back.

        Args:
            folder: the program's, where it cannot have a /tmp of its own; or an empty string.
            pipes: `stdout`, `stderr`, `claim`.
            channel: to the worker; it gets the filter's listener. Closed at the end.
        """
        _signal.set_wakeup_fd(-1)
        _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)  # not its wrapper: enums touch, so copy, a hundred pages
        os.setsid()
        if self.layers.namespaces:
            isolation.unshare(isolation.OF_A_RUNNING_PROGRAM)
            self.folders.make()
            (isolation.own_proc if self.layers.proc else isolation.hide_proc)()
        if folder:
            os.environ["HOME"] = os.environ["TMPDIR"] = folder
        os.chdir(folder or "/tmp")
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
        os.dup2(pipes["stdout"], 1)
        os.dup2(pipes["stderr"], 2)
        kept = channel.fileno()
        if kept <= claims.DESCRIPTOR:
            raise OSError("no descriptor above the usual ones is free")
        os.dup2(pipes["claim"], claims.DESCRIPTOR, inheritable=False)
        os.closerange(claims.DESCRIPTOR + 1, kept)
        os.closerange(kept + 1, MAX_DESCRIPTOR)
        for kind, value in self._limits:
            resource.setrlimit(kind, value)
        isolation.drop_capabilities()
        self._filter(channel)
        os.close(channel.detach())

    def _filter(self, channel: _socket.socket) -> None:
        """Puts up the filter of system calls and hands its listener to the worker."""
        if not self.layers.seccomp:
            channel.send(b"n")
            return
        own = not self.layers.namespaces
        program = seccomp.ready(seccomp.build(self.layers.action, os.getpid())) if own else self.filter
        listener = seccomp.install(program, self.layers.seccomp == "notify")
        if listener < 0:
            channel.send(b"n")
        else:
            rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, listener.to_bytes(4, sys.byteorder))
            channel.sendmsg((b"l",), (rights,))
            os.close(listener)
