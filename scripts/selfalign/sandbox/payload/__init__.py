"""What runs inside the container: standard library only, bound read-only, never with a right that it does not need.

`server` starts workers and passes messages, `worker` gives every program its own process and watches over it with
`process_tree`, `isolation` speaks to the kernel, `harness` runs the program, `checks` counts its checks,
`evalplus_job` scores completions with EvalPlus. `frames` is the form of the messages, on the host too.
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
