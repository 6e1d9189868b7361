"""Values for the parameters of tests, in pytest's manner: fixtures of the text, and the built-in ones that are common."""

import asyncio
import contextlib
import inspect
import itertools
import sys
import tempfile
import types
import unittest.mock
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

_WIDE = ("class", "module", "package", "session")


class Unavailable(Exception):
    """A test wants something that is not to be had here."""


class Definition(NamedTuple):
    """A fixture: what makes its value, and how it was declared."""

    function: Callable
    name: str
    scope: str
    params: tuple | None
    autouse: bool


def required(function: Callable) -> list[str]:
    """Names of the parameters that a call has to give; those that `mock.patch` gives are not among them."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    names = [item.name for item in parameters if item.kind in kinds and item.default is inspect.Parameter.empty]
    patches = getattr(function, "patchings", ())
    mocked = sum(not patch.attribute_name and patch.new is unittest.mock.DEFAULT for patch in patches)
    return names[mocked:]


def defined_in(space: dict, instance: object = None) -> Iterator[Definition]:
    """The fixtures of a module or class, bound to an instance where there is one."""
    kind = getattr(sys.modules.get("_pytest.fixtures"), "FixtureFunctionDefinition", None)
    if kind is None:
        return
    for name, value in list(space.items()):
        if isinstance(value, kind):
            marker, function = value._fixture_function_marker, value._fixture_function
            if instance is not None:
                function = function.__get__(instance)
            scope = marker.scope if isinstance(marker.scope, str) else "function"
            params = None if marker.params is None else tuple(map(_parameter, marker.params))
            yield Definition(function, marker.name or name, scope, params, marker.autouse)


def _parameter(item: object) -> object:
    """A parameter of a fixture, also when `pytest.param` holds it."""
    return item.values[0] if type(item).__name__ == "ParameterSet" else item


class Request:
    """What a fixture finds as `request`."""

    def __init__(self, setting: "Setting", definition: Definition | None, ends: contextlib.ExitStack):
        self._setting, self.addfinalizer = setting, ends.callback
        self.function, self.instance, self.module = setting.function, setting.instance, sys.modules["__main__"]
        self.cls = None if setting.instance is None else type(setting.instance)
        self.fixturename, self.scope = (definition.name, definition.scope) if definition else (None, "function")
        self.fixturenames = list(setting.wanted)
        name = getattr(setting.function, "__name__", "test")
        self.node = types.SimpleNamespace(name=name, originalname=name, nodeid=f"program.py::{name}", cls=self.cls)
        if definition is not None and definition.params is not None:
            self.param = definition.params[setting.chosen[definition.name]]
        elif definition is not None and definition.name in setting.indirect:
            self.param = setting.indirect[definition.name]

    def getfixturevalue(self, name: str) -> object:
        return self._setting.value(name)


class Kept:
    """Values of fixtures that several tests share, and what ends them."""

    def __init__(self):
        self.values: dict = {}
        self.ends = contextlib.ExitStack()


class Setting:
    """One call of a test: resolves its parameters.

    Args:
        space: the module's namespace.
        instance: of the test's class, or None.
        function: the test, bound.
        wider: values shared by a class (`class`) and by all tests (`module`).
        extra: names of fixtures that the test uses without a parameter.
    """

    def __init__(self, space: dict, instance: object, function: Callable, wider: dict[str, Kept], extra: list[str]):
        self.instance, self.function, self.wider = instance, function, wider
        self.ends = contextlib.ExitStack()
        self._loop: asyncio.Runner | None = None
        self.ends.callback(self._close_loop)  # first, so last: fixtures that end may need it
        self.values: dict[str, object] = {}
        self.indirect: dict[str, object] = {}
        self.chosen: dict[str, int] = {}
        self.definitions: dict[str, list[Definition]] = {name: [item] for name, item in BUILT_IN.items()}
        spaces = [defined_in(space)]
        if instance is not None:
            spaces += [defined_in(vars(base), instance) for base in reversed(type(instance).__mro__)]
        for definition in itertools.chain(*spaces):
            self.definitions.setdefault(definition.name, []).append(definition)
        automatic = [known[-1] for known in self.definitions.values() if known[-1].autouse]
        automatic.sort(key=lambda item: -_WIDE.index(item.scope) if item.scope in _WIDE else 1)
        self.parameters = required(function)
        self.wanted = [*(item.name for item in automatic), *extra, *self.parameters]

    def choices(self, given: set[str]) -> list[dict[str, int]]:
        """For every combination of the parameters of the fixtures in use, which one each takes."""
        sizes: dict[str, int] = {}
        queue, seen = [name for name in self.wanted if name not in given], set()
        for name in queue:  # it grows meanwhile
            if name in seen or name not in self.definitions:
                continue
            seen.add(name)
            for definition in self.definitions[name]:
                queue += [other for other in required(definition.function) if other not in given]
            if self.definitions[name][-1].params is not None:
                sizes[name] = len(self.definitions[name][-1].params)
        return [dict(zip(sizes, row, strict=True)) for row in itertools.product(*map(range, sizes.values()))]

    def value(self, name: str, below: int | None = None) -> object:
        """The value of a fixture; below a level, that of the one which it overrides.

        Raises:
            Unavailable: nothing here gives it.
        """
        if below is None and name in self.values:
            return self.values[name]
        if name == "request":
            return Request(self, None, self.ends)
        known = self.definitions.get(name, [])[:below]
        if not known:
            raise Unavailable(f"wants {name}")
        definition = known[-1]
        if definition.scope in _WIDE:
            kept = self.wider["class" if definition.scope == "class" else "module"]
            key = (name, len(known), *sorted(self.chosen.items()))
            if key not in kept.values:
                kept.values[key] = self._make(definition, len(known) - 1, kept.ends)
            made = kept.values[key]
        else:
            made = self._make(definition, len(known) - 1, self.ends)
        if below is None:
            self.values[name] = made
        return made

    def _make(self, definition: Definition, level: int, ends: contextlib.ExitStack) -> object:
        arguments = {}
        for name in required(definition.function):
            if name == "request":
                arguments[name] = Request(self, definition, ends)
            else:
                arguments[name] = self.value(name, level if name == definition.name else None)
        made = definition.function(**arguments)
        if inspect.isgeneratorfunction(definition.function):
            ends.callback(lambda: next(made, None))
            return next(made)
        if inspect.isasyncgenfunction(definition.function):
            ends.callback(lambda: self.run(_last(made)))
            return self.run(anext(made))
        return self.run(made)

    def run(self, result: object) -> object:
        """What a call gave; a coroutine is run, in the one event loop of this test."""
        if not hasattr(result, "__await__"):
            return result
        if self._loop is None:
            self._loop = asyncio.Runner()
        return self._loop.run(_awaited(result))

    def _close_loop(self) -> None:
        if self._loop is not None:
            self._loop.close()
            self._loop = None

    def call(self) -> None:
        """Makes what the test wants, and calls it."""
        for name in self.wanted:
            self.value(name)
        self.run(self.function(**{name: self.value(name) for name in self.parameters}))


async def _awaited(result):
    return await result


async def _last(generator) -> None:
    await anext(generator, None)


# --- built-in fixtures ------------------------------------------------------------------------------------------------


def _capture(kind: str) -> Iterator:
    from _pytest import capture

    class Capture(capture.CaptureFixture):
        @contextlib.contextmanager
        def disabled(self):
            self._suspend()
            try:
                yield
            finally:
                self._resume()

    fixture = Capture(getattr(capture, kind), None, _ispytest=True)
    fixture._start()
    yield fixture
    fixture.close()


def _capsys():
    yield from _capture("SysCapture")


def _capfd():
    yield from _capture("FDCapture")


def _monkeypatch():
    import pytest

    with pytest.MonkeyPatch.context() as patch:
        yield patch


def _recwarn():
    import pytest

    with pytest.WarningsRecorder(_ispytest=True) as recorder:
        yield recorder


def _caplog():
    from _pytest import logging

    handler = logging.LogCaptureHandler()
    handler.setFormatter(logging.logging.Formatter(logging.DEFAULT_LOG_FORMAT))
    item = types.SimpleNamespace(stash={logging.caplog_handler_key: handler, logging.caplog_records_key: {}})
    with logging.catching_logs(handler):
        fixture = logging.LogCaptureFixture(item, _ispytest=True)
        yield fixture
        fixture._finalize()


def _tmp_path() -> Path:
    return Path(tempfile.mkdtemp())


def _tmpdir():
    from _pytest._py.path import local

    return local(tempfile.mkdtemp())


def _tmp_path_factory() -> types.SimpleNamespace:
    def mktemp(basename: str, numbered: bool = True) -> Path:
        folder = Path(tempfile.mkdtemp()) / basename
        folder.mkdir()
        return folder

    return types.SimpleNamespace(mktemp=mktemp, getbasetemp=_tmp_path)


BUILT_IN = {
    name: Definition(function, name, "session" if name == "tmp_path_factory" else "function", None, False)
    for name, function in {
        "capsys": _capsys, "capfd": _capfd, "monkeypatch": _monkeypatch, "recwarn": _recwarn, "caplog": _caplog,
        "tmp_path": _tmp_path, "tmpdir": _tmpdir, "tmp_path_factory": _tmp_path_factory,
    }.items()
}  # fmt: skip
