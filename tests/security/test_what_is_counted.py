"""Checks of every usual form count, those that fail also when the text swallows the failure."""

import pytest

SOLUTION = """\
def double(n):
    if not isinstance(n, int):
        raise TypeError(n)
    return 2 * n
"""
WRONG = "def double(n):\n    return 5 * n\n"
"""Raises nothing, and doubles nothing."""

CHECKS = {
    "numpy.testing by another name": "import numpy.testing as npt\nnpt.assert_allclose(double(1), 2)",
    "testing from numpy": "from numpy import testing\ntesting.assert_equal(double(1), 2)",
    "all of numpy.testing": "from numpy.testing import *\nassert_equal(double(1), 2)",
    "pandas.testing by another name": (
        "import pandas as pd\nimport pandas.testing as pdt\npdt.assert_series_equal(pd.Series([double(1)]), pd.Series([2]))"
    ),
    "an error that numpy expects": "import numpy as np\nwith np.testing.assert_raises(TypeError):\n    double('x')",
    "assert False after the error": "try:\n    double('x')\n    assert False\nexcept TypeError:\n    pass",
    "a raise after the error": "try:\n    double('x')\n    raise AssertionError('no error')\nexcept TypeError:\n    print('good')",
    "an else of a try": "try:\n    double('x')\nexcept TypeError:\n    pass\nelse:\n    raise AssertionError",
    "pytest.fail after the error": "import pytest\ntry:\n    double('x')\n    pytest.fail('no error')\nexcept TypeError:\n    pass",
    "a raise after other statements": "if double(1) != 2:\n    print('wrong')\n    raise AssertionError",
    "a raise in the other branch": "if double(1) == 2:\n    print('right')\nelse:\n    raise AssertionError",
    "a raise of another error": "if double(1) != 2:\n    raise ValueError('wrong')",
    "a raise in a test": "def test_double():\n    for n in (1, 2):\n        if double(n) != 2 * n:\n            raise Exception(n)",
    "a function given to pytest.raises": "import pytest\npytest.raises(TypeError, double, 'x')",
    "the error that pytest.raises kept": "import pytest\nerror = pytest.raises(TypeError, double, 'x')\nassert 'x' in str(error)",
    "pytest.fail in a branch": "import pytest as pt\nif double(1) != 2:\n    pt.fail('wrong')",
    "fail by its own name": "from pytest import fail\nif double(1) != 2:\n    fail('wrong')",
    "one of two results": "try:\n    assert double(1) == 3\nexcept AssertionError:\n    assert double(1) == 2",
    "a mock that was not called so": (
        "import unittest\nfrom unittest.mock import Mock\nclass T(unittest.TestCase):\n    def test(self):\n        m = Mock()\n"
        "        m(double(1))\n        m.assert_called_with(2)\n        with self.assertRaises(AssertionError):\n"
        "            m.assert_called_with(3)"
    ),
    "an assertion that has to fail": (
        "import pytest\nwith pytest.raises(AssertionError):\n    assert double(1) == 3\nassert double(1) == 2"
    ),
    "an exit at the end": "import sys\nassert double(1) == 2\nsys.exit(0)",
    "an exit with what main gives": "import sys\ndef main():\n    assert double(1) == 2\nif __name__ == '__main__':\n    sys.exit(main())",
    "an exit in the last function": "import sys\ndef main():\n    assert double(1) == 2\n    if double(2) == 4:\n        sys.exit(0)\n    else:\n        sys.exit(1)\nmain()",
    "a helper of the tests that may raise": (
        "def check(a, b):\n    if a != b:\n        raise ValueError(a)\ncheck(double(1), 2)\n"
        "try:\n    check(1, 2)\nexcept ValueError:\n    pass\nelse:\n    assert False"
    ),
    "an exit with unittest's result": (
        "import sys, unittest\nclass T(unittest.TestCase):\n    def test(self):\n        self.assertEqual(double(1), 2)\n"
        "suite = unittest.defaultTestLoader.loadTestsFromTestCase(T)\nr = unittest.TextTestRunner().run(suite)\n"
        "sys.exit(not r.wasSuccessful())"
    ),
    "errors caught where a test expects them": (
        "def test_error():\n    try:\n        double('x')\n    except Exception as error:\n        assert isinstance(error, TypeError)\n"
        "    else:\n        assert False\ntry:\n    test_error()\nexcept Exception:\n    print('bad')\n"
        "def call(f):\n    try:\n        f('x')\n    except Exception:\n        return True\nassert call(double)"
    ),
    "names from __main__": "from __main__ import double\nassert double(1) == 2",
}  # fmt: skip

