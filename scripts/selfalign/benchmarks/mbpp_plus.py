"""MBPP+: sanitised problems of MBPP with EvalPlus's extra tests."""

from selfalign.benchmarks.evalplus import EvalPlus


class MbppPlus(EvalPlus):
    kind, dataset, problems = "mbpp-plus", "mbpp", 378
    hub = ("evalplus/mbppplus", "MBPP+")


BENCHMARK = MbppPlus()
