"""A teacher behind a chat server that does all that teachers do to a run, from the request to the row."""

import json

import pytest
from generation import Run, seeds, tasks

from selfalign import ROOT
from selfalign.backends.endpoint import EndpointBackend
from selfalign.errors import UserError
from selfalign.methods.evol_instruct import OPERATORS

KEY = "sk-very-secret"
CODE = "```python\ndef total(prices):\n    return sum(prices)\n```"
SETTINGS = {"fewshots": 1, "prefixes": 1, "temperature": 0, "top_p": 1, "max_tokens": 64, "style": "chat", "share": 1}


def says(content, finish="stop", fingerprint="fp_1", **message) -> tuple:
    choice = {"message": {"role": "assistant", "content": content, **message}, "finish_reason": finish}
    return 200, json.dumps({"choices": [choice], "model": "big", "system_fingerprint": fingerprint, "usage": {}}), {}


@pytest.fixture
def run(tmp_path, serve, monkeypatch):
    """Runs a stage on rows (of `answers`: on `count` tasks) against a server that follows a script."""
    monkeypatch.setenv("TEACHER_KEY", KEY)
    (tmp_path / "prompts").symlink_to(ROOT / "prompts")

    def start(*script, stage="answers", count=0, rows=(), settings=None, **more):
        server = serve(*script)
        spec = {
            "url": server.url, "model": "big", "api": "chat", "key_env": "TEACHER_KEY", "concurrency": 1, "revision": "",
            "timeout_seconds": 0.5, **more,
        }  # fmt: skip
        made = Run(tmp_path, stage, list(rows) or tasks(count))
        made.server = server
        return made(
            model={"name": "teacher", "engine": "endpoint", "endpoint": spec},
            settings={**SETTINGS, **(settings or {})},
            open_engine=lambda model, folder: EndpointBackend(model, pause=0.001),
        )

    return start


def test_whatever_a_teacher_says_becomes_a_row_or_a_reason(run, caplog):
    made = run(
        (429, "slow down", {"Retry-After": "0"}),
        says(f"Certainly! Here is the complete code:\n\nIt adds.\n\n{CODE}\n\nLet me know if you have questions!"),
        says("I'm sorry, but I can't help with that."),
        says(None, refusal="I will not."),
        says("Half of it", finish="content_filter"),
        ("sleep", "", {}),
        says(f"<think>\nA loop?\n{CODE.replace('sum', 'max')}\n# sorry\n</think>\n\nIt adds.\n\n{CODE}", fingerprint="fp_2"),
        says("```python\ndef total(prices):", finish="length"),
        says("You could use a loop."),
        says(None, finish="content_filter"),
        says(None, finish="length"),
        says(None),
        (400, '{"error": {"code": "content_filter"}}', {}),
        count=11,
    )  # fmt: skip
    assert [row["text"] for row in made.kept] == [f"It adds.\n\n{CODE}"] * 2
    assert made.counts["rejected"] == {"refused": 5, "truncated": 2, "no_solution": 1, "empty": 1}
    assert [row["generated"]["engine_version"] for row in made.kept] == ["fp_1", "fp_2"]
    assert made.usage["model"] == "teacher"
    assert made.usage["versions"] == {"fp_1": 10, "fp_2": 1}
    assert "answers by 2 versions of what serves teacher: fp_1: 10, fp_2: 1" in caplog.text
    assert "status 429" in caplog.text and "ReadTimeout" in caplog.text
    assert len(made.server.seen) == 11 + 2, "only the rate limit and the timeout are asked again"
    asked = made.server.seen[0]
    assert asked[2]["Authorization"] == f"Bearer {KEY}" and asked[1]["messages"][0]["role"] == "user"
    written = "".join(
        path.read_text() for path in made.parent.rglob("*") if path.is_file() and "prompts" not in path.parts
    )
    assert KEY not in written + caplog.text


def test_a_key_that_expires_ends_the_run_and_what_was_answered_is_not_asked_again(run, caplog):
    good = says(f"It adds.\n\n{CODE}")
    with pytest.raises(UserError, match=r"status 401.*\[key\] has expired") as error:
        run(good, good, (401, f"The key {KEY} has expired", {}), count=4)
    assert KEY not in str(error.value) + caplog.text
    made = run(good, good, count=4)
    assert len(made.server.seen) == 2 and made.usage["reused"] == 2 and len(made.kept) == 4


def test_a_row_says_only_of_the_sampling_what_the_server_was_asked_for(run):
    made = run(says(f"It adds.\n\n{CODE}"), count=1, parameters={"temperature": None, "seed": None})
    assert made.kept[0]["generated"]["sampling"] == {"top_p": 1.0, "max_tokens": 64}
    assert made.server.seen[0][1].keys() == {"model", "messages", "top_p", "max_tokens"}


WORDS = {"min_words": 8, "max_words": 80}
ASKED = "Write a function `total(prices)` that returns the sum of all prices."
HARDER = f"{ASKED} Prices below zero are errors: raise a ValueError that names the first of them."
TASK = {"concepts_id": None, "concepts": [], "category": "function", "language": "python", "instruction": ASKED}
RESPONSE = {"task_id": "t", "seed_id": "s", "sample": 0, "text": CODE, "solution": "def total(prices): ...", "tests": "",
            "instruction": ASKED, "generated": {}}  # fmt: skip
CHECK = "```python\nassert total([1, 2]) == 3\n```"


@pytest.mark.parametrize(
    ("stage", "rows", "settings", "good", "found", "unfit"),
    [
        (
            "evol_instruct", [{**row, **TASK} for row in tasks(6)],
            {**WORDS, "round": 1, "min_new_words": 4, "operators": dict.fromkeys(OPERATORS, 1)},
            HARDER, {"instruction": HARDER}, "too_short",
        ),
        (
            "oss_instruct", seeds(6), {**WORDS, "categories": {}, "difficulties": {}},
            f"[Problem]\n{ASKED}\n\n[Solution]\nIt adds.\n\n{CODE}", {"instruction": ASKED}, "malformed",
        ),
        ("tests", [{**RESPONSE, "id": f"r{n}"} for n in range(6)], {}, CHECK, {"tests": "assert total([1, 2]) == 3"}, "no_tests"),
    ],
    ids=["evol_instruct", "oss_instruct", "tests"],
)  # fmt: skip
def test_other_work_of_a_teacher_survives_its_moods_too(run, stage, rows, settings, good, found, unfit):
    made = run(
        (429, "", {"Retry-After": "0"}),
        says(f"Sure! Here is what you asked for:\n\n{good}\n\nLet me know if you need anything else!"),
        says("I'm sorry, but I can't help with that."),
        says(None, finish="content_filter"),
        ("sleep", "", {}),
        says(good[:-4], finish="length"),
        says("That depends."),
        says(good, fingerprint="fp_2"),
        stage=stage, rows=rows, settings=settings,
    )  # fmt: skip
    assert [{key: row[key].strip() for key in found} for row in made.kept] == [found] * 2
    assert made.counts["rejected"] == {"refused": 2, "truncated": 1, unfit: 1}
    made_by = "tests_generated" if stage == "tests" else "generated"
    assert [row[made_by]["engine_version"] for row in made.kept] == ["fp_1", "fp_2"] and len(made.server.seen) == 8
