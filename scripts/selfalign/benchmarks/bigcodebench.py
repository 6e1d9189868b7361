"""BigCodeBench: functions that use many libraries, tested by a `unittest.TestCase` of each problem."""

from selfalign.benchmarks.asking import stub_message, whole_solution
from selfalign.benchmarks.base import Benchmark
from selfalign.benchmarks.library_scoring import imported_modules, run_library_jobs

CPU_SECONDS = 240
"""Of one completion with its tests. The benchmark's own limit is as much wall-clock time (eval/utils.py, TIMEOUT_LIMIT)."""


class BigCodeBench(Benchmark):
    """`complete`: a stub with a structured docstring is completed. `instruct`: a request in words is answered."""

    kind = "bigcodebench"
    fields = (
        "task_id", "complete_prompt", "instruct_prompt", "code_prompt", "canonical_solution", "test", "entry_point",
    )  # fmt: skip
    problems = {"complete": 1140, "instruct": 1140, "hard-complete": 148, "hard-instruct": 148}  # noqa: RUF012
    task_ids = r"BigCodeBench/\d+"
    hub = ("bigcode/bigcodebench", "BigCodeBench")
    preload = ("numpy", "pandas", "matplotlib.pyplot", "scipy.stats", "seaborn", "sklearn.linear_model")

    def problem(self, record, variant=None):
        stub, entry = record["code_prompt"], record["entry_point"]
        if "class TestCases" not in record["test"] or f"def {entry}" not in stub:
            raise ValueError("`test` has no class TestCases, or `code_prompt` does not define the entry point")
        form = "instruct" if variant.endswith("instruct") else "complete"
        other = "instruct" if form == "complete" else "complete"
        whole = record["complete_prompt"] + record["canonical_solution"]
        return {
            "task_id": record["task_id"],
            "prompt": record[f"{form}_prompt"],
            "entry_point": entry,
            "canonical_solution": record["canonical_solution"],
            "tests": record["test"],
            "decontaminate": [record[f"{other}_prompt"]],
            "form": form,
            "code_prompt": stub,
            "reference": _calibrated(stub, whole),
            "modules": imported_modules(whole, record["test"]),
        }

    def message(self, problem, *arguments):
        if problem["form"] == "instruct":
            return problem["prompt"].strip()  # says all there is to say, the stub to begin with among it
        return stub_message(problem, *arguments)

    def solution(self, problem, code):
        stub = problem["prompt"] if problem["form"] == "complete" else problem["code_prompt"]
        return _calibrated(problem["code_prompt"], whole_solution({**problem, "prompt": stub}, code))

    def score(self, sandbox, jobs):
        return run_library_jobs(sandbox, jobs, _request, CPU_SECONDS)

    def scorer(self, packages):
        return "TestCases by unittest as bigcodebench 0.2.5 does, calibrated"

    def references(self, problems):
        return [(problem, {"solution": problem["reference"]}) for problem in problems]


def _calibrated(stub: str, program: str) -> str:
    """The program after the problem's own imports and head, so that a forgotten import costs nothing.

    So `bigcodebench.evaluate` does by default (`calibrated`); the program defines the function anew.
    """
    return f"{stub}\n    pass\n{program}"


def _request(problem: dict, program: str) -> dict:
    return {"kind": "unittest", "solution": program, "tests": problem["tests"]}


BENCHMARK = BigCodeBench()
