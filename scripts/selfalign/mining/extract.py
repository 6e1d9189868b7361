"""Functions and methods of a source file, found by tree-sitter, which also reads files that do not parse as a whole.

Taken are functions at module level and methods of classes at module level, async ones too, with their decorators.
Functions inside functions, and definitions under `if` or `try`, are parts of something else and are passed over.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import tree_sitter_python
from tree_sitter import Language, Node, Parser

LANGUAGE = Language(tree_sitter_python.language())
IMPORTS = frozenset({"import_statement", "import_from_statement", "future_import_statement"})
BRANCHES = frozenset({"if_statement", "else_clause", "elif_clause", "try_statement", "except_clause", "block"})


@dataclass(frozen=True)
class Found:
    """One function as it stands in its file.

    Attributes:
        name: the function's name; `Class.method` for a method.
        class_name: the method's class, else "".
        line: its first line (that of the first decorator), from 1.
        text: decorators, signature and body; a method stands in a class that holds nothing else, so that no line (and
            no string over several lines) has to be moved.
        lines: number of lines, that of such a class not counted.
        has_docstring: whether its body starts with a string.
        broken: whether tree-sitter had to repair its syntax.
    """

    name: str
    class_name: str
    line: int
    text: str
    lines: int
    has_docstring: bool
    broken: bool


@dataclass(frozen=True)
class Module:
    """What a file holds: its functions, and the module-level statements that a function may need.

    Attributes:
        functions: in order of line.
        imports: import statements, those at module level first, then those under module-level `if` and `try`.
        assignments: module-level assignments, as text.
    """

    functions: tuple[Found, ...]
    imports: tuple[str, ...]
    assignments: tuple[str, ...]


def parse_module(text: str) -> Module:
    """The functions, imports and assignments of a source text."""
    source = text.encode("utf-8", "surrogatepass")
    root = Parser(LANGUAGE).parse(source).root_node
    functions: list[Found] = []
    imports: list[str] = []
    nested_imports: list[str] = []
    assignments: list[str] = []
    for node in root.children:
        definition = _definition(node)
        if definition.type == "function_definition":
            functions.append(_found(node, definition, source, ""))
        elif definition.type == "class_definition":
            functions.extend(_methods(definition, source))
        elif node.type in IMPORTS:
            imports.append(_text(node, source))
        elif node.type in BRANCHES:
            nested_imports.extend(_text(found, source) for found in _nested_imports(node))
        elif node.type == "expression_statement" and node.children and node.children[0].type == "assignment":
            assignments.append(_text(node, source))
    return Module(tuple(functions), tuple(imports + nested_imports), tuple(assignments))


def _definition(node: Node) -> Node:
    """What a decorated definition defines; any other node as it is."""
    if node.type == "decorated_definition":
        return node.child_by_field_name("definition") or node
    return node


def _methods(class_node: Node, source: bytes) -> Iterator[Found]:
    body, name = class_node.child_by_field_name("body"), class_node.child_by_field_name("name")
    if body is None or name is None:
        return
    for node in body.children:
        definition = _definition(node)
        if definition.type == "function_definition":
            yield _found(node, definition, source, _text(name, source))


def _found(node: Node, definition: Node, source: bytes, class_name: str) -> Found:
    name = definition.child_by_field_name("name")
    own = _text(name, source) if name else ""
    text = _text(node, source)
    if class_name:
        indentation = source[node.start_byte - node.start_point[1] : node.start_byte].decode()
        text = f"class {class_name}:\n{indentation}{text}"
    return Found(
        name=f"{class_name}.{own}" if class_name else own,
        class_name=class_name,
        line=node.start_point[0] + 1,
        text=text,
        lines=node.end_point[0] - node.start_point[0] + 1,
        has_docstring=_starts_with_string(definition.child_by_field_name("body")),
        broken=node.has_error,
    )


def _starts_with_string(body: Node | None) -> bool:
    if body is None:
        return False
    first = next((node for node in body.children if node.type != "comment"), None)
    if first is None or first.type != "expression_statement" or len(first.children) != 1:
        return False
    return first.children[0].type in ("string", "concatenated_string")


def _nested_imports(node: Node) -> Iterator[Node]:
    for child in node.children:
        if child.type in IMPORTS:
            yield child
        elif child.type in BRANCHES:
            yield from _nested_imports(child)


def _text(node: Node, source: bytes) -> str:
    return source[node.start_byte : node.end_byte].decode("utf-8", "surrogatepass")
