"""The methods by name. A new one is a module here with `METHOD` (and `STAGE`, if it asks a model), a prompt, a line below.

No script imports this registry: a script that asks a model imports the one module that its stage is in. So a new method
changes nothing that the others have made.
"""

from selfalign.methods import (
    distill,
    evol_instruct,
    octopack,
    oss_instruct,
    seed_to_task,
    self_align,
    starcoder2_instruct,
    tasks_file,
)
from selfalign.methods.base import Method

METHODS: dict[str, Method] = {
    module.METHOD.name: module.METHOD
    for module in (
        self_align,
        seed_to_task,
        oss_instruct,
        evol_instruct,
        distill,
        octopack,
        starcoder2_instruct,
        tasks_file,
    )
}  # fmt: skip
