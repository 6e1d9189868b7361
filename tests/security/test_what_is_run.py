"""Tests that only a runner would call are run, in pytest's manner; a text of which some did not run does not pass."""

import pytest

DOUBLE = "def double(n):\n    if not isinstance(n, int):\n        raise TypeError(n)\n    return 2 * n\n"
PRINTS = (
    "import logging\ndef double(n):\n    print(2 * n)\n    logging.getLogger('d').warning('%d', n)\n    return 2 * n\n"
)

RUN = {
    "fixtures": """
        import pytest
        @pytest.fixture
        def two():
            return 2
        @pytest.fixture(name='four')
        def make_four(two):
            yield two * 2
        def test_double(two, four):
            assert double(two) == four""",
    "fixtures with parameters, scopes and finalizers": """
        import pytest
        seen = []
        @pytest.fixture(scope='module', params=[1, pytest.param(2, id='two')])
        def number(request):
            request.addfinalizer(lambda: seen.append(request.param))
            return request.param
        def test_double(number):
            assert double(number) == number + number
        @pytest.fixture
        def plain():
            return 3
        def test_plain(plain, request):
            assert double(plain) == 6 and request.getfixturevalue('plain') == 3""",
    "fixtures that are used by themselves": """
        import pytest
        state = []
        @pytest.fixture(autouse=True)
        def fill():
            state.append(1)
            yield
            state.clear()
        @pytest.fixture
        def more(fill):
            state.append(2)
        def test_one():
            assert double(len(state)) == 2
        @pytest.mark.usefixtures('more')
        def test_two():
            assert double(len(state)) == 4""",
    "fixtures of a class": """
        import pytest
        @pytest.fixture
        def number():
            return 1
        class TestDouble:
            @pytest.fixture(autouse=True)
            def start(self, number):
                self.number = number
            @pytest.fixture
            def number(self, number):
                return number + 1
            def test_it(self, number):
                assert self.number == number == 2 and double(number) == 4""",
    "built-in fixtures": """
        def test_files(tmp_path, tmpdir, tmp_path_factory):
            (tmp_path / 'a').write_text('1')
            (tmp_path_factory.mktemp('x') / 'b').write_text('2')
            assert double(int((tmp_path / 'a').read_text())) == 2 and not tmpdir.listdir()
        def test_output(capsys, caplog):
            double(2)
            assert capsys.readouterr().out == '4\\n'
            assert caplog.messages == ['2'] and caplog.records[0].levelname == 'WARNING'
        def test_descriptors(capfd):
            import os
            os.write(1, str(double(1)).encode())
            assert capfd.readouterr().out.endswith('2')
        def test_patched(monkeypatch, recwarn):
            import os, warnings
            monkeypatch.setenv('N', '3')
            warnings.warn('w')
            assert double(int(os.environ['N'])) == 6 and len(recwarn) == 1
        def test_unpatched():
            import os
            assert 'N' not in os.environ and double(0) == 0""",
    "asynchronous fixtures and tests": """
        import asyncio, pytest
        @pytest.fixture
        async def two():
            yield 2
            await asyncio.sleep(0)
        async def test_double(two):
            await asyncio.sleep(0)
            assert double(two) == 4""",
    "parametrize in all forms": """
        import pytest
        @pytest.mark.parametrize(argnames='n', argvalues=[1, 2])
        @pytest.mark.parametrize('m', (0, 3))
        def test_product(n, m):
            assert double(n) + double(m) == double(n + m)
        @pytest.mark.parametrize('t', [(1,), (2, 3)])
        def test_tuples(t):
            assert isinstance(t, tuple) and double(t[0]) == 2 * t[0]
        @pytest.mark.parametrize(['n'], [(1,), [2]])
        def test_one_name(n):
            assert double(n) == 2 * n
        @pytest.mark.parametrize(('n', 'm'), ((n, 2 * n) for n in range(3)), ids=str)
        def test_generated(n, m):
            assert double(n) == m
        @pytest.fixture
        def stored(request):
            return request.param + 1
        @pytest.mark.parametrize('stored, twice', [(1, 4)], indirect=['stored'])
        def test_indirect(stored, twice):
            assert double(stored) == twice
        @pytest.mark.parametrize('n', [1, pytest.param(2, id='two'), pytest.param('x', marks=pytest.mark.skip)])
        class TestClass:
            def test_n(self, n):
                assert double(n) == 2 * n
            def test_again(self, n):
                assert double(n) != 3""",
    "what surrounds tests": """
        order = []
        def setup_module(module):
            order.append('module')
        def setup_function(function):
            order.append(function.__name__)
        def teardown_function():
            order.append('end')
        def test_a():
            assert double(len(order)) == 4
        def test_b():
            assert order == ['module', 'test_a', 'end', 'test_b']
        class TestClass:
            @classmethod
            def setup_class(cls):
                cls.n = 2
            def setup_method(self, method):
                self.name = method.__name__
            def teardown_method(self):
                order.append('left')
            def test_c(self):
                assert double(self.n) == 4 and self.name == 'test_c'
            def test_d(self):
                assert order[-1] == 'left'""",
    "inherited and inner classes": """
        class Base:
            number = 0
            def test_double(self):
                assert double(self.number) == self.number * 2
        class TestOne(Base):
            number = 1
            class TestInner:
                def test_two(self):
                    assert double(2) == 4""",
    "patched tests": """
        from unittest.mock import patch
        @patch('builtins.print')
        def test_print(shown):
            print(double(1))
            shown.assert_called_with(2)
        class TestClass:
            @patch('os.getcwd', return_value='x')
            def test_cwd(self, cwd):
                import os
                assert os.getcwd() == 'x' and double(1) == 2""",
    "skips of the text's own": """
        import sys, unittest, pytest
        @pytest.mark.skip(reason='slow')
        def test_slow():
            assert False
        @pytest.mark.skipif(sys.version_info > (3,), reason='old')
        def test_old():
            assert False
        def test_sometimes():
            if double(1) == 2:
                pytest.skip('not here')
        @pytest.mark.xfail(sys.platform == 'none', reason='other')
        def test_expected():
            assert double(1) == 2
        class T(unittest.TestCase):
            @unittest.skip('later')
            def test_later(self):
                self.fail()
            def test_now(self):
                self.assertEqual(double(1), 2)
                self.skipTest('rest')""",
    "TestCase with fixtures of pytest": """
        import pytest, unittest
        class T(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def number(self, tmp_path):
                self.path = tmp_path
            def test_it(self):
                self.assertEqual(double(1 + len(list(self.path.iterdir()))), 2)""",
    "pytest.main at the end": """
        import sys, pytest
        def test_double():
            assert double(1) == 2
        if __name__ == '__main__':
            sys.exit(pytest.main([__file__, '-v']))""",
    "a fixture under a test's name": """
        import pytest
        @pytest.fixture(scope='module')
        def test_data():
            return 3
        def test_double(test_data):
            assert double(test_data) == 6""",
    "a test under one of two conditions": """
        try:
            import nothing_like_it
            def test_double():
                assert nothing_like_it
        except ImportError:
            def test_double():
                assert double(1) == 2""",
    "a test that is made": """
        def make(n):
            def inner():
                assert double(n) == 2 * n
            return inner
        test_one, test_two = make(1), make(2)""",
}

