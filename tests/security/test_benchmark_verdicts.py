"""Benchmarks' own ways to score, on problems of our own in the official formats, in the real sandbox: for each way that an
answer can be right or wrong, one that is."""

import base64
import json
import pickle
import zlib

import pytest

import fetch_benchmark
import score
from selfalign.benchmarks.base import open_benchmark
from selfalign.benchmarks.problems import parse_problems
from selfalign.errors import UserError
from selfalign.io import read_json, read_jsonl, write_jsonl
from selfalign.sandbox import Limits, Sandbox

SMALL = {"cpu_seconds": 2, "wall_seconds": 120, "memory_mb": 1024}


def rows_of(kind: str, records: list[dict], variant: str | None = None) -> list[dict]:
    spec = {"kind": kind, "variant": variant, "problems": len(records)}
    return parse_problems("b", spec, json.dumps(records).encode(), "here")


def outcomes(sandbox, kind: str, problem: dict, answers: list[str]) -> list[dict]:
    """What comes of answers as models give them, as far as the sandbox."""
    benchmark = open_benchmark(kind)
    return list(
        benchmark.score(sandbox, [(problem, {"solution": benchmark.solution(problem, text)}) for text in answers])
    )


def verdicts(*arguments) -> list[str]:
    found = outcomes(*arguments)
    assert all(item["passed"] is (item["verdict"] == "passed") for item in found)
    return [item["verdict"] for item in found]


@pytest.fixture(scope="module")
def sandbox(sandbox_image):
    """One engine: what differs between them is shown elsewhere."""
    with Sandbox.open(sandbox_image, Limits(**SMALL), workers=2) as opened:
        yield opened


@pytest.fixture(autouse=True)
def small_limits(monkeypatch):
    for kind in ("evoeval", "classeval", "canitedit", "livecodebench"):
        monkeypatch.setattr(type(open_benchmark(kind)), "limits", SMALL)


# --- HumanEval -------------------------------------------------------------------------------------------------------------


def test_humaneval_runs_its_own_check(sandbox):
    (problem,) = rows_of(
        "humaneval",
        [
            {
                "task_id": "HumanEval/3",
                "prompt": 'def total(prices):\n    """Sum of the prices above zero."""\n',
                "entry_point": "total",
                "canonical_solution": "    return sum(price for price in prices if price > 0)\n",
                "test": "def check(candidate):\n    assert candidate([1, -1, 2]) == 3\n    assert candidate([]) == 0\n",
            }
        ],
    )
    answers = {
        problem["prompt"] + problem["canonical_solution"]: "passed",
        problem["canonical_solution"]: "passed",
        "def total(prices):\n    return sum(filter(lambda price: price > 0, prices))": "passed",
        "    return sum(prices)": "assertion_failed",
        "    return max(prices)": "assertion_failed",
        "    return prices[0] and sum(price for price in prices if price > 0)": "error",
        "    return sum(": "syntax_error",
        "    raise SystemExit": "early_exit",
        "    while True: pass": "timeout",
        "    return Anything()\nclass Anything:\n    def __eq__(self, other): return True": "vacuous",
        "import os\nos._exit(0)": "early_exit",
        "def sum_up(prices):\n    return 3": "error",
        "": "error",
    }
    assert dict(zip(answers, verdicts(sandbox, "humaneval", problem, list(answers)), strict=True)) == answers


# --- EvoEval ---------------------------------------------------------------------------------------------------------------

SHARES = {
    "task_id": "EvoEval/3",
    "prompt": 'def shares(parts, whole=1):\n    """Share of each part, and the largest part."""\n',
    "entry_point": "shares",
    "canonical_solution": "    return [part / whole for part in parts], max(parts, default=None)\n",
    "inputs": ["[1, 2], 3", "[], 5", "{'a', 'b'} and [4]"],
    "parent": "HumanEval/3",
}


def test_evoeval_compares_types_and_tolerates_a_little_in_floats(sandbox):
    (problem,) = rows_of("evoeval", [SHARES], "difficult")
    body = "    return {}, max(parts, default=None)\n"
    answers = {
        body.format("[part * (1 / whole) for part in parts]"): "passed",
        body.format("[part / whole + 1e-9 for part in parts]"): "passed",
        body.format("[part / whole + 1e-3 for part in parts]"): "assertion_failed",
        body.format("[part // whole for part in parts]"): "assertion_failed",  # an int is no float
        body.format("[str(part / whole) for part in parts]"): "assertion_failed",
        "    return [part / whole for part in parts]\n": "assertion_failed",
        "    return [1 / 0]\n": "error",
        "    while True: pass\n": "timeout",
        "    return (\n": "syntax_error",
        "import os\nos._exit(0)\ndef shares(parts, whole=1): pass": "early_exit",
    }
    assert verdicts(sandbox, "evoeval", problem, list(answers)) == list(answers.values())


