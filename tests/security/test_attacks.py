"""One test an attack. Each runs between two honest neighbours, which must pass, in a sandbox that must survive it."""

import contextlib
import os
import socket
import threading
from dataclasses import replace

import pytest

from selfalign.sandbox import Limits, Sandbox

SOLUTION = "def increment(number):\n    return number + 1\n"
TESTS = "assert increment(1) == 2\n"
HONEST = (SOLUTION, TESTS)


def attack(sandbox, before: str, solution: str = SOLUTION, tests: str = TESTS):
    """Runs `before` ahead of tests that would pass, among honest programs; gives its result."""
    container = sandbox._container
    first, result, *others = sandbox.run([HONEST, (solution, before + "\n" + tests), HONEST, HONEST])
    assert first.passed and all(other.passed for other in others), "a neighbour was harmed"
    assert sandbox._container is container, "the container did not survive"
    return result


# --- passes that are none ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ending",
    ["import sys; sys.exit(0)", "import os; os._exit(0)", "exit()", "raise SystemExit", "raise SystemExit('done')"],
)
def test_an_exit_before_the_checks_is_no_pass(sandbox, ending):
    assert attack(sandbox, ending).verdict == "early_exit"


def test_an_exit_inside_the_solution_is_no_pass(sandbox):
    result = attack(sandbox, "", solution=SOLUTION + "import os\nos._exit(0)\n")
    assert result.verdict == "early_exit"


def test_an_exit_while_python_shuts_down_is_no_pass(sandbox):
    assert attack(sandbox, "import atexit, os\natexit.register(os._exit, 0)").verdict == "early_exit"


def test_an_exception_hook_cannot_turn_a_failure_into_a_pass(sandbox):
    result = attack(sandbox, "import os, sys\nsys.excepthook = lambda *error: os._exit(0)\nassert increment(1) == 3")
    assert result.verdict == "assertion_failed"


def test_a_swallowed_failure_is_a_failure(sandbox):
    result = attack(sandbox, "try:\n    assert increment(1) == 3\nexcept AssertionError:\n    print('fine')")
    assert (result.verdict, result.checks_run, result.checks_passed) == ("assertion_failed", 2, 1)


def test_a_failure_in_unittest_that_does_not_exit_is_a_failure(sandbox):
    case = "import unittest\nclass T(unittest.TestCase):\n    def test_it(self):\n        self.assertEqual(increment(1), 3)\n"
    assert attack(sandbox, "", tests=case + "unittest.main(exit=False)\n").verdict == "assertion_failed"
    assert (
        attack(sandbox, "", tests=case + "unittest.TextTestRunner().run(T('test_it'))\n").verdict == "assertion_failed"
    )


@pytest.mark.parametrize(
    ("tests", "verdict"),
    [
        ("print(increment(1))", "no_checks"),
        ("def check():\n    assert increment(1) == 3\n", "no_checks"),
        ("if False:\n    assert increment(1) == 3\n", "no_checks"),
        ("def verify(claim):\n    pass\nverify(increment(1) == 3)", "no_checks"),
        ("assert True", "vacuous"),
        ("def increment(number):\n    return 2\nassert increment(1) == 2", "redefines_solution"),
        ("increment = lambda number: 2\nassert increment(1) == 2", "redefines_solution"),
    ],
)
def test_tests_that_prove_nothing_are_no_pass(sandbox, tests, verdict):
    assert attack(sandbox, "", tests=tests).verdict == verdict


def test_a_failure_in_a_thread_is_no_pass(sandbox):
    before = "import threading\nt = threading.Thread(target=lambda: 1 / 0)\nt.start()\nt.join()"
    assert attack(sandbox, before).verdict == "error"


def test_a_child_process_cannot_report_for_its_parent(sandbox):
    before = "import os\nif os.fork() > 0:\n    os._exit(0)"
    assert attack(sandbox, before).verdict == "early_exit"


# --- processes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["os.getppid()", "1", "-1", "0"])
def test_the_harness_cannot_be_killed(sandbox, target):
    before = f"import os, signal\ntry:\n    os.kill({target}, signal.SIGKILL)\nexcept OSError:\n    pass"
    result = attack(sandbox, before)
    assert result.verdict in ("passed", "early_exit", "error")


