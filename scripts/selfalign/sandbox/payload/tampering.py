"""Notices when a program has replaced what checks are made of: builtins, `unittest`, `numpy.testing` and their like."""

import builtins
import sys

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
    "operator": ("eq", "ne", "lt", "le", "gt", "ge", "is_", "contains"),
}
"""Names that checks use; None: all that begin with `assert`."""
_TYPES = {"unittest": ("TestCase",)}


class Snapshot:
    """What checks are made of, before a program has run."""

    def __init__(self):
        self._entries: list[tuple[str, object, str, object]] = []
        for name, value in vars(builtins).items():
            if callable(value) and name not in _FREE:
                self._entries.append(("builtins", vars(builtins), name, value))
        for module, names in _MODULES.items():
            if module in sys.modules:
                space = vars(sys.modules[module])
                for name in names or [name for name in space if name.startswith("assert")]:
                    if name in space:
                        self._entries.append((module, space, name, space[name]))
        for module, names in _TYPES.items():
            for kind in (getattr(sys.modules[module], name) for name in names if module in sys.modules):
                for name, value in vars(kind).items():
                    if callable(value) and not name.startswith("__"):
                        self._entries.append((f"{module}.{kind.__name__}", vars(kind), name, value))
        self._spaces = [(space.get, name, value) for _, space, name, value in self._entries]

    def changed(self) -> str:
        """The first name that is not what it was, or an empty string. Uses nothing that a program could replace."""
        for index, (get, name, value) in enumerate_(self._spaces):
            if get(name) is not value:
                return f"{self._entries[index][0]}.{name}"
        return ""


enumerate_ = enumerate
