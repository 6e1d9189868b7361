"""Python functions stripped of what can change without changing what they do: names, comments, docstrings, layout."""

import ast
import hashlib
import re
import warnings

FENCE = re.compile(r"^```[^\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
Function = ast.FunctionDef | ast.AsyncFunctionDef


def python_trees(text: str) -> list[ast.Module]:
    """Syntax trees of a text: of the whole if it is Python, else of its fenced code blocks that are."""
    whole = _parse(text)
    if whole is not None:
        return [whole]
    return [tree for block in FENCE.findall(text) if (tree := _parse(block)) is not None]


def _parse(text: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def functions(tree: ast.Module) -> list[Function]:
    """Functions of a tree, methods and inner ones included."""
    return [node for node in ast.walk(tree) if isinstance(node, Function)]


def docstrings(tree: ast.Module) -> list[str]:
    """Docstrings of the functions and classes in a tree."""
    nodes = (node for node in ast.walk(tree) if isinstance(node, Function | ast.ClassDef))
    return [text for node in nodes if (text := ast.get_docstring(node))]


def skeleton(function: Function) -> tuple[str, int]:
    """(hash, number of syntax nodes) of a function's arguments and body.

    The same for functions that differ in docstring, comments, layout, annotations, decorators, their own name, and the
    names of arguments and local variables. Names of what they call and of attributes count.
    """
    local = _local_names(function)
    names: dict[str, str] = {}
    parts: list[str] = []
    try:
        _write(function.args, names, local, parts)
        for statement in _without_docstring(function.body):
            _write(statement, names, local, parts)
    except RecursionError:
        return "", 0
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest(), len(parts)


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0]
    is_text = (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    )
    return body[1:] if is_text else body


def _local_names(function: Function) -> set[str]:
    """The function's own name, its arguments, and every name that it or an inner function binds."""
    found = {function.name}
    for node in ast.walk(function):
        if isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            found.add(node.id)
        elif isinstance(node, Function | ast.ClassDef | ast.ExceptHandler) and node.name:
            found.add(node.name)
    return found


def _write(node: ast.AST, names: dict[str, str], local: set[str], parts: list[str]) -> None:
    """Appends one text a node, in order of the source; local names become their order of first appearance."""
    fields = []
    for field, value in ast.iter_fields(node):
        if (
            isinstance(value, str)
            and value in local
            and not isinstance(node, ast.Constant | ast.Attribute | ast.keyword)
        ):
            fields.append(f"{field}={names.setdefault(value, f'v{len(names)}')}")
        elif not isinstance(value, ast.AST | list | type(None)) and field not in ("kind", "type_comment"):
            fields.append(f"{field}={value!r}")
    parts.append(f"{type(node).__name__}({', '.join(fields)})")
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        inner = value if isinstance(value, list) else [value]
        if field == "body" and isinstance(node, Function):
            inner = _without_docstring(inner) or inner
        for child in inner:
            if isinstance(child, ast.AST):
                _write(child, names, local, parts)
    parts.append(")")
