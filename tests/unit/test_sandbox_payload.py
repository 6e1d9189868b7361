"""Parts of what runs in the container, on texts of our own: counting, variants, proof, filter."""

import ast
import builtins
import contextlib
import ctypes
import functools
import gc
import inspect
import itertools
import os
import struct
import sys
import types
import unittest

import pytest

from selfalign.sandbox.payload import checks, proof, seccomp, tampering, trials, variants

SOLUTION = '''
def f(x, low=0):
    """Doubles."""
    if x > low:
        return x * 2
    return 0
'''


def run_tests(text: str, namespace: dict) -> dict[str, int]:
    counter = checks.Counter()
    code = checks.compile_tests(ast.parse(text), counter)
    before = {name: _value(count) for name, count in counter.counts.items()}
    with contextlib.suppress(AssertionError):
        exec(code, namespace)
    return {name: _value(count) - before[name] for name, count in counter.counts.items()}


def _value(count) -> int:
    return count.__reduce__()[1][0]


@pytest.mark.parametrize(
    ("text", "run", "failed"),
    [
        ("assert f(1) == 2\nassert f(2) == 4, 'm'", 2, 0),
        ("assert f(1) == 3", 1, 1),
        ("try:\n    assert f(1) == 3\nexcept AssertionError:\n    pass\nassert f(1) == 2", 2, 1),
        ("if f(1) != 2: raise AssertionError('m')", 1, 0),
        ("if f(1) != 3: raise AssertionError('m')", 1, 1),
        ("if f(1) == 2:\n    pass\nelif f(1) != 2: raise AssertionError", 0, 0),
        ("def test():\n    assert f(1) == 2\nfor _ in range(3): test()", 3, 0),
        ("def unused():\n    assert f(1) == 3", 0, 0),
        ("async def unused():\n    async with pytest.raises(ValueError):\n        pass", 0, 0),
        ("assert all(f(n) == 2 * n for n in range(1, 4)) and f(0) == 0", 1, 0),
    ],
)
def test_checks_are_counted_as_they_run(text, run, failed):
    counts = run_tests(text, {"f": lambda x: x * 2})
    assert (counts["run"], counts["failed"]) == (run, failed)


def test_a_condition_is_evaluated_once_and_functions_that_were_entered_are_known():
    calls, counter = [], checks.Counter()
    text = "def test_a():\n    'doc'\n    assert f()\ntest_a()\ndef test_b():\n    assert 0"
    exec(checks.compile_tests(ast.parse(text), counter), {"f": lambda: calls.append(1) or 1})
    assert calls == [1] and counter.entered == {"test_a:1"}


def test_line_numbers_survive_the_counting():
    text = "def f():\n    '''doc'''\n\n    return 1 / 0\n\n\nassert f()"
    with pytest.raises(ZeroDivisionError) as raised:
        exec(checks.compile_tests(ast.parse(text), checks.Counter()), {})
    assert [entry.lineno for entry in raised.traceback][-2:] == [7 - 1, 4 - 1]


def test_what_counts_has_no_name_that_a_program_could_bind():
    counter = checks.Counter()
    code = checks.compile_tests(ast.parse("assert f(1) == 2"), counter)
    assert set(code.co_names) == {"f"}


@pytest.mark.parametrize(
    ("value", "hollow"),
    [
        ("type('Y', (), {'__eq__': lambda s, o: True})()", 1),
        ("[1, type('Y', (int,), {'__eq__': lambda s, o: True})(1)]", 1),
        ("type('P', (), {'__eq__': lambda s, o: o == 2})()", 0),
        ("2", 0),
        ("__import__('unittest.mock').mock.ANY", 0),
        ("__import__('fractions').Fraction(2)", 0),
    ],
)
def test_objects_that_are_equal_to_everything_are_noticed(value, hollow):
    checks.equality.trust_loaded_modules()
    namespace: dict = {}
    exec(f"import unittest.mock\ndef f():\n    return {value}", namespace)
    assert run_tests("assert f() == 2 or True", namespace)["hollow"] == hollow


def test_a_stub_returns_none_everywhere():
    namespace: dict = {}
    text = "class C:\n    def m(self):\n        return 1\ng = lambda x: x\nasync def a():\n    return 2\n"
    exec(compile(variants.stub(ast.parse(text)), "s", "exec"), namespace)
    assert namespace["C"]().m() is None and namespace["g"](3) is None


