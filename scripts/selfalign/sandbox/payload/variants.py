"""Other solutions in the place of one: what its tests must notice, and one that tells which lines ran.

Trees are changed in place and gone through without recursion: a chain of a thousand `elif` is a right program too, and
its tree is a thousand levels deep.
"""

import ast
import hashlib
from collections.abc import Callable, Iterator

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


def _none(at: ast.AST) -> ast.Constant:
    return ast.copy_location(ast.Constant(None), at)


def stub(tree: ast.Module) -> ast.Module | None:
    """The module with every function returning None at once.

    Without a function, what it assigns gives None for any call, and its classes are empty and take any arguments: the
    tests still find every name, and nothing of what it stood for. None if there is nothing of all this.
    """
    found = False
    for node in ast.walk(tree):
        if isinstance(node, _FUNCTIONS):
            found = True
            node.body = [ast.copy_location(ast.Return(_none(node.body[0])), node.body[0])]
        elif isinstance(node, ast.Lambda):
            found = True
            node.body = _none(node.body)
    return tree if found or _empty(tree) else None


def _empty(tree: ast.Module) -> bool:
    """Takes all out of classes and names; whether there was one."""
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    for node in classes:
        node.bases, node.keywords, node.decorator_list = [], [], []
        node.body = ast.parse("def __init__(self, *_, **__): pass").body
    stored = (node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    names = sorted({name for name in stored if not name.startswith("__")})
    if names:  # at the end, since the module's own statements may need what they have assigned
        tree.body += ast.parse(f"{' = '.join(names)} = lambda *_, **__: None").body
    return bool(classes or names)


def late_stub(tree: ast.Module) -> ast.Module:
    """The module as it is, and at its end its functions and methods bound anew, to some that return None.

    For a module that its own functions must work for, such as one that builds a table with them.
    """
    again: list[str] = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            again += [
                f"{node.name}.{item.name} = lambda *_, **__: None" for item in node.body if isinstance(item, _FUNCTIONS)
            ]
        elif isinstance(node, ast.AsyncFunctionDef):
            again.append(f"async def {node.name}(*_, **__): pass")
        elif isinstance(node, ast.FunctionDef):
            again.append(f"{node.name} = lambda *_, **__: None")
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda):
            names = (target.id for target in node.targets if isinstance(target, ast.Name))
            again += [f"{name} = lambda *_, **__: None" for name in names]
    tree.body += ast.parse("\n".join(again)).body
    return tree


def mutants(parse: Callable[[], ast.Module], text: str, number: int) -> Iterator[ast.Module]:
    """Modules with one small fault each, in the functions: at most `number`, chosen by a hash of the text.

    Args:
        parse: gives a tree of the text that may be changed, each time a new one (much quicker than a copy of a tree).
    """
    sites = len(list(_sites(parse())))
    order = sorted(range(sites), key=lambda site: hashlib.sha256(f"{site} {text}".encode("utf-8", "replace")).digest())
    for site in sorted(order[:number]):
        changed = parse()
        node, change = next(pair for index, pair in enumerate(_sites(changed)) if index == site)
        change(node)
        yield changed


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
        yield lambda node: setattr(node, "value", _none(node.value))


def telling(tree: ast.Module) -> tuple[ast.Module, set[int]]:
    """The module with a call of what is planted for :data:`SEEN` before every statement of a function, and their lines."""
    lines: set[int] = set()
    waiting: list[tuple[ast.AST, bool]] = [(tree, False)]
    while waiting:
        node, inside = waiting.pop()
        inside = inside or isinstance(node, _FUNCTIONS)
        waiting += [(child, inside) for child in ast.iter_child_nodes(node)]
        for field in ("body", "orelse", "finalbody") if inside else ():
            block = getattr(node, field, None)
            if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                setattr(node, field, [told for statement in block for told in _told(statement, lines)])
    return tree, lines


def _told(statement: ast.stmt, lines: set[int]) -> list[ast.stmt]:
    is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    if is_text or isinstance(statement, ast.Global | ast.Nonlocal):
        return [statement]
    lines.add(statement.lineno)
    constants = [ast.copy_location(ast.Constant(value), statement) for value in (SEEN, statement.lineno)]
    call = ast.copy_location(ast.Call(constants[0], [constants[1]], []), statement)
    return [ast.copy_location(ast.Expr(call), statement), statement]
