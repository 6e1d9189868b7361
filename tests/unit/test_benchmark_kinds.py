"""What each kind asks, what program it takes from an answer, what files it refuses, and what decontamination sees of it."""

import json

import pytest

from selfalign.backends import Completion
from selfalign.benchmarks import evoeval
from selfalign.benchmarks.base import open_benchmark
from selfalign.benchmarks.problems import parse_problems
from selfalign.decontaminate import Contamination
from selfalign.errors import UserError
from selfalign.stages import completions
from selfalign.stages.completions import Completions

EVOEVAL = {
    "task_id": "EvoEval/1", "prompt": 'def ripe(fruits):\n    """Count the ripe fruits that grow on the eastern side of the old orchard wall."""\n',
    "entry_point": "ripe", "canonical_solution": "    return sum(fruit.ripe for fruit in fruits if fruit.side == 'east')\n",
    "inputs": ["['quince', 'medlar', 'damson', 'greengage', 'mirabelle', 'bullace', 'sloe', 'rowan', 'service']"],
}  # fmt: skip
CLASSEVAL = {
    "task_id": "ClassEval_1", "class_name": "Kennel", "import_statement": ["import json"],
    "skeleton": 'class Kennel:\n    """A kennel that remembers which of its hounds has barked at whom during which night."""\n    def bark(self, hound): ...\n',
    "solution_code": "class Kennel:\n    def bark(self, hound):\n        return json.dumps({'hound': hound, 'sound': 'woof', 'night': 'dark'})\n",
    "test": "import unittest\n\n@unittest.skipIf(False, '')\nclass TestBark(unittest.TestCase):\n    def test_bark(self):\n        self.assertIn('woof', Kennel().bark('the brindled hound with one white forepaw'))\n\nclass TestWhole(unittest.TestCase):\n    pass\n",
    "test_classes": ["TestBark", "TestWhole"],
}  # fmt: skip
CANITEDIT = {
    "full_name": "1_tide", "before": "def tide(hour, harbour):\n    return level(harbour) + swing(harbour) * phase(hour)\n",
    "after": "def tide(hour, harbour, moon):\n    return level(harbour) + swing(harbour) * phase(hour) * pull(moon)\n",
    "tests": "assert tide(3, 'the little harbour behind the breakwater', 'waning gibbous') > 0\n",
    "instruction_descriptive": "Add a third parameter moon and multiply the swing by the pull of that moon.",
    "instruction_lazy": "make the moon matter for how high the water gets in any harbour",
    "taxonomy": {"change_kind": "adaptive"},
}  # fmt: skip
LIVECODEBENCH = {
    "question_id": "abc_1", "question_content": "Takahashi paints fence posts and wants to know how many colours touch each other.",
    "contest_date": "2024-08-10T00:00:00", "starter_code": "", "metadata": "{}", "platform": "atcoder", "difficulty": "hard",
    "public_test_cases": json.dumps([{"input": "red blue green yellow black white brown orange pink grey", "output": "10", "testtype": "stdin"}]),
    "private_test_cases": "[]",
}  # fmt: skip
FUNCTION = {
    **LIVECODEBENCH,
    "starter_code": "class Solution:\n    def touch(self, posts):\n",
    "metadata": '{"func_name": "touch"}',
}
RECORDS = {
    ("evoeval", "subtle"): EVOEVAL,
    ("classeval", None): CLASSEVAL,
    ("canitedit", "lazy"): CANITEDIT,
    ("livecodebench", "v2"): LIVECODEBENCH,
}


def row(kind: str, variant: str | None, record: dict, **spec) -> dict:
    spec = {"kind": kind, "variant": variant, "problems": 1, **spec}
    (found,) = parse_problems("b", spec, json.dumps(record).encode(), "file")
    return found


class Template:
    def prompt(self, text: str, prefill: str = "") -> str:
        return f"<user>{text}<assistant>{prefill}"


