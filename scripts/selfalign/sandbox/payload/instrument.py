"""Changes the syntax tree of a test text so that its checks count themselves.

Each `assert`, each `if wrong: raise`, each `pytest.raises`, each `try: ...; assert False` and each call of a
`*.testing.assert_*` function does (`statements.py` tells them); `==` inside a check also looks for objects that are equal
to everything. What is called stands as a text in the place of a constant, which `checks.plant` replaces in the compiled
code, and is under no name that a program could bind anew. Line numbers stay those of the text.
"""

import ast
import types
from typing import ClassVar

from . import failures
from .statements import (
    Known,
    catches_all,
    certainly_fails,
    expecting_call,
    expects,
    expects_assertion,
    fails_in_pytest,
    is_library_assertion,
    last_exits,
    raises_assertion,
    tries_alternatives,
)

RUN, FAILED, ENTERED, EQUAL, SEEN = (f"\0planted {name}\0" for name in ("run", "failed", "entered", "equal", "seen"))
ASSERTION, UNCOUNTED, LEAVE, LOST = (f"\0planted {name}\0" for name in ("assertion", "uncounted", "leave", "lost"))


def _at(place: ast.AST, node):
    """The node, at a place of the text; quicker than `ast.copy_location`."""
    node.lineno, node.col_offset = place.lineno, place.col_offset
    node.end_lineno, node.end_col_offset = place.end_lineno, place.end_col_offset
    return node


def _constant(value: object, at: ast.AST) -> ast.Constant:
    return _at(at, ast.Constant(value))


def _call(what: str, at: ast.AST, *arguments: ast.expr) -> ast.Call:
    """A call of what is planted for a text. All nodes get their place at once: to find missing ones takes longer."""
    return _at(at, ast.Call(_constant(what, at), list(arguments), []))


_LEAVES = frozenset({ast.Constant, ast.Name, *ast.expr_context.__subclasses__(), *ast.operator.__subclasses__()})
"""Nodes with nothing below them, which most are: long literals are what tests compare with."""


def _condition(node: ast.AST) -> ast.AST:
    """The node with our comparison in the place of each `==`; three times as quick as with `ast.NodeTransformer`."""
    for field in node._fields:
        value = getattr(node, field, None)
        if isinstance(value, list):
            value[:] = [
                _condition(item) if type(item) not in _LEAVES and isinstance(item, ast.AST) else item for item in value
            ]
        elif type(value) not in _LEAVES and isinstance(value, ast.AST):
            setattr(node, field, _condition(value))
    if type(node) is ast.Compare and len(node.ops) == 1 and type(node.ops[0]) is ast.Eq:
        return _call(EQUAL, node, node.left, node.comparators[0])
    return node


class _Results(ast.NodeTransformer):
    """Has a look at what calls give and at what is compared."""

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        return node if isinstance(node.func, ast.Constant) else _call(SEEN, node, node)  # those are our own

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        node.left, *node.comparators = (_call(SEEN, part, part) for part in (node.left, *node.comparators))
        return node


def _say(what: str, at: ast.AST, *arguments: ast.expr) -> ast.Expr:
    return _at(at, ast.Expr(_call(what, at, *arguments)))