def test_a_reason_names_the_limit_that_held(sandbox):
    """A benchmark has limits of its own, for its own requests only."""
    request = {"solution": "while True: pass\n", "tests": "assert True\n"}
    first, second = sandbox.judged([{**request, "limits": {"cpu_seconds": 1}}, request])
    assert "more than 1 CPU seconds" in first.reason and "more than 2 CPU seconds" in second.reason


def test_evoeval_a_bool_is_no_int_and_no_text_a_list(sandbox):
    record = {**SHARES, "canonical_solution": "    return {1: [len(parts) > 1, 'ab']}\n", "inputs": ["[1, 2]"]}
    (problem,) = rows_of("evoeval", [record], "subtle")
    answers = [
        "{1: [True, 'ab']}",
        "{1: [1, 'ab']}",
        "{1: [True, ['a', 'b']]}",
        "{1: (True, 'ab')}",
        "{2: [True, 'ab']}",
    ]
    found = verdicts(sandbox, "evoeval", problem, [f"    return {text}\n" for text in answers])
    assert found == ["passed"] + ["assertion_failed"] * 4


ORACLES = [
    ("difficult", "EvoEval/10", "s", "'Ab'", "s + s[0].lower()", "s + s[0].upper()", "s + 'b'"),
    ("difficult", "EvoEval/32", "xs, interval", "[-4, 2], (0, 5)", "2.0", "2.001", "2.1"),
    ("creative", "EvoEval/26", "maze, start, end", "[[0, 0], [1, 0]], (0, 0), (1, 1)", "['right', 'down']",
     "['right', 'down', 'up', 'down']", "['down', 'right']"),
    ("creative", "EvoEval/30", "maze, start, end", "[[1, 1], [0, 1]], (0, 0), (1, 1)", "[(0, 0), (0, 1), (1, 1)]",
     "[(0, 0), (0, 1), (0, 0), (0, 1), (1, 1)]", "[(0, 0), (1, 1)]"),
    ("creative", "EvoEval/69", "numbers, target", "[2, 3, 6, 1], 6", "(0, 1)", "(2, 3)", "(1, 0)"),
    ("subtle", "EvoEval/32", "xs", "[-4, 2]", "2.0", "2 + 1e-8", "2.1"),
]  # fmt: skip


@pytest.mark.parametrize(("variant", "task", "parameters", "inputs", "own", "other", "wrong"), ORACLES)
def test_evoeval_problems_with_several_right_answers(sandbox, variant, task, parameters, inputs, own, other, wrong):
    record = {**SHARES, "task_id": task, "entry_point": "f", "prompt": f"def f({parameters}):\n"}
    (problem,) = rows_of(
        "evoeval", [{**record, "canonical_solution": f"    return {own}\n", "inputs": [inputs]}], variant
    )
    found = verdicts(sandbox, "evoeval", problem, [f"    return {text}\n" for text in (own, other, wrong)])
    assert found == ["passed", "passed", "assertion_failed"]


def test_evoeval_files_of_the_hub_and_of_evalplus(sandbox):
    """The hub's `test`, and the format of the variants that keep the meaning."""
    of_hub = {key: SHARES[key] for key in ("task_id", "prompt", "entry_point", "canonical_solution")}
    of_hub["test"] = "def check(candidate):\n    assert candidate([4], 2) == ([2.0], 4)\n"
    plus = {**of_hub, "task_id": "HumanEval/3", "base_input": [[[4], 2]], "plus_input": [[[1, 2], 4]], "atol": 0}
    answers = ["    return [p / whole for p in parts], max(parts)\n", "    return [2.0], 4\n", "    return 0\n"]
    (problem,) = rows_of("evoeval", [of_hub], "creative")
    assert verdicts(sandbox, "evoeval", problem, answers) == ["passed", "passed", "assertion_failed"]
    (problem,) = rows_of("evoeval", [plus], "concise")
    found = outcomes(sandbox, "evoeval", problem, answers)
    assert [(item["passed"], item["base_passed"]) for item in found] == [(True, True), (False, True), (False, False)]


def test_evoeval_its_own_solutions_pass(sandbox):
    benchmark = open_benchmark("evoeval")
    problems = rows_of(
        "evoeval", [SHARES, {**SHARES, "task_id": "EvoEval/4", "canonical_solution": "    import nosuch\n"}]
    )
    found = list(benchmark.score(sandbox, benchmark.references(problems)))
    assert [item["passed"] for item in found] == [True, False] and "nosuch" in found[1]["reason"]