@pytest.mark.parametrize(("kind", "variant"), RECORDS)
def test_what_is_asked(monkeypatch, kind, variant):
    monkeypatch.setattr(completions, "load_template", lambda folder, kind: Template())
    problem = row(kind, variant, RECORDS[kind, variant])
    stages = [
        Completions({"samples": 1}, {"chat_template": "native", **more}, "folder")
        for more in ({}, {"endpoint": {"api": "chat"}})
    ]
    begun, chat = (stage.prompt(problem) for stage in stages)
    assert begun.text == f"<user>{chat.text}<assistant>```python\n"
    assert (begun.stop, chat.stop) == (("\n```",), ()) and begun.prompt_id != chat.prompt_id
    assert problem["prompt"].strip() in chat.text
    hidden = {"canitedit": "breakwater", "classeval": "forepaw", "livecodebench": "Begin with the code"}
    assert hidden.get(kind, "quince") not in chat.text


def test_what_only_some_are_told():
    asked = {
        variant: open_benchmark("canitedit").message(row("canitedit", variant, CANITEDIT))
        for variant in ("lazy", "descriptive")
    }
    assert "matter" in asked["lazy"] and "matter" not in asked["descriptive"] and "third" in asked["descriptive"]
    assert "`Kennel`" in open_benchmark("classeval").message(row("classeval", None, CLASSEVAL))
    text = open_benchmark("livecodebench").message(row("livecodebench", "v1", FUNCTION))
    assert "Begin with the code" in text and text.endswith(
        "```python\nclass Solution:\n    def touch(self, posts):\n```"
    )
    fenced = row("canitedit", "lazy", {**CANITEDIT, "before": 'x = """\n```\n"""\n'})
    assert '````python\nx = """\n```\n"""\n````' in open_benchmark("canitedit").message(fenced)


TWO = "First:\n```python\n{}\n```\nBetter:\n```python\n{}\n```\nRun it:\n```bash\npython x.py\n```\n"


@pytest.mark.parametrize(
    ("kind", "variant", "record", "answer", "program"),
    [
        ("evoeval", "subtle", EVOEVAL, TWO.format("def ripe(f): return 1", "print(ripe([]))"), "def ripe(f): return 1"),
        ("classeval", None, CLASSEVAL, TWO.format("class Kennel:\n    x = 1", "print(Kennel().bark('a very long name of a hound'))"),
         "import json\nclass Kennel:\n    x = 1"),
        ("canitedit", "lazy", CANITEDIT, TWO.format("def tide(): 1", "def tide(): 2"), "def tide(): 2"),
        ("canitedit", "lazy", CANITEDIT, "def tide(): 3", "def tide(): 3"),
        ("livecodebench", "v2", LIVECODEBENCH, TWO.format("print(1)", "print(2)"), "print(2)"),
        ("livecodebench", "v2", FUNCTION, TWO.format("class Solution:\n    def touch(self): 1", "print(Solution())"),
         "class Solution:\n    def touch(self): 1"),
    ],
)  # fmt: skip
def test_the_program_of_a_chat_answer(kind, variant, record, answer, program):
    problem = row(kind, variant, record)
    stage = Completions({"samples": 1}, {"chat_template": "native", "endpoint": {"api": "chat"}}, "folder")
    assert stage.parse(problem, 0, Completion(answer, "stop", 1, 0, 1))["solution"] == program


def test_a_class_that_goes_on_from_the_open_fence_gets_the_imports():
    benchmark, problem = open_benchmark("classeval"), row("classeval", None, CLASSEVAL)
    assert benchmark.solution(problem, "class Kennel: pass") == "import json\nclass Kennel: pass"


def test_each_test_class_is_run_without_the_others():
    parts = row("classeval", None, CLASSEVAL)["parts"]
    assert list(parts) == ["TestBark", "TestWhole"]
    assert "skipIf" in parts["TestBark"] and "class TestWhole" not in parts["TestBark"]
    assert (
        "skipIf" not in parts["TestWhole"]
        and "class TestWhole" in parts["TestWhole"]
        and "import unittest" in parts["TestWhole"]
    )


