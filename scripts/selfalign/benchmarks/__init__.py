"""The benchmarks by kind. A new one is a module here with `BENCHMARK`, and a line below.

No script that generates or scores imports this registry: it opens the one module that it needs
(:func:`selfalign.benchmarks.base.open_benchmark`). So a new benchmark changes nothing that the others have made.
`sources` fetches their files, `records` reads them, `problems` brings them into one form, `scoring` has what several score by.
"""

from selfalign.benchmarks import (
    bigcodebench,
    canitedit,
    classeval,
    ds_1000,
    evalperf,
    evoeval,
    humaneval,
    humaneval_plus,
    livecodebench,
    mbpp_plus,
)
from selfalign.benchmarks.base import Benchmark

BENCHMARKS: dict[str, Benchmark] = {
    module.BENCHMARK.kind: module.BENCHMARK
    for module in (
        humaneval,
        humaneval_plus,
        mbpp_plus,
        bigcodebench,
        ds_1000,
        evalperf,
        evoeval,
        classeval,
        canitedit,
        livecodebench,
    )
}  # fmt: skip