# --- ClassEval -------------------------------------------------------------------------------------------------------------

STOCK_TESTS = """import unittest


class StockTestAdd(unittest.TestCase):
    def setUp(self):
        self.stock = Stock()

    def test_add(self):
        self.assertEqual(self.stock.add("nut", 2), 2)

    def test_add_twice(self):
        self.stock.add("nut", 2)
        self.assertEqual(self.stock.add("nut", 3), 5)


class StockTestTake(unittest.TestCase):
    def test_take_too_much(self):
        with self.assertRaises(ValueError):
            Stock().take("nut", 1)


class StockTest(unittest.TestCase):
    def test_whole(self):
        stock = Stock()
        stock.add("nut", 4)
        self.assertEqual((stock.take("nut", 3), math.isclose(1, 1)), (1, True))


if __name__ == "__main__":
    unittest.main()
"""
STOCK = {
    "task_id": "ClassEval_7",
    "skeleton": "import math\nclass Stock:\n    def __init__(self): ...\n    def add(self, name, count): ...\n    def take(self, name, count): ...\n",
    "test": STOCK_TESTS,
    "import_statement": ["import math", "from collections import Counter"],
    "class_name": "Stock",
    "test_classes": ["StockTestAdd", "StockTestTake", "StockTest"],
    "solution_code": "class Stock:\n    def __init__(self):\n        self.counts = Counter()\n\n"
    "    def add(self, name, count):\n        self.counts[name] += count\n        return self.counts[name]\n\n"
    "    def take(self, name, count):\n        if self.counts[name] < count:\n            raise ValueError(name)\n"
    "        return self.add(name, -count)\n",
}  # fmt: skip


def test_classeval_scores_each_test_class_and_the_whole(sandbox):
    (problem,) = rows_of("classeval", [STOCK])
    right = STOCK["solution_code"]
    answers = {
        right: ("passed", 3, ""),
        right.replace("raise ValueError(name)", "pass"): ("assertion_failed", 2, "StockTestTake"),
        # An exception other than the expected one fails the check that expects it.
        right.replace("ValueError(name)", "KeyError(name)"): ("assertion_failed", 2, "StockTestTake"),
        right.replace("+= count", "= count"): ("assertion_failed", 1, "StockTestAdd"),
        right.replace("def take", "def give"): ("assertion_failed", 1, "StockTestTake"),
        right.replace("if self", "while self").replace("raise ValueError(name)", "pass"): (
            "timeout",
            2,
            "StockTestTake",
        ),
        "class Other:\n    pass\n": ("error", 0, "StockTestAdd"),
        "class Stock:\n    def (": ("syntax_error", 0, "StockTestAdd"),
        "import os\nos._exit(0)\n": ("early_exit", 0, "StockTestAdd"),
        right + "\nimport unittest\nunittest.TestCase.assertEqual = lambda *a: None\n": (
            "forbidden",
            0,
            "StockTestAdd",
        ),
    }
    found = outcomes(sandbox, "classeval", problem, list(answers))
    assert [(item["verdict"], item["more"]["parts_passed"]) for item in found] == [
        wanted[:2] for wanted in answers.values()
    ]
    assert all(item["reason"].startswith(wanted[2]) for item, wanted in zip(found, answers.values(), strict=True))
    figures = open_benchmark("classeval").figures([], found[:2])
    assert figures == {"parts": {"passed": 5, "of": 6, "share": 5 / 6}}


def test_classeval_a_class_whose_library_is_not_in_the_image_is_not_run(sandbox):
    benchmark = open_benchmark("classeval")
    broken = STOCK["solution_code"].replace("raise", "return")
    others = [{"import_statement": ["import nosuch"]}, {"solution_code": broken}]
    records = [{**STOCK, "task_id": f"ClassEval_{n}", **other} for n, other in enumerate([{}, *others])]
    found = list(benchmark.score(sandbox, benchmark.references(rows_of("classeval", records))))
    assert [item["verdict"] for item in found] == ["passed", "not_run", "assertion_failed"]
    assert found[1]["not_run"] == ["nosuch"]


# --- CanItEdit -------------------------------------------------------------------------------------------------------------

