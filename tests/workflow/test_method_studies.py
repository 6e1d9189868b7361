"""Every method in one small study with the fake backend: what is planned, what is made, and what the cards say of it."""

import copy
import os
import re
import subprocess

import pytest

from selfalign.config import resolve_config
from selfalign.io import read_json, read_jsonl, write_jsonl
from selfalign.journal import used_file
from selfalign.journal_cleaning import writers
from selfalign.stage import merge_counts
from study import FAKE_STUDY, VERBS, Study, corpus_source

TEACHER = {
    "engine": "fake",
    "context": 4096,
    "dtype": "float32",
    "outputs": {"training": "restricted", "terms": "Terms 4"},
}
ARMS = {
    "gen": {"model": "fake", "responses": {"samples": 2}},
    "direct": {"method": "seed-to-task", "model": "fake", "responses": {"samples": 2}},
    "snippets": {"model": "fake", "seeds": "snippets", "responses": {"samples": 2}},
    "sections": {"method": "starcoder2-instruct", "model": "fake", "responses": {"samples": 2}},
    "oss": {"method": "oss-instruct", "model": "teacher"},
    "taught": {"method": "distill", "model": "teacher", "tasks_of": "gen"},
    "commits": {"method": "octopack", "model": "teacher"},
    "imported": {"method": "tasks-file", "model": "teacher"},
    "answered": {"method": "distill", "model": "teacher", "tasks_of": "imported"},
    "evolved": {
        "method": "evol-instruct",
        "model": "teacher",
        "tasks_of": "gen",
        "evolution": {"rounds": 2, "min_new_words": 1},
    },
}
UNTESTED = ("oss", "taught", "commits", "imported", "answered", "evolved")


def study_of_methods(folder) -> Study:
    config = copy.deepcopy(FAKE_STUDY)
    config["models"]["teacher"] = TEACHER
    config["seeds"]["shards"] = 1  # what shards change nothing of is tested in test_fake_study.py
    config["generators"] = ARMS
    config["datasets"] = {name: {"generators": [name], "held_out": 0.1} for name in ARMS}
    config["datasets"] |= {f"{n}-published": {"generators": [n], "policy": "unfiltered"} for n in UNTESTED}
    commit_history(folder / "repository")
    config["seeds"]["corpora"]["history"] = {"kind": "git", "path": "repository", "licence": "MIT"}
    instruction_set(folder / "set.jsonl")
    terms = {"training": "restricted", "terms": "Terms 5"}
    config["seeds"]["corpora"]["set"] = {
        "kind": "instructions", "path": "set.jsonl", "answer_column": "output", "licence": "MIT", "outputs": terms,
    }  # fmt: skip
    config["checkpoints"], config["evaluation"]["benchmarks"]["humaneval"]["limit"] = {}, 1
    config["evaluation"]["models"] = ["teacher"]  # no checkpoint comes of it
    return Study(folder, config)


def commit_history(folder):
    """A repository with one commit that changes each of a dozen files, in a way that the fake tests know."""
    folder.mkdir()
    who = {f"GIT_{role}_{what}": "a@b" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}

    def git(*arguments):
        env = {**os.environ, **who, "GIT_AUTHOR_DATE": "@0 +0000", "GIT_COMMITTER_DATE": "@0 +0000"}
        subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, env=env)

    git("init", "-q")
    for offset in ("0", None):
        for number, verb in enumerate(VERBS, 10):
            source = corpus_source(verb, "parcels", number)
            end = f"\n\ndef combine_{number}(a, b):\n    return a + b + {offset or number}\n"
            (folder / f"file{number}.py").write_text(source + end)
            git("add", ".")
            git("commit", "-qm", f"{'Add' if offset else 'Change'} the sum that comes to {verb} all the parcels")


def instruction_set(path):
    """Tasks and answers in a form that the fake tests know."""
    write_jsonl(
        path,
        [
            {
                "instruction": f"Write a function `combine_{number}` that {verb} two parcels and adds {number} to that.",
                "output": f"def combine_{number}(a, b):\n    return a + b + {number}",
            }
            for number, verb in enumerate(VERBS, 10)
        ],
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory, sandbox_image) -> Study:
    study = study_of_methods(tmp_path_factory.mktemp("methods"))
    study.run("data")
    return study


def test_clean_journal_knows_the_jobs_of_every_method(made):
    config = resolve_config(made.config)
    listed = [(folder, name) for folder, jobs in writers(config) for name in jobs.writers if jobs.rule != "generate_completions"]  # fmt: skip
    assert len(listed) > 20
    for folder, name in listed:
        assert used_file(made.folder / "results" / ".journal" / folder, name).is_file(), (folder, name)


def pairs(study, dataset) -> list[dict]:
    return list(read_jsonl(study.folder / "results" / "datasets" / dataset / "train.jsonl"))


@pytest.mark.parametrize("dataset", ARMS)
def test_filtered_pairs_passed_their_tests(made, dataset):
    found = pairs(made, dataset)
    assert found and {pair["lineage"]["verdict"] for pair in found} == {"passed"}
    assert all("assert" in pair["tests"] for pair in found)


@pytest.mark.parametrize("generator", UNTESTED)
def test_published_pairs_have_no_tests_and_are_more(made, generator):
    found = pairs(made, f"{generator}-published")
    assert {pair["lineage"]["verdict"] for pair in found} == {"untested"}
    assert not any(pair["tests"] for pair in found)
    assert len(found) > len(pairs(made, generator))


def head(study, dataset) -> str:
    """The first paragraph of a dataset's card, below its title."""
    text = (study.folder / "results" / "datasets" / dataset / "README.md").read_text()
    return text.split("---\n", 2)[2].strip().splitlines()[2]


