"""Running model-written code: the only place where it happens.

    with Sandbox.open("resources/sandbox", Limits(cpu_seconds=10), workers=2) as sandbox:
        for result in sandbox.run([Program(solution, tests), ...]):
            print(result.verdict, result.reason)

`program` looks at a program without running it, `engines` starts the container, `sandbox` speaks to it, `payload` is
what runs inside it, `verdicts` turns its facts into a word from a fixed list.
"""

from selfalign.sandbox.limits import Limits
from selfalign.sandbox.program import Program
from selfalign.sandbox.sandbox import Sandbox
from selfalign.sandbox.verdicts import VERDICTS, Result

__all__ = ["VERDICTS", "Limits", "Program", "Result", "Sandbox"]
