"""The registry, what a config may say of methods, and the parsers of the methods' own stages."""

import copy

import pytest
import yaml
from generation import SAMPLING, prompts_folder, seeds, tasks

from adopt import main as adopt
from selfalign.backends import Completion
from selfalign.config import resolve_config
from selfalign.datasets.card import known_limits, metadata, terms
from selfalign.datasets.census import Census
from selfalign.errors import UserError
from selfalign.fingerprint import code_fingerprint, stage_fingerprint
from selfalign.io import read_json, read_jsonl, write_jsonl
from selfalign.methods import METHODS, layout
from selfalign.methods.base import Method
from selfalign.methods.evol_instruct import Evolution
from selfalign.methods.oss_instruct import ProblemsWithSolutions, shown
from selfalign.methods.seed_to_task import SeedTasks
from selfalign.stages import SHARED, stage_module
from selfalign.stages.answers import Answers, split_answer
from selfalign.stages.parsing import Rejected, refusal, without_boilerplate
from selfalign.stages.tests import WrittenTests, without_copies

SETTINGS = {
    "fewshots": 2, "prefixes": 2, "categories": {"function": 1}, "difficulties": {"easy": 1}, "min_words": 8,
    "max_words": 200, **SAMPLING,
}  # fmt: skip
TASK = "Write a Python function `total(prices)` that returns the sum of all prices above ten."
CODE = "```python\ndef total(prices):\n    return sum(p for p in prices if p > 10)\n```"
SEED = seeds(1)[0]
RESPONSE = {"id": "r", "task_id": "t", "seed_id": "s", "sample": 1, "text": CODE, "solution": "x", "tests": "",
            "instruction": TASK, "generated": {"model": "a"}}  # fmt: skip


def answer(text, finish="stop"):
    return Completion(text, finish, 10, 0, 5)


@pytest.fixture
def config(root):
    return yaml.safe_load((root / "config.yaml").read_text())


def resolved(config, **generators):
    changed = copy.deepcopy(config)
    changed["generators"] |= generators
    return resolve_config(changed)


@pytest.mark.parametrize("method", METHODS.values(), ids=lambda method: method.name)
def test_every_method_is_documented_and_has_its_prompts(method, root):
    assert (root / "docs" / "methods" / f"{method.name}.md").is_file()
    for role in ("concepts", "tasks", "rounds", "responses"):
        stage = getattr(method, role)
        if stage and role not in method.direct:
            assert (root / "prompts" / f"{stage}.jinja").is_file()
            assert stage in SHARED or stage_module(stage) == f"selfalign.methods.{stage}"


def test_a_method_is_known_by_its_line_in_the_registry_alone(config, monkeypatch):
    """Its module and its prompt stay out of this; no schema and no rule names it."""
    model = next(iter(config["models"]))
    entry = {"method": "dummy", "model": model, "style": "chat", "tasks": {"max_tokens": 99}}
    with pytest.raises(UserError, match=r"generators\.x\.method is 'dummy': one of self-align, "):
        resolved(config, x=entry)
    dummy = Method("dummy", "Nothing but a test.", seeds="snippets", tasks="dummy", tested=False, defaults={"share": 1})
    monkeypatch.setitem(METHODS, dummy.name, dummy)
    whole = resolved(config, x=entry)
    assert whole["generators"]["x"]["tasks"]["max_tokens"] == 99 and "concepts" not in whole["generators"]["x"]
    assert layout.stage_folders(whole, "x") == ["tasks", "responses"]
    assert layout.task_parents(whole, "x") == "results/seeds/snippets/shards/{shard}.jsonl"
    assert stage_module("dummy") == "selfalign.methods.dummy"


@pytest.mark.parametrize("method", [7, ["distill"], None])
def test_a_method_that_is_no_name_is_refused(config, method):
    with pytest.raises(UserError, match=r"generators\.x\.method is .*text is wanted"):
        resolved(config, x={"method": method, "model": next(iter(config["models"]))})


