"""Attacks on the sandbox by name: what `make sandbox-check` tries on a machine, and what tests/security holds it to.

The verdicts are those that are right for the attack. "passed" is right where the attack fails quietly (the file is not
there, the signal reaches nobody) and the program's honest checks then hold: its own asserts say that the attack got nowhere.
"""

from dataclasses import dataclass

from selfalign.sandbox.payload import seccomp
from selfalign.sandbox.program import Program

SOLUTION = "def increment(number):\n    return number + 1\n"
TESTS = "assert increment(1) == 2\n"
HONEST = Program(SOLUTION, TESTS)
CLEAN = Program(
    SOLUTION,
    f"""{TESTS}
import os
assert os.listdir("/tmp") == os.listdir("/var/tmp") == os.listdir("/dev/shm") == ["program.py"]
assert [name for name in os.listdir("/proc") if name.isdigit()] == [str(os.getpid())]
assert "@" not in open("/proc/net/unix").read()
assert all(len(open(f"/proc/sysvipc/{{kind}}").readlines()) == 1 for kind in ("shm", "sem", "msg"))
""",
)
"""Honest, and finds nothing of another program: where a program has namespaces of its own."""


@dataclass(frozen=True)
class Attack:
    """A program and the verdicts that are right for it."""

    program: Program
    verdicts: tuple[str, ...]


def _before(text: str, *verdicts: str) -> Attack:
    """An attack that runs ahead of tests which would pass."""
    return Attack(Program(SOLUTION, f"{text}\n{TESTS}"), verdicts)


def _refused(text: str, *verdicts: str) -> Attack:
    """An attempt that must raise an OSError; if it does not, the program says so by a failed check."""
    body = "\n".join(f"    {line}" for line in text.splitlines())
    tried = f"try:\n{body}\nexcept OSError:\n    got = False\nelse:\n    got = True\nassert not got"
    return _before(tried, *(verdicts or ("passed",)))


def _perl(call: str) -> Attack:
    """A call of Perl's, from the image, that must be refused: Python has no name for it, and no hook of Python's sees it."""
    text = f'$name = "queue"; $got = {call}; exit(defined($got) && $got != -1 ? 7 : 0)'
    return _before(f"import subprocess\nassert subprocess.run(['perl', '-e', {text!r}]).returncode == 0", "passed")


_FAKE_UNITTEST = """
import sys, types
fake = types.ModuleType("unittest")
fake.TestCase = type("TestCase", (), {"assertEqual": lambda self, *values: None})
sys.modules["unittest"] = fake
"""
_NEVER_EQUAL = "class Yes:\n    {method}\n\ndef increment(number):\n    return {value}\n"

