"""`a == b` inside a check, and what came out of calls, with a look at objects that are equal to everything."""

import itertools
import operator
import sys
import types
from collections.abc import Callable
from unittest.mock import ANY

hollow = itertools.count()
"""Counts comparisons that held because of such an object."""
_PLAIN = frozenset({int, float, complex, str, bytes, bool, type(None), range, bytearray})
_CONTAINERS = (list, tuple, set, frozenset)
_SLOT = type(object.__eq__)
_LOOKED_AT = 200
_trusted_spaces: frozenset[int] = frozenset()
_count = hollow.__next__


def trust_loaded_modules() -> None:
    """Functions of the modules that are loaded now are not the program's."""
    global _trusted_spaces
    spaces = (id(vars(module)) for module in list(sys.modules.values()) if hasattr(module, "__dict__"))
    _trusted_spaces = frozenset(spaces)


class _Other:
    """Equal to nothing but itself."""


_PAIRS = (
    (_Other(), _Other), (7919, 104_729), (7919.5, -0.125), ("\0one", "\0other"), ([_Other], [7919]), ((_Other,), (7919,)),
    ({"\0one": 1}, {"\0other": 2}),
)  # fmt: skip
"""Two things each that nothing honest is equal to at the same time."""


def _written_by_program(kind: type, name: str) -> bool:
    method = next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), None)
    if isinstance(method, _SLOT | types.BuiltinFunctionType | types.MethodDescriptorType):
        return False
    return not (isinstance(method, types.FunctionType) and id(method.__globals__) in _trusted_spaces)


def _holds_for_both(value: object, pair: tuple, comparison: Callable[[object, object], object]) -> bool:
    try:
        return all(comparison(value, other) for other in pair)
    except Exception:
        return False


def _equals_everything(value: object) -> bool:
    kind = type(value)
    if _written_by_program(kind, "__eq__") and any(_holds_for_both(value, pair, operator.eq) for pair in _PAIRS):
        return True
    if "__ne__" not in dir(kind) or not _written_by_program(kind, "__ne__"):
        return False
    return any(_holds_for_both(value, pair, lambda one, other: not one != other) for pair in _PAIRS)  # noqa: SIM202


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
        if _equals_everything(value):
            _count()


def equal(left: object, right: object) -> object:
    """What `left == right` gives."""
    result = left == right
    if type(left) not in _PLAIN or type(right) not in _PLAIN:
        try:
            examine(left, right)
        except Exception:
            return result
    return result


def seen(value: object) -> object:
    """A value that a call gave, unchanged."""
    if type(value) not in _PLAIN:
        try:
            if value is ANY:
                _count()
            examine(value)
        except Exception:
            return value
    return value
