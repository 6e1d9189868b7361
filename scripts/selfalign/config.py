"""From a user's config to a complete, checked one: defaults filled in, no unknown key, names that exist.

Everything that is wrong is reported at once, each with its key, its value and what would be accepted.
"""

import copy
import difflib
import re
from datetime import date
from functools import cache
from typing import Any

import jsonschema
import yaml

from selfalign import ROOT
from selfalign.candidates import add_repeats
from selfalign.config_methods import apply_methods, drop_unused_sections
from selfalign.config_rules import cross_field_problems
from selfalign.errors import UserError

TYPE_NAMES = {
    "array": "a list", "object": "a map", "string": "a text", "number": "a number", "integer": "a whole number",
    "boolean": "true or false", "null": "null",
}  # fmt: skip
EXPONENT = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+")
SCHEMA_FILE = ROOT / "schemas" / "config.schema.yaml"


@cache
def load_schema() -> dict:
    return yaml.safe_load(SCHEMA_FILE.read_text(encoding="utf-8"))


def resolve_config(config: dict) -> dict:
    """A copy of `config` with every default filled in, checked against the schema and the cross-field rules.

    Raises:
        UserError: names every faulty key.
    """
    resolved = copy.deepcopy(config)
    schema = load_schema()
    problems = apply_methods(resolved)
    fill_defaults(resolved, schema)
    validator = jsonschema.Draft202012Validator(schema)
    problems += [line for error in validator.iter_errors(resolved) for line in _explain(error)]
    if not problems:
        drop_unused_sections(resolved)
        problems = add_repeats(resolved) or cross_field_problems(resolved)
    if problems:
        count = "one problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise UserError(
            f"the configuration has {count}:\n" + "\n".join(f"  - {line}" for line in sorted(set(problems))),
            where="config.yaml, or the file given with --configfile, or --config",
            fix="correct these keys; docs/config.md describes every key",
        )
    return in_order(resolved)


def in_order(value: Any) -> Any:
    """The value with every map's keys sorted, since Snakemake takes another order of a parameter's keys for a change."""
    if isinstance(value, dict):
        return {key: in_order(item) for key, item in sorted(value.items(), key=lambda pair: str(pair[0]))}
    return [in_order(item) for item in value] if isinstance(value, list) else value


def fill_defaults(value: Any, schema: dict) -> None:
    """Adds missing keys that have a default, in place, through maps, lists and the fitting branch of each choice."""
    schema = _choose_branch(value, dereference(schema))
    if isinstance(value, dict):
        for key, sub in schema.get("properties", {}).items():
            sub = dereference(sub)
            if key not in value and "default" in sub:
                value[key] = copy.deepcopy(sub["default"])
            if key in value:
                value[key] = _from_text(value[key], sub)
                fill_defaults(value[key], sub)
        others = schema.get("additionalProperties")
        if isinstance(others, dict):
            for key, item in value.items():
                if key not in schema.get("properties", {}):
                    fill_defaults(item, others)
    elif isinstance(value, list) and "items" in schema:
        for item in value:
            fill_defaults(item, schema["items"])


def _from_text(value: Any, schema: dict) -> Any:
    """A number, truth value or null that comes as text: Snakemake hands values inside `--config a={b: 3}` over so, and YAML 1.1
    reads 1e-5, which has no point, as text."""
    kinds = schema.get("type", [])
    kinds = {kinds} if isinstance(kinds, str) else set(kinds)
    if isinstance(value, date) and "string" in kinds:
        return value.isoformat()  # YAML reads a day without quotation marks as one
    if not isinstance(value, str) or not kinds or "string" in kinds:
        return value
    if "number" in kinds and EXPONENT.fullmatch(value):
        return float(value)
    try:
        read = yaml.safe_load(value)
    except yaml.YAMLError:
        return value
    names = {int: {"integer", "number"}, float: {"number"}, bool: {"boolean"}, type(None): {"null"}}
    return read if names.get(type(read), set()) & kinds else value


def dereference(schema: dict) -> dict:
    """The schema with a top `$ref` replaced by what it names; keys beside the reference win."""
    if "$ref" not in schema:
        return schema
    target = load_schema()["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    return {**dereference(target), **{key: item for key, item in schema.items() if key != "$ref"}}


def _choose_branch(value: Any, schema: dict) -> dict:
    branches = [dereference(branch) for branch in schema.get("oneOf", schema.get("anyOf", []))]
    if not branches or not isinstance(value, dict):
        return schema
    return branches[_best_branch(value, branches)]


def _best_branch(value: dict, branches: list[dict]) -> int:
    """Index of the branch that the value means: the one whose `kind` it has, else whose keys it shares most."""

    def fit(branch: dict) -> tuple[int, int]:
        properties = branch.get("properties", {})
        kind = properties.get("kind", {}).get("const")
        required = branch.get("required", [])
        return (int(kind is not None and value.get("kind") == kind), len(set(required) & set(value)))

    return max(range(len(branches)), key=lambda index: (fit(branches[index]), -index))


def _explain(error: jsonschema.ValidationError) -> list[str]:
    """Lines for the user: key, value, and what would be accepted."""
    key = ".".join(str(part) for part in error.absolute_path) or "the configuration"
    value, rule = error.instance, error.validator_value
    match error.validator:
        case "oneOf" | "anyOf":
            branches = [dereference(branch) for branch in rule]
            if not isinstance(value, dict):
                wanted = " or ".join(_name_of(branch) for branch in branches)
                return [f"{key} is {value!r}: {wanted} is wanted"]
            kinds = [
                branch["properties"]["kind"]["const"] for branch in branches if "kind" in branch.get("properties", {})
            ]
            if kinds and value.get("kind") not in kinds:
                return [f"{key}.kind is {value.get('kind')!r}: one of {', '.join(kinds)} is wanted"]
            best = _best_branch(value, branches)
            inner = [sub for sub in error.context if sub.schema_path and sub.schema_path[0] == best]
            return [line for sub in inner for line in _explain(sub)] or [f"{key}: {error.message}"]
        case "additionalProperties":
            known = sorted(error.schema.get("properties", {}))
            return [_unknown_key(key, name, known) for name in value if name not in known]
        case "required":
            missing = [name for name in rule if name not in value]
            return [f"{key} lacks the key {name!r}" for name in missing]
        case "enum":
            return [f"{key} is {value!r}: one of {', '.join(map(str, rule))} is wanted"]
        case "type":
            wanted = " or ".join(TYPE_NAMES[kind] for kind in ([rule] if isinstance(rule, str) else rule))
            return [f"{key} is {value!r}: {wanted} is wanted"]
        case "pattern" if "propertyNames" in error.absolute_schema_path:
            return [f"{key} has the name {value!r}: names must match {rule}"]
        case "pattern":
            return [f"{key} is {value!r}: it must match {rule}"]
        case _:
            return [f"{key} is {value!r}: {error.message}"]


def _name_of(branch: dict) -> str:
    if "pattern" in branch:
        return f"a string that matches {branch['pattern']}"
    return TYPE_NAMES.get(branch.get("type"), "another value")


def _unknown_key(parent: str, name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(str(name), known, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return f"{parent} has the unknown key {name!r}{hint}; accepted: {', '.join(known)}"
