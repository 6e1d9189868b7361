"""Other solutions in the place of one: what its tests must notice, and one that tells which lines ran."""

import ast
import copy
import hashlib
from collections.abc import Iterator

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
SEEN = "\0planted seen\0"

_COMPARISONS = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_ARITHMETIC = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.FloorDiv: ast.Div, ast.Mod: ast.Mult,
    ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitOr, ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}  # fmt: skip


def stub(tree: ast.Module) -> ast.Module | None:
    """The module with every function returning None at once; None if it holds no function."""
    changed = copy.deepcopy(tree)
    found = False
    for node in ast.walk(changed):
        if isinstance(node, _FUNCTIONS):
            found = True
            node.body = [ast.copy_location(ast.Return(ast.Constant(None)), node.body[0])]
        elif isinstance(node, ast.Lambda):
            found = True
            node.body = ast.copy_location(ast.Constant(None), node.body)
    return ast.fix_missing_locations(changed) if found else None


def mutants(tree: ast.Module, text: str, number: int) -> Iterator[ast.Module]:
    """Modules with one small fault each, in the functions: at most `number`, chosen by a hash of the text."""
    sites = len(list(_sites(tree)))
    order = sorted(range(sites), key=lambda site: hashlib.sha256(f"{site} {text}".encode("utf-8", "replace")).digest())
    for site in sorted(order[:number]):
        changed = copy.deepcopy(tree)
        node, change = next(pair for index, pair in enumerate(_sites(changed)) if index == site)
        change(node)
        yield ast.fix_missing_locations(changed)


def _sites(tree: ast.Module) -> Iterator[tuple]:
    """Places inside functions where a fault can be put, with what puts it there, in the order of the text."""
    functions = [node for node in ast.walk(tree) if isinstance(node, _FUNCTIONS)]
    inner = {id(child) for function in functions for child in ast.walk(function) if child is not function}
    for function in functions:
        if id(function) in inner:
            continue  # a function inside another one is met there
        docstrings = {id(node.body[0].value) for node in ast.walk(function)
                      if isinstance(node, (*_FUNCTIONS, ast.ClassDef)) and isinstance(node.body[0], ast.Expr)}  # fmt: skip
        for statement in function.body:
            for node in ast.walk(statement):
                if id(node) not in docstrings:
                    yield from ((node, change) for change in _changes(node))


def _changes(node: ast.AST) -> Iterator:
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARISONS:
        yield lambda node: node.ops.__setitem__(0, _COMPARISONS[type(node.ops[0])]())
    elif isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in _ARITHMETIC:
        yield lambda node: setattr(node, "op", _ARITHMETIC[type(node.op)]())
    elif isinstance(node, ast.BoolOp):
        yield lambda node: setattr(node, "op", ast.Or() if isinstance(node.op, ast.And) else ast.And())
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield lambda node: setattr(node, "value", not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield lambda node: setattr(node, "value", node.value + 1)
    elif isinstance(node, ast.If | ast.While) and not isinstance(node.test, ast.Constant):
        yield lambda node: setattr(node, "test", ast.copy_location(ast.UnaryOp(ast.Not(), node.test), node.test))
    elif isinstance(node, ast.Return) and node.value is not None and not isinstance(node.value, ast.Constant):
        yield lambda node: setattr(node, "value", ast.copy_location(ast.Constant(None), node.value))


class _TellLines(ast.NodeTransformer):
    def __init__(self):
        self.lines: set[int] = set()
        self.depth = 0

    def generic_visit(self, node: ast.AST) -> ast.AST:
        inside = isinstance(node, _FUNCTIONS)
        self.depth += inside
        super().generic_visit(node)
        if self.depth:
            for field in ("body", "orelse", "finalbody"):
                block = getattr(node, field, None)
                if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                    setattr(node, field, [told for statement in block for told in self._told(statement)])
        self.depth -= inside
        return node

    def _told(self, statement: ast.stmt) -> list[ast.stmt]:
        is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        if is_text or isinstance(statement, ast.Global | ast.Nonlocal):
            return [statement]
        self.lines.add(statement.lineno)
        call = ast.Call(ast.Constant(SEEN), [ast.Constant(statement.lineno)], [])
        return [ast.copy_location(ast.Expr(ast.copy_location(call, statement)), statement), statement]


def telling(tree: ast.Module) -> tuple[ast.Module, set[int]]:
    """The module with a call of what is planted for :data:`SEEN` before every statement of a function, and their lines."""
    teller = _TellLines()
    changed = teller.visit(copy.deepcopy(tree))
    return ast.fix_missing_locations(changed), teller.lines