def test_no_process_outlives_its_program(sandbox):
    marker = f"survivor-{os.getpid()}-{sandbox.engine}"
    before = (
        "import os, subprocess, sys, time\n"
        "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        f"        os.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(600)', '{marker}'])\n"
        "    time.sleep(600)\n"
        f"subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)', '{marker}'], start_new_session=True)\n"
        "time.sleep(0.5)"
    )
    result = attack(sandbox, before)
    assert (result.verdict, result.reason) == ("forbidden", "left a process behind")
    alive = []
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{process}/cmdline", "rb") as stream:
                alive += [process] if marker.encode() in stream.read() else []
        except OSError:
            continue
    assert alive == []


def test_a_fork_bomb_is_contained(sandbox):
    before = "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass"
    assert attack(sandbox, before).verdict == "timeout"


def test_too_many_processes_are_refused(sandbox):
    forks = "import os\nfor _ in range(99):\n    os.fork() or os.execv('/bin/sleep', ['sleep', '9'])"
    assert attack(sandbox, forks).verdict == "process_limit"
    threads = "import threading, time\nfor _ in range(99):\n    threading.Thread(target=time.sleep, args=(9,)).start()"
    assert attack(sandbox, threads).verdict == "process_limit"


# --- time -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "before",
    [
        "while True:\n    pass",
        "import signal\nfor n in range(1, 32):\n    try:\n        signal.signal(n, signal.SIG_IGN)\n    except OSError:\n        pass\nwhile True:\n    pass",
        "import threading\ndef spin():\n    while True:\n        pass\nthreading.Thread(target=spin).start()",
        "import re\nre.match(r'(a+)+$', 'a' * 60 + 'b')",
        "10 ** 10 ** 9",
        "import os\nfor _ in range(3):\n    os.fork()\nwhile True:\n    pass",
    ],
    ids=["loop", "ignored signals", "spinning thread", "regular expression", "big integer", "loops in children"],
)
def test_endless_computing_ends_at_the_cpu_limit(sandbox, before):
    result = attack(sandbox, before)
    assert result.verdict == "timeout" and "CPU seconds" in result.reason


WAITING = {
    "sleep": "import time\ntime.sleep(600)",
    "sleep at exit": "import atexit, time\natexit.register(time.sleep, 600)",
    "sleeping thread": "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()",
    "select": "import select\nselect.select([], [], [])",
    "pipe that nobody fills": "import os\nos.read(os.pipe()[0], 1)",
    "pipe that nobody empties": "import os\npipe = os.pipe()\nos.write(pipe[1], b'x' * (1 << 20))",
    "socket that nobody empties": "import socket\npair = socket.socketpair()\npair[0].sendall(b'x' * (1 << 24))",
}


@pytest.fixture(scope="module")
def waited(sandbox_image, engine, sandbox):
    """Results of all that waits, at the same time and with honest programs between them: it takes the wall clock's limit."""
    programs = [(SOLUTION, text + "\n" + TESTS) for text in WAITING.values()]
    limits = replace(sandbox.limits, wall_seconds=4)
    with Sandbox.open(sandbox_image, limits, engine=engine, workers=len(WAITING) + 1) as opened:
        container = opened._container
        results = opened.run([*programs, *[HONEST] * 4])
        assert opened._container is container, "the container did not survive"
    assert all(result.passed for result in results[len(programs) :]), "a neighbour was harmed"
    return dict(zip(WAITING, results, strict=False))


@pytest.mark.parametrize("name", WAITING)
def test_endless_waiting_ends_at_the_wall_clock_limit(waited, name):
    assert waited[name].verdict == "timeout" and "wall-clock" in waited[name].reason