@pytest.mark.parametrize("arm", [*ARMS, *(f"{name}-published" for name in UNTESTED)])
def test_every_card_begins_with_terms_licences_and_whether_and_by_what_it_was_tested(made, arm):
    generator = arm.removesuffix("-published")
    shown, published = head(made, arm), arm != generator
    taught = ARMS[generator]["model"] == "teacher"
    people, untouched = generator == "commits" and published, generator in ("commits", "imported") and published
    assert ("teacher (Terms 4) may forbid training" in shown) == (taught and not untouched)
    assert ("corpus set (Terms 5)" in shown) == (generator in ("imported", "answered"))
    assert ("terms of fake" in shown) == (not taught or ARMS[generator].get("tasks_of") == "gen")
    assert ("No model wrote any of these rows" in shown) == people
    assert "**Licences** of the code that the pairs descend from: MIT." in shown
    assert ("**Unfiltered**" in shown, "**Filtered**" in shown) == (published, not published)
    assert ("bring no tests: their generator's model wrote them" in shown) == (generator in UNTESTED and not published)


def test_a_commit_is_traced_to_its_repository(made):
    origins = [pair["lineage"]["origin"] for pair in pairs(made, "commits")]
    assert {origin["package"] for origin in origins} == {"repository"}
    assert all(len(origin["version"]) == 40 for origin in origins)
    text = (made.folder / "results" / "datasets" / "commits-published" / "README.md").read_text()
    assert "No model wrote" in text


def test_evolved_tasks_descend_from_those_of_the_round_before(made):
    tasks = {row["id"]: row for row in read_jsonl(made.folder / "results/generators/gen/unique_tasks/0-of-1.jsonl")}
    found = list(read_jsonl(made.folder / "results/generators/evolved/evolved-2/0-of-1.jsonl"))
    assert found and all(row["evolved_from"][0] in tasks for row in found)
    assert {len(row["evolved_from"]) for row in found} == {2}
    assert all(pair["lineage"]["evolved_from"] for pair in pairs(made, "evolved"))


def test_no_row_is_lost(made):
    generators = made.folder / "results" / "generators"
    for name in UNTESTED:
        responses = merge_counts(sorted((generators / name / "responses").glob("*.counts.json")))
        tests = merge_counts(sorted((generators / name / "tests").glob("*.counts.json")))
        verdicts = merge_counts(sorted((generators / name / "verdicts").glob("*.counts.json")))
        assert tests["in"] == responses["kept"] and verdicts["in"] == tests["kept"]
    tasks = merge_counts([generators / "gen" / "unique_tasks.counts.json"])
    taught = merge_counts(sorted((generators / "taught" / "responses").glob("*.counts.json")))
    assert taught["in"] == tasks["kept"], "a teacher answers each task of the other generator once"


def test_the_second_run_has_nothing_to_do_and_a_report_can_be_made(made):
    assert made.planned("data") == {}
    made.run("report")
    assert (made.folder / "results" / "report" / "report.html").stat().st_size > 10_000
    (arm,) = read_json(made.folder / "results" / "report" / "report.json")["arms"]["rows"]
    assert arm["arm"] == "teacher" and arm["scores"]["humaneval"]["problems"] == 1


def test_a_study_that_only_wants_published_data_pays_for_no_tests(tmp_path, sandbox_image):
    study = study_of_methods(tmp_path).set("datasets", {"d": {"generators": ["taught"], "policy": "unfiltered"}})
    planned = study.planned("data")
    assert "generate_tests" not in planned and "validate_responses" not in planned


def test_a_teacher_of_a_teacher_is_planned(tmp_path, sandbox_image):
    study = study_of_methods(tmp_path)
    study.config["generators"] = {**ARMS, "again": {**ARMS["taught"], "tasks_of": "taught"}}
    study.set("datasets", {"d": {"generators": ["again"], "policy": "unfiltered"}})
    assert study.planned("data")["generate_responses"] == 1


def test_a_new_method_is_one_module_one_prompt_and_one_line(made, tmp_path):
    """The method that the documentation shows, added to a copy as it says: it runs, and redoes nothing of the others."""
    study = made.copy(tmp_path)
    page = (made.root / "docs" / "methods" / "README.md").read_text()
    module, prompt, line = re.findall(r"^```\w*\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (study.root / "scripts/selfalign/methods/opposite.py").write_text(module)
    (study.root / "prompts/opposite.jinja").write_text(prompt)
    registry = study.root / "scripts/selfalign/methods/__init__.py"
    registry.write_text(registry.read_text().replace("MODULES = (\n", f"MODULES = (\n{line}"))
    assert line.count("\n") == 1 and line in registry.read_text()
    study.config["generators"]["mine"] = {"method": "opposite", "model": "fake", "responses": {"samples": 2}}
    study.config["datasets"]["mine"] = {"generators": ["mine"]}
    assert study.planned("data") == {
        "generate_tasks": 1, "dedup_tasks_mine": 1, "generate_responses": 1, "validate_responses": 1, "build_dataset": 1,
    }  # fmt: skip
    study.run("data")
    (task, *_) = read_jsonl(study.folder / "results/generators/mine/tasks/0-of-1.jsonl")
    assert task["concepts"] == [] and task["generated"]["prompt_id"].startswith("opposite/")
    pairs = list(read_jsonl(study.folder / "results/datasets/mine/train.jsonl"))
    assert pairs and all(pair["lineage"]["verdict"] == "passed" for pair in pairs)
    card = (study.folder / "results/datasets/mine/README.md").read_text()
    assert "tasks that ask for the opposite of what they do" in card