WEAK = "def test_weak():\n    assert double(0) is not None\n"

NOT_PASSED = {
    "a fixture that nothing gives": ("no_checks", "def test_value(database):\n    assert double(1) == 2"),
    "a test that fails with a fixture": ("assertion_failed", "def test_value(tmp_path):\n    assert double(1) == 3"),
    "parametrize by keyword": (
        "assertion_failed",
        "import pytest\n@pytest.mark.parametrize(argnames='n', argvalues=[1])\ndef test_value(n):\n    assert double(n) == 3",
    ),
    "no parameters at all": (
        "no_checks",
        "import pytest\n@pytest.mark.parametrize('n', [])\ndef test_value(n):\n    assert double(n) == 3",
    ),
    "parametrize on a class": (
        "assertion_failed",
        "import pytest\n@pytest.mark.parametrize('n', [1])\nclass TestClass:\n    def test_value(self, n):\n        assert double(n) == 3",
    ),
    "one method called by hand": (
        "assertion_failed",
        "class TestClass:\n    def test_weak(self):\n        assert double(0) == 0\n    def test_value(self):\n"
        "        assert double(1) == 3\nTestClass().test_weak()",
    ),
    "one method run by hand": (
        "assertion_failed",
        "import unittest\nclass T(unittest.TestCase):\n    def test_weak(self):\n        self.assertIsNotNone(double(0))\n"
        "    def test_value(self):\n        self.assertEqual(double(1), 3)\nunittest.TextTestRunner().run(T('test_weak'))",
    ),
    "an inherited test": (
        "assertion_failed",
        "class Base:\n    def test_value(self):\n        assert double(self.n) == 3\nclass TestIt(Base):\n    n = 1",
    ),
    "an inner class": (
        "assertion_failed",
        "class TestOuter:\n    class TestInner:\n        def test_value(self):\n            assert double(1) == 3",
    ),
    "a generator": ("no_checks", "def test_value():\n    assert double(1) == 3\n    yield"),
    "a hidden test": (
        "no_checks",
        "def test_value():\n    assert double(1) == 3\ndef test_value():\n    assert double(1) == 2",
    ),
    "a class that takes arguments": (
        "no_checks",
        "class TestIt:\n    def __init__(self, n):\n        self.n = n\n    def test_value(self):\n        assert double(1) == 3",
    ),
    "an expected failure": (
        "assertion_failed",
        "import pytest\n@pytest.mark.xfail\ndef test_value():\n    assert double(1) == 3",
    ),
    "a strictly expected failure that does not come": (
        "assertion_failed",
        "import pytest\n@pytest.mark.xfail(strict=True)\ndef test_value():\n    assert double(1) == 2",
    ),
    "an expected failure of unittest": (
        "error",
        "import unittest\nclass T(unittest.TestCase):\n    @unittest.expectedFailure\n    def test_value(self):\n"
        "        raise ValueError(double(1))",
    ),
    "a fixture that fails": (
        "error",
        "import pytest\n@pytest.fixture\ndef n():\n    return 1 / 0\ndef test_value(n):\n    assert double(n) == 3",
    ),
    "a finalizer that fails": (
        "assertion_failed",
        "import pytest\n@pytest.fixture\ndef n():\n    yield 1\n    assert double(1) == 3\ndef test_value(n):\n    assert double(n) == 2",
    ),
    "all skipped": (
        "no_checks",
        "import pytest\npytestmark = pytest.mark.skip\ndef test_value():\n    assert double(1) == 2",
    ),
    "a doctest beside it": (
        "assertion_failed",
        "def g():\n    '''\n    >>> double(1)\n    3\n    '''\nimport doctest\ndoctest.testmod()",
    ),
    "an assertion in a process": (
        "assertion_failed",
        "import multiprocessing\ndef look():\n    assert double(1) == 3\np = multiprocessing.Process(target=look)\np.start()\np.join()",
    ),
    "an assertion in a fork": (
        "assertion_failed",
        "import os\nif not (child := os.fork()):\n    assert double(1) == 3\n    os._exit(0)\nos.waitpid(child, 0)",
    ),
}