FALSE_PASSES = {
    "exit before the checks": _before("import sys; sys.exit(0)", "early_exit"),
    "exit without cleaning up": _before("import os; os._exit(0)", "early_exit"),
    "exit at exit": _before("import atexit, os\natexit.register(os._exit, 0)", "early_exit"),
    "exit from a finalizer": _before(
        "import os\nclass C:\n    def __del__(self):\n        os._exit(0)\nc = C()\ndel c", "early_exit"
    ),
    "swallowed failure": _before("try:\n    assert increment(1) == 3\nexcept AssertionError:\n    pass", "assertion_failed"),
    "checks that are never called": Attack(Program(SOLUTION, "def check():\n    assert increment(1) == 3\n"), ("no_checks",)),
    "no check": Attack(Program(SOLUTION, "print(increment(1))"), ("no_checks",)),
    "check of nothing": Attack(Program(SOLUTION, "assert True"), ("vacuous",)),
    "solution defined anew": Attack(
        Program(SOLUTION, "def increment(number):\n    return 2\nassert increment(1) == 2"), ("redefines_solution",)
    ),
    "equal to everything": Attack(
        Program(_NEVER_EQUAL.format(method="def __eq__(self, other):\n        return True", value="Yes()"), TESTS),
        ("vacuous",),
    ),
    "a number equal to everything": Attack(
        Program("class Yes(int):\n    __hash__ = None\n    __eq__ = lambda self, other: True\n\n"
                "def increment(number):\n    return Yes(7)\n", TESTS),
        ("vacuous",),
    ),
    "equal to everything, in a list": Attack(
        Program(_NEVER_EQUAL.format(method="__eq__ = lambda self, other: True", value="[Yes()]"),
                "assert increment(1) == [2]"),
        ("vacuous",),
    ),
    "true to everything by __bool__": Attack(
        Program("class Maybe:\n    __bool__ = lambda self: True\n\n"
                + _NEVER_EQUAL.format(method="__eq__ = lambda self, other: Maybe()", value="Yes()"), TESTS),
        ("vacuous",),
    ),
    "nothing at all": Attack(Program("", ""), ("no_checks",)),
    "no tests": Attack(Program(SOLUTION, ""), ("no_checks",)),
    "no solution": Attack(Program("", TESTS), ("vacuous",)),
    "unittest without a test": Attack(
        Program(SOLUTION, "import unittest\nclass T(unittest.TestCase):\n    def check(self):\n"
                          "        self.assertEqual(increment(1), 3)\nunittest.main()"),
        ("no_checks",),
    ),
    "coroutine that nobody awaits": Attack(
        Program(SOLUTION, "async def check():\n    assert increment(1) == 3\ncheck()"), ("no_checks",)
    ),
    "unittest's module replaced": Attack(
        Program(_FAKE_UNITTEST + SOLUTION, "import unittest\nclass T(unittest.TestCase):\n    def test(self):\n"
                                           "        self.assertEqual(increment(1), 3)\nT().test()"),
        ("no_checks", "forbidden", "assertion_failed"),
    ),
    "builtins replaced": _before("import builtins\nbuiltins.all = lambda values: True\nassert all([increment(1) == 3])",
                                 "forbidden"),
    "unittest replaced": _before(
        "import unittest\nunittest.TestCase.assertEqual = lambda *a: None\n"
        "class T(unittest.TestCase):\n    def test(self):\n        self.assertEqual(increment(1), 3)", "forbidden"),
    "claim on the harness's socket": _before(
        "import os\nos.write(3, b'{\"state\": \"end\"}\\n')\nassert increment(1) == 3", "forbidden", "assertion_failed"),
    "garbage on the harness's socket": _before("import os\nos.write(3, b'\\xff{[' * 1000 + b'\\n')", "forbidden"),
    "flood on the harness's socket": _before("import os\nwhile True:\n    os.write(3, b'x' * 65536)",
                                           "forbidden"),
    "claim of a forked child": _before("import os\nif os.fork() > 0:\n    os._exit(0)", "early_exit"),
    "walk to the harness's frames": _before(
        "import sys\nframe = sys._getframe()\nwhile frame:\n"
        "    for name in list(frame.f_globals):\n"
        "        if name in ('json', 'os', 'checks', 'pytest_style', 'MAX_MESSAGE') and 'claim' in str(frame.f_locals):\n"
        "            frame.f_globals[name] = None\n    frame = frame.f_back\nassert increment(1) == 3",
        "assertion_failed", "early_exit", "error", "forbidden"),
    "search for the harness's objects": _before(
        "import gc\nfound = [o for o in gc.get_objects() if type(o).__name__ == 'generator' and 'harness' in str(o.gi_code)]\n"
        "for generator in found:\n    try:\n        generator.close()\n    except (ValueError, RuntimeError):\n        pass\n"
        "assert increment(1) == 3", "assertion_failed", "error"),
    "trace function": _before("import sys\nsys.settrace(lambda *a: None)", "forbidden"),
    "audit hook that hides": _before(
        "import sys\nsys.addaudithook(lambda *a: None)\nassert increment(1) == 3", "assertion_failed"),
    "code made by hand": _before("increment.__code__ = (lambda number: 2).__code__", "forbidden"),
    "exception hook": _before("import os, sys\nsys.excepthook = lambda *e: os._exit(0)\nassert increment(1) == 3",
                              "assertion_failed"),
    "failure in a thread": _before("import threading\nt = threading.Thread(target=lambda: 1 / 0)\nt.start()\nt.join()",
                                   "error"),
}  # fmt: skip

