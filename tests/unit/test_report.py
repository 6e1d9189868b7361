"""The page: complete, honest, self-contained, and deaf to what a model wrote."""

import base64
import copy
import csv
import gzip
import hashlib
import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from huggingface_hub import ModelCard

import write_report
from selfalign.cards.scores import card_with_scores
from selfalign.comparison import judge
from selfalign.datasets.census import in_order
from selfalign.io import write_json, write_jsonl
from selfalign.report import (
    costs,
    figures,
    funnel,
    packing,
    page,
    pairs,
    paths,
    problems,
    rates,
    rejects,
    scores,
    tasks,
    text,
    warnings,
)

HOSTILE = "<script>alert('x')</script> \"quoted\" & <img src=x onerror=y> \u202egnp.exe \x1b[31m\x00\ud800 {{ 7 * 7 }} ``` </pre></svg>"
CONFIG = {
    "models": {"base": {"engine": "vllm", "outputs": {"training": "allowed", "terms": ""}}},
    "generators": {"gen": {"method": "self-align", "model": "base", "tasks_of": None}},
    "datasets": {"passing": {"policy": "passing", "generators": ["gen"]}},
    "checkpoints": {"tuned": {"model": "base", "dataset": "passing", "recipe": {"learning_rate": 1e-5}}},
}
TRAINING = {
    "checkpoint": "tuned", "base": {"name": "base"}, "dataset": {"name": "passing", "sha256": "d47a"}, "digest": "c0de",
    "recipe": {"method": "lora"}, "rows": 9, "rows_too_long": 1, "steps": 2, "tokens": 1234, "tokens_per_second": 56.7,
    "loss_curve": [{"step": 1, "loss": 1.25}, {"step": 2, "loss": 1.0}], "held_out_loss_before": 1.5, "held_out_loss": 1.125,
    "peak_memory_mb": 2048.0, "processes": 1, "device": "CPU",
}  # fmt: skip
MANIFEST = {
    "versions": {"python": "3.11.7"}, "git": {"commit": "1234abcd", "modified": False}, "config_sha256": "abc",
    "locks": {"sandbox": "fff"}, "models": {"base": {"digest": "123", "revision": "456"}},
    "sandbox": {"digest": "789", "packages": {"numpy": "2.0"}},
}  # fmt: skip


def counts(stage, rows_in, kept, extra=None, failed=None, **rejected):
    return {
        "stage": stage,
        "in": rows_in,
        "kept": kept,
        "rejected": rejected,
        "failed": failed or {},
        "extra": extra or {},
    }


def result(candidate, passed, of=164, **more):
    found = {
        "candidate": candidate, "benchmark": "humaneval", "problems": 16, "of": of, "samples": 1, "correct": passed,
        "pass_at_1": passed / 16, "interval95": [max(0, passed / 16 - 0.2), min(1, passed / 16 + 0.2)], "truncated": 0,
        "verdicts": {"passed": passed, "error": 16 - passed}, "kind": "humaneval",
        "per_problem": [
            {"task_id": f"HumanEval/{n}", "passed": n < passed, "verdict": "passed" if n < passed else "error", "reason": ""}
            for n in range(16)
        ],
    }  # fmt: skip
    if candidate == "tuned":
        found["comparison"] = {"gained": 2, "lost": 1, "difference": 1 / 16, "interval95": [-0.1, 0.2], "p_value": 1.0}
    return {**found, **more}


