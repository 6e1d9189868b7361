"""The filter of system calls that a program runs under, made of BPF instructions and put up by the program's process.

Three classes. *Forbidden*: nothing that a program is asked for needs them; the attempt ends it. *Refused*: an error code,
as on a system that lacks the call, so that libraries fall back to something else. Everything else is allowed. Numbers are
those of x86-64, the architecture of the image (linux/arch/x86/entry/syscalls/syscall_64.tbl).
"""

import ctypes
import errno
import fcntl
import os
import struct

FORBIDDEN = {
    "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312, "pidfd_getfd": 438,
    "process_madvise": 440, "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161, "setns": 308,
    "unshare": 272, "move_mount": 429, "open_tree": 428, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433,
    "mount_setattr": 442, "add_key": 248, "request_key": 249, "keyctl": 250, "bpf": 321, "perf_event_open": 298,
    "kexec_load": 246, "kexec_file_load": 320, "init_module": 175, "finit_module": 313, "delete_module": 176,
    "userfaultfd": 323, "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "seccomp": 317,
    "reboot": 169, "swapon": 167, "swapoff": 168, "quotactl": 179, "quotactl_fd": 443, "acct": 163,
    "open_by_handle_at": 304, "name_to_handle_at": 303, "fanotify_init": 300, "settimeofday": 164, "adjtimex": 159,
    "clock_settime": 227, "clock_adjtime": 305, "iopl": 172, "ioperm": 173, "modify_ldt": 154, "syslog": 103,
    "vhangup": 153, "sethostname": 170, "setdomainname": 171, "lookup_dcookie": 212, "vmsplice": 278, "uselib": 134,
    "migrate_pages": 256, "move_pages": 279,
}  # fmt: skip
NO_SUCH_CALL = {"clone3": 435, "memfd_create": 319, "memfd_secret": 447}
NOT_PERMITTED = {
    "shmget": 29, "shmat": 30, "shmctl": 31, "semget": 64, "semop": 65, "semctl": 66, "semtimedop": 220, "msgget": 68,
    "msgsnd": 69, "msgrcv": 70, "msgctl": 71, "mq_open": 240, "mq_unlink": 241, "personality": 135,
    "mbind": 237, "set_mempolicy": 238,
}  # fmt: skip
"""Memory and queues that outlive a process, or that no limit counts; and where memory lies, which OpenBLAS, so scipy, asks
for whenever it allocates and does without."""

CLONE, SOCKET, SOCKETPAIR, IOCTL, PRCTL, KILL, TGKILL, TKILL = 56, 41, 53, 16, 157, 62, 234, 200
NAMESPACE_FLAGS = 0x7E020000 | 0x80
FAMILIES = (1, 2, 10)
"""AF_UNIX, AF_INET, AF_INET6."""
SOCK_RAW, SOCK_PACKET = 3, 10
TIOCSTI, TIOCLINUX = 0x5412, 0x541C
PR_SET_DUMPABLE = 4
NAMES = {number: name for name, number in FORBIDDEN.items()} | {
    CLONE: "clone with namespaces",
    PRCTL: "prctl(DUMPABLE)",
}

ARCHITECTURE = 0xC000003E
ALLOW, ERRNO, NOTIFY, KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x7FC00000, 0x80000000
_LOAD, _JEQ, _JGE, _JSET, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_SYS_SECCOMP, _MODE_FILTER, _NEW_LISTENER = 317, 1, 8
_RECEIVE = 0xC0502100
_NOTIFICATION = 80