GOOD = "\nassert double(1) == 2\n"
SWALLOWED = {
    "an error, by a runner made by hand": (
        "def test_good():\n    assert double(2) == 4\ndef test_value():\n    assert double('x') == 'xx'\n"
        "for test in (test_good, test_value):\n    try:\n        test()\n    except Exception as error:\n        print(error)"
    ),
    "an error, by a runner of methods": (
        "class TestIt:\n    def test_value(self):\n        assert double('x') == 'xx'\n"
        "for name in dir(TestIt):\n    if name.startswith('test'):\n        try:\n            getattr(TestIt(), name)()\n"
        "        except:\n            print('bad', name)"
    ),
    "a library's assertion": "import numpy as np\ntry:\n    np.testing.assert_allclose(double(1), 3)\nexcept AssertionError:\n    pass",
    "an error that pytest expects": "import pytest\ntry:\n    with pytest.raises(ValueError):\n        double(1)\nexcept BaseException:\n    pass",
    "an error given to pytest.raises": "import pytest\ntry:\n    pytest.raises(ValueError, double, 1)\nexcept BaseException:\n    pass",
    "a warning that pytest expects": "import pytest\ntry:\n    with pytest.warns(UserWarning):\n        double(1)\nexcept BaseException:\n    pass",
    "pytest.fail": "import pytest\ntry:\n    pytest.fail('wrong')\nexcept BaseException:\n    pass",
    "an error that unittest expects": (
        "import unittest\ntry:\n    with unittest.TestCase().assertRaises(ValueError):\n        double(1)\nexcept AssertionError:\n    pass"
    ),
    "a raise": "try:\n    if double(1) != 3:\n        print('x')\n        raise AssertionError\nexcept AssertionError:\n    pass",
    "a raise in a test": (
        "def test_double():\n    if double(1) != 3:\n        raise ValueError\ntry:\n    test_double()\nexcept Exception as error:\n    print(error)"
    ),
    "an error in a helper": (
        "def check(a, b):\n    if a != b:\n        raise ValueError(a)\ntry:\n    check(double(1), 3)\nexcept Exception as e:\n    print(e)"
    ),
    "assert False": "try:\n    double(1)\n    assert False\nexcept Exception:\n    pass",
    "an assertion after which nothing of the kind is tried": (
        "try:\n    assert double(1) == 3\nexcept AssertionError:\n    assert 1 == 1"
    ),
    "an assertion instead of another error": (
        "import pytest\ntry:\n    with pytest.raises(ValueError):\n        assert double(1) == 3\nexcept AssertionError:\n    pass"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_of_this_form_is_one(sandbox, name):
    right, wrong = sandbox.run([(SOLUTION, CHECKS[name]), (WRONG, CHECKS[name])])
    assert right.passed and right.checks_run, right
    assert wrong.verdict in ("assertion_failed", "error", "early_exit"), wrong


@pytest.mark.parametrize("name", SWALLOWED)
def test_a_failed_check_that_the_text_swallows_is_seen(sandbox, name):
    (result,) = sandbox.run([(SOLUTION, SWALLOWED[name] + GOOD)])
    assert result.verdict == "assertion_failed", result


@pytest.mark.parametrize(
    "text", ["sys.exit(1)", "sys.exit('bad')", "sys.exit()\nprint()", "if True:\n    sys.exit()\nprint()"]
)
def test_other_exits_are_early(sandbox, text):
    (result,) = sandbox.run([(SOLUTION, f"import sys{GOOD}{text}")])
    assert result.verdict == "early_exit", result