def test_a_stub_without_functions_keeps_names_and_takes_out_what_they_stood_for():
    text = (
        "import dataclasses\n__all__ = ['P']\n@dataclasses.dataclass(order=True)\nclass P(dict):\n    x: int = 3\n"
        "X = 5\nshout = str.upper\nY: int = X + 1\n"
    )
    namespace: dict = {}
    exec(compile(variants.stub(ast.parse(text)), "s", "exec"), namespace)
    p = namespace["P"](1, x=2)
    assert type(p).__bases__ == (object,) and not hasattr(p, "x") and namespace["__all__"] == ["P"]
    assert namespace["X"] != 5 and namespace["shout"]("a") is None and namespace["Y"]() is None
    assert variants.stub(ast.parse("import math\nprint(math.pi)")) is None


def test_a_late_stub_leaves_the_module_what_its_functions_gave_it():
    text = (
        "class C:\n    def m(self):\n        return 1\ndef f(x):\n    return x\nasync def a():\n    return 2\n"
        "g = lambda x: x\nT = [f(3) + 1, C().m() + g(1)]\n"
    )
    namespace: dict = {}
    exec(compile(variants.late_stub(ast.parse(text)), "s", "exec"), namespace)
    assert namespace["T"] == [4, 2] and namespace["f"](1) is None and namespace["C"]().m() is None
    assert namespace["g"](1) is None and inspect.iscoroutinefunction(namespace["a"])


DEEP = {
    "elif": "def f(x):\n    if x == 0:\n        return 0\n"
    + "".join(f"    elif x == {n}:\n        return {n}\n" for n in range(1, 1200)),
    "sum": "def f(x):\n    return x" + " + 1" * 1500,
    "calls": "def f(x):\n    return str(x)" + ".strip()" * 1200,
}
"""Texts that Python compiles, and whose trees it does not with the usual recursion limit."""


@pytest.mark.parametrize("name", DEEP)
def test_deep_solutions_are_tried_like_others(name):
    text, usual = DEEP[name], sys.getrecursionlimit()
    ran: list[types.CodeType] = []
    found = trials.tried({"stub": True, "mutants": 3}, text, lambda code: bool(ran.append(code)))
    code, lines = trials.tell_lines(text)
    plain: dict = {}
    exec(checks.plant(code, {variants.SEEN: lambda line: None}), plain)
    if sys.version_info < (3, 12):  # from then on C code has a limit of its own, and such variants are not tried
        number = 1 if name == "calls" else 3
        assert len(ran) == 1 + number and lines
        assert found == {"stub": False, "mutants": number, "mutants_killed": number}
    assert str(plain["f"](1)) in ("1", "1501") and sys.getrecursionlimit() == usual


def test_a_text_that_no_file_could_hold_is_refused_and_a_variant_that_does_not_compile_is_left_out():
    with pytest.raises(RecursionError):
        trials.tell_lines("x = 1" + " + 1" * 20_000)
    text = "def f(x):\n    match x:\n        case {1: a, 2: b}:\n            return a\n"
    found = trials.tried({"stub": True, "mutants": 9}, text, lambda code: False)
    assert 0 < found["mutants"] < len(list(variants.mutants(lambda: ast.parse(text), text, 9)))


def test_mutants_differ_from_the_solution_and_from_each_other_and_are_always_the_same():
    parse = functools.partial(ast.parse, SOLUTION)
    texts = [ast.unparse(mutant) for mutant in variants.mutants(parse, SOLUTION, 4)]
    assert len(set(texts)) == len(texts) == 4 and ast.unparse(parse()) not in texts
    assert texts == [ast.unparse(mutant) for mutant in variants.mutants(parse, SOLUTION, 4)]
    assert all('"""Doubles."""' in text for text in texts)
    assert list(variants.mutants(lambda: ast.parse("X = 1"), "X = 1", 4)) == []


def test_lines_tell_that_they_were_reached():
    changed, lines = variants.telling(ast.parse(SOLUTION))
    seen: set[int] = set()
    namespace: dict = {}
    code = checks.plant(checks.compile_quietly(changed, "solution.py"), {variants.SEEN: seen.add})
    exec(code, namespace)
    assert namespace["f"](3) == 6
    assert lines == {4, 5, 6} and seen == {4, 5}


def harness():
    action = yield
    with contextlib.suppress(ValueError):
        action()
    yield


def test_a_harness_is_seen_at_its_end_and_nowhere_else():
    generator, counter = harness(), itertools.count()
    next(generator)
    witness = proof.Witness(generator, {"checks": counter})
    looks = [witness.look(os.getpid())]
    generator.send(lambda: (next(counter), looks.append(witness.look(os.getpid()))))
    looks.append(witness.look(os.getpid()))
    assert looks == [(False, True, {"checks": 0}), (False, True, {"checks": 1}), (True, True, {"checks": 1})]


