"""HumanEval+: HumanEval with EvalPlus's extra tests."""

from selfalign.benchmarks.evalplus import EvalPlus


class HumanEvalPlus(EvalPlus):
    kind, dataset, problems = "humaneval-plus", "humaneval", 164
    hub = ("evalplus/humanevalplus", "HumanEval+")


BENCHMARK = HumanEvalPlus()
