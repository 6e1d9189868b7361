"""Runs tests that only a runner such as pytest would call, and says how many of them could not be run.

What a text defines is told from its syntax, what ran is told by the functions themselves (`instrument.py` plants that):
a test that neither ran nor was skipped by its own text keeps the program from passing, whatever the reason.
"""

import ast
import inspect
import sys
import types
import unittest
from collections.abc import Callable

from . import failures, marks, written
from .fixtures import Kept, Setting, Unavailable, defined_in
from .written import FUNCTIONS, Written

_SHOWN = 3


class NotRun(Exception):
    """Tests of the text could not be run."""


def run_uncalled(namespace: dict, outline: written.Outline, entered: set[str]) -> None:
    """Calls, in pytest's manner, the tests that the text defines and that nothing has called.

    Functions `test*`, methods `test*` of classes `Test*` (inherited, and in classes inside them, too), and methods of
    `unittest.TestCase`.

    Args:
        outline: of the tests.

    Raises:
        NotRun: some did not run: they want a fixture that is not to be had, are generators, or are hidden by others.
    """
    if outline.places or any(name.startswith("test") for name in namespace):
        runner = _Runner(namespace, entered)
        tests = runner.run(outline.places, outline.may_skip)
        left = [test for test in tests if test.key in runner.refused or not runner.is_settled(test, entered)]
        if left:
            reasons = [f"{test.name} {runner.refused.get(test.key, 'never began')}" for test in left[:_SHOWN]]
            more = " ..." if len(left) > _SHOWN else ""
            raise NotRun(f"{len(left)} of {len(tests)} tests could not be run: {', '.join(reasons)}{more}")


def _call(function: Callable | None, argument: object) -> None:
    """Calls what surrounds tests, which may take what it surrounds, if it is there."""
    if function is not None:
        count = function.__code__.co_argcount - isinstance(function, types.MethodType)
        function(*([argument] if count > 0 else []))