class Run:
    """Files of a tiny run in which everything that a model wrote is hostile."""

    def __init__(self, folder):
        self.folder = folder
        self.results = folder / "results"
        self.config = copy.deepcopy(CONFIG)
        self.inputs: dict[str, list[str]] = {}
        generator = "generators/gen"
        lineage = {
            "seed_id": "s", "task_id": "t", "response_id": "r", "concepts_id": "c", "category": "function",
            "difficulty": "easy", "concepts": [HOSTILE], "licence": "MIT", "origin": {"package": HOSTILE, "version": "1.0"},
            "generator": "gen", "verdict": "passed", "model": "base", "revision": "456",
        }  # fmt: skip
        seed = {
            "id": "s",
            "code": f"def f(x):\n    '''{HOSTILE}'''",
            "licence": "MIT",
            "origin": {"package": HOSTILE, "line": 3},
        }
        response = {"id": "r", "task_id": "t", "sample": 0, "text": HOSTILE, "solution": HOSTILE, "tests": HOSTILE}
        verdict = {
            "response_id": "r", "task_id": "t", "passed": True, "verdict": "passed", "reason": HOSTILE, "checks_run": 2,
            "checks_passed": 2, "stderr_tail": HOSTILE,
        }  # fmt: skip
        pair = {"id": "p", "instruction": HOSTILE, "response": HOSTILE, "tests": HOSTILE, "lineage": lineage}
        self.rows("seeds", "seeds/shards/0-of-1.jsonl", [seed])
        task = {
            "id": "t", "seed_id": "s", "category": "function", "difficulty": "easy", "instruction": HOSTILE,
            "concepts": [HOSTILE],
        }  # fmt: skip
        self.rows("unique_tasks", f"{generator}/unique_tasks/0-of-1.jsonl", [task])
        self.rows("responses", f"{generator}/responses/0-of-1.jsonl", [response, {**response, "id": "r2", "sample": 1}])
        failed = {**verdict, "response_id": "r2", "passed": False, "verdict": "timeout"}
        self.rows("verdicts", f"{generator}/verdicts/0-of-1.jsonl", [verdict, failed])
        self.rows("pairs", "datasets/passing/train.jsonl", [pair])
        self.json("counts", "seeds/mined/corpus.counts.json", counts("mine", 10, 4, no_docstring=5, too_long=1))
        self.json(
            "counts", "seeds/seeds.counts.json", counts("seeds", 4, 3, {"contaminated: humaneval": 1}, contaminated=1)
        )
        self.json("counts", f"{generator}/responses/0-of-1.counts.json", counts("responses", 3, 2, truncated=1))
        self.json("counts", "datasets/passing/counts.json", counts("datasets", 2, 1, not_qualified=1))
        usage = {
            "requests": 4, "reused": 1, "made": 3, "prompt_tokens": 100, "cached_prompt_tokens": 90, "output_tokens": 50, "seconds": 10.0,
            "engine_start_seconds": 3.0, "engine": "vllm",
        }  # fmt: skip
        self.json("usage", f"{generator}/responses/0-of-1.usage.json", usage)
        self.json("training", "checkpoints/tuned/training.json", TRAINING)
        self.json("scores", "evaluation/tuned/humaneval.json", result("tuned", 5))
        self.json("scores", "evaluation/base/humaneval.json", result("base", 4))
        for candidate in ("base", "tuned"):
            answer = {"benchmark": "humaneval", "task_id": "HumanEval/4", "sample": 0, "solution": HOSTILE}
            self.rows("completions", f"evaluation/{candidate}/humaneval/completions/0-of-1.jsonl", [answer])
        problem = {"benchmark": "humaneval", "task_id": "HumanEval/4", "prompt": HOSTILE, "tests": HOSTILE}
        self.rows("problems", "benchmarks/humaneval.jsonl", [problem])
        dropped = {"id": "d", "stage": "mine", "reason": "too_long", "detail": HOSTILE, "row": {"code": HOSTILE}}
        write_jsonl(self.results / "seeds/mined/corpus.rejected.jsonl", [dropped])
        self.json("manifest", "run/manifest.json", MANIFEST)
        benchmark = self.results / "run/benchmarks/generate_responses/gen/0-of-1.tsv"
        benchmark.parent.mkdir(parents=True)
        benchmark.write_text("s\tmax_rss\n12.5\t3400.0\n")

    def rows(self, kind, name, rows):
        write_jsonl(self.results / name, rows)
        self.inputs.setdefault(kind, []).append(str(self.results / name))

    def json(self, kind, name, value):
        write_json(self.results / name, value)
        self.inputs.setdefault(kind, []).append(str(self.results / name))

    def write(self):
        names = {
            "html": "report.html", "numbers": "report.json", "summary": "summary.md", "scores": "scores.csv", "funnel": "funnel.svg",
            "scores_figure": "scores.svg", "loss": "loss.svg",
        }  # fmt: skip
        outputs = {name: str(self.results / "report" / file) for name, file in names.items()}
        write_report.main(self.config, self.inputs, str(self.results / "run"), outputs)
        return {name: open(path, encoding="utf-8", newline="").read() for name, path in outputs.items()}


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path)


@pytest.fixture
def outputs(run):
    return run.write()


