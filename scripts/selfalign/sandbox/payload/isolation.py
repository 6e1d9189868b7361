"""Calls to the kernel: namespaces, mounts, capabilities, limits. Linux only, through the C library."""

import contextlib
import ctypes
import os
import resource

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND = 1, 2, 4, 8, 32, 4096
MS_REC, MS_PRIVATE = 16384, 1 << 18
OF_A_PROGRAM = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC
"""Namespaces that every program gets for itself."""
OF_A_RUNNING_PROGRAM = OF_A_PROGRAM & ~CLONE_NEWPID
"""Those that its process enters by itself; the other one it is born in."""
OF_A_WORKER = CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWUTS | OF_A_PROGRAM
"""Namespaces of a worker. Those for network and host name serve its programs one after another: no interface is up, none of
them may set anything up, and what they open ends with them. To make and to end a network namespace costs more than a fork."""
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 4, 36, 38
CAPABILITY_VERSION = 0x20080522
INNER_ID = 1000
"""User and group that programs see themselves as."""
HOST_NAME = b"sandbox"

_libc = ctypes.CDLL(None, use_errno=True)
# Looked up now: to find a function takes a process of a program longer than to call it.
_unshare, _setns, _mount, _prctl, _capset = _libc.unshare, _libc.setns, _libc.mount, _libc.prctl, _libc.capset
_fork = ctypes.PyDLL(None, use_errno=True).fork
_CAPABILITIES = ctypes.byref((ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0))
_NO_CAPABILITY = ctypes.byref((ctypes.c_uint32 * 6)())
_ZERO = ctypes.c_ulong(0)


def _checked(result: int, *what: object) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{' '.join(map(str, what))}: {os.strerror(number)}")


def fork() -> int:
    """`os.fork` without Python's own handlers, for a process of one thread.

    They renew locks that no other thread can hold here, and with that touch, and so copy, 200 pages in every child.
    """
    process = _fork()
    if process < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"fork: {os.strerror(number)}")
    return process


def unshare(flags: int) -> None:
    _checked(_unshare(flags), "unshare", flags)


def setns(descriptor: int, kind: int) -> None:
    _checked(_setns(descriptor, kind), "setns")


class _Mount:
    """A mount with arguments that are made only once."""

    def __init__(self, source: bytes, target: bytes, kind: bytes | None, flags: int):
        self._arguments, self._target = (source, target, kind, ctypes.c_ulong(flags)), target

    def __call__(self, options: bytes = b"") -> None:
        _checked(_mount(*self._arguments, options), "mount", self._target)


def prctl(option: int, value: int) -> None:
    _checked(_prctl(option, ctypes.c_ulong(value), _ZERO, _ZERO, _ZERO), "prctl", option)


def drop_capabilities() -> None:
    """Gives up every capability for good: none is left, and no program that is started can bring one."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    _checked(_capset(_CAPABILITIES, _NO_CAPABILITY), "capset")


def become_nobody(user: int) -> None:
    """The container's root (the case when the workflow runs as root) turns into an ordinary user, for real."""
    if os.getuid() == 0:
        _uncover_proc()
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        prctl(PR_SET_DUMPABLE, 1)  # the kernel hides /proc/self from its own process after a change of user


def _uncover_proc() -> None:
    """bubblewrap, run as root, covers parts of /proc; nested namespaces may mount their own only where none is."""
    with contextlib.suppress(OSError):  # programs find out whether they can have their own, and the worker says so
        _writable_proc()


def own_namespaces() -> None:
    """Enters a worker's new namespaces, in which this process is an ordinary user that may make further ones."""
    user, group = os.getuid(), os.getgid()
    unshare(OF_A_WORKER)
    for name, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{INNER_ID} {user} 1"),
        ("gid_map", f"{INNER_ID} {group} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as stream:
            stream.write(line)
    _checked(_libc.sethostname(HOST_NAME, ctypes.c_size_t(len(HOST_NAME))), "sethostname")


private_mounts = _Mount(b"none", b"/", None, MS_REC | MS_PRIVATE)
_writable_proc = _Mount(b"proc", b"/proc", b"proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
own_proc = _Mount(b"proc", b"/proc", b"proc", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY)
"""This process namespace's own /proc. A program's is read-only: its memory is a file there."""
hide_proc = _Mount(b"tmpfs", b"/proc", b"tmpfs", MS_NOSUID | MS_NODEV | MS_RDONLY)


class TemporaryFolders:
    """An empty, size-limited /tmp, which /var/tmp and /dev/shm are other names of."""

    def __init__(self):
        self._main = _Mount(b"tmpfs", b"/tmp", b"tmpfs", MS_NOSUID | MS_NODEV)
        others = [name for name in (b"/var/tmp", b"/dev/shm") if os.path.isdir(name)]
        self._others = tuple(_Mount(b"/tmp", name, None, MS_BIND) for name in others)

    def set_size(self, megabytes: int) -> None:
        self._options = b"size=%dm,nr_inodes=%d,mode=1777" % (megabytes, max(megabytes, 1) * 256)

    def make(self) -> None:
        self._main(self._options)
        for mount in self._others:
            mount()


def memory_now() -> tuple[int, int]:
    """Bytes of address space and bytes in memory that this process has now."""
    with open("/proc/self/statm") as stream:
        pages = stream.read().split()
    return int(pages[0]) * resource.getpagesize(), int(pages[1]) * resource.getpagesize()


def resource_limits(limits: dict, base_bytes: int, tasks: int) -> tuple[tuple[int, tuple[int, int]], ...]:
    """Resource limits for a program's process and what it starts, as `resource.setrlimit` takes them.

    Args:
        limits: the configured limits; see :class:`selfalign.sandbox.limits.Limits`.
        base_bytes: address space that the preloaded interpreter had already; it is not charged to the program.
        tasks: processes and threads of this user that may exist at once.
    """
    seconds = int(limits["cpu_seconds"]) + 2  # a backstop: the worker stops the whole tree at the limit itself
    wanted = {
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_AS: base_bytes + (int(limits["memory_mb"]) << 20),
        resource.RLIMIT_NPROC: tasks,
        resource.RLIMIT_NOFILE: 256,
        resource.RLIMIT_FSIZE: int(limits["disk_mb"]) << 20,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    hard = {kind: resource.getrlimit(kind)[1] for kind in wanted}
    least = {
        kind: value if hard[kind] == resource.RLIM_INFINITY else min(value, hard[kind])
        for kind, value in wanted.items()
    }
    return tuple((kind, (value, value)) for kind, value in least.items())
