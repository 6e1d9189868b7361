"""The skeleton of a solution: what is left of a program when everything is set aside that does not change its shape.

Set aside: comments, layout, docstrings, annotations, the names that the program itself gives (functions, classes,
arguments, variables, and attributes that it sets), and the text of strings. Kept: the order and kind of every statement
and expression, operators, numbers, and the names of what the program uses but does not define (builtins, imported
modules, methods of builtin types).

So two answers are one when the second only renames or rewords the first, and stay two when they call or compute
something else. Sets of function names, which the method's own scripts compare, are no evidence either way: two
different programs may both be called `main`.
"""

import ast
import hashlib

from selfalign.normalise import python_trees

SMALLEST = 40
"""Syntax nodes below which a skeleton says nothing: one-liners of different tasks look alike."""

_DROPPED_FIELDS = ("annotation", "returns", "type_comment", "type_params", "kind", "ctx")
_IGNORED = (ast.AST, list, type(None))
_NAMED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.ExceptHandler, ast.MatchAs, ast.MatchStar)


def skeleton_key(code: str) -> str | None:
    """Hex digest that programs of one skeleton share; None for code that does not parse or is too small to tell."""
    trees = python_trees(code)
    if not trees:
        return None
    try:
        parts = [part for tree in trees for part in _Writer(tree).parts]
    except RecursionError:
        return None
    if len(parts) < SMALLEST:
        return None
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


class _Plain(ast.NodeTransformer):
    """`x: int = 0` becomes `x = 0`; a bare `x: int` stays, for it may be the field of a data class."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        self.generic_visit(node)
        return node if node.value is None else ast.Assign(targets=[node.target], value=node.value)


class _Writer:
    """Writes one line a node, in order of the source."""

    def __init__(self, tree: ast.Module):
        self.parts: list[str] = []
        self._names, self._attributes = own_names(tree)
        self._numbers: dict[str, int] = {}
        self._visit(_Plain().visit(tree))

    def _visit(self, node: ast.AST) -> None:
        self.parts.append(f"{type(node).__name__}({', '.join(self._values(node))})")
        for field, value in ast.iter_fields(node):
            if field in _DROPPED_FIELDS:
                continue
            children = value if isinstance(value, list) else [value]
            if field == "body" and isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                children = without_docstring(children)
            for child in children:
                if isinstance(child, ast.AST):
                    self._visit(child)
        self.parts.append(")")

    def _values(self, node: ast.AST) -> list[str]:
        """The fields of a node that are no nodes: names, numbers, lists of names."""
        if isinstance(node, ast.Constant):
            return [type(node.value).__name__ if isinstance(node.value, str | bytes) else repr(node.value)]
        own = self._attributes if isinstance(node, ast.Attribute) else self._names
        found = []
        for field, value in ast.iter_fields(node):
            if field in _DROPPED_FIELDS:
                continue
            if isinstance(value, list) and value and isinstance(value[0], str):  # global, nonlocal
                found += [self._name(name, own) for name in value]
            elif isinstance(value, str):
                found.append(self._name(value, own))
            elif not isinstance(value, _IGNORED):
                found.append(repr(value))
        return found

    def _name(self, name: str, own: set[str]) -> str:
        if name not in own:
            return name
        return f"v{self._numbers.setdefault(name, len(self._numbers))}"


def own_names(tree: ast.Module) -> tuple[set[str], set[str]]:
    """(names, attributes) that a program defines itself; imported names are not its own."""
    names: set[str] = set()
    attributes: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            attributes.add(node.attr)
        elif isinstance(node, _NAMED) and node.name:
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            attributes |= _members(node)
    special = {name for name in names | attributes if name.startswith("__") and name.endswith("__")}
    return names - special, attributes - special


def _members(node: ast.ClassDef) -> set[str]:
    """Methods and class variables."""
    found = {item.name for item in node.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)}
    for item in node.body:
        targets = item.targets if isinstance(item, ast.Assign) else [getattr(item, "target", None)]
        found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


def without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    """A body's statements without its docstring."""
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        return body[1:] if isinstance(body[0].value.value, str) else body
    return body