class _Instrument:
    """Changes statements, block by block; of expressions only the conditions of checks are looked into.

    Attributes:
        path: names of the definitions around a statement.
        forgiving: inside how many blocks a failed assertion is what the test expects, or leads to another one.
        sheltered: inside how many blocks, of the same function, an exception may be caught.
        checks: ids of `raise` statements that are the failing side of a check.
    """

    def __init__(self, tree: ast.Module):
        self.path: list[str] = []
        self.forgiving = self.sheltered = 0
        self.checks: set[int] = set()
        self.known = Known(tree)

    def block(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        changed: list[ast.stmt] = []
        for statement in statements:
            changed += self.CHANGES.get(type(statement), _Instrument.inside)(self, statement)
        return changed

    def inside(self, node: ast.AST) -> list[ast.AST]:
        for field in ("body", "orelse", "finalbody"):
            if block := getattr(node, field, None):
                setattr(node, field, self.block(block))
        for part in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
            part.body = self.block(part.body)
        return [node]

    def _failed(self, at: ast.AST) -> list[ast.stmt]:
        return [_say(RUN, at)] if self.forgiving else [_say(RUN, at), _say(FAILED, at)]

    def assertion(self, node: ast.Assert) -> list[ast.AST]:
        failure = _at(node, ast.Assert(_constant(False, node), node.msg))
        return [_at(node, ast.If(_condition(node.test), [_say(RUN, node)], [*self._failed(node), failure]))]

    def decision(self, node: ast.If) -> list[ast.AST]:
        """`if wrong: raise AssertionError`: its other side is a check that held."""
        bad, good = (any(self._fails(statement) for statement in block) for block in (node.body, node.orelse))
        if not (bad or good):
            return self.inside(node)
        node.test = _condition(node.test)
        self.inside(node)
        if bad:
            node.orelse = [_say(RUN, node), *node.orelse]
        if good:
            node.body = [_say(RUN, node), *node.body]
        return [node]

    def _fails(self, statement: ast.stmt) -> bool:
        """Whether a side of an `if` fails the test: any exception does so that nothing around it can catch."""
        if isinstance(statement, ast.Raise) and not self.sheltered:
            function = self.path[-1] if self.path else "test"
            if function.startswith(("test", "main")):
                self.checks.add(id(statement))
                return True
            if function.startswith(("check", "run", "verify")):
                return True  # that it failed is not said here: who calls it may expect the error
        return certainly_fails(statement, self.known)

    def failure(self, node: ast.Raise) -> list[ast.AST]:
        return [*self._failed(node), node] if id(node) in self.checks or raises_assertion(node) else [node]

    def expression(self, node: ast.Expr | ast.Assign) -> list[ast.AST]:
        if is_library_assertion(node, self.known):
            return [self._guarded(node, _constant(ASSERTION, node))]
        if expecting_call(node):
            return [self._guarded(node, None)]
        if fails_in_pytest(node, self.known):
            return [*self._failed(node), node]
        called = node.value.func if self.forgiving and isinstance(node.value, ast.Call) else None
        if isinstance(called, ast.Attribute) and called.attr.startswith(("assert", "fail")):
            node.value.func = _call(UNCOUNTED, node, called)
        return [node]

    def _guarded(self, node: ast.stmt, kind: ast.expr | None, is_run: bool = True) -> ast.Try:
        """The statement, counted as a check that held, or failed when an exception (of a kind) leaves it."""
        say = self._failed(node) if is_run else self._failed(node)[1:]
        handler = _at(node, ast.ExceptHandler(kind, None, [*say, _at(node, ast.Raise(None, None))]))
        return _at(node, ast.Try([node], [handler], [_say(RUN, node)] if is_run else [], []))

    def context(self, node: ast.With | ast.AsyncWith) -> list[ast.AST]:
        kind = expects(node, self.known)
        forgiving = bool(kind) and expects_assertion(node)
        self.forgiving += forgiving
        self.sheltered += 1
        self.inside(node)
        self.forgiving -= forgiving
        self.sheltered -= 1
        return [self._guarded(node, None, kind == "counted")] if kind else [node]

    def attempt(self, node: ast.Try) -> list[ast.AST]:
        """`try: f(); assert False`, `except TypeError: pass`: to come to the handler is the check that holds."""
        wants_error = any(certainly_fails(statement, self.known) for statement in (*node.body, *node.orelse))
        forgiving = tries_alternatives(node)
        self.forgiving += forgiving
        self.sheltered += bool(node.handlers)
        node.body = self.block(node.body)
        self.forgiving -= forgiving
        self.sheltered -= bool(node.handlers)
        node.orelse, node.finalbody = self.block(node.orelse), self.block(node.finalbody)
        for handler in node.handlers:
            first = []
            if wants_error:
                first = [_say(RUN, handler)]
            elif catches_all(handler):
                counted = [_say(RUN, handler), _say(FAILED, handler)]
                first = [_at(handler, ast.If(_call(LOST, handler), counted, []))]
            handler.body = [*first, *self.block(handler.body)]
        return [node]

    def named(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> list[ast.AST]:
        self.path.append(node.name)
        around, (self.forgiving, self.sheltered) = (self.forgiving, self.sheltered), (0, 0)
        self.inside(node)
        self.forgiving, self.sheltered = around
        self.path.pop()
        if not isinstance(node, ast.ClassDef):
            has_docstring = ast.get_docstring(node, clean=False) is not None
            first = node.body[0]
            node.body.insert(int(has_docstring), _say(ENTERED, first, _constant(key_of(node), first)))
        return [node]

    CHANGES: ClassVar = {
        ast.Assert: assertion, ast.If: decision, ast.Raise: failure, ast.Expr: expression, ast.Assign: expression,
        ast.With: context, ast.AsyncWith: context, ast.Try: attempt,
        ast.FunctionDef: named, ast.AsyncFunctionDef: named, ast.ClassDef: named,
    }  # fmt: skip


def key_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """What a function of the tests is known by: its name, and the line on which its code begins."""
    return f"{node.name}:{min(item.lineno for item in (node, *node.decorator_list))}"


def _uncounted(method: object) -> object:
    """A bound method of a mock or test case as it was before its calls were counted; anything else as it is."""
    original = getattr(getattr(method, "__func__", None), "__wrapped__", None)
    if not getattr(original, "__module__", "").startswith("unittest."):
        return method
    return types.MethodType(original, method.__self__)


def _leave(code: object = None) -> None:
    """`sys.exit` as a module's last statement: the end it is at, unless it tells of a failure."""
    if not (code is None or (isinstance(code, int) and code == 0)):
        raise SystemExit(code)


HELPERS = {ASSERTION: AssertionError, UNCOUNTED: _uncounted, LEAVE: _leave, LOST: failures.test_was_left}
"""What is planted for every text alike."""


def instrument(tree: ast.Module, suspicious: bool = False) -> None:
    """Changes the tree in place; `suspicious`: what every call gives is looked at."""
    for call in last_exits(tree.body, {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}):
        call.func = _constant(LEAVE, call)
    tree.body = _Instrument(tree).block(tree.body)
    if suspicious:
        _Results().visit(tree)
