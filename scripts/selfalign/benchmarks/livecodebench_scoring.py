"""Scores a program by LiveCodeBench's rules. Runs inside the sandbox only: its text is sent there with what it works on.

The rules are those of lcb_runner/evaluation/testing_util.py (15808c7): names of common modules are there without import; the
first test that fails ends it; output is compared line by line without the blanks around, and a line that differs number by
number; what a function returns must equal the expected value, a tuple counting as a list.

Otherwise than there, a program that reads standard input is run as one: in a process of its own for each test, as `__main__`, with
the input as its real standard input. There it is made a function, its names are local, and `sys.stdin` is patched.
"""

import base64
import contextlib
import decimal
import importlib
import io
import json
import os
import pickle
import resource
import signal
import sys
import threading
import traceback
import zlib

MODULES = [
    "string",
    "re",
    "datetime",
    "collections",
    "heapq",
    "bisect",
    "copy",
    "math",
    "random",
    "statistics",
    "itertools",
    "functools",
    "operator",
    "io",
    "sys",
    "json",
    "builtins",
    "typing",
]
"""Of these all names are there, in this order, then the modules themselves, the last one aside."""
RECURSION = 50_000
OUTPUT_BYTES = 64 << 20
CLOCK = 10
"""Times the limit of CPU time that a program may wait."""
SHOWN = 200


class TimeLimit(Exception):
    """A test used more CPU time than it may."""


class OutOfMemory(Exception):
    """A test used more memory than it may."""


class NotCompiled(Exception):
    """The program is no Python."""


class NoTests(Exception):
    """The hidden tests can't be read: no fault of the program."""


class Crashed(Exception):
    """The program ended with an error."""


class Texts(pickle.Unpickler):
    """Makes strings and nothing that has to be looked up: a pickle that names a class or function is refused."""

    def find_class(self, module, name):
        raise pickle.UnpicklingError(f"{module}.{name} is no text")


def unpacked(text):
    """The list of tests."""
    try:
        if text[:1] != "[":
            text = Texts(io.BytesIO(zlib.decompress(base64.b64decode(text)))).load()
        return [{"input": test["input"], "output": test["output"]} for test in json.loads(text)]
    except (ValueError, TypeError, LookupError, EOFError, zlib.error, pickle.UnpicklingError) as error:
        raise NoTests(f"{type(error).__name__}: {error}") from None


def prelude():
    """A namespace with the names that programs may take for granted."""
    space = {}
    for name in MODULES:
        module = importlib.import_module(name)
        names = getattr(module, "__all__", None) or [key for key in vars(module) if not key.startswith("_")]
        space.update((key, getattr(module, key)) for key in names)
    space.update((name, importlib.import_module(name)) for name in MODULES if name not in ("builtins", "typing"))
    return space


def score(program, entry, public, private, seconds):
    """Raises at the first test that fails."""
    tests = unpacked(public) + unpacked(private)
    try:
        code = compile(program, "program.py", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise NotCompiled(f"{type(error).__name__}: {error}") from None
    sys.setrecursionlimit(RECURSION)
    sys.set_int_max_str_digits(RECURSION)
    if entry:
        call_all(code, "class Solution" in program, entry, tests, seconds)
    else:
        for number, test in enumerate(tests):
            found = output_of(code, test["input"], seconds)
            assert same_output(found, test["output"]), f"test {number}: wrote {found[:SHOWN]!r}"


def call_all(code, in_class, entry, tests, seconds):
    """Calls the function with the arguments of each test, one a line."""

    def too_long(number, frame):
        raise TimeLimit(f"more than {seconds} CPU seconds")

    for number in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(number, too_long)
    space = prelude() | {"__name__": "solution"}
    begin_clock(seconds)
    exec(code, space)
    function = getattr(space["Solution"](), entry) if in_class else space[entry]
    for number, test in enumerate(tests):
        arguments = [json.loads(line) for line in test["input"].split("\n")]
        wanted = json.loads(test["output"])
        begin_clock(seconds)
        found = function(*arguments)
        begin_clock(0)
        found = list(found) if isinstance(found, tuple) else found
        assert found == wanted, f"test {number}: returned {repr(found)[:SHOWN]}"


def begin_clock(seconds):
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, CLOCK * seconds)


def output_of(code, text, seconds):
    """What the program writes, run in a process of its own."""
    for name, data in (("input", text.encode()), ("output", b""), ("errors", b"")):
        with open(f"/tmp/{name}.txt", "wb") as stream:
            stream.write(data)
    child = os.fork()
    if child == 0:
        become(code, seconds)
    _, status, used = os.wait4(child, 0)
    with open("/tmp/errors.txt", "rb") as stream:
        last = stream.read()[-2000:].decode("utf-8", "replace").strip().split("\n")[-1]
    result = os.waitstatus_to_exitcode(status)
    if result in (-signal.SIGXCPU, -signal.SIGALRM) or used.ru_utime + used.ru_stime >= seconds:
        raise TimeLimit(f"more than {seconds} CPU seconds")
    if "MemoryError" in last:
        raise OutOfMemory(last)
    if result:
        raise Crashed(last or f"ended with {result}")
    with open("/tmp/output.txt", "rb") as stream:
        return stream.read().decode("utf-8", "replace")


def lower(kind, value):
    """Lowers a limit, which may be lower already."""
    hard = resource.getrlimit(kind)[1]
    resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def become(code, seconds):
    """In the child: the program, as if it had been started. Does not return."""
    status = 1
    try:
        for descriptor, (name, mode) in enumerate(
            (("input", os.O_RDONLY), ("output", os.O_WRONLY), ("errors", os.O_WRONLY))
        ):
            os.dup2(os.open(f"/tmp/{name}.txt", mode), descriptor)
        sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)), encoding="utf-8")
        sys.stdout, sys.stderr = (
            io.TextIOWrapper(io.BufferedWriter(io.FileIO(number, "w", closefd=False)), encoding="utf-8")
            for number in (1, 2)
        )
        os.closerange(3, 256)
        lower(resource.RLIMIT_CPU, seconds)
        lower(resource.RLIMIT_FSIZE, OUTPUT_BYTES)
        signal.signal(signal.SIGXCPU, signal.SIG_DFL)
        signal.alarm(CLOCK * seconds)
        program = type(sys)("__main__")
        vars(program).update(prelude() | {"__name__": "__main__", "__builtins__": __builtins__})
        sys.modules["__main__"] = program
        with contextlib.suppress(SystemExit):
            exec(code, vars(program))
        threading._shutdown()
        sys.stdout.flush()
        status = 0
    except BaseException:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
        with contextlib.suppress(BaseException):
            traceback.print_exc()
            sys.stderr.flush()
    finally:
        os._exit(status)


def same_output(found, wanted):
    lines, others = ([line.strip() for line in text.strip().split("\n")] for text in (found, wanted))
    return len(lines) == len(others) and all(map(same_line, lines, others))


def same_line(one, other):
    if one == other:
        return True
    try:
        numbers, others = ([decimal.Decimal(word) for word in line.split()] for line in (one, other))
    except decimal.InvalidOperation:
        return False
    return numbers == others
