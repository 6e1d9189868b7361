"""The scorer gives EvalPlus's verdicts, on a quiet machine and on a busy one, for programs that are right, wrong, or wrong in
the extra tests alone. `tests/bench/evalplus_verdicts.py` does this for all problems; docs/benchmarks.md has its figures."""

import json
import multiprocessing
import warnings
from collections import Counter

import pytest

import benchmark_records as records
import evalplus_reference as reference
from selfalign.benchmarks import scoring
from selfalign.benchmarks.problems import parse_problems
from selfalign.benchmarks.scoring import EVALPLUS_MODULES
from selfalign.sandbox import Limits, Sandbox

EVERY = {"humaneval-plus": 16, "mbpp-plus": 36}
"""Of the problems every so-manieth: about ten of each set, twice that in programs."""


@pytest.fixture(scope="module")
def sandbox(sandbox_image):
    with Sandbox.open(sandbox_image, Limits(), workers=2, preload=EVALPLUS_MODULES) as opened:
        yield opened


@pytest.fixture(scope="module")
def own_programs() -> list[reference.Case]:
    """Programs for a problem of our own: always tried, whatever files there are."""
    text = json.dumps(records.evalplus("HumanEval/160")).encode()
    (problem,) = parse_problems("b", {"kind": "humaneval-plus", "problems": 1}, text, "here")
    stub = records.evalplus("HumanEval/160")["prompt"]
    bodies = {
        "right": "    return n * (n + 1) // 2\n",
        "right only for small numbers": "    return sum(range(min(n, 5) + 1))\n",
        "wrong": "    return n\n",
        "an error": "    return undefined\n",
        "no end": "    while n == 100: pass\n    return n * (n + 1) // 2\n",
        "ends the process": "    raise SystemExit\n",
    }
    return [reference.Case("humaneval-plus", problem, name, stub + body) for name, body in bodies.items()]


@pytest.fixture(scope="module")
def published_programs(root) -> list[reference.Case]:
    """Canonical solutions of HumanEval+ and MBPP+, and one mutant of each."""
    found = []
    for kind in reference.FILES:
        path = reference.problem_file(kind, root)
        if not path.is_file():
            name = reference.VARIABLES[kind]
            warnings.warn(f"{kind} is NOT tried: there is no {path}; name the file in {name}", stacklevel=1)
            continue
        found += reference.cases(kind, reference.read_problems(kind, path)[:: EVERY[kind]], 1)
    return found


def test_verdicts_on_a_problem_of_our_own(sandbox, own_programs, monkeypatch):
    monkeypatch.setattr(scoring, "INPUT_SECONDS", 3.0)  # one program has no end
    wanted = [
        ("pass", "pass"),
        ("pass", "fail"),
        ("fail", "fail"),
        ("fail", "fail"),
        ("pass", "fail"),
        ("fail", "fail"),
    ]
    assert reference.our_verdicts(sandbox, own_programs) == wanted
    assert reference.evalplus_verdicts(sandbox, own_programs, {"min_time_limit": 3.0}) == wanted


MBPP = [
    (
        {
            "task_id": "Mbpp/2", "entry_point": "similar_elements", "prompt": '"""What two tuples share."""\n',
            "canonical_solution": "\ndef similar_elements(a, b):\n    return tuple(set(a) & set(b))\n",
            "base_input": [[[1, 2, 3], [2, 3]]], "plus_input": [[[5, 6, 7, 8], [8, 7, 6]]],
        },
        {
            "sorted(set(a) & set(b), reverse=True)": ("pass", "pass"),  # compared as sets
            "tuple(set(a + (0,)) & set(b))": ("pass", "pass"),  # the file's lists have become tuples
            "(3, 2)": ("pass", "fail"),
            "a": ("fail", "fail"),
            "None": ("fail", "fail"),
        },
    ),
    (
        {
            "task_id": "Mbpp/900", "entry_point": "text_match_three", "prompt": '"""Does a text hold abbb?"""\n',
            "canonical_solution": "\nimport re\ndef text_match_three(a):\n    return re.search('ab{3}', a)\n",
            "base_input": [["xabbb"], ["ab"]], "plus_input": [["abbbb"], [""]],
        },
        {
            "'abbb' in a": ("pass", "pass"),  # whether it found something counts, or its truth
            "a or None if 'abbb' in a else None": ("pass", "pass"),
            "'abbb' in a and a != 'abbbb'": ("pass", "fail"),
            "a": ("fail", "fail"),
        },
    ),
    (
        {
            "task_id": "Mbpp/901", "entry_point": "third", "prompt": '"""A third."""\n',
            "canonical_solution": "\ndef third(a):\n    return a / 3\n", "base_input": [[1.0]], "plus_input": [[3000.0]],
        },
        {"a * (1 / 3 + 1e-12)": ("pass", "pass"), "a / 3 + 1e-3 * (a > 1)": ("pass", "fail"), "a // 3": ("fail", "fail")},
    ),
]  # fmt: skip
"""Problems of our own in MBPP+'s format, for each of its ways to compare: result of an answer -> its verdicts."""


def test_verdicts_on_each_way_in_which_mbpp_plus_compares(sandbox):
    programs, wanted = [], []
    for fields, results in MBPP:
        text = json.dumps(records.evalplus(**fields)).encode()
        (problem,) = parse_problems("b", {"kind": "mbpp-plus", "problems": 1}, text, "here")
        head = "def {entry_point}(a, b=None):\n    return ".format(**fields)
        programs += [reference.Case("mbpp-plus", problem, result, head + result) for result in results]
        wanted += results.values()
    assert reference.our_verdicts(sandbox, programs) == wanted
    assert reference.evalplus_verdicts(sandbox, programs, reference.GENEROUS) == wanted


def test_verdicts_on_published_problems_also_under_load(sandbox, published_programs):
    if not published_programs:
        return  # said loudly where the programs are looked for
    theirs = reference.evalplus_verdicts(sandbox, published_programs, reference.GENEROUS)
    counts = Counter(theirs)
    assert counts["pass", "pass"] >= len(published_programs) // 2 and counts["fail", "fail"] >= 5
    with reference.busy(3 * multiprocessing.cpu_count()):
        ours = reference.our_verdicts(sandbox, published_programs)
    names = [case.name for case in published_programs]
    differing = [pair for pair in zip(names, ours, theirs, strict=True) if pair[1] != pair[2]]
    mended = [pair for pair in differing if pair[0].startswith("HumanEval/32 ")]
    assert differing == mended  # which 0.3.1 fails whatever the program (docs/benchmarks.md)
    assert all(verdict == ("fail", "fail") for _, _, verdict in mended)
