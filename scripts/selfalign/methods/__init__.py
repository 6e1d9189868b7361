"""The methods by name. A new one is a module here with `METHOD` (and `STAGE`, if it asks a model), a prompt, a line below.

No script imports this registry: a script that asks a model imports the one module that its stage is in. So a new method
changes nothing that the others have made. docs/methods/README.md shows one from beginning to end.
"""

from importlib import import_module

from selfalign.methods.base import Method

MODULES = (
    "self_align",
    "seed_to_task",
    "oss_instruct",
    "evol_instruct",
    "distill",
    "octopack",
    "starcoder2_instruct",
    "tasks_file",
)

METHODS: dict[str, Method] = {
    method.name: method for method in (import_module(f"{__name__}.{module}").METHOD for module in MODULES)
}
