"""What runs inside the container: standard library only, bound read-only, never with a right that it does not need.

`server` starts workers and passes messages, whose form is in `frames`, on the host too. A `worker` answers requests: an
`execution` compiles a program and its variants (`trials`, `variants`), a `watched_process` runs one and watches over it with
`process_tree`; `walls` put up what is around it, with `isolation` and `seccomp`, which speak to the kernel.

In the program's process the `harness` runs it in the `interpreter` that was made ready, under an audit `hook`, to its `ending`,
and writes `claims`. `checks` counts what is checked (`instrument`, `statements`, `equality`, `failures`), `pytest_style` calls
what only a runner would call (`written`, `fixtures`, `marks`), `tampering` and `proof` tell who has changed any of that.
`benchmark_jobs` scores completions as a benchmark does (`evalplus_job`, `evalperf_job`).
"""

import builtins
import importlib.machinery
import sys

OWN_BUILTINS = dict(vars(builtins))
"""What the modules here find under the names of builtins, whatever a program puts in their place."""


class _WithOwnBuiltins(importlib.machinery.SourceFileLoader):
    """Functions keep the builtins that their module's namespace had when they were made."""

    def exec_module(self, module) -> None:
        vars(module)["__builtins__"] = OWN_BUILTINS
        super().exec_module(module)


sys.path_importer_cache[__path__[0]] = importlib.machinery.FileFinder(
    __path__[0], (_WithOwnBuiltins, importlib.machinery.SOURCE_SUFFIXES)
)