PROCESSES = {
    "kill of the parent": _refused("import os\nos.kill(os.getppid() or 2, 9)", "passed", "early_exit"),
    "kill of all": _refused("import os\nos.kill(-1, 9)", "passed", "early_exit"),
    "process left behind": _before("import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(600)", "forbidden"),
    "process left behind by two forks": _before(
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        time.sleep(600)\n    os._exit(0)",
        "forbidden"),
    "process that ignores signals": _before(
        "import os, signal, time\nif os.fork() == 0:\n    for n in range(1, 32):\n        try:\n"
        "            signal.signal(n, signal.SIG_IGN)\n        except OSError:\n            pass\n    time.sleep(600)", "forbidden"),
    "stopped process": _before("import os, signal, time\nif os.fork() == 0:\n    os.kill(os.getpid(), signal.SIGSTOP)\n"
                               "    time.sleep(600)\ntime.sleep(0.1)", "forbidden"),
    "spawned process": _before("import os\nos.posix_spawn('/bin/sleep', ['sleep', '600'], {}, setsid=True)", "forbidden"),
    "fork bomb": _before("import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass", "timeout"),
    "fork bomb of the shell": _before("import subprocess\nsubprocess.run(['sh', '-c', 'b() { b | b & }; b; sleep 1'])",
                                      "timeout", "forbidden", "process_limit", "passed"),
    "threads without end": _before("import threading, time\nfor _ in range(99):\n"
                                   "    threading.Thread(target=time.sleep, args=(9,)).start()", "process_limit"),
    "spawned without end": _before("import os\nwhile True:\n    os.posix_spawn('/bin/sleep', ['sleep', '9'], {})",
                                   "process_limit"),
    "subprocesses without end": _before("import subprocess\nhoard = [subprocess.Popen(['sleep', '9']) for _ in range(99)]",
                                        "process_limit"),
    "multiprocessing without end": _before(
        "import multiprocessing, time\nfor _ in range(99):\n    multiprocessing.Process(target=time.sleep, args=(9,)).start()",
        "process_limit"),
    "terminals without end": _before("import os, time\nfor _ in range(99):\n    if os.forkpty()[0] == 0:\n        time.sleep(9)",
                                     "process_limit", "error"),
}  # fmt: skip

