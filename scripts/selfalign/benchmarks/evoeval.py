"""EvoEval: HumanEval's problems evolved by a model, in seven transformations (`variant`).

Facts of evo-eval/evoeval 0.1.0 (2ee7645; evaluate.py, eval_test/), whose last release is of March 2024 and wants an older
EvalPlus, which is why it is not used itself:

- The five that alter the meaning have 100 problems each, with `inputs`: each a text that is evaluated to a list of
  arguments. What the canonical solution returns is expected. Outputs of different type are different (a bool is no int), of
  floats 1e-6 and 1e-5 of the value are tolerated, and six problems with several right answers have checks of their own.
- The two that keep the meaning (verbose, concise) have HumanEval's 164, in EvalPlus's format.
- The files on the hub (`test.jsonl` of evoeval/EvoEval_…) have `test` with `check(candidate)`; where there are no inputs
  that is run as HumanEval's is.
"""

import json
from typing import ClassVar

from selfalign.benchmarks.base import Benchmark
from selfalign.benchmarks.scoring import EVALPLUS_MODULES, run_evalplus, run_tests

EVALPLUS_FIELDS = ("task_id", "prompt", "entry_point", "canonical_solution", "base_input", "plus_input", "atol")

ORACLES = {
    ("difficult", "EvoEval/10"): "palindrome",
    ("difficult", "EvoEval/32"): "root_in_interval",
    ("creative", "EvoEval/26"): "moves",
    ("creative", "EvoEval/30"): "cells",
    ("creative", "EvoEval/69"): "factors",
    ("subtle", "EvoEval/32"): "sparse_root",
}
"""(variant, task) -> the check in :data:`CHECKS` for problems with several right answers."""

CHECKS = """
def _ee_kind(value):
    if value is None or isinstance(value, (bool, int, str)):
        return next(kind for kind in (type(None), bool, int, str) if isinstance(value, kind))
    if isinstance(value, float) or isinstance(value, (list, tuple)) and all(isinstance(item, float) for item in value):
        return float
    return next((kind for kind in (tuple, list, dict, set, type) if isinstance(value, kind)), object)


def _ee_near(one, other):
    if one == other or (one != one and other != other):
        return True
    return abs(other) != float("inf") and abs(one - other) <= 1e-6 + 1e-5 * abs(other)


def _ee_same(one, other):
    kind = _ee_kind(one)
    if kind is not _ee_kind(other):
        return False
    if kind is float:
        if isinstance(one, float) or isinstance(other, float):
            return isinstance(one, float) and isinstance(other, float) and _ee_near(one, other)
        return len(one) == len(other) and all(map(_ee_near, one, other))
    if kind in (list, tuple):
        return len(one) == len(other) and all(map(_ee_same, one, other))
    if kind is dict:
        return len(one) == len(other) and all(key in other and _ee_same(one[key], other[key]) for key in one)
    return bool(one == other)


def _ee_value(coefficients, x):
    return sum(coefficient * x**power for power, coefficient in enumerate(coefficients))


def _ee_palindrome(arguments, wanted, found):
    begins = len(found) == len(wanted) and found.startswith(arguments[0])
    return begins and found.lower() == found[::-1].lower()


def _ee_root_in_interval(arguments, wanted, found):
    if wanted is None:
        return found is None
    coefficients, (low, high) = arguments
    return low <= found <= high and abs(_ee_value(coefficients, found)) <= 2e-2


def _ee_sparse_root(arguments, wanted, found):
    (given,) = arguments
    full = list(given[:2])
    for coefficient in given[2:]:
        full += [0, coefficient]
    return abs(_ee_value(full, found)) <= 1e-6


def _ee_moves(arguments, wanted, found):
    maze, place, end = arguments
    if not wanted:
        return found == []
    steps = {"right": (0, 1), "left": (0, -1), "up": (-1, 0), "down": (1, 0)}
    for move in found:
        place = (place[0] + steps[move][0], place[1] + steps[move][1])
        if maze[place[0]][place[1]] == 1:
            return False
    return place == end


def _ee_cells(arguments, wanted, found):
    maze, start, end = arguments
    if not wanted:
        return found == []
    if found[0] != start or found[-1] != end or maze[start[0]][start[0]] == 0:
        return False
    pairs = zip(found, found[1:])
    return all(maze[x][y] != 0 and abs(x - a) + abs(y - b) == 1 for (a, b), (x, y) in pairs)


def _ee_factors(arguments, wanted, found):
    numbers, target = arguments
    if wanted == "No magic today":
        return found == wanted
    if not isinstance(found, tuple):
        return False
    i, j = found
    return 0 <= i < j < len(numbers) and numbers[i] * numbers[j] == target


def _ee_check(candidate, entry, reference, inputs, oracle):
    space = {}
    exec(reference, space)
    for text in inputs:
        wanted = space[entry](*eval("[" + text + "]", {}))
        arguments = eval("[" + text + "]", {})
        found = candidate(*arguments)
        assert oracle(arguments, wanted, found) if oracle else _ee_same(wanted, found)
"""
"""The comparison, run after a completion in its namespace. It has names of its own, since the completion's are there too."""


