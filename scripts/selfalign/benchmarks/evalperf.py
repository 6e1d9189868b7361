"""EvalPerf: how fast right solutions of HumanEval+ and MBPP+ are, beside reference solutions from slow to fast."""

import json
from statistics import mean

from selfalign.benchmarks.evalperf_scoring import (
    MIN_CORRECT,
    ROUNDS,
    TOLERANCE,
    measured,
    run_correctness,
    run_measurements,
    task_scores,
)
from selfalign.benchmarks.evalplus import FIELDS, EvalPlus
from selfalign.errors import UserError

DATASETS = {"HumanEval": "humaneval", "Mbpp": "mbpp"}
"""What its task ids begin with -> EvalPlus's name of the benchmark."""


class EvalPerf(EvalPlus):
    """Prompt, own solution and tests are those of HumanEval+ and MBPP+, whose files `tests` names."""

    kind = "evalperf"
    fields = ("task_id", "reference", "pe_input", "scores")
    borrows = FIELDS
    problems = 118
    task_ids = r"(?:HumanEval|Mbpp)/\d+"
    hub = ("evalplus/evalperf", "EvalPerf")

    def problem(self, record, variant=None):
        lender = record["borrowed"]
        if lender is None:
            raise UserError(
                f"no file under `tests` has {record['task_id']}",
                fix="give the whole HumanEvalPlus.jsonl.gz and MbppPlus.jsonl.gz under `tests`",
            )
        references, scores = list(record["reference"]), list(record["scores"])
        if not references or len(references) != len(scores) or scores != sorted(scores):
            raise ValueError("`reference` and `scores` are not equally long, or not from slow to fast")
        given = record["pe_input"]
        return {
            **super().problem(lender, variant),
            "dataset": DATASETS[record["task_id"].split("/")[0]],
            "evalperf": {
                "references": references,
                "scores": scores,
                "input": json.loads(given) if isinstance(given, str) else given,
            },
        }

    def score(self, sandbox, jobs):
        outcomes = run_correctness(sandbox, jobs)
        chosen = measured(jobs, outcomes)
        for task, times in run_measurements(sandbox, jobs, chosen):
            problem = jobs[chosen[task][0]][0]
            solutions = [jobs[index][1]["solution"] for index in chosen[task]]
            speed = task_scores(times, solutions, problem["evalperf"]["scores"])
            first = next(index for index, (row, _) in enumerate(jobs) if row["task_id"] == task)
            outcomes[first]["more"] = {"speed": speed}
        yield from outcomes

    def scorer(self, packages):
        return f"evalplus {packages.get('evalplus')} for what is right; for speed CPU time, not EvalPerf's instructions"

    def figures(self, jobs, outcomes):
        speeds = [item["more"]["speed"] for item in outcomes if "more" in item]
        return {
            "speed": {
                "measure": f"CPU time, least of {ROUNDS} runs, references and completions in turns in one program",
                "dps_cpu_time": mean(item["dps"] for item in speeds) if speeds else None,
                "dps_norm_cpu_time": mean(item["dps_norm"] for item in speeds) if speeds else None,
                "problems_measured": len(speeds),
                "completions_measured": sum(item["measured"] for item in speeds),
                "least_correct": MIN_CORRECT if len(jobs) >= MIN_CORRECT * _tasks(jobs) else 1,
                "tolerance": TOLERANCE,
                "references_out_of_order": sum(not item["references_in_order"] for item in speeds),
                "references_failed": sum(item["references_failed"] for item in speeds),
            }
        }


def _tasks(jobs: list) -> int:
    return len({problem["task_id"] for problem, _ in jobs})


BENCHMARK = EvalPerf()
