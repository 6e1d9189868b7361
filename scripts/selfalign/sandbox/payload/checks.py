"""Counts the checks of a test text: how many ran, how many held. A failed check that was swallowed is still seen.

The tests' syntax tree is changed so that each `assert`, each `if wrong: raise AssertionError`, each `pytest.raises`
block and each call of a `*.testing.assert_*` function reports to a counter. `unittest` is counted by wrapping its
assertion methods and its results. Line numbers stay those of the text.
"""

import ast
import functools
import os
import threading

HOOK = "__selfalign_checks__"


class Counter:
    """Checks that ran and that failed, in this process (a fork's counts are not this process's)."""

    def __init__(self):
        self.run = self.failed = 0
        self.test_failures = self.test_errors = 0  # of unittest: tests, where the above are single checks
        self.thread_errors: list[str] = []
        self.entered: set[str] = set()
        self._depth = threading.local()

    def check(self, value):
        """Counts a condition; returns its truth value, taken once."""
        truth = bool(value)
        self.run += 1
        self.failed += not truth
        return truth

    def refute(self, value):
        """Counts the condition of `if wrong: raise AssertionError`."""
        truth = bool(value)
        self.run += 1
        self.failed += truth
        return truth

    def enter(self, name: str) -> None:
        """Notes that a function of the tests was called."""
        self.entered.add(name)

    def wrap(self, method):
        """Counts calls of an assertion method; those that it makes of others are not counted again."""

        @functools.wraps(method)
        def counted(*args, **kwargs):
            if getattr(self._depth, "value", 0):
                return method(*args, **kwargs)
            self._depth.value = 1
            self.run += 1
            try:
                return method(*args, **kwargs)
            except AssertionError:
                self.failed += 1
                raise
            finally:
                self._depth.value = 0

        return counted


def _dotted(node: ast.expr) -> list[str]:
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return [*([node.id] if isinstance(node, ast.Name) else []), *reversed(parts)]


def is_library_assertion(node: ast.AST, imported: set[str]) -> bool:
    """Whether a statement is a call such as `np.testing.assert_allclose(...)`.

    Args:
        imported: names that the text imports from a module called `testing`.
    """
    if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        return False
    path = _dotted(node.value.func)
    if not path or not path[-1].startswith("assert_"):
        return False
    return "testing" in path[:-1] or (len(path) == 1 and path[0] in imported)


def expects_exception(node: ast.AST) -> bool:
    """Whether a statement is `with pytest.raises(...)`."""
    if not isinstance(node, ast.With | ast.AsyncWith):
        return False
    calls = [item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call)]
    return any(_dotted(call.func)[-1:] == ["raises"] for call in calls)


def raises_assertion(node: ast.AST) -> bool:
    """Whether a statement is `if ...: raise AssertionError...` and nothing else."""
    if not (isinstance(node, ast.If) and len(node.body) == 1 and isinstance(node.body[0], ast.Raise)):
        return False
    raised = node.body[0].exc
    raised = raised.func if isinstance(raised, ast.Call) else raised
    return isinstance(raised, ast.Name) and raised.id == "AssertionError"


def testing_imports(tree: ast.AST) -> set[str]:
    """Names that are imported from a module whose last part is `testing`."""
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module)
    return {
        alias.asname or alias.name
        for node in imports
        if node.module.split(".")[-1] == "testing"
        for alias in node.names
    }


class _Instrument(ast.NodeTransformer):
    def __init__(self, imported: set[str]):
        self.imported = imported
        self.path: list[str] = []

    def _call(self, method: str, argument: ast.expr, at: ast.AST) -> ast.Call:
        hook = ast.Attribute(ast.Name(HOOK, ast.Load()), method, ast.Load())
        return ast.fix_missing_locations(ast.copy_location(ast.Call(hook, [argument], []), at))

    def _held(self, at: ast.AST) -> ast.Expr:
        return ast.copy_location(ast.Expr(self._call("check", ast.Constant(True), at)), at)

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        self.generic_visit(node)
        node.test = self._call("check", node.test, node.test)
        return node

    def visit_If(self, node: ast.If) -> ast.AST:
        counted = raises_assertion(node)
        self.generic_visit(node)
        if counted:
            node.test = self._call("refute", node.test, node.test)
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST | list[ast.AST]:
        self.generic_visit(node)
        return [node, self._held(node)] if is_library_assertion(node, self.imported) else node

    def visit_With(self, node: ast.With) -> ast.AST | list[ast.AST]:
        self.generic_visit(node)
        return [node, self._held(node)] if expects_exception(node) else node

    visit_AsyncWith = visit_With

    def _named(self, node):
        self.path.append(node.name)
        self.generic_visit(node)
        name = ".".join(self.path)
        self.path.pop()
        if not isinstance(node, ast.ClassDef):
            entered = ast.Expr(self._call("enter", ast.Constant(name), node.body[0]))
            has_docstring = ast.get_docstring(node, clean=False) is not None
            node.body.insert(int(has_docstring), ast.copy_location(entered, node.body[0]))
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = _named


