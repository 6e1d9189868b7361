"""Notices when a program has replaced what checks are made of: builtins, `unittest`, `numpy.testing` and their like."""

import builtins
import gc
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping

from . import proof

_FREE = {"print", "input", "open", "__import__", "__build_class__", "breakpoint", "exit", "quit", "help", "_"}
"""Builtins that honest programs replace; no check rests on them."""
_MODULES = {
    "math": ("isclose", "isnan", "isinf", "fabs"),
    "unittest": ("TestCase", "main", "TestProgram", "TestResult", "TextTestRunner"),
    "unittest.case": ("TestCase",),
    "pytest": ("raises", "approx", "fail", "warns"),
    "numpy": ("allclose", "array_equal", "isclose", "all", "any", "array_equiv"),
    "numpy.testing": None,
    "pandas.testing": None,
    "os": ("fork", "_exit"),
    "operator": ("eq", "ne", "lt", "le", "gt", "ge", "is_", "contains"),
}
"""Names that checks use; None: all that begin with `assert`."""
_TYPES = {
    "unittest": ("TestCase", "TestResult", "TextTestResult", "TestSuite", "TestLoader", "TextTestRunner"),
    "unittest.suite": ("BaseTestSuite",),
    "unittest.mock": ("NonCallableMock", "CallableMixin"),
    "doctest": ("DocTestRunner",),
}
"""Classes whose methods checks use."""
_SETTINGS = {"sortTestMethodsUsing", "suiteClass", "testMethodPrefix"}
"""Attributes of those that honest programs set."""


def snapshot() -> Callable[[], str]:
    """Looks at what checks are made of, before a program has run.

    Returns:
        A function that gives the first name that is not what it was, or an empty string. It looks up only names of those
        namespaces whose version has moved: who looks up an object changes its count of references, and with it copies its page.
    """
    spaces, names = zip(*_places(), strict=True)
    # Tuples of what cannot change: a program that finds them can do nothing to them.
    views = tuple([proof.version_view(space) for space in spaces])
    versions = tuple([view[0] for view in views])

    def changed() -> str:
        for place, view in enumerate(views):
            if view[0] == versions[place]:
                continue
            for get, name, value, what in names[place]:
                if get(name) is not value:
                    return what
        return ""

    return changed


def _places() -> Iterator[tuple[dict, tuple]]:
    """Namespaces, and of the names in them that checks rest on: how to look them up, name, value, what to call it."""
    yield _place("builtins", vars(builtins), [name for name in vars(builtins) if name not in _FREE])
    for module, names in _MODULES.items():
        if module in sys.modules:
            space = vars(sys.modules[module])
            yield _place(module, space, names or [name for name in space if name.startswith("assert")])
    for module, kinds in _TYPES.items():
        for kind in (getattr(sys.modules[module], name) for name in kinds if module in sys.modules):
            methods = [name for name in vars(kind) if not name.startswith("__") or name == "__call__"]
            names = [name for name in methods if name not in _SETTINGS]
            yield _place(f"{module}.{kind.__name__}", vars(kind), names)
    known = [(name, module) for name, module in sys.modules.items() if name in {"builtins", *_TYPES} and module]
    yield sys.modules, tuple((sys.modules.get, name, module, f"the module {name}") for name, module in known)


def _place(place: str, space: Mapping, names: Iterable[str]) -> tuple[dict, tuple]:
    # A class shows a view of its namespace, which holds the dictionary itself.
    watched = space if isinstance(space, dict) else gc.get_referents(space)[0]
    names = [name for name in names if name in space and callable(space[name])]
    return watched, tuple((space.get, name, space[name], f"{place}.{name}") for name in names)