class EvoEval(Benchmark):
    kind = "evoeval"
    fields = ("task_id", "prompt", "entry_point", "canonical_solution")
    problems: ClassVar = {
        **dict.fromkeys(("difficult", "creative", "subtle", "combine", "tool_use"), 100),
        **dict.fromkeys(("verbose", "concise"), 164),
    }
    task_ids = r"(?:EvoEval|HumanEval)/\d+"
    hub = ("evoeval/EvoEval_{variant}", "EvoEval")
    preload = EVALPLUS_MODULES
    limits: ClassVar = {"cpu_seconds": 60, "wall_seconds": 300, "memory_mb": 4096}
    proved = True

    def problem(self, record, variant=None):
        plus = all(field in record for field in EVALPLUS_FIELDS)
        return {
            "task_id": record["task_id"],
            "prompt": record["prompt"],
            "entry_point": record["entry_point"],
            "canonical_solution": record["canonical_solution"],
            "tests": "" if plus else tests_of(record, variant),
            "decontaminate": [] if plus else [calls_of(record)],
            "evalplus": {field: record[field] for field in EVALPLUS_FIELDS} if plus else None,
        }

    def score(self, sandbox, jobs):
        if jobs[0][0]["evalplus"]:
            yield from run_evalplus(sandbox, jobs)
        else:
            yield from run_tests(sandbox, jobs, self.limits, module="candidate")

    def references(self, problems):
        return [
            (problem, {"solution": f"{problem['prompt']}\n{problem['canonical_solution']}"}) for problem in problems
        ]

    def scorer(self, packages):
        return f"outputs of the canonical solution, as EvoEval 0.1.0 compares; evalplus {packages.get('evalplus')} for verbose and concise"


def calls_of(record: dict) -> str:
    """The tests as text: calls, one a line, or the benchmark's own `check`."""
    if "inputs" not in record:
        return record["test"]
    return "\n".join(f"{record['entry_point']}({arguments})" for arguments in record["inputs"])


def tests_of(record: dict, variant: str | None) -> str:
    """The text that tests a completion of a problem with inputs, or with `check(candidate)`."""
    entry = record["entry_point"]
    if "inputs" not in record:
        return f"{record['test']}\n\ncheck({entry})\n"
    if not record["inputs"] or not all(isinstance(arguments, str) for arguments in record["inputs"]):
        raise ValueError("`inputs` is no list of texts")
    name = ORACLES.get((variant, record["task_id"]))
    oracle = f"_ee_{name}" if name else "None"
    reference = f"{record['prompt']}\n{record['canonical_solution']}"
    data = json.dumps([entry, reference, record["inputs"]])
    return f"{CHECKS}\n\n_ee_check({entry}, *__import__('json').loads({data!r}), {oracle})\n"


BENCHMARK = EvoEval()