GREETING = {
    "id": 3,
    "name": "greeting",
    "full_name": "3_greeting",
    "before": "def greet(name):\n    return 'Hello ' + name\n",
    "after": "def greet(name, loud=False):\n    text = 'Hello ' + name\n    return text.upper() if loud else text\n",
    "tests": "### START TESTS ###\nif True:  # pragma: no cover\n    assert greet('Bo') == 'Hello Bo'\n    assert greet('Bo', loud=True) == 'HELLO BO'\n",
    "instruction_descriptive": "Add an optional argument `loud` to `greet`, False by default; with it the text is in capitals.",
    "instruction_lazy": "let greet be loud",
    "taxonomy": {"change_kind": "adaptive", "libraries": [], "topic": "Language"},
}  # fmt: skip


def test_canitedit_runs_the_changed_program_with_the_hidden_tests(sandbox):
    (problem,) = rows_of("canitedit", [GREETING], "lazy")
    answers = {
        GREETING["after"]: "passed",
        GREETING["after"] + "if __name__ == '__main__':\n    print(greet('you'))\n": "passed",
        GREETING["before"]: "error",
        GREETING["after"].replace("upper", "lower"): "assertion_failed",
        "": "error",
        "def greet(name, loud=False)\n": "syntax_error",
        "while True: pass\n": "timeout",
        "raise SystemExit(0)\n": "early_exit",
        "import nosuch\n" + GREETING["after"]: "error",
    }
    found = outcomes(sandbox, "canitedit", problem, list(answers))
    assert [item["verdict"] for item in found] == list(answers.values())
    figures = open_benchmark("canitedit").figures([(problem, {})] * len(found), found)
    assert figures == {"by_change": {"adaptive": {"correct": 2, "completions": 9}}}


# --- LiveCodeBench ---------------------------------------------------------------------------------------------------------


def contest(public: list[tuple], hidden: list[tuple], function: str = "") -> dict:
    """A problem in the dataset's format, its hidden tests packed as they are there."""
    kind = "functional" if function else "stdin"
    shown, packed = (
        json.dumps([{"input": given, "output": wanted, "testtype": kind} for given, wanted in tests])
        for tests in (public, hidden)
    )
    return {
        "question_title": "Sums",
        "question_content": "Print the sum and the mean of the numbers of each line.",
        "platform": "leetcode" if function else "atcoder",
        "question_id": "sums",
        "contest_id": "week-1",
        "contest_date": "2024-08-10T00:00:00",
        "starter_code": "class Solution:\n    def sums(self, numbers: List[int]) -> List[int]:\n" if function else "",
        "difficulty": "easy",
        "public_test_cases": shown,
        "private_test_cases": base64.b64encode(zlib.compress(pickle.dumps(packed))).decode(),
        "metadata": json.dumps({"func_name": function} if function else {}),
    }


READ = """import sys
for line in sys.stdin:
    numbers = [int(word) for word in line.split()]
    print(sum(numbers), sum(numbers) / len(numbers))
"""


def test_livecodebench_programs_read_real_standard_input(sandbox, monkeypatch):
    monkeypatch.setattr("selfalign.benchmarks.livecodebench.TEST_SECONDS", 1)
    (problem,) = rows_of(
        "livecodebench", [contest([("1 2\n", "3 1.5\n")], [("4\n2 2\n", "4 4.0\n4 2\n"), ("9", "9 9")])]
    )
    answers = {
        READ: "passed",
        READ.replace("import sys", "import sys\nimport threading\ndef main():") .replace("\nfor", "\n  for")
        .replace("\n    ", "\n      ") + "\nthreading.Thread(target=main).start()\n": "passed",
        "def main():\n    while line := stdin.buffer.readline():\n        numbers = list(map(int, line.split()))\n"
        "        print(sum(numbers), mean(numbers))\nif __name__ == '__main__':\n    main()\n    exit(0)\n": "passed",
        READ + "print()\nprint('done')\n": "assertion_failed",
        READ.replace("/ len(numbers)", "// len(numbers)"): "assertion_failed",
        "while True:\n    print(*(n := list(map(int, input().split()))) and (sum(n), sum(n) / len(n)))\n": "error",
        READ + "while True: pass\n": "timeout",
        READ + "x = [0] * 10**10\n": "memory",
        "print(1.5 3)": "syntax_error",
        "import os\nos._exit(0)\n": "assertion_failed",
        "import os\nos._exit(3)\n": "error",
        "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\n": "assertion_failed",
        "": "assertion_failed",
    }  # fmt: skip
    found = outcomes(sandbox, "livecodebench", problem, list(answers))
    assert [item["verdict"] for item in found] == list(answers.values()), [item["reason"] for item in found]


