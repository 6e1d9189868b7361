"""What is said of a program without running it."""

import ast

import pytest

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
        ("import pandas.testing as pdt\npdt.assert_frame_equal(area(0), 0)", None),
        ("from numpy.testing import *\nassert_equal(area(0), 0)", None),
        ("import pytest\npytest.raises(TypeError, area, 'x')", None),
        ("from __main__ import area\nassert area(0) == 0", None),
        ("from __main__ import math as area\nassert area(0) == 0", "redefines_solution"),
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
        ("return area(0)\nassert area(0)", None),
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
