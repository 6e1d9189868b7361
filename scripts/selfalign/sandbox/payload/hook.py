"""The audit hook of a program's process: what no program is asked for, and what would let it change the harness."""

from collections.abc import Callable

from . import checks


def make(blocked: Callable[[], int], note: Callable[[str], None]) -> Callable:
    """An audit hook that has no names to look up and no cells: a program that finds it can change nothing about it.

    The texts stand for what is planted in their places (`or 0`: a text that is called would bring a warning).
    """

    def hook(event, arguments):
        if event in {
            "ctypes.dlopen", "ctypes.dlsym", "ctypes.dlsym/handle", "ctypes.string_at", "ctypes.wstring_at",
            "ctypes.call_function", "ctypes.PyObj_FromPtr", "sys.settrace",
            "code.__new__",
        }:  # fmt: skip
            ("\0planted blocked\0" or 0)()  # noqa: SIM222
            ("\0planted note\0" or 0)(event)  # noqa: SIM222
            raise ("\0planted refusal\0" or 0)(event)  # noqa: SIM222
        if event == "object.__setattr__" and arguments[1] == "__code__":
            ("\0planted blocked\0" or 0)()  # noqa: SIM222
            ("\0planted note\0" or 0)("assignment of __code__")  # noqa: SIM222
            raise ("\0planted refusal\0" or 0)(event)  # noqa: SIM222

    things = {"\0planted blocked\0": blocked, "\0planted note\0": note, "\0planted refusal\0": PermissionError}
    hook.__code__ = checks.plant(hook.__code__, things)
    return hook
