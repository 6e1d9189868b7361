"""`a == b` inside a check, with a look at objects that are equal to everything."""

import itertools
import sys
import types

hollow = itertools.count()
"""Counts comparisons that held because of such an object."""
_PLAIN = frozenset({int, float, complex, str, bytes, bool, type(None), range, bytearray})
_CONTAINERS = (list, tuple, set, frozenset)
_SLOT = type(object.__eq__)
_LOOKED_AT = 200
_trusted_spaces: set[int] = set()


def trust_loaded_modules() -> None:
    """Functions of the modules that are loaded now are not the program's."""
    _trusted_spaces.update(id(vars(module)) for module in list(sys.modules.values()) if hasattr(module, "__dict__"))


class _Other:
    """Equal to nothing but itself."""


def _written_by_program(kind: type) -> bool:
    method = next((vars(base)["__eq__"] for base in kind.__mro__ if "__eq__" in vars(base)), None)
    if isinstance(method, _SLOT | types.BuiltinFunctionType | types.MethodDescriptorType):
        return False
    return not (isinstance(method, types.FunctionType) and id(method.__globals__) in _trusted_spaces)


def _equals_everything(value: object) -> bool:
    try:
        return bool(value == _Other()) and bool(value == _Other)
    except Exception:
        return False


def examine(*values: object) -> None:
    """Counts when one of the values, or one in a container among them, is equal to everything."""
    queue = list(values)
    for _ in range(_LOOKED_AT):
        if not queue:
            return
        value = queue.pop()
        kind = type(value)
        if kind in _PLAIN:
            continue
        if isinstance(value, _CONTAINERS):
            queue += itertools.islice(value, _LOOKED_AT)
        elif isinstance(value, dict):
            queue += itertools.islice(value.values(), _LOOKED_AT)
        if _written_by_program(kind) and _equals_everything(value):
            next(hollow)


def equal(left: object, right: object) -> object:
    """What `left == right` gives."""
    result = left == right
    if type(left) not in _PLAIN or type(right) not in _PLAIN:
        try:
            examine(left, right)
        except Exception:
            return result
    return result
