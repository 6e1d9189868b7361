"""What a function needs from its module: imports it uses, and constants simple enough to carry along."""

import ast
import builtins
import symtable
import sys
from dataclasses import dataclass

from selfalign.mining.extract import Module

FUTURE = "__future__"
LONGEST_CONSTANT = 600  # characters; a longer table would drown the function that uses it
SIMPLE_CALLS = frozenset({"TypeVar", "ParamSpec", "compile", "frozenset", "set", "tuple", "dict", "list", "object"})
"""Callables that a carried constant may call: type variables, compiled patterns, collections of literals."""

MODULE_NAMES = frozenset({"__name__", "__doc__", "__debug__"})
SITE_NAMES = frozenset({"exit", "quit", "copyright", "credits", "license", "help"})  # put there by `site`, not Python
BUILTINS = (frozenset(dir(builtins)) | MODULE_NAMES) - SITE_NAMES - {"_"}


@dataclass(frozen=True)
class Import:
    """One name that an import statement binds.

    Attributes:
        name: the bound name.
        module: the module it comes from, with leading dots if relative.
        statement: an import statement that binds this name alone.
    """

    name: str
    module: str
    statement: str


@dataclass(frozen=True)
class Surroundings:
    """What the functions of a file can refer to: imports, and constants with their source text, by name."""

    imports: dict[str, Import]
    constants: dict[str, str]
    annotations_are_text: bool


def surroundings(module: Module) -> Surroundings:
    """Reads a module's imports and simple constants. Of several imports of a name the first counts; a name that is
    assigned twice is a variable, not a constant."""
    imports: dict[str, Import] = {}
    for statement in module.imports:
        for entry in bound_names(statement):
            imports.setdefault(entry.name, entry)
    constants: dict[str, str] = {}
    seen: set[str] = set()
    for statement in module.assignments:
        names, simple = _assigned(statement)
        for name in names:
            if simple and name not in seen:
                constants[name] = statement.strip()
            else:
                constants.pop(name, None)
            seen.add(name)
    future = imports.get("annotations")
    return Surroundings(imports, constants, future is not None and future.module == FUTURE)


def bound_names(statement: str) -> list[Import]:
    """Names that an import statement binds; none for `import *` and for what does not parse."""
    try:
        node = ast.parse(statement.strip()).body[0]
    except (SyntaxError, ValueError, IndexError):
        return []
    found = []
    for alias in getattr(node, "names", []):
        renamed = f" as {alias.asname}" if alias.asname else ""
        if isinstance(node, ast.Import):
            name = alias.asname or alias.name.split(".")[0]
            found.append(Import(name, alias.name, f"import {alias.name}{renamed}"))
        elif isinstance(node, ast.ImportFrom) and alias.name != "*":
            source = "." * node.level + (node.module or "")
            found.append(Import(alias.asname or alias.name, source, f"from {source} import {alias.name}{renamed}"))
    return found


def _assigned(statement: str) -> tuple[list[str], bool]:
    """Names that an assignment binds, and whether it binds one name to something simple."""
    try:
        node = ast.parse(statement.strip()).body[0]
    except (SyntaxError, ValueError, IndexError):
        return [], False
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", node)]
    names = [name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)]
    value = getattr(node, "value", None)
    one = len(targets) == 1 and isinstance(targets[0], ast.Name) and isinstance(node, ast.Assign | ast.AnnAssign)
    return names, one and value is not None and len(statement) <= LONGEST_CONSTANT and _is_simple(value)


def _is_simple(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        return called in SIMPLE_CALLS and all(map(_is_simple_argument, [*node.args, *(k.value for k in node.keywords)]))
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def _is_simple_argument(node: ast.expr) -> bool:
    """Literals, names and attributes (`re.IGNORECASE`), and those joined by `|`."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _is_simple_argument(node.left) and _is_simple_argument(node.right)
    return isinstance(node, ast.Name | ast.Attribute) or _is_simple(node)


def needed_names(source: str) -> set[str]:
    """Names that a module text refers to and does not bind at its own top level; builtins are left out.

    Names in annotations count, also where the annotation is written as a string.
    """
    table = symtable.symtable(source, "<seed>", "exec")
    needed = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced()}
    pending = list(table.get_children())
    while pending:
        scope = pending.pop()
        needed |= {symbol.get_name() for symbol in scope.get_symbols() if symbol.is_global()}
        pending += scope.get_children()
    needed |= _names_in_text_annotations(source)
    bound = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    return needed - bound - BUILTINS


def _names_in_text_annotations(source: str) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        annotation = getattr(node, "annotation", None) or getattr(node, "returns", None)
        if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
            try:
                parsed = ast.parse(annotation.value.strip(), mode="eval")
            except (SyntaxError, ValueError):
                continue
            names |= {inner.id for inner in ast.walk(parsed) if isinstance(inner, ast.Name)}
    return names


def assemble(code: str, around: Surroundings) -> tuple[str, list[Import], set[str]]:
    """A self-contained module text around a function.

    Returns:
        the text (imports, constants, function, apart by blank lines), the imports that it uses, and the names that
        neither it, nor its imports, nor carried constants define.
    """
    needed, used, carried, missing = needed_names(code), {}, {}, set()
    pending = sorted(needed)
    while pending:
        name = pending.pop()
        if name in around.constants:
            if name not in carried:
                carried[name] = around.constants[name]
                pending += sorted(needed_names(around.constants[name]))
        elif name in around.imports:
            used[name] = around.imports[name]
        else:
            missing.add(name)
    future = [f"from {FUTURE} import annotations"] if around.annotations_are_text and _has_annotations(code) else []
    plain = sorted({entry.statement for entry in used.values() if entry.module != FUTURE}, key=_import_order)
    in_order = [text for name, text in around.constants.items() if name in carried]
    blocks = ["\n".join(block) for block in (future, plain, in_order) if block]
    head = "\n\n".join(blocks) + "\n\n\n" if blocks else ""
    return head + code.rstrip() + "\n", sorted(used.values(), key=lambda entry: entry.statement), missing


def _import_order(statement: str) -> tuple[bool, str]:
    return statement.startswith("from "), statement


def _has_annotations(code: str) -> bool:
    return any(getattr(n, "annotation", None) or getattr(n, "returns", None) for n in ast.walk(ast.parse(code)))


def is_standard(module: str) -> bool:
    """Whether a module belongs to the standard library of the Python that runs this."""
    return module.split(".")[0] in sys.stdlib_module_names


def within(module: str, roots: list[str]) -> bool:
    """Whether `module` is one of `roots` or a submodule of one."""
    return any(module == root or module.startswith(root + ".") for root in roots)
