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
OF_A_WORKER = CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWUTS | OF_A_PROGRAM
"""Namespaces of a worker. Those for network and host name serve its programs one after another: no interface is up, none of
them may set anything up, and what they open ends with them. To make and to end a network namespace costs more than a fork."""
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 4, 36, 38
CAPABILITY_VERSION = 0x20080522
INNER_ID = 1000
"""User and group that programs see themselves as."""
HOST_NAME = b"sandbox"

_libc = ctypes.CDLL(None, use_errno=True)
_forks = ctypes.PyDLL(None, use_errno=True)
_CAPABILITIES = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
_NO_CAPABILITY = (ctypes.c_uint32 * 6)()


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def fork() -> int:
    """`os.fork` without Python's own handlers, for a process of one thread.

    They renew locks that no other thread can hold here, and with that touch, and so copy, 200 pages in every child.
    """
    process = _forks.fork()
    if process < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"fork: {os.strerror(number)}")
    return process


def unshare(flags: int) -> None:
    _checked(_libc.unshare(ctypes.c_int(flags)), f"unshare({flags:#x})")


def setns(descriptor: int, kind: int) -> None:
    _checked(_libc.setns(ctypes.c_int(descriptor), ctypes.c_int(kind)), "setns")


def mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    encode = lambda text: None if text is None else text.encode()  # noqa: E731
    result = _libc.mount(encode(source), encode(target), encode(kind), ctypes.c_ulong(flags), options.encode())
    _checked(result, f"mount {target}")


def prctl(option: int, value: int) -> None:
    zero = ctypes.c_ulong(0)
    _checked(_libc.prctl(ctypes.c_int(option), ctypes.c_ulong(value), zero, zero, zero), f"prctl({option})")


def drop_capabilities() -> None:
    """Gives up every capability for good: none is left, and no program that is started can bring one."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    _checked(_libc.capset(_CAPABILITIES, _NO_CAPABILITY), "capset")


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
        own_proc(writable=True)


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


def private_mounts() -> None:
    mount("none", "/", None, MS_REC | MS_PRIVATE)


def own_proc(writable: bool = False) -> None:
    """This process namespace's own /proc. A program's is read-only: its memory is a file there."""
    flags = MS_NOSUID | MS_NODEV | MS_NOEXEC | (0 if writable else MS_RDONLY)
    mount("proc", "/proc", "proc", flags)


def hide_proc() -> None:
    mount("tmpfs", "/proc", "tmpfs", MS_NOSUID | MS_NODEV | MS_RDONLY)


def own_temporary_folders(megabytes: int) -> None:
    """An empty, size-limited /tmp, which /var/tmp and /dev/shm are other names of."""
    options = f"size={megabytes}m,nr_inodes={max(megabytes, 1) * 256},mode=1777"
    mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, options)
    for other in ("/var/tmp", "/dev/shm"):
        if os.path.isdir(other):
            mount("/tmp", other, None, MS_BIND)


def memory_now() -> tuple[int, int]:
    """Bytes of address space and bytes in memory that this process has now."""
    with open("/proc/self/statm") as stream:
        pages = stream.read().split()
    return int(pages[0]) * resource.getpagesize(), int(pages[1]) * resource.getpagesize()


def set_limits(limits: dict, base_bytes: int, tasks: int) -> None:
    """Resource limits of this process and what it starts.

    Args:
        limits: the configured limits; see :class:`selfalign.sandbox.limits.Limits`.
        base_bytes: address space that the preloaded interpreter had already; it is not charged to the program.
        tasks: processes and threads of this user that may exist at once.
    """
    seconds = int(limits["cpu_seconds"]) + 2  # a backstop: the worker stops the whole tree at the limit itself
    disk = int(limits["disk_mb"]) << 20
    wanted = {
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_AS: base_bytes + (int(limits["memory_mb"]) << 20),
        resource.RLIMIT_NPROC: tasks,
        resource.RLIMIT_NOFILE: 256,
        resource.RLIMIT_FSIZE: disk,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    for kind, value in wanted.items():
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))
