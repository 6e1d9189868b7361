"""Stands in, inside the sandbox image, for what EvalPlus imports only to download benchmarks: datasets, tempdir, wget.

There is no network in there, and the data comes in with each job. Any other program is told the truth: no such module.
"""

import sys

if "evalplus" not in sys.modules:
    raise ModuleNotFoundError(f"No module named {__name__!r}", name=__name__)


def __getattr__(name: str):
    if name.startswith("__"):
        raise AttributeError(name)

    def refuse(*_arguments, **_options):
        raise RuntimeError(f"{__name__}.{name}: nothing can be downloaded inside the sandbox")

    return refuse