def test_programs_that_run_at_the_same_time_do_not_meet(sandbox):
    """At no path, no name of a socket and in no shared memory, whichever of them comes first."""
    wait = (
        "import os, socket, time\n"
        "mine = [socket.socket(socket.AF_UNIX) for _ in range(2)]\n"
        "for one, place in zip(mine, ('/tmp/meet-{me}', '\\0meet-{me}')):\n"
        "    one.bind(place)\n    one.listen()\n    one.setblocking(False)\n"
        "open('/dev/shm/file-{me}', 'w').close()\n"
        "until = time.monotonic() + 0.5\n"
        "while time.monotonic() < until:\n"
        "    assert not os.path.exists('/dev/shm/file-{other}') and not os.path.exists('/tmp/meet-{other}')\n"
        "    try:\n        socket.socket(socket.AF_UNIX).connect('\\0meet-{other}')\n    except OSError:\n        pass\n"
        "    else:\n        assert False, 'met'\n"
        "    time.sleep(0.02)\n"
        "for one in mine:\n"
        "    try:\n        one.accept()\n    except BlockingIOError:\n        continue\n    assert False, 'was met'\n"
    )
    texts = [wait.replace("{me}", me).replace("{other}", other) for me, other in ("ab", "ba")]
    results = sandbox.run([(SOLUTION, text + TESTS) for text in texts])
    assert all(result.passed for result in results), results


# --- memory, disk, output ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "before",
    ["hoard = bytearray(4 << 30)", "hoard = []\nwhile True:\n    hoard.append(bytearray(10_000_000))",
     "import mmap\nm = mmap.mmap(-1, 4 << 30)"],
    ids=["one block", "many blocks", "mmap"],
)  # fmt: skip
def test_memory_is_limited(patient, before):
    result = attack(patient, before)
    assert result.verdict in ("memory", "error") and "emory" in result.reason


def test_memory_of_many_processes_together_is_limited(patient):
    before = "import os, time\nfor _ in range(4):\n    if os.fork() == 0:\n        hoard = b'x' * (300 << 20)\n        time.sleep(60)\ntime.sleep(60)"
    assert attack(patient, before).verdict == "memory"


def test_bottomless_recursion_harms_only_itself(sandbox):
    before = "import sys\nsys.setrecursionlimit(10 ** 9)\ndef dig(n):\n    return dig(n + 1)\ndig(0)"
    assert attack(sandbox, before).verdict in ("memory", "timeout", "error")


def test_the_disk_cannot_be_filled(sandbox):
    before = "import io\nfor n in range(9):\n    io.open(f'/tmp/{n}', 'wb').write(b'x' * (5 << 20))"
    result = attack(sandbox, before)
    assert result.verdict == "error" and "No space left" in result.reason
    inodes = attack(sandbox, "for n in range(100_000):\n    open(f'/tmp/{n}', 'w').close()")
    assert inodes.verdict in ("error", "timeout")


def test_there_is_no_other_place_to_write(sandbox):
    before = (
        "import os\nplaces = []\n"
        "for root, folders, _ in os.walk('/'):\n"
        "    folders[:] = [f for f in folders if os.path.join(root, f) not in ('/proc', '/tmp', '/var/tmp', '/dev/shm')]\n"
        "    try:\n        open(os.path.join(root, 'mine'), 'w').close()\n        places.append(root)\n"
        "    except OSError:\n        pass\n"
        "assert places == [], places"
    )
    assert attack(sandbox, before).verdict == "passed"


def test_nothing_is_left_for_the_next_program(sandbox):
    leave = "import os\nfor place in ('/tmp', '/var/tmp', '/dev/shm'):\n    open(place + '/message', 'w').close()\n"
    look = (
        "import os\nfor place in ('/tmp', '/var/tmp', '/dev/shm'):\n    assert not os.path.exists(place + '/message')\n"
    )
    results = sandbox.run([(SOLUTION, leave + TESTS), (SOLUTION, look + TESTS)] * 3)
    assert [result.verdict for result in results] == ["passed"] * 6


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_endless_output_is_cut(sandbox, stream):
    result = attack(sandbox, f"import sys\nwhile True:\n    sys.{stream}.write('x' * 1000)")
    assert result.verdict == "output_limit" and len(result.stderr_tail) <= 2048


def test_terminal_escapes_and_broken_text_do_not_reach_a_log(sandbox):
    before = (
        "import os\nos.write(2, b'\\x1b[31mred\\x1b[0m \\x1b]0;title\\x07\\xff\\xfe bell\\x07 \\xe2\\x80\\xaetrick')"
    )
    tail = attack(sandbox, before).stderr_tail
    assert "red" in tail and all(mark not in tail for mark in ("\x1b", "\x07", "\u202e", "title"))
    tail.encode("utf-8")