@pytest.mark.parametrize(
    ("kind", "variant", "record", "message"),
    [
        ("classeval", None, {**CLASSEVAL, "test_classes": ["TestOther"]}, "ValueError: `test` has no class TestOther"),
        ("classeval", None, {key: value for key, value in CLASSEVAL.items() if key != "skeleton"} | {"sketch": ""}, "line 1 lacks skeleton"),
        ("canitedit", "lazy", {key: value for key, value in CANITEDIT.items() if "lazy" not in key}, "line 1 lacks instruction_lazy"),
        ("livecodebench", "v2", {**LIVECODEBENCH, "private_test_cases": "gASVxx"}, "neither JSON nor packed"),
        ("livecodebench", "v2", {**LIVECODEBENCH, "contest_date": "August"}, "own format: ValueError"),
        ("livecodebench", "v2", {**LIVECODEBENCH, "metadata": "{"}, "own format: JSONDecodeError"),
    ],
)  # fmt: skip
def test_a_file_of_another_version_is_refused(kind, variant, record, message):
    with pytest.raises(UserError, match=message) as caught:
        row(kind, variant, record)
    assert "docs/benchmarks.md" in str(caught.value)


@pytest.mark.parametrize(("kind", "variant"), RECORDS)
def test_another_number_of_problems_is_refused(kind, variant):
    with pytest.raises(
        UserError, match=r"has \d+ problems, the file 1\n.*\n.*of the version that docs/benchmarks.md names"
    ):
        row(kind, variant, RECORDS[kind, variant], problems=None)


def test_a_window_of_dates():
    for window in (
        {},
        {"since": "2024-08-10"},
        {"until": "2024-08-10"},
        {"since": "2024-01-01", "until": "2024-12-31"},
    ):
        assert row("livecodebench", "v2", LIVECODEBENCH, **window)["date"] == "2024-08-10"
    with pytest.raises(UserError, match="no problem is of the time from 2024-08-11 to the last") as caught:
        row("livecodebench", "v2", LIVECODEBENCH, since="2024-08-11")
    assert "2024-08-10 to 2024-08-10" in str(caught.value)


SEEN = {
    "evoeval": [EVOEVAL["prompt"], EVOEVAL["prompt"] + EVOEVAL["canonical_solution"], f"ripe({EVOEVAL['inputs'][0]})"],
    "classeval": [CLASSEVAL["skeleton"], CLASSEVAL["solution_code"], CLASSEVAL["test"]],
    "canitedit": [
        CANITEDIT[key] for key in ("before", "after", "tests", "instruction_descriptive", "instruction_lazy")
    ],
    "livecodebench": [LIVECODEBENCH["question_content"], json.loads(LIVECODEBENCH["public_test_cases"])[0]["input"]],
}


@pytest.mark.parametrize(("kind", "variant"), RECORDS)
def test_decontamination_sees_prompts_solutions_and_tests(kind, variant):
    index = Contamination(10)
    index.add(row(kind, variant, RECORDS[kind, variant]))
    for text in SEEN[kind]:
        assert index.find(f"Some words of our own before it.\n{text}\nAnd after.") is not None, text
    assert index.find("def area(width, height):\n    return width * height\n") is None


def test_evoeval_comparison():
    """Pairs that its package tells apart or not; 200,000 random ones were compared with it when this was written."""
    space: dict = {}
    exec(evoeval.CHECKS, space)
    inf, nan = float("inf"), float("nan")
    same = [
        (1.0, 1.0 + 1e-7),
        (nan, nan),
        (inf, inf),
        ([1.0], (1.0,)),
        ([], ()),
        ({1, 2}, {2, 1}),
        ({"a": [1]}, {"a": [1]}),
    ]
    other = [
        (1.0, 1.001),
        (1.0, inf),
        (inf, -inf),
        (1, 1.0),
        (1, True),
        ([1], (1,)),
        ("ab", ["a", "b"]),
        ({"a": 1}, {"b": 1}),
    ]
    assert all(space["_ee_same"](*pair) for pair in same)
    assert not any(space["_ee_same"](*pair) for pair in other)
