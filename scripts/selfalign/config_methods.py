"""What config says of methods: their own defaults, and the rules that hang on them."""

import copy
from collections.abc import Iterator
from typing import Any

from selfalign.methods import METHODS
from selfalign.methods.base import SECTIONS
from selfalign.methods.layout import OTHER_CORPORA, corpora_of, is_judged, seed_kind

USUAL = "self-align"
"""The method of a generator that names none."""


def apply_methods(config: dict) -> list[str]:
    """Fills in, in place, what a generator's method sets otherwise than the schema; before the schema's defaults.

    Returns:
        What is wrong: methods that nobody knows, settings of stages that the method does not have.
    """
    problems = []
    generators = config.get("generators")
    for name, generator in generators.items() if isinstance(generators, dict) else ():
        if not isinstance(generator, dict):
            continue
        named = generator.get("method", USUAL)
        if not isinstance(named, str):
            continue  # the schema says so
        method = METHODS.get(named)
        if method is None:
            problems.append(f"generators.{name}.method is {named!r}: one of {', '.join(METHODS)} is wanted")
            continue
        for section in SECTIONS:
            if section in generator and section not in method.sections:
                known = ", ".join(method.sections) or "none"
                problems.append(
                    f"generators.{name}.{section}: method {method.name!r} has no such stage; its stages: {known}"
                )
        _merge(generator, method.defaults)
    return problems


def drop_unused_sections(config: dict) -> None:
    """Takes out, in place, the defaults of stages that a generator's method does not have."""
    for generator in config["generators"].values():
        for section in set(SECTIONS) - set(METHODS[generator["method"]].sections):
            generator.pop(section, None)


def _merge(target: dict, defaults: dict) -> None:
    for key, value in defaults.items():
        if isinstance(value, dict) and isinstance(target.get(key), dict) and key not in WHOLE:
            _merge(target[key], value)
        else:
            target.setdefault(key, copy.deepcopy(value))


WHOLE = frozenset({"categories", "difficulties", "operators"})
"""Weights: a user's replace the defaults as a whole."""


def methods_have_what_they_need(config: dict) -> Iterator[str]:
    """Models, tasks and seeds that the methods of generators start from."""
    generators = config["generators"]
    for name, generator in generators.items():
        method, source = METHODS[generator["method"]], generator["tasks_of"]
        key = f"generators.{name}"
        if method.seeds and source is not None:
            yield f"{key}.tasks_of is {source!r}: method {method.name!r} starts from seeds, not from tasks"
        elif not method.seeds and source is None:
            yield f"{key}.tasks_of is missing: method {method.name!r} wants the name of the generator whose tasks it takes"
        elif source is not None and source not in generators:
            yield f"{key}.tasks_of is {source!r}, which generators does not define; defined: {', '.join(sorted(generators))}"
        elif source is not None and _in_a_circle(generators, name):
            yield f"{key}.tasks_of leads back to {name!r}: a chain of generators has to begin with one that has seeds"
        if method.seeds and generator["share"] < 1:
            yield f"{key}.share is {generator['share']}: method {method.name!r} starts from seeds; seeds.limit bounds those"
        if not method.seeds and generator["seeds"] is not None:
            yield f"{key}.seeds is {generator['seeds']!r}: method {method.name!r} has the seeds of its tasks"


def seeds_have_a_source(config: dict) -> Iterator[str]:
    for name, generator in config["generators"].items():
        method = METHODS[generator["method"]]
        if method.seeds in OTHER_CORPORA and generator["seeds"] is not None:
            yield f"generators.{name}.seeds is {generator['seeds']!r}: method {method.name!r} starts from {method.seeds}"
        if method.seeds and not corpora_of(config, kind := seed_kind(config, name)):
            others = [one for kinds in OTHER_CORPORA.values() for one in kinds]
            of = f"of kind {' or '.join(OTHER_CORPORA[kind])}" if kind in OTHER_CORPORA else ""
            wanted = of or f"of a kind other than {' or '.join(others)}"
            yield f"seeds.corpora has no corpus {wanted}, which generators.{name} ({kind}) starts from"


def published_answers_are_there(config: dict) -> Iterator[str]:
    for name, dataset in config["datasets"].items():
        for source in dataset["generators"]:
            if METHODS[config["generators"][source]["method"]].seeds != "instructions":
                continue
            corpora = corpora_of(config, "instructions")
            if corpora and not any(config["seeds"]["corpora"][corpus]["answer_column"] for corpus in corpora):
                yield (
                    f"datasets.{name}.generators has {source!r}: its corpora name no answer_column, so that it has tasks and no "
                    "pairs; have them answered by a generator whose tasks_of it is"
                )


def models_are_named(config: dict) -> Iterator[str]:
    for name, generator in config["generators"].items():
        method = METHODS[generator["method"]]
        if generator["model"] is None and (method.generates or is_judged(config, name)):
            why = (
                "has to generate" if method.generates else "needs one to write tests, which a dataset's policy asks for"
            )
            yield f"generators.{name}.model is missing: method {method.name!r} {why}"


def styles_fit(config: dict) -> Iterator[str]:
    for name, generator in config["generators"].items():
        method = METHODS[generator["method"]]
        if generator["style"] == "chat" and method.tested:
            yield f"generators.{name}.style is chat: method {method.name!r} is made of worked examples, few-shot is wanted"


def chat_servers_get_messages(config: dict) -> Iterator[str]:
    """A server that answers messages can continue no few-shot prompt and no benchmark's stub."""
    chat = {name for name, model in config["models"].items() if (model["endpoint"] or {}).get("api") == "chat"}
    for name, generator in config["generators"].items():
        if generator["model"] in chat and generator["style"] != "chat":
            yield f"generators.{name}.style is few-shot, but models.{generator['model']}.endpoint.api is chat; set style: chat"


def _in_a_circle(generators: dict[str, Any], name: str) -> bool:
    seen = {name}
    while (name := generators[name]["tasks_of"]) is not None:
        if name in seen:
            return True
        seen.add(name)
        if name not in generators:
            return False
    return False


RULES = (seeds_have_a_source, published_answers_are_there, models_are_named, styles_fit, chat_servers_get_messages)
