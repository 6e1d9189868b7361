"""What a statement of a test text checks, told from its syntax alone. The host asks the same questions before it runs one."""

import ast
import functools

EXPECTING = {"raises", "warns", "deprecated_call", "RaisesGroup"}
"""Of pytest: contexts, or functions that take what is to fail as an argument."""
EXPECTING_METHODS = {
    "assertRaises",
    "assertRaisesRegex",
    "assertWarns",
    "assertWarnsRegex",
    "assertLogs",
    "assertNoLogs",
}
"""Of unittest: contexts, which count themselves as run when they are made."""


class Imports:
    """What a text calls the assertions of libraries.

    Attributes:
        modules: names of modules `testing` (of numpy, pandas and others).
        assertions: names of their functions; `every` if the text imports all there are.
        pytest: names of pytest; `fail`: names of its function.
    """

    def __init__(self, tree: ast.AST):
        self.modules, self.assertions, self.pytest, self.fail = {"testing"}, set(), {"pytest"}, set()
        self.every = False
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    self._module(alias)
            elif isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    self._member(node.module, alias)

    def _module(self, alias: ast.alias) -> None:
        if alias.asname and alias.name.split(".")[-1] == "testing":
            self.modules.add(alias.asname)
        elif alias.asname and alias.name == "pytest":
            self.pytest.add(alias.asname)

    def _member(self, module: str, alias: ast.alias) -> None:
        name = alias.asname or alias.name
        if alias.name == "testing":
            self.modules.add(name)
        elif module.split(".")[-1] == "testing":
            self.every |= alias.name == "*"
            self.assertions.add(name)
        elif module == "pytest" and alias.name == "fail":
            self.fail.add(name)


class Known:
    """A text's imports, looked for when they are first asked for."""

    def __init__(self, tree: ast.AST):
        self._tree = tree

    @functools.cached_property
    def imports(self) -> Imports:
        return Imports(self._tree)


def dotted(node: ast.expr) -> list[str]:
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return [*([node.id] if isinstance(node, ast.Name) else []), *reversed(parts)]


def is_library_call(call: ast.expr, known: Known) -> bool:
    """Whether an expression is a call such as `np.testing.assert_allclose(...)`."""
    if not isinstance(call, ast.Call):
        return False
    path = dotted(call.func)
    if len(path) > 1:
        return path[-1].startswith("assert_") and not known.imports.modules.isdisjoint(path[:-1])
    if not path or not path[0].startswith("assert_"):
        return False
    return known.imports.every or path[0] in known.imports.assertions


def is_library_assertion(node: ast.AST, known: Known) -> bool:
    """Whether a statement is a call of a library's assertion and nothing else."""
    return isinstance(node, ast.Expr) and is_library_call(node.value, known)


def expects(node: ast.AST, known: Known) -> str:
    """What a `with` statement expects to go wrong inside it: "counted" by nobody else, a "method" of unittest, or ""."""
    if not isinstance(node, ast.With | ast.AsyncWith):
        return ""
    calls = [item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call)]
    last = {part for call in calls for part in dotted(call.func)[-1:]}
    if last & EXPECTING_METHODS:
        return "method"
    return "counted" if last & EXPECTING or any(is_library_call(call, known) for call in calls) else ""


def expects_assertion(node: ast.With | ast.AsyncWith) -> bool:
    """Whether what a context expects is a failed assertion."""
    calls = [item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call)]
    return any(call.args and "AssertionError" in _names(call.args[0]) for call in calls)


def expecting_call(node: ast.AST) -> bool:
    """Whether a statement is `pytest.raises(Error, function, ...)`, its result kept or not."""
    call = node.value if isinstance(node, ast.Expr | ast.Assign) else None
    if not isinstance(call, ast.Call):
        return False
    name = (dotted(call.func) or [""])[-1]
    return name in EXPECTING and len(call.args) > (name != "deprecated_call")


def fails_in_pytest(node: ast.AST, known: Known) -> bool:
    """Whether a statement is `pytest.fail(...)`."""
    if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        return False
    path = dotted(node.value.func)
    if path[-1:] != ["fail"]:
        return False
    return path[0] in known.imports.pytest if len(path) == 2 else path == ["fail"] and "fail" in known.imports.fail


def raises_assertion(node: ast.AST) -> bool:
    """Whether a statement is `raise AssertionError...`."""
    if not isinstance(node, ast.Raise):
        return False
    raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    return isinstance(raised, ast.Name) and raised.id == "AssertionError"


def certainly_fails(node: ast.AST, known: Known) -> bool:
    """Whether a statement can do nothing but fail: `assert False`, `raise AssertionError`, `pytest.fail`, `self.fail`."""
    if isinstance(node, ast.Assert):
        return isinstance(node.test, ast.Constant) and not node.test.value
    if raises_assertion(node) or fails_in_pytest(node, known):
        return True
    is_call = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    return is_call and dotted(node.value.func) in (["self", "fail"], ["cls", "fail"])


def catches_all(handler: ast.ExceptHandler) -> bool:
    """Whether a handler catches whatever goes wrong."""
    return handler.type is None or bool({"Exception", "BaseException"} & _names(handler.type))


def tries_alternatives(node: ast.Try) -> bool:
    """Whether a failed assertion is caught to assert something else of the same thing: `assert f() == 1`, else `== 2`."""
    first = set().union(*(_names(statement.test) for statement in node.body if isinstance(statement, ast.Assert)))
    for handler in node.handlers:
        if handler.type is not None and "AssertionError" in _names(handler.type):
            asserts = [statement for statement in handler.body if isinstance(statement, ast.Assert)]
            if any(isinstance(item.test, ast.Compare) and _names(item.test) & first for item in asserts):
                return True
    return False


def _names(node: ast.AST) -> set[str]:
    return {item.id for item in ast.walk(node) if isinstance(item, ast.Name)}


def last_exits(body: list[ast.stmt], functions: dict[str, ast.FunctionDef]) -> list[ast.Call]:
    """Calls of `sys.exit` that are the last thing a module does: in either branch of an `if`, or in the function that it
    calls last.

    Args:
        functions: of the module; those that have been looked into are taken out.
    """
    last = body[-1] if body else None
    if isinstance(last, ast.If):
        return last_exits(last.body, functions) + last_exits(last.orelse, functions)
    if not (isinstance(last, ast.Expr) and isinstance(last.value, ast.Call)):
        return []
    path = dotted(last.value.func)
    if path in (["sys", "exit"], ["exit"], ["quit"]):
        return [last.value]
    function = functions.pop(path[0], None) if len(path) == 1 else None
    return last_exits(function.body, functions) if function else []
