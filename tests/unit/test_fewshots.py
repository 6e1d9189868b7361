"""The bank of prefixes, the examples' form, and the hash that tells Snakemake of a changed prompt."""

from collections import Counter

import pytest
import yaml
from generation import EXAMPLES, example, prompts_folder

from selfalign.errors import UserError
from selfalign.fewshots import (
    CATEGORIES,
    DIFFICULTIES,
    PROMPTS,
    PrefixBank,
    example_files,
    prompt_fingerprint,
    read_example,
    render,
)
from selfalign.rows import row_id

SETTINGS = {"fewshots": 2, "prefixes": 3}


@pytest.fixture
def folder(tmp_path):
    return prompts_folder(tmp_path)


def bank(folder, stage="tasks", **settings):
    return PrefixBank(stage, {**SETTINGS, **settings}, folder)


def test_a_bank_is_the_same_each_time_and_differs_by_prefix_and_stage(folder):
    assert bank(folder).prefixes == bank(folder).prefixes
    many = bank(folder, prefixes=8).sets
    assert len({tuple(e.slug for e in chosen) for chosen in many}) > 3
    assert [e.slug for e in bank(folder, "concepts", fewshots=4).sets[0]] != [
        e.slug for e in bank(folder, "tasks", fewshots=4).sets[0]
    ]


def test_prefixes_show_so_many_different_examples_and_end_where_a_query_begins(folder):
    for stage, heading in (("concepts", "[Snippet]"), ("tasks", "[Properties]"), ("responses", "[Task]")):
        for prefix, chosen in zip(bank(folder, stage).prefixes, bank(folder, stage).sets, strict=True):
            assert len({e.slug for e in chosen}) == 2
            assert prefix.count(heading) == 2
            assert prefix.endswith("\n\n") and not prefix.endswith("\n\n\n")


def test_a_query_continues_its_prefix_in_the_form_of_the_examples(folder):
    b = bank(folder, "responses", fewshots=1, prefixes=1)
    shown = b.sets[0][0]
    query = b.query(instruction=shown.task)
    assert b.prefixes[0].split(shown.explanation)[0].endswith(query)


def test_the_examples_of_a_prefix_spread_over_categories_and_difficulties(folder):
    for slug, category, difficulty in (
        ("one", "class", "easy"),
        ("two", "program", "hard"),
        ("three", "function", "hard"),
    ):
        path = folder / "examples" / f"{slug}.yaml"
        path.write_text(yaml.safe_dump(example(slug, category, difficulty)), encoding="utf-8")
    for chosen in bank(folder, fewshots=3, prefixes=6).sets:
        assert len({e.category for e in chosen}) == 3


def test_rows_are_spread_over_all_prefixes(folder):
    b = bank(folder, prefixes=4)
    used = Counter(b.index(row_id("task", n)) for n in range(2000))
    assert set(used) == {0, 1, 2, 3}
    assert min(used.values()) > 400


def test_the_pool_is_limited_to_the_named_examples(folder):
    b = bank(folder, examples=["alpha", "beta"], prefixes=5)
    assert {e.slug for chosen in b.sets for e in chosen} == {"alpha", "beta"}


def test_a_template_cannot_be_changed_by_what_a_row_says(folder):
    assert "{{ 7 * 7 }}" in bank(folder, "responses").query(instruction="{{ 7 * 7 }}")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"examples": ["alpha", "nobody"]}, "no few-shot example is called nobody"),
        ({"fewshots": 5}, "fewshots is 5, but there are only 4"),
    ],
)
def test_settings_that_the_pool_cannot_meet(folder, settings, message):
    with pytest.raises(UserError, match=message):
        bank(folder, **settings)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"category": "poem"}, "category is 'poem'"),
        ({"difficulty": "impossible"}, "difficulty is 'impossible'"),
        ({"extra": 1}, "exactly the keys"),
        ({"solution": "  \n"}, "has text in every key"),
        ({"concepts": []}, "at least one concept"),
    ],
)
def test_an_example_in_the_wrong_form_is_named(tmp_path, change, message):
    path = tmp_path / "bad.yaml"
    path.write_text(yaml.safe_dump({**EXAMPLES["alpha"], **change}), encoding="utf-8")
    with pytest.raises(UserError, match=message) as error:
        read_example(path)
    assert "bad.yaml" in str(error.value)


def test_an_example_that_is_no_yaml_is_named(tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("code: [", encoding="utf-8")
    with pytest.raises(UserError, match="not YAML"):
        read_example(path)


def test_a_template_that_names_an_unknown_variable_is_an_error(folder):
    (folder / "tasks.jinja").write_text("{% block query %}{{ nonsense }}{% endblock %}", encoding="utf-8")
    with pytest.raises(UserError, match="nonsense"):
        render("tasks", "query", folder)
    with pytest.raises(UserError, match="no block"):
        render("tasks", "prefix", folder)


def test_the_fingerprint_follows_the_template_and_the_examples_in_use_and_nothing_else(folder):
    def state(**settings):
        return prompt_fingerprint("tasks", {**SETTINGS, **settings}, folder)

    before, limited = state(), state(examples=["alpha"])
    (folder / "concepts.jinja").write_text("other", encoding="utf-8")
    assert state() == before
    path = folder / "examples" / "beta.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert state() != before
    assert state(examples=["alpha"]) == limited
    (folder / "tasks.jinja").write_text("other", encoding="utf-8")
    assert state(examples=["alpha"]) != limited


def test_the_projects_own_examples_are_well_formed_and_cover_every_property():
    pool = [read_example(path) for path in example_files(None)]
    assert {e.category for e in pool} == set(CATEGORIES)
    assert {e.difficulty for e in pool} == set(DIFFICULTIES)
    assert len(pool) >= 8, "the default is eight examples a prompt"


@pytest.mark.parametrize("stage", ["concepts", "tasks", "responses"])
def test_the_projects_own_examples_do_not_contain_the_headings_of_prompts(stage):
    for prefix, chosen in zip(
        PrefixBank(stage, {"fewshots": 8, "prefixes": 4}).prefixes,
        PrefixBank(stage, {"fewshots": 8, "prefixes": 4}).sets,
        strict=True,
    ):
        last = {"concepts": "[Concepts]", "tasks": "[Task]", "responses": "[Tests]"}[stage]
        assert prefix.count(f"\n{last}\n") == len(chosen)


def test_prompts_are_where_the_rules_expect_them(root):
    assert root / "prompts" == PROMPTS
