"""What the benchmarks have in common that EvalPlus scores: inputs, expected outputs from the reference, comparison."""

from selfalign.benchmarks.base import Benchmark
from selfalign.benchmarks.scoring import EVALPLUS_MODULES, run_evalplus

FIELDS = ("task_id", "prompt", "entry_point", "canonical_solution", "base_input", "plus_input", "atol")


class EvalPlus(Benchmark):
    """A benchmark in EvalPlus's format; `dataset` is EvalPlus's name of it."""

    dataset: str
    fields = FIELDS
    preload = EVALPLUS_MODULES

    def problem(self, record, variant=None):
        return {
            "task_id": record["task_id"],
            "prompt": record["prompt"],
            "entry_point": record["entry_point"],
            "canonical_solution": record["canonical_solution"],
            "tests": "",
            "decontaminate": [record["assertion"]] if record.get("assertion") else [],
            "evalplus": {field: record[field] for field in FIELDS},
        }

    def score(self, sandbox, jobs):
        return run_evalplus(sandbox, jobs, self.dataset)

    def scorer(self, packages):
        return f"evalplus {packages.get('evalplus')}, HumanEval/32 mended"