def test_a_method_sets_its_own_defaults_and_has_no_other_sections(config):
    model = next(iter(config["models"]))
    taught = {"method": "distill", "model": model, "tasks_of": "self-align", "responses": {"max_tokens": 500}}
    generator = resolved(config, taught=taught)["generators"]["taught"]
    assert generator["responses"]["samples"] == 1 and generator["responses"]["temperature"] == 0
    assert "concepts" not in generator and "tasks" not in generator


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"method": "distill", "model": "M"}, "tasks_of is missing"),
        ({"method": "distill", "model": "M", "tasks_of": "nobody"}, "'nobody', which generators does not define"),
        ({"method": "distill", "model": "M", "tasks_of": "x"}, "leads back to 'x'"),
        ({"method": "distill", "tasks_of": "self-align"}, "model is missing"),
        ({"method": "distill", "model": "M", "tasks_of": "self-align", "concepts": {}}, "no such stage"),
        ({"method": "oss-instruct", "model": "M", "tasks_of": "self-align"}, "starts from seeds"),
        ({"method": "oss-instruct", "model": "M", "share": 0.5}, "seeds.limit bounds those"),
        ({"method": "octopack"}, "no corpus of kind git"),
        ({"method": "octopack", "seeds": "snippets"}, "starts from commits"),
        ({"method": "self-align", "model": "M", "style": "chat"}, "few-shot is wanted"),
    ],
)
def test_a_generator_that_cannot_work_is_refused(config, entry, said):
    entry = {**entry, **({"model": next(iter(config["models"]))} if "model" in entry else {})}
    with pytest.raises(UserError, match=said):
        resolved(config, x=entry)


def test_distilled_pairs_descend_from_the_other_generators_tasks_and_seeds(config):
    model = next(iter(config["models"]))
    whole = resolved(config, taught={"method": "distill", "model": model, "tasks_of": "self-align"})
    whole["datasets"] = {"d": {"generators": ["taught"], "policy": "passing"}}
    (_, paths), *_ = layout.dataset_shards(whole, "d", ["0-of-1"])
    assert paths["unique_tasks"].startswith("results/generators/self-align/")
    assert paths["concepts"].startswith("results/generators/self-align/")
    assert paths["responses"].startswith("results/generators/taught/tests/")
    whole["datasets"]["d"]["policy"] = layout.BLIND
    (_, paths), *_ = layout.dataset_shards(whole, "d", ["0-of-1"])
    assert paths["responses"].startswith("results/generators/taught/responses/") and "verdicts" not in paths
    assert not layout.is_judged(whole, "taught")


def test_a_chain_of_teachers_answers_the_tasks_at_its_beginning(config):
    model = next(iter(config["models"]))
    chain = {
        "first": {"method": "distill", "model": model, "tasks_of": "self-align"},
        "second": {"method": "distill", "model": model, "tasks_of": "first"},
        "evolved": {"method": "evol-instruct", "model": model, "tasks_of": "second"},
        "third": {"method": "distill", "model": model, "tasks_of": "evolved"},
    }
    whole = resolved(config, **chain)
    owners = {name: layout.tasks_owner(whole, name) for name in chain}
    assert owners == {"first": "self-align", "second": "self-align", "evolved": "evolved", "third": "evolved"}
    whole["datasets"] = {"d": {"generators": ["second"], "policy": "passing"}}
    (_, paths), *_ = layout.dataset_shards(whole, "d", ["0-of-1"])
    assert paths["unique_tasks"].startswith("results/generators/self-align/")


def test_a_methods_own_module_changes_the_hash_of_its_stages_alone():
    assert stage_fingerprint("generate.py", "concepts") == code_fingerprint("generate.py")
    own = {
        stage_fingerprint("generate.py", stage)
        for stage in ("seed_to_task", "oss_instruct", "evol_instruct", "concepts")
    }
    assert len(own) == 4


def test_a_task_made_from_a_seed_alone_says_so(tmp_path):
    stage = SeedTasks(SETTINGS, prompts_folder(tmp_path))
    row = stage.parse(SEED, 0, answer(TASK))
    assert (row["seed_id"], row["concepts_id"], row["concepts"]) == (SEED["id"], None, [])
    assert SEED["code"].strip() in stage.prompt(SEED).text


def test_a_problem_comes_with_its_solution(tmp_path):
    stage = ProblemsWithSolutions(SETTINGS, prompts_folder(tmp_path))
    for text in (
        f"{TASK}\n[Solution]\nIt adds.\n\n{CODE}",
        f"Sure!\n[Problem]\n{TASK}\n\n[Solution]\nIt adds.\n\n{CODE}",
        f"[Problem]\nHere is a new problem: {TASK}\n\nLet me know if you need a hint!\n\n[Solution]\nIt adds.\n\n{CODE}",
        f"**[Problem]**: {TASK}\n\n**[Solution]** It adds.\n\n{CODE}",
    ):
        row = stage.parse(SEED, 0, answer(text))
        assert row["instruction"] == TASK
        assert row["answer"]["text"] == f"It adds.\n\n{CODE}" and row["answer"]["solution"].startswith("def total")


