"""Runs every few-shot example in the sandbox: its tests hold, and they fail once the solution is taken away."""

import ast
from collections.abc import Iterator

import pytest

from selfalign.fewshots import Example, example_files, read_example
from selfalign.sandbox import Limits, Program, Sandbox

EXAMPLES = [read_example(path) for path in example_files(None)]
EVERY_FUNCTION = None


def stubbed(solution: str, only: int | None = EVERY_FUNCTION) -> str:
    """The solution with the bodies of its functions replaced by `return None`.

    Args:
        solution: Python code.
        only: number of the one function to stub, in the order of `ast.walk`; all of them when None.
    """
    tree = ast.parse(solution)
    for number, node in enumerate(functions_of(tree)):
        if only in (EVERY_FUNCTION, number):
            node.body = [ast.Return(ast.Constant(None))]
    return ast.unparse(ast.fix_missing_locations(tree))


def functions_of(tree: ast.Module) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def with_each_function_stubbed(example: Example) -> Iterator[tuple[str, str]]:
    """(place, solution in which only that function does nothing) for every function and method."""
    for number, node in enumerate(functions_of(ast.parse(example.solution))):
        yield f"{example.slug}, {node.name}", stubbed(example.solution, only=number)


@pytest.fixture(scope="module")
def sandbox(sandbox_image):
    with Sandbox.open(sandbox_image, limits=Limits(cpu_seconds=10, wall_seconds=120)) as sandbox:
        yield sandbox


def test_every_solution_passes_its_tests(sandbox):
    results = sandbox.run([Program(example.solution, example.tests) for example in EXAMPLES])
    failures = [f"{e.slug}: {r.verdict}: {r.reason}" for e, r in zip(EXAMPLES, results, strict=True) if not r.passed]
    assert not failures
    least = {"easy": 2, "medium": 4, "hard": 4}
    assert not [e.slug for e, r in zip(EXAMPLES, results, strict=True) if r.checks_run < least[e.difficulty]]


def test_code_snippets_run(sandbox):
    """A snippet shown as real code must at least load: its imports exist and it defines what it is about."""
    programs = []
    for example in EXAMPLES:
        name = next(n.name for n in ast.parse(example.code).body if isinstance(n, ast.FunctionDef | ast.ClassDef))
        programs.append(Program(example.code, f"assert callable({name})"))
    results = sandbox.run(programs)
    failures = [f"{e.slug}: {r.verdict}: {r.reason}" for e, r in zip(EXAMPLES, results, strict=True) if not r.passed]
    assert not failures


def test_tests_fail_without_the_solution(sandbox):
    """With all functions stubbed, each example's tests are executed and fail."""
    results = sandbox.run([Program(stubbed(example.solution), example.tests) for example in EXAMPLES])
    assert all(result.executed for result in results)
    assert not [example.slug for example, result in zip(EXAMPLES, results, strict=True) if result.passed]


def test_tests_notice_each_function(sandbox):
    """No function or method of a solution can be emptied alone without a test that notices."""
    cases = [case for example in EXAMPLES for case in with_each_function_stubbed(example)]
    tests = {example.slug: example.tests for example in EXAMPLES}
    results = sandbox.run([Program(solution, tests[place.split(",")[0]]) for place, solution in cases])
    assert not [place for (place, _), result in zip(cases, results, strict=True) if result.passed]
    assert len(cases) > len(EXAMPLES)


def test_stubbing_empties_functions_but_keeps_names():
    """The stub itself: were it the solution unchanged or broken code, the tests above would prove nothing."""
    code = "class A:\n    def f(self):\n        return 1\n\ndef g(x):\n    return x\n"
    expected = "class A:\n\n    def f(self):\n        return None\n\ndef g(x):\n    return None"
    assert stubbed(code) == expected
    assert stubbed(code, only=0).count("return None") == 1