RESOURCES = {
    "endless loop": _before("while True:\n    pass", "timeout"),
    "spinning thread": _before("import threading\ndef spin():\n    while True:\n        pass\n"
                               "threading.Thread(target=spin).start()", "timeout"),
    "alarm ignored": _before("import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True:\n    pass", "timeout"),
    "regular expression": _before("import re\nre.match(r'(a+)+$', 'a' * 60 + 'b')", "timeout"),
    "big integer": _before("10 ** 10 ** 9", "timeout", "memory"),
    "bottomless recursion": _before("import sys\nsys.setrecursionlimit(10 ** 9)\ndef dig(n):\n    return dig(n + 1)\ndig(0)",
                                    "memory", "timeout", "error"),
    "one large block": _before("hoard = bytearray(4 << 30)", "memory"),
    "mapped memory": _before("import mmap\nm = mmap.mmap(-1, 4 << 30)", "memory", "error"),
    "memory in files of memory": _refused("import os\nos.memfd_create('x')"),
    "memory of many processes": _before(
        "import os, time\nfor _ in range(4):\n    if os.fork() == 0:\n        hoard = b'x' * (300 << 20)\n        time.sleep(60)\n"
        "time.sleep(60)", "memory", "timeout"),
    "mapped memory of many processes": _before(
        "import mmap, os, time\nblock = b'x' * (1 << 20)\nfor _ in range(4):\n    if os.fork() == 0:\n"
        "        hoard = mmap.mmap(-1, 250 << 20)\n        while hoard.tell() < len(hoard):\n            hoard.write(block)\n"
        "        time.sleep(60)\ntime.sleep(60)", "memory", "timeout"),
    "sparse file of 10 GB": _refused("with open('/tmp/sparse', 'wb') as stream:\n    stream.truncate(10 << 30)"),
    "filled pipes": _before(
        "import errno, fcntl, os\npipes = []\ntry:\n    while True:\n        pipes.append(os.pipe())\n"
        "        os.set_blocking(pipes[-1][1], False)\n        try:\n            fcntl.fcntl(pipes[-1][1], 1031, 1 << 20)\n"
        "        except PermissionError:\n            pass\n"
        "        try:\n            while os.write(pipes[-1][1], b'x' * 65536):\n                pass\n"
        "        except BlockingIOError:\n            pass\nexcept OSError as refused:\n    assert refused.errno == errno.EMFILE",
        "passed"),
    "filled sockets": _before(
        "import errno, socket\npairs = []\ntry:\n    while True:\n        pairs.append(socket.socketpair())\n"
        "        pairs[-1][0].setblocking(False)\n        try:\n            while pairs[-1][0].send(b'x' * 65536):\n"
        "                pass\n        except BlockingIOError:\n            pass\n"
        "except OSError as refused:\n    assert refused.errno == errno.EMFILE", "passed"),
    "full disk": _before("for n in range(9):\n    open(f'/tmp/{n}', 'wb').write(b'x' * (5 << 20))", "error"),
    "full shared memory": _before("for n in range(9):\n    open(f'/dev/shm/{n}', 'wb').write(b'x' * (5 << 20))", "error"),
    "all inodes": _before("for n in range(100_000):\n    open(f'/tmp/{n}', 'w').close()", "error", "timeout"),
    "all descriptors": _refused("import os\nfor n in range(100_000):\n    os.pipe()"),
    "endless output": _before("while True:\n    print('x' * 1000)", "output_limit"),
    "endless errors": _before("import sys\nwhile True:\n    sys.stderr.write('x' * 1000)", "output_limit"),
}  # fmt: skip

