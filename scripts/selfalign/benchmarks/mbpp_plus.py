"""MBPP+: sanitised problems of MBPP with EvalPlus's extra tests."""

from typing import ClassVar

from selfalign.benchmarks.evalplus import EvalPlus


class MbppPlus(EvalPlus):
    kind, dataset, problems = "mbpp-plus", "mbpp", 378
    task_ids = r"Mbpp/\d+"
    releases: ClassVar = {"b54e762755248ca411b523c917fa9f93c07b5ff2966bf60b3917b853926a3dad": "v0.2.0"}
    hub = ("evalplus/mbppplus", "MBPP+")


BENCHMARK = MbppPlus()
