"""Records of our own in the formats of benchmarks, with answers that are right and wrong."""

import json
from pathlib import Path

BIGCODEBENCH_STUB = """import json
import statistics

def task_func(text):
"""
BIGCODEBENCH_DOC = '''    """
    Mean of the numbers in a JSON list.

    Parameters:
    - text (str): a JSON list of numbers.

    Returns:
    - float: their mean.

    Requirements:
    - json
    - statistics

    Example:
    >>> task_func("[1, 3]")
    2
    """
'''
BIGCODEBENCH_TEST = """import unittest

class TestCases(unittest.TestCase):
    def test_mean(self):
        self.assertEqual(task_func("[1, 2, 6]"), 3)

    def test_no_list(self):
        with self.assertRaises(ValueError):
            task_func("{")
"""


def bigcodebench(number: int = 0, **changes) -> dict:
    """A problem whose solution goes on with its stub's indented body."""
    return {
        "task_id": f"BigCodeBench/{number}",
        "complete_prompt": BIGCODEBENCH_STUB + BIGCODEBENCH_DOC,
        "instruct_prompt": "Write the mean of the numbers in a JSON list.\nYou should write self-contained code starting "
        f"with:\n```\n{BIGCODEBENCH_STUB}```",
        "canonical_solution": "    return statistics.mean(json.loads(text))",
        "code_prompt": BIGCODEBENCH_STUB,
        "test": BIGCODEBENCH_TEST,
        "entry_point": "task_func",
        "doc_struct": "{}",
        "libs": "['json', 'statistics']",
        **changes,
    }


DS_1000_HARNESS = '''import numpy as np
import copy
import tokenize, io


def generate_test_case(test_case_id):
    def define_test_input(test_case_id):
        if test_case_id == 1:
            values = np.array([[1, 5], [7, 2]])
        elif test_case_id == 2:
            values = np.array([[0, -4]])
        return values

    def generate_ans(data):
        return data.max(axis=1)

    test_input = define_test_input(test_case_id)
    return test_input, generate_ans(copy.deepcopy(test_input))


def exec_test(result, ans):
    try:
        np.testing.assert_array_equal(result, ans)
        return 1
    except:
        return 0


exec_context = r"""
import numpy as np
values = test_input
[insert]
"""


def test_execution(solution: str):
    code = exec_context.replace("[insert]", solution)
    for i in range(2):
        test_input, expected_result = generate_test_case(i + 1)
        test_env = {"test_input": test_input}
        exec(code, test_env)
        assert exec_test(test_env["result"], expected_result)
'''
DS_1000_STRING = """

def test_string(solution: str):
    tokens = []
    for token in tokenize.tokenize(io.BytesIO(solution.encode("utf-8")).readline):
        tokens.append(token.string)
    assert "while" not in tokens and "for" not in tokens
"""
DS_1000_QUESTION = """Problem:
I want the largest number of each row, without a loop.
A:
<code>
import numpy as np
values = np.array([[1, 5], [7, 2]])
</code>
result = ... # put solution in this variable
BEGIN SOLUTION
<code>
"""
DS_1000_FUNCTION = """Problem:
I want the largest number of each row.
A:
<code>
import numpy as np
example = np.array([[1, 5], [7, 2]])
def f(values=example):
    # return the solution in this function
    # result = f(values)
    ### BEGIN SOLUTION"""
DS_1000_BODY = DS_1000_HARNESS.replace("[insert]", "def f(values):\n[insert]\nresult = f(values)", 1)
DS_1000_PLOT = "import matplotlib.pyplot as plt\n\n# draw a line from 0 to 1\n# SOLUTION START\n"


def ds_1000(number: int = 0, library: str = "Numpy", **changes) -> dict:
    """A problem whose answer is put into its harness; with a check of the answer's text too."""
    return {
        "prompt": DS_1000_QUESTION,
        "reference_code": "result = values.max(axis=1)\n",
        "metadata": {
            "problem_id": number,
            "library_problem_id": number,
            "library": library,
            "test_case_cnt": 2,
            "perturbation_type": "Origin",
            "perturbation_origin_id": number,
        },
        "code_context": DS_1000_HARNESS + DS_1000_STRING,
        **changes,
    }


def ds_1000_of_every_form() -> list[dict]:
    """An answer in the open, one that is a function's body, and one that the image has no library for."""
    body = {
        "prompt": DS_1000_FUNCTION,
        "reference_code": "    return values.max(axis=1)\n",
        "code_context": DS_1000_BODY,
    }
    plot = {
        "prompt": DS_1000_PLOT,
        "reference_code": "plt.plot([0, 1])\n",
        "code_context": "import matplotlib.pyplot as plt\n" + DS_1000_HARNESS,
    }
    return [ds_1000(0), ds_1000(1, **body), ds_1000(2, "Matplotlib", **plot)]


def write_jsonl(path: Path, records: list[dict]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def write_parquet(path: Path, records: list[dict]) -> Path:
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.Table.from_pylist(records), path)
    return path


SUM_SLOW = "def sum_to(n):\n    total = 0\n    for i in range(n + 1):\n        for _ in range(i):\n            total += 1\n    return total\n"
SUM_MEDIUM = "def sum_to(n):\n    total = 0\n    for i in range(n + 1):\n        total += i\n    return total\n"
SUM_FAST = "def sum_to(n):\n    return n * (n + 1) // 2\n"


def evalperf(task_id: str = "HumanEval/900", **changes) -> dict:
    """Three references from slow to fast, each hundreds of times as fast as the one before."""
    return {
        "task_id": task_id,
        "entry_point": "sum_to",
        "reference": [SUM_SLOW, SUM_MEDIUM, SUM_FAST],
        "pe_input": "[[600]]",
        "scores": [20.0, 60.0, 100.0],
        **changes,
    }


def evalplus(task_id: str = "HumanEval/900", **changes) -> dict:
    """The problem in EvalPlus's format that the references solve."""
    return {
        "task_id": task_id,
        "prompt": 'def sum_to(n):\n    """Sum of the integers from 1 to n."""\n',
        "entry_point": "sum_to",
        "canonical_solution": "    return n * (n + 1) // 2\n",
        "base_input": [[3], [0]],
        "plus_input": [[10], [100]],
        "atol": 0,
        **changes,
    }