def test_a_harness_that_failed_is_not_at_its_end():
    generator = harness()
    next(generator)
    witness = proof.Witness(generator, {})
    with pytest.raises(KeyError):
        generator.send(lambda: {}["x"])
    assert witness.look(os.getpid())[0] is False


def simulate(
    code: bytes, number: int, arguments: tuple[int, ...] = (), architecture: int = seccomp.ARCHITECTURE
) -> int:
    """What the kernel would answer: an interpreter of the few instructions that the filter uses."""
    data = struct.pack("=iIQ6Q", number, architecture, 0, *(*arguments, *[0] * (6 - len(arguments))))
    position = value = 0
    while True:
        operation, yes, no, operand = struct.unpack_from("=HBBI", code, 8 * position)
        position += 1
        if operation == 0x20:
            (value,) = struct.unpack_from("=I", data, operand)
        elif operation == 0x54:
            value &= operand
        elif operation == 0x06:
            return operand
        else:
            holds = {0x15: value == operand, 0x35: value >= operand, 0x45: bool(value & operand)}[operation]
            position += yes if holds else no


@pytest.mark.parametrize("own", [None, 77])
def test_the_filter_answers_as_its_table_says(own):
    code = seccomp.build(seccomp.NOTIFY, own)
    for number in seccomp.FORBIDDEN.values():
        assert simulate(code, number) == seccomp.NOTIFY
    for number in (*seccomp.NO_SUCH_CALL.values(), *seccomp.NOT_PERMITTED.values()):
        assert simulate(code, number) & 0xFFFF0000 == seccomp.ERRNO
    for number in (0, 1, 9, 60, 61, 231, 257):
        assert simulate(code, number) == seccomp.ALLOW
    assert simulate(code, seccomp.CLONE, (0x10000011,)) == seccomp.NOTIFY
    assert simulate(code, seccomp.CLONE, (0x3D0F00,)) == seccomp.ALLOW, "threads"
    assert simulate(code, seccomp.SOCKET, (1, 1)) == simulate(code, seccomp.SOCKET, (2, 2 | 0x80000)) == seccomp.ALLOW
    for family, kind in ((16, 3), (17, 2), (40, 1), (2, 3)):
        assert simulate(code, seccomp.SOCKET, (family, kind)) & 0xFFFF0000 == seccomp.ERRNO
    assert simulate(code, seccomp.PRCTL, (seccomp.PR_SET_DUMPABLE,)) == seccomp.NOTIFY
    assert simulate(code, seccomp.PRCTL, (15,)) == seccomp.ALLOW
    assert simulate(code, seccomp.IOCTL, (0, seccomp.TIOCSTI)) & 0xFFFF0000 == seccomp.ERRNO
    assert simulate(code, 0, architecture=0x40000003) == simulate(code, 0x40000000) == seccomp.KILL_PROCESS
    others = simulate(code, seccomp.KILL, (5, 9)), simulate(code, seccomp.TGKILL, (5, 5, 9))
    assert all((answer == seccomp.ALLOW) == (own is None) for answer in others)
    assert simulate(code, seccomp.KILL, (77, 9)) == seccomp.ALLOW


def test_what_checks_are_made_of_is_compared_whenever_its_place_has_changed(monkeypatch):
    changed = tampering.snapshot()
    assert changed() == ""
    for name in ("_", "print", "a_name_of_mine"):  # which no check rests on
        monkeypatch.setattr(builtins, name, 1, raising=False)
        assert changed() == ""
    monkeypatch.setitem(sys.modules, "a_module_of_mine", types)
    assert changed() == ""
    places = [
        (builtins, "all", "builtins.all"),
        (unittest.TestSuite, "run", "unittest.TestSuite.run"),
        (os, "fork", "os.fork"),
    ]
    for place, name, said in places:
        with monkeypatch.context() as patch:
            patch.setattr(place, name, lambda *arguments: None)
            assert changed() == said
        assert changed() == ""
    with monkeypatch.context() as patch:
        patch.setitem(gc.get_referents(vars(unittest.TestSuite))[0], "run", None)
        assert changed() == "unittest.TestSuite.run"
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "unittest", types)
        assert changed() == "the module unittest"
    assert changed() == ""


def test_a_view_of_a_version_can_only_be_read():
    space = {"a": 1}
    view = proof.version_view(space)
    before = view[0]
    assert view[0] == before and view.readonly
    space["a"] = 2
    assert view[0] != before
    with pytest.raises(TypeError):
        view[0] = before
    with pytest.raises(TypeError):
        struct.pack_into("Q", view, 0, before)
    assert not any(isinstance(thing, ctypes.Structure | ctypes.Array) for thing in gc.get_referents(view))
