"""Programs that look for the harness in their own process and change what they find, or what checks are made of.

Each solution is wrong, and does what it can to have its tests pass. There is one that keeps its own change a secret.
"""

import pytest

WALK = """
import sys

def spaces():
    frame = sys._getframe(1)
    while frame:
        for value in frame.f_locals.values():
            if hasattr(value, "__globals__") and value.__globals__["__name__"].startswith("_sandbox"):
                yield value.__globals__
        frame = frame.f_back
"""
UNITTEST = "import unittest\nclass T(unittest.TestCase):\n    def test_it(self):\n        self.assertTrue(callable(f))\n        {}\n"
CALLED_LATER = "assert f(1) is not None\ndef test_value():\n    assert f(1) == 2\n"
EQUAL = "class E:\n    def __eq__(self, other):\n        {}\n    __hash__ = None\ndef f(n):\n    return E()\n"

CHANGES = {
    "cells of the wrapped assertions": (
        "import unittest\ndef f(n):\n    for cell in unittest.TestCase.assertEqual.__closure__:\n"
        "        cell.cell_contents = lambda *a: None\n    return 99\n",
        UNITTEST.format("self.assertEqual(f(1), 2)") + "unittest.main()\n",
    ),
    "a class of the harness": (
        WALK
        + "class Nothing:\n    def __init__(self, *a):\n        self.refused = {}\n    def run(self, *a):\n        return []\n"
        "def f(n):\n    for space in spaces():\n        space.update(_Runner=Nothing)\n    return 99\n",
        CALLED_LATER,
    ),
    "a class of the harness, and back": (
        WALK + "def f(n):\n    for space in spaces():\n        old = space.get('_Runner')\n"
        "        space.update(_Runner=None)\n        space.update(_Runner=old)\n    return 99\n",
        CALLED_LATER.replace("== 2", "== 99"),
    ),
    "a method of the harness": (
        WALK + "def f(n):\n    for space in spaces():\n        for kind in [v for v in space.values() if isinstance(v, type)]:\n"
        "            try:\n                kind.settle = lambda *a: None\n            except TypeError:\n                pass\n"
        "    return 99\n",
        CALLED_LATER.replace("== 2", "== 99"),
    ),
    "the builtins of the harness": (
        WALK + "def f(n):\n    for space in spaces():\n        space['__builtins__'].update(isinstance=lambda *a: False)\n"
        "    return 99\n",
        CALLED_LATER,
    ),
    "defaults of the harness": (
        "import unittest\ndef f(n):\n    unittest.TestResult.addError.__defaults__ = (None, None)\n    raise ValueError\n",
        UNITTEST.format("self.assertEqual(f(1), 2)"),
    ),
    "the look at what is compared": (
        EQUAL.format("import sys; sys._getframe(1).f_globals.update(examine=lambda *a: None); return True"), "assert f(1) == 2\n",
    ),
    "what unittest does with an error": (
        "import unittest\ndef f(n):\n    unittest.TestResult.addError = lambda *a: None\n    raise ValueError\n",
        UNITTEST.format("self.assertEqual(f(1), 2)"),
    ),
    "the suites of unittest": (
        "import unittest\nunittest.TestSuite.run = lambda self, result: result\ndef f(n):\n    return 99\n",
        "assert f(1) is not None\n" + UNITTEST.format("self.assertEqual(f(1), 2)"),
    ),
    "what doctest does with a failure": (
        "import doctest\ndoctest.DocTestRunner.report_failure = lambda *a: None\ndef f(n):\n    '''>>> f(1)\\n    2\\n    '''\n    return 99\n",
        "import doctest\ndoctest.testmod()\nassert f(1) is not None\n",
    ),
    "what a forked process does": (
        "import os\nos.fork = lambda: 0\ndef f(n):\n    return 99\n", "assert f(1) is not None\n",
    ),
    "the module unittest": (
        "import sys, types\nsys.modules['unittest'] = types.SimpleNamespace(TestCase=object)\ndef f(n):\n    return 99\n",
        "assert f(1) is not None\n" + UNITTEST.format("self.assertEqual(f(1), 2)"),
    ),
    "a builtin, put back by the tests": (
        "import builtins\nusual, builtins.all = builtins.all, lambda values: True\ndef f(n):\n    return 99\n",
        "import builtins\nbuiltins.all = usual\nassert all([f(1) is not None])\n",
    ),
    "a builtin, in the tests' time": (
        "import builtins\ndef f(n):\n    vars(builtins).update(all=lambda values: True)\n    return 99\n",
        "assert all([f(1) == 2]) or True\n",
    ),
    "a method, through its class's namespace": (
        "import gc, unittest\ngc.get_referents(vars(unittest.TestSuite))[0]['_handleClassSetUp'] = lambda *a: None\n"
        "def f(n):\n    return 99\n",
        "assert f(1) is not None\n",
    ),
    "assertions of mocks": (
        "from unittest import mock\nmock.NonCallableMock.assert_called_once_with = lambda *a, **k: None\n"
        "def f(n):\n    return 99\n",
        "from unittest.mock import Mock\nm = Mock()\nm(f(1))\nm.assert_called_once_with(2)\nassert f(1) is not None\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_who_changes_the_harness_does_not_pass(sandbox, name):
    (result,) = sandbox.run([CHANGES[name]])
    assert result.verdict == "forbidden" and result.reason.startswith(("changed the harness", "replaced ")), result


def test_builtins_of_a_program_are_not_those_of_the_harness(sandbox):
    solution = "import builtins\ndef f(n):\n    builtins.isinstance = lambda *a: True\n    return E()\n" + EQUAL.format(
        "return True"
    )
    results = sandbox.run([
        (solution, "assert f(1) == 2\n"),
        ("import builtins\ndef f(n):\n    builtins.all = lambda values: True\n    return 99\n", "assert all([f(1) == 2])\n"),
    ])  # fmt: skip
    assert not any(result.passed for result in results), results


def test_what_failed_in_a_forked_process_cannot_be_taken_back(sandbox):
    solution = (
        "import os\nHERE = os.getpid()\ndef f(n):\n    if os.getpid() == HERE:\n        for function in (os.fork, os._exit):\n"
        "            places = [cell.cell_contents for cell in function.__closure__] + list(function.__globals__.values())\n"
        "            for place in places:\n                if isinstance(place, list):\n                    place.clear()\n"
        "    return 99\n"
    )
    told = "import os\nif not os.fork():\n    assert f(1) == {}\n    os._exit(0)\nos.wait()\nassert f(1) == 99\n"
    wrong, right = sandbox.run([(solution, told.format(2)), (solution, told.format(99))])
    assert (wrong.verdict, "forked" in wrong.reason, right.verdict) == ("assertion_failed", True, "passed"), (
        wrong,
        right,
    )


def test_nobody_but_the_worker_reads_what_it_is_told(sandbox):
    """A process that could would take a forked one's failure away before the worker has it."""
    solution = "def f(n):\n    return 1\n"
    tests = "import os\ntry:\n    os.open('/proc/self/fd/3', {})\nexcept OSError as error:\n    assert error.errno == 6 * f(1)\n"
    for mode in ("os.O_RDONLY", "os.O_RDWR", "os.O_RDONLY | os.O_NONBLOCK"):
        (result,) = sandbox.run([(solution, tests.format(mode))])
        assert result.verdict == "passed" and result.checks_run == 1, (mode, result)


ALWAYS = EQUAL.format("return True")
HOLLOW = {
    "a member": (ALWAYS, "assert f(1) in [1, 2, 3]"),
    "a comparison before the check": (ALWAYS, "held = f(1) == 2\nassert held"),
    "within an assertion of unittest": (ALWAYS, UNITTEST.format("self.assertTrue(f(1) == 2)")),
    "within a function of the tests": (ALWAYS, "def same(one, other):\n    return one == other\nassert same(f(1), 2)"),
    "a chain": (ALWAYS, "assert 2 == f(1) == 2"),
    "within a library": (ALWAYS, "import numpy as np\nassert np.array_equal(f(1), 2) or f(1) == 2"),
    "equal to all of some types": (EQUAL.format("return isinstance(other, (int, str))"), "assert f(1) == 2"),
    "unequal to nothing": (
        "class E(int):\n    def __ne__(self, other):\n        return False\ndef f(n):\n    return E(9)\n", "assert not f(1) != 2",
    ),
    "a wildcard of mocks": ("from unittest.mock import ANY\ndef f(n):\n    return ANY\n", "assert f(1) == 2"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOLLOW)
def test_what_equals_everything_is_noticed(sandbox, name):
    (result,) = sandbox.run([HOLLOW[name]])
    assert (result.verdict, "equal to everything" in result.reason) == ("vacuous", True), result


POINT = (
    "class Point:\n    def __init__(self, x):\n        self.x = x\n"
    "    def __eq__(self, other):\n        return self.x == getattr(other, 'x', other)\n    __hash__ = object.__hash__\n"
    "def f(n):\n    return Point(n + 1)\n"
)


def test_honest_comparisons_and_patches_pass(sandbox):
    programs = [
        (POINT, "assert f(1) == Point(2)\nassert f(1) in [Point(2)]\nassert f(2) != Point(2)\nassert f(1) == 2 == f(1).x\n"),
        ("import json\njson.dumps = lambda value: 'x'\ndef f(n):\n    return n + 1\n", "assert f(1) == 2\n"),
        (
            "def f(n):\n    return print(n)\n",
            "from unittest.mock import ANY, patch\nwith patch('builtins.print') as told:\n    f(1)\n"
            "told.assert_called_once_with(1)\nassert told.call_args == ((ANY,), {})\n",
        ),
        (
            "def f(n):\n    return n + 1\n",
            UNITTEST.format("self.assertDictEqual({1: f(1)}, {1: 2})") + "unittest.TestLoader.sortTestMethodsUsing = None\n",
        ),
        (
            "import builtins, netrc, unittest\nbuiltins._ = str.upper\nbuiltins.print = lambda *a: None\nunittest.mine = 1\n"
            "def f(n):\n    return _(n)\n",
            "import builtins, colorsys\nbuiltins.input = lambda: 'a'\nassert f(input()) == 'A'\n",
        ),
    ]  # fmt: skip
    results = sandbox.run(programs)
    assert [result.verdict for result in results] == ["passed"] * len(programs), results
    assert results[-2].checks_run == 2, "assertions that an assertion makes count once"


def test_the_tests_are_in_no_file(sandbox):
    solution = "def f(n):\n    return open(__file__).read().count('False')\n"
    (result,) = sandbox.run([(solution, "assert f(1) == 1 and f(1) is not False\n")])
    assert result.passed, result
