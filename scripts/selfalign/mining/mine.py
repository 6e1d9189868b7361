"""Seeds of one source file: every function ends as a seed or with a reason."""

import ast
import warnings

from selfalign.corpora.base import SourceFile
from selfalign.mining import filters as rules
from selfalign.mining.extract import Found, parse_module
from selfalign.mining.filters import Filters
from selfalign.mining.imports import Import, Surroundings, assemble, surroundings
from selfalign.mining.mined import Dropped, Mined, seed_base
from selfalign.rows import row_id


def mine(corpus: str, file: SourceFile, filters: Filters) -> list[Mined]:
    """Every function of a file, in order of line."""
    module = parse_module(file.text)
    around = surroundings(module) if any(found.has_docstring for found in module.functions) else None
    return [_judge(corpus, file, found, around, filters) for found in module.functions]


def _judge(corpus: str, file: SourceFile, found: Found, around: Surroundings | None, filters: Filters) -> Mined:
    row = seed_base(corpus, file.licence, file.package, file.version, file.path, found.line, found.name)
    try:
        code, docstring = _seed_text(found, file.path, around, filters)
    except Dropped as drop:
        if drop.reason == "no_docstring":  # four fifths of all functions: their text would fill the disk
            return Mined({**row, "id": row_id("function", found.text)}, drop.reason, drop.detail)
        return Mined({**row, "id": row_id("function", found.text), "code": found.text}, drop.reason, drop.detail)
    return Mined({**row, "id": row_id("seed", code), "code": code, "docstring": docstring})


def _seed_text(found: Found, path: str, around: Surroundings | None, filters: Filters) -> tuple[str, str]:
    """Module text and docstring of a seed.

    Raises:
        Dropped: the function fails a rule; cheap rules come first.
    """
    if not found.has_docstring or around is None:
        raise Dropped("no_docstring")
    if rules.is_dunder(found.name):
        raise Dropped("dunder")
    if rules.is_test(found.name, path):
        raise Dropped("test_code")
    if found.broken:
        raise Dropped("syntax_error", "the parser had to repair it")
    if reason := rules.length_reason(found.lines, filters):
        raise Dropped(reason)
    function = _parse(found)
    docstring = ast.get_docstring(function)
    if docstring is None or len(docstring.split()) < max(1, filters.min_docstring_words):
        raise Dropped("no_docstring", "no plain string, or too few words")
    _check_body(function, docstring, found, filters)
    code, imports, missing = _self_contained(found.text, around)
    if used := rules.forbidden_use(function, imports + rules.inner_imports(function), filters):
        raise Dropped("forbidden_import", used)
    if module := rules.unresolved_module(imports + rules.inner_imports(function), filters):
        raise Dropped("unresolved_import", module)
    if missing:
        raise Dropped("undefined_name", ", ".join(sorted(missing)))
    return code, docstring


def _parse(found: Found) -> rules.Function:
    try:
        with warnings.catch_warnings():  # invalid escapes are the corpus' business
            warnings.simplefilter("ignore")
            compile(found.text, "<seed>", "exec", dont_inherit=True)
            node = ast.parse(found.text).body[0]
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Dropped("syntax_error", str(error)) from error
    function = node.body[0] if isinstance(node, ast.ClassDef) else node
    if not isinstance(function, rules.Function):
        raise Dropped("syntax_error", "not a function on its own")
    return function


def _self_contained(text: str, around: Surroundings) -> tuple[str, list[Import], set[str]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return assemble(text, around)


def _check_body(function: rules.Function, docstring: str, found: Found, filters: Filters) -> None:
    if rules.does_nothing(function):
        raise Dropped("unfinished", "an empty body")
    if marker := rules.unfinished_marker(found.text, docstring, filters.unfinished_markers):
        raise Dropped("unfinished", marker)
    if filters.require_arguments and not rules.takes_arguments(function, bool(found.class_name)):
        raise Dropped("no_arguments")
    if filters.require_return and not rules.gives_a_value(function):
        raise Dropped("no_return")
    if found.class_name and rules.needs_instance(function, found.class_name):
        raise Dropped("needs_instance")