class Page(HTMLParser):
    """Tags with their attributes, and the text that a reader sees."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text, self.open = [], "", []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.open.append(tag)

    def handle_endtag(self, tag):
        self.open.pop()

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        if not {"style", "script"} & set(self.open):
            self.text += data


def packed(html, name):
    """What the page carries under a name."""
    text = re.search(f'id="data-{name}">([^<]*)<', html).group(1)
    return json.loads(gzip.decompress(base64.b64decode(text)))


SHOWN = (
    HOSTILE.replace("\u202e", "\\u202e")
    .replace("\x1b", "\\u001b")
    .replace("\x00", "\\u0000")
    .replace("\ud800", "\\ud800")
)


def test_nothing_that_a_model_wrote_becomes_markup(outputs):
    page_ = Page(outputs["html"])
    assert not {tag for tag, _ in page_.tags} & {"img", "iframe", "object", "embed", "link", "base", "form"}
    assert not [name for _, attributes in page_.tags for name in attributes if name.startswith("on")]
    assert page_.text.count(SHOWN) >= 1, "the source of the pairs is not shown as it is"
    for name in ("html", "summary", "scores", "funnel"):
        assert not re.search("[\x00\x1b\u202e]", outputs[name]), name
    for name in ("pairs", "rejects", "lineages-0", "answers-0"):
        carried = json.dumps(packed(outputs["html"], name), ensure_ascii=False)
        assert not re.search("[\x00\x1b\u202e]", carried) and "\\\\u202e" in carried, name


def test_only_scripts_of_the_page_run_and_nothing_is_loaded(outputs):
    policy = next(
        a["content"] for tag, a in Page(outputs["html"]).tags if a.get("http-equiv") == "Content-Security-Policy"
    )
    directives = {part.split()[0]: part.split()[1:] for part in policy.split(";")}
    assert directives["default-src"] == ["'none'"] and "connect-src" not in directives
    scripts = re.findall("<script>(.*?)</script>", outputs["html"], re.S)
    hashes = {f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in scripts}
    assert set(directives["script-src"]) == hashes and len(scripts) == 4
    assert all(a.get("type") == "application/gzip" for tag, a in Page(outputs["html"]).tags if tag == "script" and a)


def test_the_page_is_self_contained_and_its_links_lead_somewhere(outputs):
    page = Page(outputs["html"])
    ids = [attributes["id"] for _, attributes in page.tags if attributes.get("id")]
    assert len(ids) == len(set(ids)), "an id is used twice"
    for tag, attributes in page.tags:
        for name in ("src", "href", "xlink:href", "data", "poster", "srcset"):
            value = attributes.get(name)
            assert not value or (value.startswith("#") and value[1:] in ids), (tag, name, value)
    styles = re.search("<style>(.*?)</style>", outputs["html"], re.S).group(1)
    assert "@import" not in styles and "url(" not in styles


def test_the_page_answers_in_the_order_in_which_a_reader_asks(outputs):
    headings = re.findall(r"<h2[^>]*>(.*?)</h2>", outputs["html"].split("<script")[0])
    assert headings == [
        "Did it work?", "Which arm is better?", "What happened to the data?", "Show me", "What did it cost?", "Can I trust and repeat it?",
        "What next?", "Words used here", "Details",
    ]  # fmt: skip


def test_scores_losses_costs_and_hashes_are_on_the_page(outputs):
    shown = " ".join(Page(outputs["html"]).text.split())
    for figure in (
        "16 of 164", "31.2 %", "25.0 % → 31.2 %", "+6.2 points", "−10.0 to +20.0", "1.000",
        "5 no docstring", "the function has no docstring", "1 truncated", "1 too long", "1 not qualified",
        "50.0 %", "the limit of CPU seconds", "90.0 %", "3,400 MB", "12.5 s", "1.250", "1.125", "1,234",
        "abc", "789", "123", "456", "c0de", "d47a", "fff", "1234abcd", "3.11.7", "numpy 2.0",
    ):  # fmt: skip
        assert figure in shown, figure


def test_the_figures_are_svg_without_fixed_text_colour_or_outside_addresses(outputs):
    for name in ("funnel", "scores_figure", "loss"):
        tree = ElementTree.fromstring(outputs[name])
        assert tree.tag == "{http://www.w3.org/2000/svg}svg"
        fills = {node.get("fill") for node in tree.iter("{http://www.w3.org/2000/svg}text")}
        assert fills == {"currentColor"}, (name, fills)
    assert "4 of 10 functions" in outputs["funnel"] and "humaneval, 16 of 164 problems" in outputs["scores_figure"]


def test_a_reader_is_warned_in_plain_words(outputs):
    for name in ("html", "summary"):
        for words in (
            "16 of 164 problems",
            "no larger than chance makes differences",
            "trained on 9 pairs",
            "25.0 % of the rows came from the journal",
        ):
            assert words in outputs[name], (name, words)
    assert "report.html" in outputs["summary"]
    lines = [line.split("|") for line in outputs["summary"].splitlines()]
    assert ["gen", "responses", "4", "1", "3"] in [[cell.strip() for cell in line[1:-1]] for line in lines]


def test_the_summary_compares_arms(outputs):
    (line,) = [line for line in outputs["summary"].splitlines() if line.startswith("| tuned ") and "self-align" in line]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[:3] == ["tuned", "self-align", "passing"] and cells[-1].startswith("31.2 % (")
    assert "Real differences, of 1: none." in outputs["summary"]


def test_scores_csv_has_a_row_a_model_and_benchmark(outputs):
    rows = list(csv.DictReader(outputs["scores"].splitlines()))
    assert [(row["candidate"], row["base"], row["pass_at_1"], row["problems"]) for row in rows] == [
        ("base", "", "0.25", "16"),
        ("tuned", "base", "0.3125", "16"),
    ]
    assert (rows[0]["p_value"], rows[1]["gained"], rows[1]["difference_low"], rows[1]["high"]) == (
        "",
        "2",
        "-0.1",
        "0.5125",
    )


@pytest.mark.parametrize("missing", [("scores",), ("scores", "training"), ("scores", "training", "pairs")])
def test_a_run_without_evaluation_training_or_dataset_says_so(run, missing):
    words = {"scores": "Nothing was evaluated", "training": "Nothing was trained", "pairs": "There is no pair to show"}
    for kind in missing:
        del run.inputs[kind]
    outputs = run.write()
    for kind, sentence in words.items():
        assert (sentence in outputs["html"]) == (kind in missing), kind
    assert "Nothing was evaluated" in outputs["summary"]


def test_pass_at_k_base_tests_and_a_benchmarks_own_figures_are_on_the_page(run):
    base_tests = {"pass_at_1": 0.5, "pass_at_k": {"1": 0.5}, "interval95": [0.25, 0.75], "correct": 8}
    more = {
        "pass_at_k": {"1": 0.3125, "10": 0.625}, "base": base_tests, "versions": {"scorer": "x"},
        "parts": {"library": {"Pandas": {"pass_at_1": 0.25, "problems": 4}}}, "speed": {"dps_cpu_time": 61.25, "tolerance": 1.1},
    }  # fmt: skip
    for path, candidate in zip(run.inputs["scores"], ("tuned", "base"), strict=True):
        write_json(path, result(candidate, 5, **(more if candidate == "tuned" else {})))
    outputs = run.write()
    assert json.loads(outputs["numbers"])["further"] == [
        {
            "benchmark": "humaneval", "candidate": "tuned",
            "figures": [
                ["pass@10", "62.5 %"], ["base tests alone, pass@1", "50.0 % (25.0 % to 75.0 %)"],
                ["parts, library, Pandas", "pass at 1 0.250, problems 4"],
                ["speed", "dps cpu time 61.250, tolerance 1.100"],
            ],
        }
    ]  # fmt: skip
    assert "dps cpu time 61.250" in Page(outputs["html"]).text


def test_a_run_without_held_out_pairs_and_with_several_samples_a_problem(run):
    write_json(run.inputs["training"][0], {**TRAINING, "held_out_loss": None, "held_out_loss_before": None})
    for path, candidate in zip(run.inputs["scores"], ("tuned", "base"), strict=True):
        write_json(path, result(candidate, 5, samples=10))
    shown = " ".join(Page(run.write()["html"]).text.split())
    assert "1.125" not in shown and "31.2 %" in shown
    assert "25.0 % → 31.2 %" in shown and "(by the first answer of the first run to each)" in shown


def test_every_step_of_a_short_training_has_one_tick():
    curve = [{"step": step, "loss": 2.0 - step / 10} for step in (1, 2, 3)]
    ticks = re.findall(r">(\d+)</text>", figures.svg(figures.loss_figure({"tuned": {"loss_curve": curve}})))
    assert ticks == ["1", "2", "3"]


def test_warnings_name_what_is_wrong_and_nothing_else():
    full = result("tuned", 5, of=16)
    full["comparison"] |= {"interval95": [0.01, 0.2], "p_value": 0.01}
    against = scores.against_bases([{**full, "base": "base", "arm": "tuned"}])
    clean = {
        "config": CONFIG,
        "scores": [full],
        "against": against,
        "groups": [],
        "trainings": {},
        "usage": [],
        "git": {},
        "mixed": [],
    }
    assert warnings.warnings(**clean) == []
    fake = {"models": {"base": {"engine": "fake"}}, "datasets": {"all": {"policy": "random"}}}
    group = {
        "layer": "seeds",
        "name": "",
        "rows": [funnel_row("typecheck", counts("typecheck", 3, 1, failed={"no_verdict": 2}))],
    }
    dataset = {"layer": "dataset", "name": "passing", "rows": [funnel_row("datasets", counts("datasets", 90, 60))]}
    enough = {"passing": {**CONFIG["datasets"]["passing"], "limit": 60}}
    assert warnings.warnings(**{**clean, "config": {**CONFIG, "datasets": enough}, "groups": [dataset]}) == []
    cases = {
        "made these rows up": {"config": fake},
        "no test has proven": {"config": fake},
        "2 rows could not be judged (seeds, check types)": {"groups": [group]},
        "1 of 16 problems": {"scores": [{**full, "problems": 1}]},
        "Dataset passing has 60 pairs, fewer than its limit of 1,000": {
            "config": {**CONFIG, "datasets": {"passing": {**CONFIG["datasets"]["passing"], "limit": 1000}}},
            "groups": [dataset],
        },
        "8 of 16 answers were cut": {"scores": [{**full, "truncated": 8}]},
        "500 of 2,000 pairs were longer": {"trainings": {"tuned": {"rows": 1500, "rows_too_long": 500}}},
        "changes that were not committed": {"git": {"modified": True}},
        "Model big: 2 versions of the engine or server gave the answers (a: 1,200 for x tasks, x tests; b: 1 for y tests)": {
            "mixed": [
                {
                    "model": "big",
                    "versions": {"a": 1200, "b": 1},
                    "work": {"a": ["x tasks", "x tests"], "b": ["y tests"]},
                }
            ]
        },
    }
    for sentence, change in cases.items():
        found = warnings.warnings(**{**clean, **change})
        assert any(sentence in line for line in found), (sentence, found)


def test_a_models_versions_are_told_where_there_are_several_in_one_stage_or_over_the_run(tmp_path):
    def versions(*entries):
        files = []
        for number, (generator, stage, model, found) in enumerate(entries):
            folder = tmp_path / "results" / "generators" / generator / stage
            files.append(str(folder / f"{number}-of-9.usage.json"))
            write_json(files[-1], {"seconds": 1.0} if found is None else {"model": model, "versions": found})
        return costs.versions(files)

    one_stage = versions(
        ("a", "tests", "big", {"1": 3}), ("a", "tests", "big", {"1": 2, "2": 1}), ("a", "verdicts", "", None)
    )
    assert one_stage == [{"model": "big", "versions": {"1": 5, "2": 1}, "work": {"1": ["a tests"], "2": ["a tests"]}}]
    stages = versions(("a", "tests", "big", {"1": 3}), ("a", "tasks", "big", {"2": 1}), ("b", "tasks", "big", {"2": 1}))
    assert stages == [
        {"model": "big", "versions": {"1": 3, "2": 2}, "work": {"1": ["a tests"], "2": ["a tasks", "b tasks"]}}
    ]
    assert versions(("a", "tests", "big", {"1": 3}), ("a", "tasks", "small", {"2": 1})) == [], "other models"
    assert versions(("a", "tests", "big", {"1": 3, "unknown": 1})) == [], "a refusal before the server named itself"


def funnel_row(stage, value):
    return {
        "stage": stage, "title": funnel.STAGES[stage][0], "in": value["in"], "kept": value["kept"], "extra": {},
        "losses": [{"reason": reason, "rows": number, "failed": True} for reason, number in value["failed"].items()],
    }  # fmt: skip


def test_a_checkpoint_stands_right_after_its_base(tmp_path):
    for name in ("zebra", "base", "tuned", "a-first"):
        write_json(tmp_path / name, {"candidate": name, "benchmark": "b"})
    files = [str(tmp_path / name) for name in ("tuned", "zebra", "base", "a-first")]
    rows = scores.score_rows(files, {"tuned": "base", "a-first": "zebra"})
    assert [row["candidate"] for row in rows] == ["base", "tuned", "zebra", "a-first"]


def test_repeats_of_an_arm_are_compared_with_the_base_model_together():
    alone = {"gained": 0, "lost": 0, "difference": 0.0, "interval95": [-0.1, 0.1], "p_value": 1.0}

    def run(name, solved):
        row = {**result(name, solved), "base": "base", "arm": name.split("-repeat-")[0], "comparison": {**alone}}
        return {**row, "base": "", "comparison": None} if name == "base" else row

    solved = {"base": 2, "tuned": 2, "tuned-repeat-2": 16, "tuned-repeat-3": 16, "other": 2}
    rows = [run(name, number) for name, number in solved.items()]
    tuned, other = scores.against_bases(rows)
    # 14 of 16 problems are gained in two runs of three: 2 flips of the signs of 14 in 2^14 do as much, times two arms.
    assert tuned["comparison"]["difference"] == pytest.approx(14 * 2 / 3 / 16)
    assert tuned["comparison"]["p_holm"] == pytest.approx(2 * 2 / 2**14) and tuned["comparison"]["real"]
    assert other["comparison"] is rows[-1]["comparison"] and other["comparison"]["p_holm"] == 1
    first, second = scores.headlines([tuned, other])
    assert (first["candidate"], first["verdict"]) == ("tuned (3 runs)", "better")
    assert (first["before"], first["score"]) == ("12.5 %", "70.8 %")
    assert (second["candidate"], second["verdict"]) == ("other", "unclear")
    assert [scores.change(row) for row in rows[1:]] == ["+0.0 points, p = 1.00"] * 3 + [
        "+0.0 points, corrected p = 1.00"
    ]
    assert warnings.about_differences([tuned, other])[0].startswith("other on humaneval: ")
    assert len(warnings.about_differences([tuned, other])) == 1


def test_the_funnel_keeps_generators_apart_and_sums_shards(tmp_path):
    files = {
        "seeds/mined/a.counts.json": counts("mine", 5, 3, dunder=2),
        "seeds/mined/b.counts.json": counts("mine", 5, 4, dunder=1),
        "generators/one/tasks/0-of-2.counts.json": counts("tasks", 3, 3),
        "generators/one/tasks/1-of-2.counts.json": counts("tasks", 2, 1, empty=1),
        "generators/two/tasks/0-of-1.counts.json": counts("tasks", 5, 0, empty=5),
    }
    for name, value in files.items():
        write_json(tmp_path / "results" / name, value)
    groups = funnel.funnels([str(tmp_path / "results" / name) for name in files])
    assert [(g["layer"], g["name"], r["in"], r["kept"], r["losses"][0]["rows"]) for g in groups for r in g["rows"]] == [
        ("seeds", "", 10, 7, 3),
        ("generator", "one", 5, 4, 1),
        ("generator", "two", 5, 0, 5),
    ]
    drawing = figures.svg(figures.funnel_figure(groups))
    assert "one: Write tasks" in drawing and "two: Write tasks" in drawing


def test_a_path_tells_what_a_file_belongs_to():
    assert paths.owner("results/generators/datasets/tasks/0-of-1.counts.json") == ("generator", "datasets")
    assert paths.owner("/home/results/x/results/datasets/d/counts.json") == ("dataset", "d")
    assert paths.owner("results/evaluation/m/humaneval/completions/0-of-1.usage.json") == ("candidate", "m")
    assert paths.owner("results/seeds/seeds.counts.json") == ("seeds", "")


def test_rates_are_counted_by_what_the_task_was(run):
    files = run.inputs["unique_tasks"]
    properties = tasks.properties(files, run.inputs["seeds"], tasks.groups_of(files))
    assert properties["t"]["length"] == "under 25 words" and properties["t"]["corpus"] == "unknown"
    found = rates.pass_rates(properties, run.inputs["verdicts"])
    for kind, name in (("category", "function"), ("difficulty", "easy"), ("generator", "gen")):
        assert [(row["name"], row["responses"], row["passed"], row["share"]) for row in found[kind]] == [
            (name, 2, 1, 0.5)
        ]
    assert [(row["name"], row["responses"]) for row in found["verdict"]] == [("passed", 1), ("timeout", 1)]
    assert in_order(["medium", "class", "hard", "easy"]) == ["easy", "medium", "hard", "class"]


def test_concept_groups_pass_over_words_that_nearly_all_tasks_have():
    listed = [["string parsing", f"dates {n}"] for n in range(8)] + [["string parsing", "graphs"]] * 2 + [["heap"]]
    groups = tasks.ConceptGroups(listed)
    assert groups.of(["String Parsing", "graph search"]) == "graph" and groups.of(["string"]) == tasks.OTHER
    assert groups.of([]) == tasks.OTHER


def test_lineages_are_of_different_kinds_and_say_why(tmp_path):
    kinds = [("class", "easy"), ("class", "easy"), ("function", "easy"), ("function", "hard")]
    rows = [
        {"id": str(n), "lineage": {"seed_id": f"s{n}", "task_id": f"t{n}", "category": kind[0], "difficulty": kind[1]}}
        for n, kind in enumerate(kinds)
    ]
    path = tmp_path / "results" / "datasets" / "d" / "train.jsonl"
    write_jsonl(path, rows)
    texts = {"text": "", "solution": "", "tests": ""}
    stages = {"seeds": [], "responses": [], "verdicts": []}
    for n in range(4):
        for stage, row in {
            "seeds": {"id": f"s{n}", "origin": {"name": "f", "path": "p", "version": None, "zip": 1}},
            "responses": {"id": f"r{n}", "task_id": f"t{n}", "sample": 0, **texts},
            "verdicts": {"response_id": f"r{n}", "task_id": f"t{n}", "passed": True, "verdict": "passed"},
        }.items():
            stages[stage].append(str(tmp_path / stage / f"{n}-of-4.jsonl"))
            write_jsonl(stages[stage][-1], [row])
    found = list(pairs.lineages([str(path)], stages, {"d": "passing"}))
    assert [(e["pair"]["id"], e["seed"]["id"], e["samples"][0]["id"]) for e in found] == [
        ("0", "s0", "r0"), ("2", "s2", "r2"), ("3", "s3", "r3"), ("1", "s1", "r1"),
    ]  # fmt: skip
    assert found[0]["origin"] == [["path", "p"], ["name", "f"], ["zip", 1]]
    assert found[0]["why"].startswith("1 of 1 samples qualified under the policy “passing”. It was the only one")


def test_what_does_not_fit_is_left_out_chunk_by_chunk():
    entries = [{"n": n, "text": str(n) * 50} for n in range(10)]
    all_of_it = list(packing.chunks(entries, 4, 10**6))
    assert [number for number, _ in all_of_it] == [4, 4, 2]
    budget = len(all_of_it[0][1]) + len(all_of_it[1][1])
    assert [number for number, _ in packing.chunks(entries, 4, budget)] == [4, 4]
    assert json.loads(gzip.decompress(base64.b64decode(all_of_it[2][1])))[1]["n"] == 9


def test_dropped_rows_are_read_until_every_reason_has_its_examples(tmp_path):
    folder = tmp_path / "results" / "generators" / "gen" / "tasks"
    counted = str(folder / "0-of-1.counts.json")
    write_json(counted, counts("tasks", 9, 1, empty=6, no_code=1))
    lines = [{"id": f"e{n}", "reason": "empty", "row": {"answer": "x" * 9000}} for n in range(6)]
    write_jsonl(folder / "0-of-1.rejected.jsonl", [*lines, {"id": "n", "reason": "no_code", "detail": "d", "row": {}}])
    with open(folder / "0-of-1.rejected.jsonl", "a") as stream:
        stream.write("never read")
    found = rejects.examples([counted])
    assert {key: len(rows) for key, rows in found.items()} == {
        "generator/gen/tasks/empty": rejects.EXAMPLES,
        "generator/gen/tasks/no_code": 1,
    }
    assert len(found["generator/gen/tasks/empty"][0]["fields"][0][1]) < 4000


def test_problems_on_which_models_differ_come_first(run):
    results = [result("base", 4), result("tuned", 5)]
    table = problems.outcomes([{**row, "base": ""} for row in results], {("humaneval", "HumanEval/4"): (0, 0)})
    assert table["humaneval"]["results"]["tuned"][4][:2] == [True, "passed"]
    assert table["humaneval"]["results"]["base"][4][0] is False and table["humaneval"]["places"][4] == [0, 0]
    listed = list(problems.answers(results, run.inputs["problems"], run.inputs["completions"]))
    assert [(entry["task_id"], sorted(entry["answers"])) for entry in listed] == [("HumanEval/4", ["base", "tuned"])]


def test_an_earlier_run_is_compared_in_config_rows_and_scores(run, outputs):
    earlier = json.loads(outputs["numbers"])
    earlier["config"]["datasets"]["passing"]["policy"] = "random"
    earlier["funnels"][0]["rows"][0]["kept"] = 3
    write_json(run.folder / "earlier.json", earlier)
    run.inputs["earlier"] = [str(run.folder / "earlier.json")]
    changed = json.loads(run.write()["numbers"])["earlier"]
    assert changed["config"] == [["datasets.passing.policy", "random", "passing"]]
    assert changed["funnel"] == [["seeds: Mine functions", "3 of 10", "4 of 10"]]
    assert changed["scores"] == changed["versions"] == []


def test_costs_are_summed_over_shards_and_bear_jobs_that_were_not_measured(tmp_path):
    folder = tmp_path / "benchmarks" / "generate_tasks" / "gen"
    folder.mkdir(parents=True)
    (folder / "0-of-2.tsv").write_text("s\tmax_rss\n10.0\t100.0\n")
    (folder / "1-of-2.tsv").write_text("s\tmax_rss\n2.5\tNA\n")
    jobs = costs.job_rows(tmp_path / "benchmarks")
    assert jobs == [{"rule": "generate_tasks", "jobs": 2, "seconds": 12.5, "longest": 10.0, "memory_mb": 100.0}]
    files = []
    for shard, tokens in enumerate((100, 300)):
        files.append(str(tmp_path / "results" / "generators" / "gen" / "tasks" / f"{shard}-of-2.usage.json"))
        figures_ = {
            "requests": 2,
            "reused": 1,
            "made": 1,
            "prompt_tokens": tokens,
            "cached_prompt_tokens": 50,
            "output_tokens": 40,
            "seconds": 4,
        }
        write_json(files[-1], figures_)
    row = costs.usage_rows(files, {"generate_tasks": 100.0})[0]
    assert (row["stage"], row["owner"], row["requests"], row["prompt_tokens"]) == ("tasks", "gen", 4, 400)
    assert (row["reused"], row["made"]) == (2, 2)
    assert (row["cached_share"], row["tokens_per_second"], row["memory_mb"]) == (0.25, 10.0, 100.0)
    assert costs.usage_rows([], {}) == [] and costs.job_rows(tmp_path / "none") == []


def test_invisible_characters_are_written_out_and_long_text_is_cut():
    assert text.visible("a\u202eb\x00\n\tc\u200b\U000e0041") == "a\\u202eb\\u0000\n\tc\\u200b\\U000e0041"
    assert text.visible("👩\u200d👧 नमस्ते\r\nend") == "👩\u200d👧 नमस्ते\nend"
    assert text.visible("\ud800") == "\\ud800"
    cut = text.visible("x" * 1_000_000)
    assert len(cut) < 21_000 and cut.endswith("[… 980,000 more characters]")


def test_no_text_ends_the_script_that_holds_it():
    assert "</script" not in page.harmless("a = '</script>'") and "<!--" not in page.harmless("b = '<!--'")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(None, "–"), (0.04, "0.0 s"), (59.9, "59.9 s"), (61, "1 min 01 s"), (3599.8, "1 h 00 min"), (7265, "2 h 01 min")],
)
def test_durations(seconds, shown):
    assert text.duration(seconds) == shown


def test_slow_jobs_show_what_their_shard_asked_for(tmp_path):
    for rule, job in (
        ("generate_tasks", "gen/0-of-2"),
        ("generate_tasks", "gen/1-of-2"),
        ("generate_completions", "m/b/0-of-1"),
    ):
        path = tmp_path / "run/benchmarks" / rule / f"{job}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"s\tmax_rss\n{10 if '1-of' in job else 30}\t5\n")
    figures = {
        "requests": 9,
        "reused": 4,
        "made": 5,
        "output_tokens": 60,
        "prompt_tokens": 100,
        "cached_prompt_tokens": 50,
        "seconds": 20,
    }
    paths = ["results/generators/gen/tasks/0-of-2.usage.json", "results/evaluation/m/b/completions/0-of-1.usage.json"]
    for path in paths:
        write_json(tmp_path / path, figures)
    rows = costs.slowest(tmp_path / "run/benchmarks", [str(tmp_path / path) for path in paths])
    found = {(row["rule"], row["job"]): row["usage"] for row in rows}
    assert found["generate_tasks", "gen, 1-of-2"] is None
    for usage in (found["generate_tasks", "gen, 0-of-2"], found["generate_completions", "m, b, 0-of-1"]):
        assert tuple(usage[key] for key in ("requests", "reused", "made", "tokens_per_second")) == (9, 4, 5, 3.0)
    assert [row["ratio"] for row in rows if row["job"] == "gen, 0-of-2"] == [1.5]


def test_a_card_carries_its_scores_as_metadata_only_for_whole_benchmarks():
    rows = [{**result("tuned", 5, of=16), "base": "base"}, {**result("tuned", 4), "benchmark": "part", "base": "base"}]
    judge([row["comparison"] for row in rows])
    text = card_with_scores("---\nlicense: mit\nlibrary_name: transformers\n---\n\n# tuned\n", "tuned", rows)
    card = ModelCard(text)
    assert [(found.dataset_type, found.metric_value) for found in card.data.eval_results] == [
        ("openai/openai_humaneval", 0.3125)
    ]
    assert (
        card.data.license == "mit"
        and "| humaneval | 16 of 16 |" in card.text
        and "| part | 16 of 164 |" in card.text
        and "+6.2 points, corrected p = 1.00" in card.text
    )
    without = ModelCard(card_with_scores("---\nlicense: mit\n---\n# other\n", "other", rows))
    assert without.data.eval_results is None and "None." in without.text


def test_a_card_says_which_part_of_a_benchmark_a_score_is_of():
    more = {"kind": "livecodebench", "variant": "v6", "dates": ["2025-01-04", "2025-04-06"]}
    rows = [{**result("t", 5, of=16), "kind": "evoeval", "variant": "subtle"}, {**result("t", 4, of=16), **more}]
    card = ModelCard(card_with_scores("---\nlicense: mit\n---\n# t\n", "t", [{**row, "base": "base"} for row in rows]))
    assert {(found.dataset_type, found.dataset_name) for found in card.data.eval_results} == {
        ("evoeval/EvoEval_subtle", "EvoEval (subtle)"),
        ("livecodebench/code_generation_lite", "LiveCodeBench (v6, 2025-01-04 to 2025-04-06)"),
    }


def test_gpu_hours_are_those_of_engines_and_trainings_on_gpus(tmp_path):
    path = tmp_path / "results" / "generators" / "gen" / "tasks" / "0-of-1.usage.json"
    spent = {"requests": 1, "reused": 0, "made": 1, "prompt_tokens": 1, "cached_prompt_tokens": 0, "output_tokens": 1}
    write_json(path, {**spent, "seconds": 1800.0, "gpus": 4})
    usage = costs.usage_rows([str(path)], {})
    runs = {
        "a": {"device": "NVIDIA H200", "processes": 8, "seconds": 3600.0},
        "b": {**TRAINING, "device": "CPU x86_64"},
    }
    assert costs.totals(usage, [], runs)["gpu_hours"] == 10.0
    assert costs.totals([], [], {})["gpu_hours"] is None


def test_slurm_s_own_figures_are_the_newest_report_s(tmp_path):
    assert costs.efficiency(tmp_path) == ([], [])
    (tmp_path / "efficiency_report_1.csv").write_text("JobName,CPU Efficiency (%)\na,12\n")
    assert costs.efficiency(tmp_path) == (["JobName", "CPU Efficiency (%)"], [["a", "12"]])
