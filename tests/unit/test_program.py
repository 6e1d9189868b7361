"""What is said of a program without running it."""

import ast
import contextlib

import pytest

from selfalign.sandbox.payload import checks
from selfalign.sandbox.program import Program, has_checks, static_verdict

SOLUTION = "import math\nLIMIT = 3\ndef area(r):\n    return math.pi * r * r\nclass Shape:\n    def size(self):\n        return 1\n"


@pytest.mark.parametrize(
    ("tests", "verdict"),
    [
        ("assert area(0) == 0", None),
        ("assert Shape().size() == 1", None),
        ("assert LIMIT == 3", None),
        ("def test_area():\n    assert area(0) == 0", None),
        ("def test_area():\n    area_of_one = area(1)\n    assert area_of_one > 3", None),
        (
            "import unittest\nclass T(unittest.TestCase):\n    def test(self):\n        self.assertEqual(area(0), 0)",
            None,
        ),
        (
            "import unittest\nclass TestArea(unittest.TestCase):\n    def area(self):\n        self.assertEqual(area(0), 0)",
            None,
        ),
        ("import pytest\nwith pytest.raises(TypeError):\n    area('x')", None),
        ("from numpy.testing import assert_allclose\nassert_allclose(area(0), 0)", None),
        ("if area(0) != 0:\n    raise AssertionError('wrong')", None),
        ("print(area(1))", "no_checks"),
        ("", "no_checks"),
        ("# assert area(0) == 0", "no_checks"),
        ("assert_allclose(area(0), 0)", "no_checks"),
        ("assert True", "vacuous"),
        ("import math\nassert math.pi > 3", "vacuous"),
        ("assert 'area' != 'Shape'", "vacuous"),
        ("def area(r):\n    return 0\nassert area(0) == 0", "redefines_solution"),
        ("if True:\n    def area(r):\n        return 0\nassert area(0) == 0", "redefines_solution"),
        ("def test():\n    def area(r):\n        return 0\n    assert area(0) == 0", "redefines_solution"),
        ("class Shape:\n    def size(self):\n        return 1\nassert Shape().size() == 1", "redefines_solution"),
        ("area = abs\nassert area(0) == 0", "redefines_solution"),
        ("from math import fabs as area\nassert area(0) == 0", "redefines_solution"),
        ("for area in [abs]:\n    assert area(0) == 0", "redefines_solution"),
        ("def test():\n    global area\n    area = abs\ntest()\nassert area(0) == 0", "redefines_solution"),
        ("assert area(0) == ", "syntax_error"),
        ("assert area('\x00')", "syntax_error"),
        ("return area(0)\nassert area(0)", "syntax_error"),
        ("assert area('\ud800')", "syntax_error"),
    ],
)
def test_verdicts_that_need_no_execution(tests, verdict):
    result = static_verdict(Program(SOLUTION, tests))
    assert (result and result.verdict) == verdict
    if result:
        assert not result.executed and not result.passed and result.reason


def test_a_solution_that_does_not_compile_is_named():
    assert static_verdict(Program("def area(:", "assert area(0)")).reason.startswith("solution")
    deep = "(" * 5000 + ")" * 5000
    assert static_verdict(Program(deep, "assert area(0)")).verdict == "syntax_error"


def test_a_script_that_defines_nothing_cannot_be_tested():
    assert static_verdict(Program("print(1)", "assert 1 == 1")).verdict == "vacuous"


def test_assertions_of_other_things_than_a_library_are_no_checks():
    assert not has_checks(ast.parse("x = 1\ncheck(x)"))
    assert has_checks(ast.parse("pd.testing.assert_frame_equal(a, b)"))


def run_counted(tests: str, **names) -> checks.Counter:
    """Runs our own instrumented text and gives what was counted."""
    counter = checks.Counter()
    namespace = {checks.HOOK: counter, **names}
    code = compile(checks.instrument(ast.parse(tests)), "tests.py", "exec")
    with contextlib.suppress(AssertionError):
        exec(code, namespace)  # our own text, not a model's
    return counter


@pytest.mark.parametrize(
    ("tests", "run", "failed"),
    [
        ("assert 1\nassert 2, 'no'", 2, 0),
        ("assert 1\nassert 0\nassert 2", 2, 1),
        ("try:\n    assert 0\nexcept AssertionError:\n    pass\nassert 1", 2, 1),
        ("for n in range(3):\n    assert n >= 0", 3, 0),
        ("def unused():\n    assert 0", 0, 0),
        ("if 0:\n    raise AssertionError", 1, 0),
        ("try:\n    if 1:\n        raise AssertionError('x')\nexcept AssertionError:\n    pass", 1, 1),
        ("async def unused():\n    async with pytest.raises(ValueError):\n        pass", 0, 0),
    ],
)
def test_checks_are_counted_as_they_run(tests, run, failed):
    counter = run_counted(tests)
    assert (counter.run, counter.failed) == (run, failed)


def test_a_condition_is_evaluated_once_and_functions_that_were_entered_are_known():
    calls = []
    counter = run_counted(
        "def test_a():\n    'doc'\n    assert f()\ntest_a()\ndef test_b():\n    assert 0",
        f=lambda: calls.append(1) or 1,
    )
    assert calls == [1] and counter.entered == {"test_a"}


def test_line_numbers_survive_the_counting():
    with pytest.raises(ZeroDivisionError) as raised:
        run_counted("def f():\n    '''doc'''\n\n    return 1 / 0\n\n\nassert f()")
    assert [entry.lineno for entry in raised.traceback][-2:] == [7 - 1, 4 - 1]
