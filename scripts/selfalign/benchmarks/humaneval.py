"""HumanEval: a function's stub with a docstring, tested by the benchmark's own `check(candidate)`."""

from selfalign.benchmarks.base import HUMANEVAL_IDS, Benchmark
from selfalign.benchmarks.scoring import run_tests


class HumanEval(Benchmark):
    kind = "humaneval"
    fields = ("task_id", "prompt", "entry_point", "canonical_solution", "test")
    problems = 164
    task_ids = HUMANEVAL_IDS
    hub = ("openai/openai_humaneval", "HumanEval")

    def problem(self, record, variant=None):
        entry = record["entry_point"]
        return {
            "task_id": record["task_id"],
            "prompt": record["prompt"],
            "entry_point": entry,
            "canonical_solution": record["canonical_solution"],
            "tests": f"{record['test']}\n\ncheck({entry})\n",
            "decontaminate": [record["assertion"]] if record.get("assertion") else [],
            "evalplus": None,
        }

    def score(self, sandbox, jobs):
        return run_tests(sandbox, jobs, module="candidate")

    def scorer(self, packages):
        return "check(candidate)"


BENCHMARK = HumanEval()