def instrument(tree: ast.Module) -> ast.Module:
    """The tests' tree with counters in it, changed in place."""
    return ast.fix_missing_locations(_Instrument(testing_imports(tree)).visit(tree))


class TestsEnded(SystemExit):
    """Raised where `unittest.main()` would end the program: a legitimate end of the tests."""


def count_unittest(counter: Counter) -> None:
    """Wraps `unittest` so that assertions, failures and errors are counted, whichever runner is used."""
    import unittest

    for name in dir(unittest.TestCase):
        if name.startswith("assert") or name == "fail":
            setattr(unittest.TestCase, name, counter.wrap(getattr(unittest.TestCase, name)))

    def counting(method):
        @functools.wraps(method)
        def record(self, test, error=None, *more):
            outcome = more[0] if more else error  # addSubTest(test, subtest, outcome)
            is_failure = method.__name__ == "addUnexpectedSuccess" or (
                isinstance(outcome, tuple) and issubclass(outcome[0], AssertionError)
            )
            counter.test_failures += is_failure
            counter.test_errors += not is_failure and outcome is not None
            return method(self, test, *(() if error is None else (error,)), *more)

        return record

    for name in ("addError", "addFailure", "addUnexpectedSuccess", "addSubTest"):
        setattr(unittest.TestResult, name, counting(getattr(unittest.TestResult, name)))

    class Main(unittest.TestProgram):
        """`unittest.main`, which ends the tests instead of the process."""

        def __init__(self, *arguments, exit=True, **options):
            super().__init__(*arguments, exit=False, **options)
            if exit:
                raise TestsEnded(int(not self.result.wasSuccessful()))

    unittest.main = Main


def run_uncalled(namespace: dict, tree: ast.Module, counter: Counter) -> None:
    """Calls, in pytest's manner, the tests that the text defines and that nothing has called.

    Functions `test*` without required parameters, methods `test*` of plain classes `Test*`, and `unittest.TestCase`
    classes. Those that want arguments (fixtures) can't be called and count as not run.
    """
    import unittest

    for node in tree.body:
        thing = namespace.get(getattr(node, "name", ""))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            if node.name not in counter.entered and callable(thing) and _no_arguments(node, 0):
                _finish(thing())
        elif isinstance(node, ast.ClassDef) and isinstance(thing, type):
            methods = [item for item in node.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)]
            methods = [item for item in methods if item.name.startswith("test")]
            if any(f"{node.name}.{item.name}" in counter.entered for item in methods):
                continue
            if issubclass(thing, unittest.TestCase):
                suite = unittest.defaultTestLoader.loadTestsFromTestCase(thing)
                unittest.TextTestRunner().run(suite)
            elif node.name.startswith("Test"):
                for item in methods:
                    if _no_arguments(item, 1):
                        _call_method(thing(), item.name)


def _no_arguments(node: ast.FunctionDef | ast.AsyncFunctionDef, bound: int) -> bool:
    positional = len(node.args.posonlyargs) + len(node.args.args) - len(node.args.defaults)
    return positional <= bound and all(default is not None for default in node.args.kw_defaults)


def _call_method(instance: object, name: str) -> None:
    setup = getattr(instance, "setup_method", None) or getattr(instance, "setUp", None)
    if setup is not None:
        setup(*([getattr(instance, name)] if setup.__code__.co_argcount > 1 else []))
    _finish(getattr(instance, name)())


def _finish(result: object) -> None:
    """Runs a coroutine that a test function returned."""
    if hasattr(result, "__await__"):
        import asyncio

        asyncio.run(_awaited(result))


async def _awaited(result):
    return await result


def same_process(process: int) -> bool:
    return os.getpid() == process
