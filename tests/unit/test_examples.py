"""The few-shot examples, looked at without running them (tests/security/test_examples_execute.py runs them)."""

import ast
import builtins
import re
from collections import Counter
from itertools import combinations

import pytest
import yaml

from selfalign.fewshots import CATEGORIES, DIFFICULTIES, KINDS, PROMPTS, Example, example_files, read_example, render
from selfalign.normalise import functions
from selfalign.sandbox.program import (
    Program,
    definitions,
    has_checks,
    redefined_names,
    referenced_names,
    static_verdict,
)
from selfalign.stages.concepts import CODE, LONGEST_PHRASE, phrases
from selfalign.stages.parsing import similarity
from selfalign.stages.responses import split_response
from selfalign.stages.tasks import LEAKED, shown_solution

EXAMPLES = [read_example(path) for path in example_files(None)]
SHARED_PHRASES = 0.2  # Jaccard of word triples between two examples
SHARED_WORDS = 0.5  # Jaccard of single words between two tasks

# What a model of half a billion parameters can still imitate: (lines of code, words of task, lines of solution, checks).
SHORT = (12, 45, 10, 3)

every_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.slug)


def asserts(example: Example) -> list[ast.Assert]:
    return [node for node in ast.walk(ast.parse(example.tests)) if isinstance(node, ast.Assert)]


def unknown_names(code: str) -> set[str]:
    """Names that are read somewhere in the code and bound nowhere in it."""
    tree = ast.parse(code)
    bound = set(dir(builtins)) | {"__name__"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            bound.add(node.id)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.ExceptHandler) and node.name:
            bound.add(node.name)
        elif isinstance(node, ast.alias):
            bound.add((node.asname or node.name).split(".")[0])
    return referenced_names(tree) - bound


def is_short(example: Example) -> bool:
    sizes = (
        len(example.code.splitlines()),
        len(example.task.split()),
        len(example.solution.splitlines()),
        len(asserts(example)),
    )
    return all(size <= limit for size, limit in zip(sizes, SHORT, strict=True))


def test_spread():
    """Prefixes are drawn so that they mix categories and difficulties: each combination's part must be there."""
    assert len(EXAMPLES) >= 16
    categories = Counter(example.category for example in EXAMPLES)
    difficulties = Counter(example.difficulty for example in EXAMPLES)
    assert set(categories) == set(CATEGORIES) and min(categories.values()) >= 3
    assert set(difficulties) == set(DIFFICULTIES) and min(difficulties.values()) >= 3
    assert {example.category for example in EXAMPLES if example.difficulty == "easy"} == set(CATEGORIES)
    assert {example.category for example in EXAMPLES if example.difficulty == "hard"} == set(CATEGORIES)


def test_small_models_find_short_examples():
    short = [example.slug for example in EXAMPLES if example.difficulty == "easy" and is_short(example)]
    assert len(short) >= 8


def test_files_are_block_scalars_without_surprises():
    """A YAML value such as `yes`, or a tab in an indent, must not change what a model is shown."""
    for path in example_files(None):
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", path.stem)
        text = path.read_text(encoding="utf-8")
        assert text.isascii() and "\t" not in text and text.endswith("\n") and not re.search(r"[ ]+$", text, re.M)
        fields = yaml.safe_load(text)
        assert all(isinstance(value, str) for key, value in fields.items() if key != "concepts")
        assert all(isinstance(concept, str) for concept in fields["concepts"])


@every_example
def test_code_is_like_a_seed(example):
    """Documented code of a mined function's size."""
    tree = ast.parse(example.code)
    defined = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    assert any(ast.get_docstring(node) for node in defined)
    assert 8 <= len(example.code.splitlines()) <= 35
    assert max(len(line) for line in example.code.splitlines()) <= 120


@every_example
def test_concepts_are_what_the_stage_keeps(example):
    """The concepts stage, given the example's own line, would keep every phrase of it as it is."""
    line = ", ".join(example.concepts)
    assert phrases(line) == list(example.concepts)
    assert 1 <= len(example.concepts) <= 10
    for concept in example.concepts:
        assert concept == concept.lower() and len(concept.split()) <= LONGEST_PHRASE
        assert not CODE.search(concept) and not re.search(r"[(){}\[\]=_`]", concept)


@every_example
def test_task_is_self_contained(example):
    """It says the names that the tests call, is no copy of the answer, and shows none of it."""
    named = set(re.findall(r"\w+", example.task))
    wanted = definitions(ast.parse(example.solution)) & referenced_names(ast.parse(example.tests))
    assert wanted and wanted <= named
    words = len(example.task.split())
    assert 25 <= words <= (SHORT[1] if example.difficulty == "easy" else 90)
    assert not shown_solution(example.task) and not LEAKED.search(example.task)
    assert "\n" not in example.task
    lines = {line.strip() for line in example.solution.splitlines() if len(line.split()) > 2}
    assert not [line for line in lines if line in example.task]


@every_example
def test_task_is_about_something_else_than_the_code(example):
    """A task inspired by the concepts, not a description of the snippet."""
    assert similarity(example.task, example.code) < 0.1
    ours, theirs = definitions(ast.parse(example.code)), definitions(ast.parse(example.solution))
    assert not ours & theirs


@every_example
def test_solution_is_complete(example):
    tree = ast.parse(example.solution)
    assert functions(tree)
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert all(node in tree.body for node in imported)
    assert len(re.split(r"(?<=[.!?])\s", example.explanation)) <= 3


@every_example
def test_tests_check_the_solution(example):
    """They hold checks that run, use what the solution defines, and define none of it themselves."""
    assert static_verdict(Program(example.solution, example.tests)) is None
    tests = ast.parse(example.tests)
    assert has_checks(tests)
    assert not redefined_names(tests) & definitions(ast.parse(example.solution))
    low, high = (2, 3) if example.difficulty == "easy" else (4, 7)
    assert low <= len(asserts(example)) <= high
    inside = [node for node in ast.walk(tests) if isinstance(node, ast.FunctionDef)]
    assert not any(isinstance(node, ast.Assert) for function in inside for node in ast.walk(function))


@every_example
def test_an_answer_in_the_prompt_parses_as_an_answer(example):
    """What a model is shown is what the stage accepts: the response parser gives back the example's parts."""
    prompt = render("responses", "prefix", PROMPTS, examples=[example], kinds=KINDS)
    answer = prompt.split("[Answer]\n", 1)[1]
    text, solution, tests = split_response(answer)
    assert (solution, tests) == (example.solution, example.tests)
    assert text.startswith(example.explanation)


@every_example
def test_every_name_is_imported_or_defined(example):
    """In each part by itself, and in the tests together with the solution."""
    for code in (example.code, example.solution, f"{example.solution}\n{example.tests}"):
        assert not unknown_names(code)


@every_example
def test_explanation_is_prose(example):
    assert "```" not in example.explanation and "\n" not in example.explanation


def test_examples_differ():
    """None is a variation of another, in any part: prefixes with twins would teach one thing twice."""
    for one, other in combinations(EXAMPLES, 2):
        where = f"{one.slug} and {other.slug}"
        for part in ("code", "task", "solution", "tests"):
            assert similarity(getattr(one, part), getattr(other, part)) < SHARED_PHRASES, f"{part} of {where}"
        assert similarity(one.task, other.task, size=1) < SHARED_WORDS, f"words in the tasks of {where}"
        shared = definitions(ast.parse(one.solution)) & definitions(ast.parse(other.solution)) - {"main"}
        assert not shared, f"{where} both define {shared}"