# --- secrets and the network ------------------------------------------------------------------------------------------


def test_no_file_of_the_host_can_be_read(sandbox, tmp_path, root):
    secret = tmp_path / "secret"
    secret.write_text("s3cr3t")
    before = (
        f"import io, os\nfor path in ({str(secret)!r}, {str(root / 'Snakefile')!r}):\n"
        "    assert not os.path.exists(path)\n"
        "    try:\n        io.open(path)\n    except OSError:\n        continue\n    raise RuntimeError(path)"
    )
    assert attack(sandbox, before).verdict == "passed"


def test_the_environment_holds_nothing_of_the_host(sandbox_image, engine, monkeypatch):
    for name in ("SECRET_TOKEN", "APPTAINERENV_SECRET_TOKEN", "SINGULARITYENV_SECRET_TOKEN"):
        monkeypatch.setenv(name, "s3cr3t")
    tests = (
        "import glob, os\nassert increment(1) == 2\n"
        "assert not any('s3cr3t' in value for value in os.environ.values())\n"
        "for path in glob.glob('/proc/[0-9]*/environ'):\n"
        "    try:\n        text = open(path, 'rb').read()\n    except OSError:\n        continue\n"
        "    assert b's3cr3t' not in text\n"
        "assert set(os.environ) <= {'PATH', 'HOME', 'TMPDIR', 'LANG', 'PYTHONHASHSEED', 'PYTHONDONTWRITEBYTECODE', "
        "'OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MPLBACKEND', 'LC_CTYPE'}, os.environ\n"
    )
    with Sandbox.open(sandbox_image, Limits(cpu_seconds=5), engine=engine, workers=1) as sandbox:
        (result,) = sandbox.run([(SOLUTION, tests)])
    assert result.passed, result


def test_no_other_process_can_be_seen(sandbox):
    before = "import os\nassert [name for name in os.listdir('/proc') if name.isdigit()] == [str(os.getpid())]"
    if sandbox.layers["own_proc"]:
        assert attack(sandbox, before).verdict == "passed"
    else:  # without a /proc of its own a program has none at all
        assert attack(sandbox, "import os\nassert os.listdir('/proc') == []").verdict == "passed"


def test_no_descriptor_is_inherited(sandbox):
    """Three standard streams, the harness's socket; nothing to the server, the host or a neighbour."""
    before = (
        "import os\nopened = []\n"
        "for number in range(4, 1024):\n    try:\n        os.fstat(number)\n        opened.append(number)\n"
        "    except OSError:\n        pass\n"
        "assert opened == []\nassert not os.get_inheritable(3)"
    )
    assert attack(sandbox, before).verdict == "passed"


def test_there_is_no_network(sandbox):
    """A server of the host's, an address outside, a name: none can be reached."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        reached = []
        server.settimeout(20)

        def accept():
            with contextlib.suppress(OSError):
                reached.append(server.accept())

        threading.Thread(target=accept, daemon=True).start()
        before = (
            "import socket\n"
            f"for address in (('127.0.0.1', {port}), ('192.0.2.1', 80)):\n"
            "    try:\n        socket.create_connection(address, timeout=1)\n    except OSError:\n        continue\n"
            "    raise RuntimeError(f'reached {address}')\n"
            "try:\n    socket.getaddrinfo('localhost.example.org', 80)\nexcept OSError:\n    pass\n"
            "else:\n    raise RuntimeError('resolved')"
        )
        assert attack(sandbox, before).verdict == "passed"
        assert reached == []


def test_no_right_is_left(sandbox):
    before = (
        "import os\nstatus = dict(line.split(':', 1) for line in open('/proc/self/status'))\n"
        "assert all(int(status[name], 16) == 0 for name in ('CapInh', 'CapPrm', 'CapEff', 'CapAmb'))\n"
        "assert status['NoNewPrivs'].strip() == '1' and status['Seccomp'].strip() == '2' and os.getuid() != 0\n"
    )
    assert not sandbox.layers["missing"], f"this machine lacks layers that the sandbox promises: {sandbox.layers}"
    assert attack(sandbox, before).verdict == "passed"