def build(action: int, own_process: int | None = None) -> bytes:
    """The filter's instructions.

    Args:
        action: what a forbidden call leads to: :data:`NOTIFY` or :data:`KILL_PROCESS`.
        own_process: the only process that may be signalled, where no process namespace keeps others out of reach.
    """
    code: list[bytes] = []

    def emit(operation: int, value: int, yes: int = 0, no: int = 0) -> None:
        code.append(struct.pack("<HBBI", operation, yes, no, value & 0xFFFFFFFF))

    def answer(number: int, value: int) -> None:
        emit(_JEQ, number, 0, 1)
        emit(_RETURN, value)

    def argument(index: int) -> None:
        emit(_LOAD, 16 + 8 * index)

    def block(number: int, instructions) -> None:
        """Instructions for one call, which end in a verdict; others jump over them."""
        at = len(code)
        emit(_JEQ, number)
        instructions()
        emit(_RETURN, ALLOW)
        code[at] = struct.pack("<HBBI", _JEQ, 0, len(code) - at - 1, number)

    def namespaces() -> None:
        argument(0)
        emit(_JSET, NAMESPACE_FLAGS & ~0x80, 0, 1)
        emit(_RETURN, action)

    def families() -> None:
        argument(1)
        emit(_AND, 0xF)
        for kind in (SOCK_RAW, SOCK_PACKET):
            answer(kind, ERRNO | errno.EPERM)
        argument(0)
        for family in FAMILIES:
            answer(family, ALLOW)
        emit(_RETURN, ERRNO | errno.EAFNOSUPPORT)

    def terminals() -> None:
        argument(1)
        for request in (TIOCSTI, TIOCLINUX):
            answer(request, ERRNO | errno.EPERM)

    def dumpable() -> None:
        argument(0)
        answer(PR_SET_DUMPABLE, action)

    def signals() -> None:
        argument(0)
        for process in (own_process, 0):
            answer(process, ALLOW)
        emit(_RETURN, ERRNO | errno.EPERM)

    emit(_LOAD, 4)
    emit(_JEQ, ARCHITECTURE, 1, 0)
    emit(_RETURN, KILL_PROCESS)
    emit(_LOAD, 0)
    emit(_JGE, 0x40000000, 0, 1)
    emit(_RETURN, KILL_PROCESS)
    for number in FORBIDDEN.values():
        answer(number, action)
    for number in NO_SUCH_CALL.values():
        answer(number, ERRNO | errno.ENOSYS)
    for number in NOT_PERMITTED.values():
        answer(number, ERRNO | errno.EPERM)
    for number, instructions in ((CLONE, namespaces), (SOCKET, families), (SOCKETPAIR, families), (IOCTL, terminals),
                                 (PRCTL, dumpable)):  # fmt: skip
        block(number, instructions)
    if own_process is not None:
        for number in (KILL, TGKILL, TKILL):
            block(number, signals)
    emit(_RETURN, ALLOW)
    return b"".join(code)


class Ready(ctypes.Structure):
    """A filter as the kernel takes it."""

    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


_syscall = ctypes.CDLL(None, use_errno=True).syscall
_INSTALL = (ctypes.c_long(_SYS_SECCOMP), ctypes.c_ulong(_MODE_FILTER))
_FLAGS = (ctypes.c_ulong(0), ctypes.c_ulong(_NEW_LISTENER))


def ready(code: bytes) -> Ready:
    return Ready(len(code) // 8, code)


def install(program: Ready, listen: bool) -> int:
    """Puts the filter up for this process and all that it starts; nothing can take it away.

    Args:
        listen: ask for a descriptor at which forbidden calls are announced (Linux 5.0).

    Returns:
        That descriptor, or -1.
    """
    result = _syscall(*_INSTALL, _FLAGS[listen], ctypes.byref(program))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"seccomp: {os.strerror(number)}")
    return result if listen else -1


def announced(listener: int) -> str:
    """The name of the forbidden call that waits at a listener's descriptor; empty when its process has gone."""
    buffer = bytearray(_NOTIFICATION)
    try:
        fcntl.ioctl(listener, _RECEIVE, buffer)
    except OSError:
        return ""
    (number,) = struct.unpack_from("<i", buffer, 16)
    return NAMES.get(number, f"system call {number}")