def test_livecodebench_functions_are_called_with_json(sandbox, monkeypatch):
    monkeypatch.setattr("selfalign.benchmarks.livecodebench.TEST_SECONDS", 1)
    tests = [("[1, 2]\n3", "[4, 5]"), ("[]\n1", "[]")]
    (problem,) = rows_of("livecodebench", [contest(tests[:1], tests[1:], "sums")])
    method = "class Solution:\n    def sums(self, numbers: List[int], more: int) -> List[int]:\n        "
    answers = {
        method + "return [number + more for number in numbers]\n": "passed",
        method + "return tuple(number + more for number in numbers)\n": "passed",
        "def sums(numbers, more):\n    return list(map(lambda n: n + more, numbers))\n": "passed",
        method + "return [number for number in numbers]\n": "assertion_failed",
        method + "return {number + more for number in numbers}\n": "assertion_failed",
        method + "return [4, 5] if numbers else None\n": "assertion_failed",
        method + "return numbers[0]\n": "assertion_failed",
        method + "return [number / 0 for number in numbers]\n": "error",
        method + "while True: pass\n": "timeout",
        method + "return [\n": "syntax_error",
        method.replace("sums", "total") + "return 0\n": "error",
        method + "import os; os._exit(0)\n": "early_exit",
        method + "raise SystemExit(0)\n": "early_exit",
    }
    found = outcomes(sandbox, "livecodebench", problem, list(answers))
    assert [item["verdict"] for item in found] == list(answers.values()), [item["reason"] for item in found]


class Bomb:
    """A pickle of it would run a command."""

    def __reduce__(self):
        return print, ("unpickled",)


def test_livecodebench_a_pickle_of_anything_but_text_is_refused_in_the_sandbox_too(sandbox):
    (problem,) = rows_of("livecodebench", [contest([("1", "1 1")], [("2", "2 2")])])
    for thing, why in ((Bomb(), "builtins.print is no text"), (["1"], "TypeError"), ('[{"input": "1"}]', "'output'")):
        packed = base64.b64encode(zlib.compress(pickle.dumps(thing))).decode()
        spoilt = {**problem, "test_cases": {**problem["test_cases"], "private": packed}}
        with pytest.raises(UserError, match=f"hidden tests of sums can't be read: .*{why}"):
            outcomes(sandbox, "livecodebench", spoilt, [READ])


# --- from a file to a result -----------------------------------------------------------------------------------------------


def test_from_the_file_to_the_result(tmp_path, sandbox_image):
    """Two kinds with the scripts of the workflow: what they add to a result, problems that nobody can solve among it."""
    broken = {**GREETING, "full_name": "4_broken", "after": "greet = len\n"}
    lacking = {**GREETING, "full_name": "5_lacking", "tests": "import nosuch\n" + GREETING["tests"]}
    solved = {**contest([("1", "1 1")], [("2 4", "6 3")]), "private_test_cases": "[]"}
    files = {"canitedit": ("lazy", [GREETING, broken, lacking]), "livecodebench": ("v6", [solved])}
    solutions = {"3_greeting": GREETING["after"], "4_broken": "", "5_lacking": "", "sums": READ}
    results = {}
    for kind, (variant, records) in files.items():
        source, rows, answers, result = (tmp_path / f"{kind}.{name}" for name in ("json", "rows", "answers", "result"))
        source.write_text(json.dumps(records))
        spec = {"kind": kind, "variant": variant, "problems": len(records), "source": {"path": str(source)}}
        fetch_benchmark.main(kind, spec, str(rows), f"{rows}.source.json")
        answer = {"sample": 0, "truncated": False}
        write_jsonl(
            answers,
            ({**answer, "task_id": row["task_id"], "solution": solutions[row["task_id"]]} for row in read_jsonl(rows)),
        )
        score.main(
            problems=str(rows), completions=[str(answers)], image=str(sandbox_image / "image.json"), limits=SMALL,
            engine="auto", require="standard", limit=None, threads=2, output=str(result), candidate="m",
        )  # fmt: skip
        results[kind] = read_json(result)
    edited, contested = results.values()
    assert (edited["correct"], edited["of"], edited["variant"]) == (1, 3, "lazy")
    assert edited["problems"] == 2 and edited["not_run"]["missing_modules"] == {"nosuch": 1}
    assert list(edited["reference_failed"]) == ["4_broken"] and "tests.py:3" in edited["reference_failed"]["4_broken"]
    assert edited["by_change"] == {"adaptive": {"correct": 1, "completions": 2}}
    assert contested["pass_at_1"] == 1, contested["per_problem"]
    assert contested["dates"] == ["2024-08-10", "2024-08-10"]
    assert contested["by_difficulty"] == {"easy": {"correct": 1, "completions": 1}}
    assert "reference_failed" not in contested
