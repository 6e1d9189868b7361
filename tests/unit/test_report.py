"""The page: complete, honest, self-contained, and deaf to what a model wrote."""

import copy
import re
from html.parser import HTMLParser

import pytest

import write_report
from selfalign.io import write_json, write_jsonl
from selfalign.report import collect, page

HOSTILE = "<script>alert('x')</script> \"quoted\" & <img src=x onerror=y> \u202egnp.exe \x1b[31m {{ 7 * 7 }} ``` </pre>"

CONFIG = {
    "models": {"base": {"engine": "vllm"}},
    "checkpoints": {"tuned": {"model": "base"}},
}


def counts(stage, rows_in, kept, **rejected):
    return {"stage": stage, "in": rows_in, "kept": kept, "rejected": rejected, "failed": {}}


def result(candidate, passed, of=164):
    found = {
        "candidate": candidate, "benchmark": "humaneval", "problems": 16, "of": of, "pass_at_1": passed / 16,
        "interval95": [max(0, passed / 16 - 0.2), min(1, passed / 16 + 0.2)], "per_problem": [],
    }  # fmt: skip
    if candidate == "tuned":
        found["comparison"] = {"gained": 2, "lost": 1, "difference": 1 / 16, "interval95": [-0.1, 0.2], "p_value": 1.0}
    return found


@pytest.fixture
def inputs(tmp_path):
    """Files of a tiny run in which everything that a model wrote is hostile."""
    seed = {
        "id": "s",
        "code": f"def f(x):\n    '''{HOSTILE}'''",
        "licence": "MIT",
        "origin": {"package": HOSTILE, "path": "a.py", "line": 3},
    }
    task = {"id": "t", "category": "function", "difficulty": "easy", "instruction": HOSTILE}
    response = {"id": "r", "task_id": "t", "sample": 0, "text": HOSTILE, "tests": HOSTILE}
    verdict = {
        "response_id": "r", "task_id": "t", "passed": True, "verdict": "passed", "reason": HOSTILE, "checks_run": 2,
        "checks_passed": 2, "stderr_tail": HOSTILE,
    }  # fmt: skip
    lineage = {
        "seed_id": "s", "task_id": "t", "response_id": "r", "category": "function", "difficulty": "easy",
        "concepts": [HOSTILE], "licence": "MIT",
    }  # fmt: skip
    pair = {"id": "p", "instruction": HOSTILE, "response": HOSTILE, "tests": HOSTILE, "lineage": lineage}
    rows = {
        "seeds": seed,
        "concepts": {},
        "unique_tasks": task,
        "responses": response,
        "verdicts": verdict,
        "pairs": pair,
    }
    paths = {}
    for name, row in rows.items():
        paths[name] = [str(tmp_path / f"{name}.jsonl")]
        write_jsonl(paths[name][0], [row])
    files = {
        "counts": [counts("mine", 10, 4, no_docstring=5, too_long=1), counts("seeds", 4, 3, near_duplicate=1)],
        "scores": [result("tuned", 5), result("base", 4)],
        "training": [{"loss_curve": [{"step": 1, "loss": 1.25}, {"step": 2, "loss": 1.0}], "rows": 9, "steps": 2}],
        "usage": [{"requests": 4, "reused": 1, "prompt_tokens": 100, "cached_prompt_tokens": 90, "output_tokens": 50, "seconds": 10.0}],
        "manifest": [{
            "versions": {"python": "3.11"}, "git": {}, "config_sha256": "abc", "locks": {"sandbox": "fff"},
            "models": {"base": {"digest": "123"}}, "sandbox": {"digest": "456"},
        }],
    }  # fmt: skip
    for name, values in files.items():
        paths[name] = []
        for number, value in enumerate(values):
            path = tmp_path / "responses" / f"{name}{number}.json"
            write_json(path, value)
            paths[name].append(str(path))
    benchmark = tmp_path / "benchmarks" / "generate_responses" / "gen" / "0-of-1.tsv"
    benchmark.parent.mkdir(parents=True)
    benchmark.write_text("s\tmax_rss\n12.5\t3400.0\n")
    return paths


@pytest.fixture
def outputs(tmp_path, inputs):
    names = {
        "html": "report.html",
        "summary": "summary.txt",
        "scores": "scores.csv",
        "funnel": "f.svg",
        "scores_figure": "s.svg",
        "loss": "l.svg",
    }
    paths = {name: str(tmp_path / "report" / file) for name, file in names.items()}
    write_report.main(copy.deepcopy(CONFIG), inputs, str(tmp_path / "benchmarks"), paths)
    return {name: open(path, encoding="utf-8").read() for name, path in paths.items()}


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen = []

    def handle_starttag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))


def test_nothing_that_a_model_wrote_becomes_markup(outputs):
    tags = Tags()
    tags.feed(outputs["html"])
    assert not [tag for tag, _ in tags.seen if tag in ("script", "img", "iframe", "object")]
    assert not [name for _, attributes in tags.seen for name in attributes if name.startswith("on")]
    assert "{{ 7 * 7 }}" in outputs["html"], "model-written text was taken for a template"
    assert "\u202e" not in outputs["html"] and "\x1b" not in outputs["html"] and "\\u202e" in outputs["html"]


def test_the_page_is_self_contained(outputs):
    tags = Tags()
    tags.feed(outputs["html"])
    addresses = [
        value
        for tag, attributes in tags.seen
        for name, value in attributes.items()
        if name in ("src", "href") and tag != "use"
    ]
    assert all(address.startswith("#") for address in addresses), addresses
    assert "@import" not in outputs["html"] and not re.search(r"url\(\s*['\"]?http", outputs["html"])


def test_scores_losses_and_costs_are_on_the_page(outputs):
    text = outputs["html"]
    assert "16 of 164" in text and "31.2 %" in text and "25.0 %" in text
    assert "5 no_docstring" in text and "1 near_duplicate" in text
    assert "90.0 %" in text and "3,400" in text and "1.2500" in text
    assert "abc" in text and "456" in text
    assert outputs["scores"].splitlines()[1].startswith("humaneval,base,,16,164,0.25")


def test_a_reader_is_warned_in_plain_words(outputs):
    for text in (outputs["html"], outputs["summary"]):
        assert "16 of 164 problems" in text and "includes zero" in text and "Only 1 pairs" in text
    assert "report.html" in outputs["summary"]


def test_made_up_rows_are_called_so():
    assert any("fake" in line for line in collect.warnings([], [], 10**6, {"fake"}))
    assert collect.warnings([], [], 10**6, {"vllm"}) == []


def test_a_checkpoint_stands_right_after_its_base(tmp_path):
    for name in ("zebra", "base", "tuned"):
        write_json(tmp_path / name, {"candidate": name, "benchmark": "b"})
    rows = collect.score_rows([str(tmp_path / name) for name in ("tuned", "zebra", "base")], {"tuned": "base"})
    assert [row["candidate"] for row in rows] == ["base", "tuned", "zebra"]


def test_invisible_characters_are_written_out():
    assert page.visible("a\u202eb\x00\n") == "a\\u202eb\\u0000\n"
