"""Static rules for seeds. Each looks at the syntax tree or at tokens, never at raw text, and has a reason word."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from selfalign.mining.imports import Import, is_standard, within

FORBIDDEN_BUILTINS = frozenset({"open", "input", "exec", "eval", "__import__", "breakpoint"})
"""Builtins that reach outside the function, as the modules in `forbidden_imports` do."""

WORD = re.compile(r"\w+")
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Filters:
    """The config's `seeds.filters`; docs/config.md describes each key."""

    min_lines: int
    max_lines: int
    min_docstring_words: int
    require_return: bool
    require_arguments: bool
    forbidden_imports: tuple[str, ...]
    allowed_imports: tuple[str, ...]
    unfinished_markers: frozenset[str]

    @classmethod
    def from_config(cls, config: dict) -> "Filters":
        return cls(
            **{key: config[key] for key in ("min_lines", "max_lines", "min_docstring_words")},
            **{key: config[key] for key in ("require_return", "require_arguments")},
            forbidden_imports=tuple(config["forbidden_imports"]),
            allowed_imports=tuple(config["allowed_imports"]),
            unfinished_markers=frozenset(word.lower() for word in config["unfinished_markers"]),
        )


def is_test(name: str, path: str) -> bool:
    """Whether a function belongs to a test, by its own name, its class' name or its file's path."""
    *classes, function = name.split(".")
    *folders, file = PurePosixPath(path).parts or ("",)
    stem = file.removesuffix(".py")
    return (
        function in ("test", "setUp", "tearDown", "setUpClass", "tearDownClass")
        or bool(re.match(r"test(_|[A-Z])", function))
        or any(bool(re.match(r"Tests?([A-Z_]|$)", entry)) or entry.endswith("TestCase") for entry in classes)
        or any(folder in ("test", "tests", "testing") for folder in folders)
        or stem in ("conftest", "test", "tests")
        or stem.startswith("test_")
        or stem.endswith("_test")
    )


def is_dunder(name: str) -> bool:
    """Whether the function's own name starts with two underscores."""
    return name.rsplit(".", 1)[-1].startswith("__")


def length_reason(lines: int, filters: Filters) -> str | None:
    if lines < filters.min_lines:
        return "too_short"
    return "too_long" if lines > filters.max_lines else None


def own_nodes(function: Function) -> Iterator[ast.AST]:
    """Nodes of a function's body, without those of functions and classes defined in it."""
    pending: list[ast.AST] = list(function.body)
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, Function | ast.ClassDef | ast.Lambda):
            pending += ast.iter_child_nodes(node)


def gives_a_value(function: Function) -> bool:
    """Whether the function itself returns something other than None, or yields."""
    for node in own_nodes(function):
        if isinstance(node, ast.Yield | ast.YieldFrom):
            return True
        if isinstance(node, ast.Return) and not _is_none(node.value):
            return True
    return False


def _is_none(value: ast.expr | None) -> bool:
    return value is None or (isinstance(value, ast.Constant) and value.value is None)


def has_decorator(function: Function, *names: str) -> bool:
    return any(isinstance(entry, ast.Name) and entry.id in names for entry in function.decorator_list)


def takes_arguments(function: Function, is_method: bool) -> bool:
    """Whether there is an argument besides a method's `self` or `cls`."""
    arguments = function.args
    positional = len(arguments.posonlyargs) + len(arguments.args)
    if is_method and positional and not has_decorator(function, "staticmethod"):
        positional -= 1
    return bool(positional or arguments.kwonlyargs or arguments.vararg or arguments.kwarg)


def needs_instance(function: Function, class_name: str) -> bool:
    """Whether a method makes no sense without its class: it uses `self` or `cls`, `super`, or the class by name."""
    own = {class_name, "super", "__class__"}
    positional = [*function.args.posonlyargs, *function.args.args]
    if positional and not has_decorator(function, "staticmethod"):
        own.add(positional[0].arg)
    used = (node for part in (*function.body, *function.decorator_list) for node in ast.walk(part))
    return any(isinstance(node, ast.Name) and node.id in own for node in used) or has_decorator(function, "property")


def does_nothing(function: Function) -> bool:
    """Whether nothing but `pass`, `...`, further strings or `raise NotImplementedError` follows the docstring."""
    return all(_is_filler(statement) for statement in function.body)


def _is_filler(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Raise):
        raised = statement.exc.func if isinstance(statement.exc, ast.Call) else statement.exc
        return isinstance(raised, ast.Name) and raised.id == "NotImplementedError"
    constant = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return constant or isinstance(statement, ast.Pass)


def unfinished_marker(code: str, docstring: str, markers: frozenset[str]) -> str | None:
    """The first marker that stands as a whole word in the docstring or a comment."""
    for text in [docstring, *comments(code)]:
        for word in WORD.findall(text):
            if word.lower() in markers:
                return word
    return None


def comments(code: str) -> Iterator[str]:
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type == tokenize.COMMENT:
                yield token.string
    except (tokenize.TokenError, SyntaxError):
        return


def inner_imports(function: Function) -> list[Import]:
    """Imports inside a function, one entry a module."""
    found = []
    for node in ast.walk(function):
        if isinstance(node, ast.Import):
            found += [Import(alias.name, alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append(Import("", "." * node.level + (node.module or ""), ""))
    return found


def forbidden_use(function: Function, imports: list[Import], filters: Filters) -> str | None:
    """A module or builtin that the function uses and must not, or None."""
    for entry in imports:
        whole = f"{entry.module}.{entry.name}"  # `from xml import sax` is forbidden by `xml.sax` too
        if within(entry.module, list(filters.forbidden_imports)) or within(whole, list(filters.forbidden_imports)):
            return entry.module
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and node.id in FORBIDDEN_BUILTINS and isinstance(node.ctx, ast.Load):
            return node.id
    return None


def unresolved_module(imports: list[Import], filters: Filters) -> str | None:
    """A module that is relative, or neither in the standard library nor allowed, or None."""
    for entry in imports:
        if entry.module.startswith("."):
            return entry.module
        if not is_standard(entry.module) and not within(entry.module, list(filters.allowed_imports)):
            return entry.module
    return None
