"""CanItEdit: a program to change as an instruction asks, tested by hidden tests.

Facts of the dataset nuprl/CanItEdit and of nuprl/CanItEdit (benchmark/generate_completions.py, pass_k.py, evaluator_overlay.py):

- 105 programs with `before`, `after`, `tests` and two instructions, which are the variants: `instruction_descriptive` says
  what to change, `instruction_lazy` says it as a user in a hurry would. `full_name` is unique.
- The text that is run is the answer, then `tests`; it is right if the process ends with status 0.
- Its second figure, excess code, is the share of lines in right answers that the tests do not reach.

There is no package of it; its own evaluator runs in MultiPL-E's container.
"""

from typing import ClassVar

from selfalign.benchmarks.asking import last_python_block
from selfalign.benchmarks.base import Benchmark
from selfalign.benchmarks.library_scoring import imported_modules, where_possible
from selfalign.benchmarks.scoring import counts_by, run_tests
from selfalign.stages.parsing import python_fence

REQUEST = "Change the program below as the instruction says. Answer with the whole changed program in one code block."


class CanItEdit(Benchmark):
    kind = "canitedit"
    fields = ("full_name", "before", "after", "tests", "instruction_descriptive", "instruction_lazy")
    problems: ClassVar = {"descriptive": 105, "lazy": 105}
    hub = ("nuprl/CanItEdit", "CanItEdit")
    limits: ClassVar = {"cpu_seconds": 30, "wall_seconds": 180, "memory_mb": 4096}
    proved = True

    def problem(self, record, variant=None):
        instructions = [record["instruction_descriptive"], record["instruction_lazy"]]
        return {
            "task_id": record["full_name"],
            "prompt": record["before"],
            "entry_point": "",
            "canonical_solution": record["after"],
            "tests": record["tests"],
            "decontaminate": [*instructions, record["tests"]],
            "instruction": record[f"instruction_{variant}"],
            "modules": imported_modules(record["after"], record["tests"]),
            "change_kind": (record.get("taxonomy") or {}).get("change_kind"),
        }

    def wording(self, prompts=None):
        return REQUEST

    def message(self, problem, prompts=None):
        return f"{REQUEST}\n\n{python_fence(problem['prompt'])}\n\nInstruction: {problem['instruction'].strip()}"

    def code(self, problem, answer):
        return last_python_block(answer)

    def solution(self, problem, code):
        return code

    def score(self, sandbox, jobs):
        return where_possible(sandbox, jobs, lambda possible: run_tests(sandbox, possible, self.limits))

    def scorer(self, packages):
        return "CanItEdit's tests"

    def figures(self, jobs, outcomes):
        """`by_change`: completions and right ones by the kind of change (corrective, adaptive, perfective)."""
        return {"by_change": counts_by("change_kind", jobs, outcomes)}


BENCHMARK = CanItEdit()
