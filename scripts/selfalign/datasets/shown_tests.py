"""Some of a pair's tests in its instruction, as users state what they want; an option of datasets, off by default."""

import ast

from selfalign.rows import draw
from selfalign.stages.parsing import FENCE, parse_code

MOST = 5
"""Assertions that an instruction gets at most."""

MENTIONS = ("assert", "for example", "test")
"""Words of instructions that show or want tests already."""


def with_shown_tests(pair: dict, share: float) -> dict:
    """The pair; in `share` of the cases, drawn by its id, a copy whose instruction ends with some of its assertions.

    Never all of them: what a student is shown would be all that its answer was checked with. A pair whose tests are
    more than plain assertions, or whose instruction speaks of tests, stays as it is.
    """
    instruction, key = pair["instruction"], pair["id"]
    if draw(key, "shown tests") >= share or any(word in instruction.lower() for word in MENTIONS):
        return pair
    lines = assertions(pair["tests"])
    most = min(MOST, len(lines) - 1)
    if most < 1:
        return pair
    number = 1 + int(draw(key, "number of shown tests") * most)
    drawn = sorted(range(len(lines)), key=lambda index: draw(key, "shown test", index))[:number]
    shown = "\n".join(lines[index] for index in sorted(drawn))
    asked = f"{instruction.rstrip()}\n\nYour code should pass {'this test' if number == 1 else 'these tests'}:\n\n"
    return {**pair, "instruction": f"{asked}{FENCE}python\n{shown}\n{FENCE}"}


def assertions(tests: str) -> list[str]:
    """The lines of tests that are nothing but assertions of one line each; else none."""
    tree = parse_code(tests)
    statements = tree.body if tree else []
    if not all(isinstance(node, ast.Assert) and node.lineno == node.end_lineno for node in statements):
        return []
    return [ast.get_source_segment(tests, node) or "" for node in statements]