REACH = {
    "network": _refused("import socket\nsocket.create_connection(('192.0.2.1', 80), timeout=1)"),
    "network by version 6": _refused("import socket\nsocket.create_connection(('2001:db8::1', 80), timeout=1)"),
    "loopback": _refused("import socket\nsocket.create_connection(('127.0.0.1', 22), timeout=1)"),
    "names": _refused("import socket\nsocket.getaddrinfo('example.org', 80)"),
    "raw sockets": _refused("import socket\nsocket.socket(socket.AF_INET, socket.SOCK_RAW, 1)"),
    "netlink": _refused("import socket\nsocket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)"),
    "packets": _refused("import socket\nsocket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)"),
    "abstract socket of a neighbour": _refused("import socket\nsocket.socket(socket.AF_UNIX).connect('\\0neighbour')"),
    "memory of process 1's parent": _refused("open('/proc/2/mem', 'rb').read(1)"),
    "own memory, to write": _refused("open('/proc/self/mem', 'r+b')"),
    "the image, to write": _refused("open('/usr/bin/mine', 'w')"),
    "the harness's code": _refused("open('/mnt/mine', 'w')"),
    "passwords": _refused("open('/etc/shadow').read()"),
    "the host's name": _before("import os\nassert not os.path.exists('/etc/hostname')", "passed"),
    "symbolic link to a secret": _refused("import os\nos.symlink('/etc/shadow', '/tmp/link')\nopen('/tmp/link').read()"),
    "symbolic link out of the root": _refused(
        "import os\nos.symlink('/proc/1/root/proc/2/root/etc/passwd', '/tmp/link')\nopen('/tmp/link').read()"),
    "symbolic link for the next program": _before(
        "import os\nos.remove('program.py')\nos.symlink('/dev/shm/caught', 'program.py')", "passed"),
    "hard link to a file of the image": _refused("import os\nos.link('/usr/bin/perl', '/tmp/link')"),
    "hard link to the harness's code": _refused("import os\nos.link('/mnt/harness.py', '/tmp/link')"),
    "hard link to the harness's socket": _refused("import os\nos.link('/proc/self/fd/3', '/tmp/link', follow_symlinks=True)"),
    "shared memory of System V": _perl("shmget(7, 4096, 0x380)"),
    "semaphores of System V": _perl("semget(7, 1, 0x380)"),
    "queue of System V": _perl("msgget(7, 0x380)"),
    "queue of POSIX": _perl("syscall(240, $name, 0x42, 0x180, 0)"),
    "socket of a neighbour": _refused("import socket\nsocket.socket(socket.AF_UNIX).connect('/tmp/neighbour')"),
    "socket left behind": _before("import socket\nleft = [socket.socket(socket.AF_UNIX) for _ in range(2)]\n"
                                  "left[0].bind('/tmp/left')\nleft[1].bind('\\0left')\n[one.listen() for one in left]", "passed"),
    "open descriptors": _before(
        "import os\nopened = []\nfor n in range(4, 1024):\n    try:\n        os.fstat(n)\n        opened.append(n)\n"
        "    except OSError:\n        pass\nassert opened == []", "passed"),
    "other processes": _before("import os\nassert [n for n in os.listdir('/proc') if n.isdigit()] == [str(os.getpid())]",
                               "passed"),
    "rights": _before(
        "status = dict(line.split(':', 1) for line in open('/proc/self/status'))\n"
        "assert all(int(status[n], 16) == 0 for n in ('CapInh', 'CapPrm', 'CapEff', 'CapAmb'))\n"
        "assert status['NoNewPrivs'].strip() == '1'", "passed"),
    "terminal escapes": _before("import os\nos.write(2, b'\\x1b[31mred\\x1b[0m\\x1b]0;title\\x07')", "passed"),
}  # fmt: skip


def system_call(number: int, *arguments: int) -> Attack:
    """A call by its number, from a program of the image (Perl) that no hook in Python sees."""
    text = ", ".join(map(str, (number, *arguments, 0, 0, 0)))
    return _before(f"import subprocess\nsubprocess.run(['perl', '-e', 'syscall({text})'])", "forbidden")


KERNEL = {
    "C library": _before("import ctypes\nctypes.CDLL(None)", "forbidden"),
    "address read": _before("import ctypes\nctypes.string_at(0)", "forbidden"),
    "segmentation fault": _before("import ctypes\nctypes.memset(8, 1, 8)", "error"),
    "segmentation fault under faulthandler": _before(
        "import faulthandler\nfaulthandler.enable()\nfaulthandler._read_null()", "error"
    ),
    "exit by faulthandler": _before(
        "import faulthandler, time\nfaulthandler.dump_traceback_later(0.05, exit=True)\ntime.sleep(9)", "early_exit"
    ),
    "abort": _before("import os\nos.abort()", "error"),
    "chroot": _before("import os\nos.chroot('/tmp')", "forbidden"),
    "clock set": _before("import time\ntime.clock_settime(time.CLOCK_REALTIME, 0)", "forbidden"),
    "host name set": _before("import socket\nsocket.sethostname('mine')", "forbidden"),
    "further user namespace": system_call(seccomp.CLONE, 0x10000011),
    "not dumpable": system_call(seccomp.PRCTL, seccomp.PR_SET_DUMPABLE),
    **{name: system_call(number) for name, number in seccomp.FORBIDDEN.items()},
}

ATTACKS: dict[str, Attack] = {**FALSE_PASSES, **PROCESSES, **RESOURCES, **REACH, **KERNEL}
