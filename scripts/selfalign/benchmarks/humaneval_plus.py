"""HumanEval+: HumanEval with EvalPlus's extra tests."""

from typing import ClassVar

from selfalign.benchmarks.base import HUMANEVAL_IDS
from selfalign.benchmarks.evalplus import EvalPlus


class HumanEvalPlus(EvalPlus):
    kind, dataset, problems = "humaneval-plus", "humaneval", 164
    task_ids = HUMANEVAL_IDS
    releases: ClassVar = {"42526ec0e7d5f3ee0b06d6ced98f8c8bae3d76519151bfb3d36f79010645bd7f": "v0.1.10"}
    hub = ("evalplus/humanevalplus", "HumanEval+")


BENCHMARK = HumanEvalPlus()
