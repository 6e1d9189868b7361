"""pytest's marks, read as plain attributes: what they say of whether a test runs, and with which parameters."""

import itertools
from typing import NamedTuple

_NOT_SAID = object()


class Row(NamedTuple):
    """One set of parameters: given to the test itself, given to its fixtures, and marks of this set alone."""

    direct: dict
    indirect: dict
    marks: list


def marks_of(thing: object, in_class: bool = False) -> list:
    """The marks on a function or module's `pytestmark`; of a class, those of its bases too."""
    spaces = [vars(base) for base in thing.__mro__] if in_class else [{"pytestmark": getattr(thing, "pytestmark", [])}]
    found = [space["pytestmark"] for space in spaces if "pytestmark" in space]
    return [plain(mark) for marks in found for mark in (marks if isinstance(marks, list | tuple) else [marks])]


def plain(mark: object) -> object:
    """`pytest.mark.x` and `pytest.mark.x(...)` as a mark with name, args and kwargs."""
    return getattr(mark, "mark", mark)


def named(marks: list, name: str) -> list:
    return [mark for mark in marks if getattr(mark, "name", "") == name]


def holds(mark, space: dict) -> bool:
    """Whether the condition of a `skipif` or `xfail` is true, or there is none."""
    conditions = [*mark.args, *([mark.kwargs["condition"]] if "condition" in mark.kwargs else [])]
    values = [eval(item, dict(space)) if isinstance(item, str) else item for item in conditions]
    return any(values) if values else mark.name != "skipif"


def skips(marks: list, space: dict) -> bool:
    return bool(named(marks, "skip")) or any(holds(mark, space) for mark in named(marks, "skipif"))


def rows(marks: list) -> list[Row]:
    """Every combination of the sets that `parametrize` gives; a single empty one without it."""
    tables = [_table(mark) for mark in named(marks, "parametrize")]
    combined = []
    for parts in itertools.product(*tables):
        row = Row({}, {}, [])
        for direct, indirect, own in parts:
            row.direct.update(direct)
            row.indirect.update(indirect)
            row.marks.extend(own)
        combined.append(row)
    return combined


_tables: dict[int, list] = {}


def _table(mark) -> list[Row]:
    """The sets of one mark, read once: they may come from a generator, and a class's mark serves all its methods."""
    if id(mark) not in _tables:
        _tables[id(mark)] = list(_sets(*mark.args, **mark.kwargs))
    return _tables[id(mark)]


def _sets(argnames, argvalues, indirect=False, ids=None, scope=None, *, _param_mark=None):
    names = [name.strip() for name in argnames.split(",")] if isinstance(argnames, str) else list(argnames)
    names = [name for name in names if name]
    is_single = isinstance(argnames, str) and len(names) == 1
    for value in argvalues:
        marks: list = []
        if type(value).__name__ == "ParameterSet":
            marks, value = [plain(mark) for mark in value.marks], value.values
        elif is_single:
            value = (value,)
        pairs = dict(zip(names, value, strict=True))
        through = set(names) if indirect is True else set(indirect or ())
        yield Row(
            {name: item for name, item in pairs.items() if name not in through},
            {name: item for name, item in pairs.items() if name in through},
            marks,
        )
