"""Tests that only a runner such as pytest would call."""

import ast


def run_uncalled(namespace: dict, tree: ast.Module, entered: set[str]) -> None:
    """Calls, in pytest's manner, the tests that the text defines and that nothing has called.

    Functions `test*`, methods `test*` of plain classes `Test*`, and `unittest.TestCase` classes. Parameters are those of
    `pytest.mark.parametrize`; tests that want other ones (fixtures) cannot be called and count as not run.
    """
    import unittest

    for node in tree.body:
        thing = namespace.get(getattr(node, "name", ""))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            if node.name not in entered and callable(thing):
                _call_all(thing, node, 0)
        elif isinstance(node, ast.ClassDef) and isinstance(thing, type):
            methods = [item for item in node.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)]
            methods = [item for item in methods if item.name.startswith("test")]
            if any(f"{node.name}.{item.name}" in entered for item in methods):
                continue
            if issubclass(thing, unittest.TestCase):
                suite = unittest.defaultTestLoader.loadTestsFromTestCase(thing)
                unittest.TextTestRunner().run(suite)
            elif node.name.startswith("Test"):
                for item in methods:
                    _call_methods(thing, item)


def _call_all(function, node: ast.FunctionDef | ast.AsyncFunctionDef, bound: int) -> None:
    """Calls a test with every set of its parameters; not at all if parameters are left that nothing gives."""
    for parameters in _parameter_sets(function):
        if _required(node, bound) <= set(parameters):
            _finish(function(**parameters))


def _parameter_sets(function) -> list[dict]:
    """What `pytest.mark.parametrize` asks for; one empty set without it."""
    sets: list[dict] = [{}]
    for mark in getattr(function, "pytestmark", []):
        if getattr(mark, "name", "") != "parametrize" or len(mark.args) < 2:
            continue
        names, rows = mark.args[:2]
        names = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
        rows = [getattr(row, "values", row) for row in rows]  # pytest.param(...) holds its values
        rows = [dict(zip(names, row if len(names) > 1 else _alone(row), strict=False)) for row in rows]
        sets = [{**known, **row} for known in sets for row in rows]
    return sets


def _alone(row) -> tuple:
    """The value for a single name; that of `pytest.param` comes in a tuple of one."""
    return row if isinstance(row, tuple) and len(row) == 1 else (row,)


def _required(node: ast.FunctionDef | ast.AsyncFunctionDef, bound: int) -> set[str]:
    positional = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
    positional = positional[: len(positional) - len(node.args.defaults)][bound:]
    by_name = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    return {*positional, *(argument.arg for argument, default in by_name if default is None)}


def _call_methods(kind: type, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    instance = kind()
    method = getattr(instance, node.name)
    setup = getattr(instance, "setup_method", None) or getattr(instance, "setUp", None)
    if setup is not None:
        setup(*([method] if setup.__code__.co_argcount > 1 else []))
    _call_all(method, node, 0 if isinstance(vars(kind).get(node.name), staticmethod) else 1)


def _finish(result: object) -> None:
    """Runs a coroutine that a test function returned."""
    if hasattr(result, "__await__"):
        import asyncio

        asyncio.run(_awaited(result))


async def _awaited(result):
    return await result