BY_THE_SOLUTION = {
    "hides a test": "globals().pop('test_value', None)",
    "replaces a test": "globals()['test_value'] = lambda: None",
    "marks a test to be skipped": "import pytest\n    if 'test_value' in globals(): pytest.mark.skip(globals()['test_value'])",
    "skips a test": "import pytest\n    if n == 1: pytest.skip('no')",
    "skips a test of unittest": "import unittest\n    if n == 1: raise unittest.SkipTest",
}  # fmt: skip


def text_of(block: str) -> str:
    lines = block.strip("\n").splitlines()
    return "\n".join(line.removeprefix("        ") for line in lines)


@pytest.mark.parametrize("name", RUN)
def test_what_a_runner_would_call_is_run(sandbox, name):
    solution = PRINTS if "built-in" in name else DOUBLE
    solution += "# defines no __eq__\n" if "name" in name else ""  # so that what calls give is looked at too
    text = text_of(RUN[name])
    right, wrong = sandbox.run([(solution, text), (solution.replace("2 *", "5 *"), text)])
    assert right.passed, right
    assert wrong.verdict in ("assertion_failed", "error"), wrong


@pytest.mark.parametrize("name", NOT_PASSED)
def test_a_test_that_fails_or_cannot_run_is_noticed_beside_one_that_passes(sandbox, name):
    verdict, text = NOT_PASSED[name]
    weak = "" if name == "all skipped" else WEAK
    (result,) = sandbox.run([(DOUBLE, weak + text)])
    assert result.verdict == verdict, result
    if verdict == "no_checks" and weak:
        assert "of 2 tests could not be run" in result.reason or "of 3 tests" in result.reason, result


@pytest.mark.parametrize("name", BY_THE_SOLUTION)
def test_a_solution_cannot_keep_a_test_from_running(sandbox, name):
    solution = f"def double(n):\n    {BY_THE_SOLUTION[name]}\n    return 0\n"
    tests = "import unittest\n" + WEAK.replace("(0)", "(3)")
    if "unittest" in name:
        tests += "class T(unittest.TestCase):\n    def test_value(self):\n        self.assertEqual(double(1), 2)"
    else:
        tests += "def test_value():\n    assert double(1) == 2"
    (result,) = sandbox.run([(solution, tests)])
    assert result.verdict in ("no_checks", "error"), result
