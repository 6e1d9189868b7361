"""ClassEval: a class to write after its skeleton, tested method by method with unittest.

Facts of FudanSELab/ClassEval (data/ClassEval_data.json as of the fields `skeleton` and `import_statement`;
classeval_evaluation/test_pipeline.py 096f576):

- 100 classes with 410 methods. `test_classes` names the classes in `test`: one for a method, one for the class as a whole.
- The text that is tested is `import_statement`, then the answer, then `test`, imported as a module. Each test class is run by
  itself: it is a success if none of its tests failed or raised. A class is solved if all test classes are successes.
- Of its three ways to ask, this is the holistic one: the whole class at once.
- An earlier version of the file (`sketch`, task ids `SE-Eval_…`) is another benchmark.

There is no package of it.
"""

import ast
import re
from collections.abc import Iterator
from typing import ClassVar

from selfalign.benchmarks.asking import last_defining
from selfalign.benchmarks.base import Benchmark, Job
from selfalign.benchmarks.library_scoring import imported_modules, where_possible
from selfalign.benchmarks.scoring import at_least
from selfalign.sandbox import Sandbox
from selfalign.stages.parsing import python_fence

REQUEST = """Complete the class `{name}` below: write the body of every method as its docstring asks. Answer with the whole class,
with the imports that it needs, in one code block."""


class ClassEval(Benchmark):
    kind = "classeval"
    fields = ("task_id", "skeleton", "test", "solution_code", "import_statement", "class_name", "test_classes")
    problems = 100
    task_ids = r"ClassEval_\d+"
    hub = ("FudanSELab/ClassEval", "ClassEval")
    limits: ClassVar = {"cpu_seconds": 20, "wall_seconds": 120, "memory_mb": 4096}
    proved = True

    def problem(self, record, variant=None):
        return {
            "task_id": record["task_id"],
            "prompt": record["skeleton"],
            "entry_point": record["class_name"],
            "canonical_solution": record["solution_code"],
            "tests": record["test"],
            "decontaminate": [record["test"]],
            "imports": "\n".join(record["import_statement"]),
            "modules": imported_modules(*record["import_statement"], record["solution_code"], record["test"]),
            "parts": parts_of(record["test"], record["test_classes"]),
        }

    def wording(self, prompts=None):
        return REQUEST

    def message(self, problem, prompts=None):
        return f"{REQUEST.format(name=problem['entry_point'])}\n\n{python_fence(problem['prompt'])}"

    def code(self, problem, answer):
        return last_defining(rf"^class\s+{re.escape(problem['entry_point'])}\b", answer)

    def solution(self, problem, code):
        return f"{problem['imports']}\n{code}"

    def score(self, sandbox, jobs):
        return where_possible(sandbox, jobs, lambda possible: self._score(sandbox, possible))

    def _score(self, sandbox: Sandbox, jobs: list[Job]) -> Iterator[dict]:
        """Every test class is a request; the whole is solved when all of them are passed."""
        limits = at_least(sandbox, self.limits)
        requests = (
            {"solution": answer["solution"], "tests": tests, "module": "candidate", "limits": limits}
            for problem, answer in jobs
            for tests in problem["parts"].values()
        )
        results = sandbox.judged(requests)
        for problem, _ in jobs:
            found = {name: next(results) for name in problem["parts"]}
            failed = {name: result for name, result in found.items() if not result.passed}
            name, first = next(iter(failed.items()), ("", None))
            yield {
                "passed": not failed,
                "verdict": first.verdict if first else "passed",
                "reason": f"{name}: {first.reason}" if first else "",
                "more": {"parts_passed": len(found) - len(failed), "parts": len(found)},
            }

    def references(self, problems):
        return [(problem, {"solution": self.solution(problem, problem["canonical_solution"])}) for problem in problems]

    def scorer(self, packages):
        return "ClassEval's unittest classes, one by one"

    def figures(self, jobs: list[Job], outcomes: list[dict]) -> dict:
        """`parts`: share of the test classes that were passed (the benchmark's `fun_success`, its class tests among them)."""
        counts = [outcome["more"] for outcome in outcomes]
        passed, of = (sum(count[key] for count in counts) for key in ("parts_passed", "parts"))
        return {"parts": {"passed": passed, "of": of, "share": passed / of}}


def parts_of(test: str, names: list[str]) -> dict[str, str]:
    """For each test class the text with it and without the others.

    Raises:
        ValueError: one of them is not there.
    """
    tree, lines = ast.parse(test), test.split("\n")
    spans = {
        node.name: range(_first_line(node), node.end_lineno + 1)
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name in names
    }
    missing = set(names) - set(spans)
    if missing or not names:
        raise ValueError(f"`test` has no class {', '.join(sorted(missing)) or 'at all'}")
    return {
        name: "\n".join(
            line
            for number, line in enumerate(lines, 1)
            if not any(number in span for other, span in spans.items() if other != name)
        )
        for name in names
    }


def _first_line(node: ast.ClassDef) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


BENCHMARK = ClassEval()