@pytest.mark.parametrize(
    ("text", "finish", "reason"),
    [
        (TASK, "stop", "malformed"),
        (f"{TASK}\n[Solution]\nNo code.", "stop", "no_solution"),
        (f"{TASK}\n[Solution]\n{CODE[:-4]}", "stop", "unclosed_fence"),
        (f"{TASK}\n[Solution]\n{CODE}", "length", "truncated"),
        (f"Short.\n[Solution]\n{CODE}", "stop", "too_short"),
        ("I'm sorry, but I can't help with that.", "stop", "refused"),
        ("", "content_filter", "refused"),
        (f"{TASK}\n[Solution]\n```python\ndef total(p):\n    pass\n```", "stop", "unfinished"),
    ],
)
def test_problems_without_a_usable_solution_are_rejected(tmp_path, text, finish, reason):
    parsed = ProblemsWithSolutions(SETTINGS, prompts_folder(tmp_path)).parse(SEED, 0, answer(text, finish))
    assert isinstance(parsed, Rejected) and parsed.reason == reason


def test_a_snippet_has_at_most_fifteen_lines():
    assert len(shown("\n".join(map(str, range(99)))).split("\n")) == 15


def test_oss_instruct_starts_from_random_lines_unless_told_otherwise(config):
    model = next(iter(config["models"]))
    whole = resolved(config, oss={"method": "oss-instruct", "model": model})
    assert layout.task_parents(whole, "oss") == "results/seeds/snippets/shards/{shard}.jsonl"
    assert layout.seed_kinds(whole) == ["functions", "snippets"]
    assert "results/seeds/snippets/seeds.counts.json" in layout.seed_files(whole, "counts.json")
    whole = resolved(config, oss={"method": "oss-instruct", "model": model, "seeds": "functions"})
    assert layout.seed_kinds(whole) == ["functions"]


def test_an_answer_is_taken_without_pleasantries_and_usage_examples():
    text, solution = split_answer(f"Sure, here is the code:\nIt adds.\n\n{CODE}\n\n```python\ntotal([1])\n```")
    assert text == f"It adds.\n\n{CODE}" and "total([1])" not in solution


@pytest.mark.parametrize("text", ["I\u2019m sorry, I cannot do that.", "As an AI language model, I ...", "Sorry, no."])
def test_refusals_are_known_by_their_words(text):
    assert refusal(text)


@pytest.mark.parametrize("text", [f"I'm afraid of bugs, so:\n{CODE}", "The sorry state is counted.", TASK])
def test_what_only_sounds_like_a_refusal_is_none(text):
    assert not refusal(text)


def test_an_answer_that_is_nothing_but_pleasantries_is_left_as_it_is():
    assert without_boilerplate("Sure!\n") == "Sure!\n"


def test_a_share_of_the_tasks_is_drawn_by_their_ids(tmp_path):
    folder, rows = prompts_folder(tmp_path), [{"id": f"{number:020x}"} for number in range(400)]
    half = Answers({**SETTINGS, "share": 0.5}, folder).select(rows)
    assert 150 < len(half) < 250 and Answers(SETTINGS, folder).select(rows) == rows
    assert Answers({**SETTINGS, "share": 0.5}, folder).select(rows[100:]) == [row for row in half if row in rows[100:]]
    evolved = [{"id": f"e{number}", "evolved_from": [row["id"]]} for number, row in enumerate(rows)]
    settings = {**SETTINGS, "share": 0.5, "round": 2, "operators": {"reason": 1}, "min_new_words": 4}
    assert Evolution(settings, folder).select(rows + evolved) == [evolved[rows.index(row)] for row in half]


def test_answers_have_no_tests(tmp_path):
    row = Answers(SETTINGS, prompts_folder(tmp_path)).parse(tasks(1)[0], 0, answer(f"It adds.\n\n{CODE}"))
    assert row["tests"] == "" and row["task_id"] == tasks(1)[0]["id"]


def test_tests_are_added_to_a_response_under_a_new_id(tmp_path):
    stage = WrittenTests(SETTINGS, prompts_folder(tmp_path))
    row = stage.parse(RESPONSE, 0, answer("```python\nassert total([11]) == 11\n```"))
    assert row["tests"] == "assert total([11]) == 11"
    assert row["id"] != "r" and row["untested_id"] == "r" and "instruction" not in row
    assert row["generated"] == {"model": "a"}
    assert stage.parse(RESPONSE, 0, answer("no code")).reason == "no_tests"
    shown = {**RESPONSE, "solution": "def total(numbers):\n    return sum(numbers)"}
    copied = f"```python\n{shown['solution']}\n\nassert total([11]) == 11\n```"
    assert stage.parse(shown, 0, answer(copied))["tests"] == "assert total([11]) == 11"
    assert stage.parse(shown, 0, answer(f"```python\n{shown['solution']}\n```")).reason == "no_tests"