class _Runner:
    """Runs what has not run.

    Attributes:
        done: keys of functions that were called before.
        skipped: keys of tests that a mark or decorator skips; `refused`: key -> why a test could not be run.
    """

    def __init__(self, namespace: dict, entered: set[str]):
        self.namespace, self.done = namespace, frozenset(entered)
        self.skipped: set[str] = set()
        self.refused: dict[str, str] = {}
        self.kept = Kept()
        self.has_begun = False

    def is_settled(self, test: Written, entered: set[str]) -> bool:
        return test.key in entered or (test.skippable and test.key in self.skipped)

    def run(self, places: tuple[tuple[ast.stmt, bool], ...], may_skip: bool) -> list[Written]:
        """Runs all; the tests that the text holds."""
        tests: list[Written] = []
        last = {node.name: node for node, _ in places}
        with self.kept.ends:
            for node, always in places:
                thing = self.namespace.get(node.name)
                if isinstance(node, ast.ClassDef):
                    kind = thing if isinstance(thing, type) and last[node.name] is node else None
                    if kind or always:
                        tests += self._class(node, kind, node.name, may_skip)
                elif not written.makes_fixture(node):
                    test = written.of_function(node, node.name, may_skip)
                    found = written.key(thing)
                    if always or found == test.key:
                        tests.append(test)
                    is_it = found == test.key or (not found and last[node.name] is node)
                    if is_it and callable(thing) and test.key not in self.done:
                        self._function(thing, test.key)
            for name, thing in list(self.namespace.items()):  # made by other functions, under a test's name
                if name.startswith("test") and name not in last and isinstance(thing, types.FunctionType):
                    key = written.key(thing)
                    if key and key not in self.done:
                        self._function(thing, key)
        return tests

    # --- functions ----------------------------------------------------------------------------------------------------

    def _function(self, function: Callable, key: str) -> None:
        self._cases(function, key, lambda: (None, function), [], Kept())

    def _cases(self, function: Callable, key: str, make: Callable, outer: list, of_class: Kept) -> None:
        """Calls a test with every set of its parameters.

        Args:
            make: gives an instance and the bound test, anew for every call.
            outer: marks of the class.
        """
        of_module = types.SimpleNamespace(pytestmark=self.namespace.get("pytestmark", []))
        own = [*marks.marks_of(function), *outer, *marks.marks_of(of_module)]
        if marks.skips(own, self.namespace) or getattr(function, "__unittest_skip__", False):
            self.skipped.add(key)
            return
        wider = {"class": of_class, "module": self.kept}
        extra = [name for mark in marks.named(own, "usefixtures") for name in mark.args]
        for row in marks.rows(own):
            if marks.skips(row.marks, self.namespace):
                self.skipped.add(key)
                continue
            expected = [mark for mark in marks.named([*row.marks, *own], "xfail") if marks.holds(mark, self.namespace)]
            if any(mark.kwargs.get("run") is False for mark in expected):
                self.refused[key] = "is marked not to be run"
                return
            self._begin()
            choices: list = [None]
            for choice in choices:  # it becomes longer when the first is known
                setting = Setting(self.namespace, *make(), wider, extra)
                if choice is None:
                    choice, *more = setting.choices({*row.direct}) or [{}]
                    choices += more
                setting.chosen, setting.indirect = choice, row.indirect
                setting.values.update(row.direct)
                self._one(setting, key, any(mark.kwargs.get("strict") for mark in expected))

    def _begin(self) -> None:
        """`setup_module`, once, before the first test that pytest would call."""
        if not self.has_begun:
            self.has_begun = True
            module = sys.modules["__main__"]
            before, after = (self.namespace.get(name) for name in ("setup_module", "teardown_module"))
            self.kept.ends.callback(_call, after or self.namespace.get("tearDownModule"), module)
            _call(before or self.namespace.get("setUpModule"), module)

    def _one(self, setting: Setting, key: str, must_fail: bool) -> None:
        before, after = (self._around(setting, name) for name in ("setup", "teardown"))
        try:
            with setting.ends:
                setting.ends.callback(_call, after, setting.function)
                _call(before, setting.function)
                setting.call()
        except Unavailable as error:
            self.refused[key] = str(error)
        except BaseException as error:
            if not failures.is_skip(error) or failures.came_from_solution(error.__traceback__):
                raise
            self.skipped.add(key)
        else:
            if must_fail:
                raise AssertionError(f"{key.split(':')[0]} passed, and was expected to fail")

    def _around(self, setting: Setting, what: str) -> Callable | None:
        if setting.instance is None:
            return self.namespace.get(f"{what}_function")
        names = f"{what}_method", {"setup": "setUp", "teardown": "tearDown"}[what]
        return next((getattr(setting.instance, name) for name in names if hasattr(setting.instance, name)), None)

    # --- classes ------------------------------------------------------------------------------------------------------

    def _class(self, node: ast.ClassDef, kind: type | None, name: str, may_skip: bool) -> list[Written]:
        """Runs the tests of a class that have not run; those that the text writes in it, if a runner would run them."""
        is_case = issubclass(kind, unittest.TestCase) if kind else written.is_case(node)
        if not (is_case or node.name.startswith("Test")) or written.is_no_test(node):
            return []
        may_skip = may_skip or written.mentions_skip([*node.decorator_list, *written.marks_for_all(node.body)])
        methods = [item for item in node.body if isinstance(item, FUNCTIONS) and item.name.startswith("test")]
        methods = [item for item in methods if not written.makes_fixture(item)]
        tests = [written.of_function(item, f"{name}.{item.name}", may_skip) for item in methods]
        if kind is not None:
            (self._unittest if is_case else self._plain)(kind)
        for item in () if is_case else node.body:
            if isinstance(item, ast.ClassDef):
                inner = vars(kind).get(item.name) if kind else None
                inner = inner if isinstance(inner, type) else None
                tests += self._class(item, inner, f"{name}.{item.name}", may_skip)
        return tests

    def _waiting(self, kind: type, names: list[str]) -> list[tuple[str, str]]:
        """Names and keys of a class's tests that have not run."""
        keys = [(name, written.key(inspect.getattr_static(kind, name))) for name in names]
        return [(name, key) for name, key in keys if key not in self.done]

    def _unittest(self, kind: type[unittest.TestCase]) -> None:
        waiting = self._waiting(kind, unittest.defaultTestLoader.getTestCaseNames(kind))
        if not waiting:
            return
        for name, key in waiting:
            if getattr(kind, "__unittest_skip__", False) or getattr(getattr(kind, name), "__unittest_skip__", False):
                self.skipped.add(key)
        tests = [kind(name) for name, _ in waiting]
        spaces = (self.namespace, *map(vars, kind.__mro__))
        if not any(definition.autouse for space in spaces for definition in defined_in(space)):
            unittest.TextTestRunner().run(unittest.TestSuite(tests))
            return
        of_class = Kept()
        with of_class.ends:
            for test in tests:  # each among the fixtures that pytest would use for it
                run = lambda test=test: unittest.TextTestRunner().run(unittest.TestSuite([test])) and None  # noqa: E731
                setting = Setting(self.namespace, test, run, {"class": of_class, "module": self.kept}, [])
                setting.parameters = []
                with setting.ends:
                    setting.call()

    def _plain(self, kind: type) -> None:
        found = {name: getattr(kind, name) for base in reversed(kind.__mro__) for name in vars(base)
                 if name.startswith("test") and hasattr(kind, name)}  # fmt: skip
        waiting = self._waiting(kind, [name for name, thing in found.items() if inspect.isroutine(thing)])
        outer = marks.marks_of(kind, in_class=True)
        if not waiting:
            return
        if marks.skips(outer, self.namespace) or getattr(kind, "__unittest_skip__", False):
            self.skipped.update(key for _, key in waiting)
            return
        try:
            kind()
        except TypeError:
            self.refused.update((key, "is in a class that takes arguments") for _, key in waiting)
            return
        of_class = Kept()
        self._begin()
        with of_class.ends:
            of_class.ends.callback(_call, getattr(kind, "teardown_class", None), kind)
            _call(getattr(kind, "setup_class", None), kind)
            for name, key in waiting:
                self._cases(found[name], key, lambda name=name: _made(kind, name), outer, of_class)


def _made(kind: type, name: str) -> tuple[object, Callable]:
    instance = kind()
    return instance, getattr(instance, name)