SOLUTION = "import math\n\n@cache\ndef area(r):\n    return math.pi * r**2\n\nclass Disc:\n    r = 1\n"


@pytest.mark.parametrize(
    ("tests", "left"),
    [
        (SOLUTION + "\nassert area(0) == 0\n", "import math\n\n\n\nassert area(0) == 0\n"),
        (
            "@cache\ndef area(r):  # of a disc\n    return (math.pi * r**2)\nassert area(0) == 0\n",
            "assert area(0) == 0\n",
        ),
        ("class Disc:\n    r = 1\n\fassert Disc.r == 1\n# \u2028\n", "\fassert Disc.r == 1\n# \u2028\n"),
        ("class Disc: r = 1\r\nx = '\\\r\na'; import math\r\n", "x = '\\\r\na'; import math\r\n"),
    ],
)
def test_a_copy_of_the_solution_is_taken_out_of_the_tests(tests, left):
    assert without_copies(tests, SOLUTION) == left


@pytest.mark.parametrize(
    "tests",
    [
        "def area(r):\n    return math.pi * r**2\n",  # not decorated
        "@cache\ndef area(r):\n    return 3 * r**2\nassert area(0) == 0\n",
        "if True:\n    class Disc:\n        r = 1\n",
        "assert area(0) == 0\nclass Disc: r = 1; x = 2\n",
        "x = 1; \\\nassert Disc\n",
        "assert (\n",
    ],
)
def test_what_is_no_copy_of_the_solution_stays(tests):
    assert without_copies(tests, SOLUTION) == tests


def test_tests_of_an_answer_that_is_no_python_stay():
    assert without_copies("def f(): ...\n", "def (") == "def f(): ...\n"


def test_a_chat_prompt_goes_to_a_chat_server_as_it_is(tmp_path):
    model = {"chat_template": "instruction", "endpoint": {"api": "chat"}}
    stage = Answers({**SETTINGS, "style": "chat"}, prompts_folder(tmp_path), model)
    prompt = stage.prompt(tasks(1)[0])
    assert prompt.text.startswith(tasks(1)[0]["instruction"]) and prompt.stop == () and prompt.prefix == ""
    model = {"chat_template": "instruction", "endpoint": None}
    wrapped = Answers({**SETTINGS, "style": "chat"}, prompts_folder(tmp_path / "b"), model, str(tmp_path))
    assert "### Instruction" in wrapped.prompt(tasks(1)[0]).text


def test_adopted_responses_are_those_of_the_tasks(tmp_path):
    rows = [{"id": "t", "seed_id": "s", "answer": {"text": CODE, "solution": "x"}, "generated": {"model": "m"}}]
    write_jsonl(tmp_path / "rows", rows)
    out = {name: str(tmp_path / name) for name in ("kept", "rejected", "counts")}
    adopt("answer_of_task", "responses", str(tmp_path / "rows"), {}, **out)
    (row,) = read_jsonl(tmp_path / "kept")
    assert row["text"] == CODE and row["generated"] == {"model": "m"} and row["task_id"] == "t"
    assert read_json(tmp_path / "counts")["kept"] == 1


def test_a_card_says_whether_the_pairs_hold_text_of_their_sources():
    own = {"seeds": "functions", "models": {"m": {}}}
    people = {"seeds": "commits", "models": {}}
    generated, found, both = (known_limits("unfiltered", origins) for origins in (
        {"a": own}, {"b": people}, {"a": own, "b": people}))  # fmt: skip
    assert "hold text of" not in generated and "Seeds themselves are not in the pairs, but" in generated
    assert "The pairs hold text of the commits" in found and "Seeds themselves" not in found
    assert "language model" not in found and "No response was run" in found
    assert "The pairs of b hold text" in both and "not in the pairs of the others" in both
    assert "agrees with tests that a language model wrote" in known_limits("passing", {"b": people})
    card = metadata("d", Census(), {"b": people})
    assert card.language_creators == ["found"] and "synthetic" not in card.tags
    assert metadata("d", Census(), {"a": own, "b": people}).language_creators == ["machine-generated", "found"]


def test_the_gravest_terms_come_first():
    def said(**words):
        return terms({"g": {"models": {name: {"training": word, "terms": ""} for name, word in words.items()}}})

    assert said(a="allowed", z="restricted").index("z may forbid") < said(a="allowed", z="restricted").index(
        "of a allow"
    )
    assert "was not stated" in said(a="unknown")
    assert "No model wrote" in terms({"g": {"models": {}}})
