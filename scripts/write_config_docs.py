"""Writes docs/config.md from schemas/config.schema.yaml: `python scripts/write_config_docs.py [--check]`."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from selfalign.config import dereference, load_schema
from selfalign.io import write_text

TARGET = Path(__file__).resolve().parents[1] / "docs" / "config.md"
HEAD = """# Configuration

<!-- Made from schemas/config.schema.yaml by `make docs`; edit the schema, not this page. -->

{description}

`config.yaml` is read unless `--configfile FILE` names another file, which then replaces it as a whole
(`presets/` has some). `--config 'seeds={{limit: 20}}'` changes single keys of either. Unknown keys are errors. The
config as it was understood, with every default, is written to `results/run/config.yaml`.

In the tables `NAME` stands for a name of your own (lower-case letters, digits, `.`, `_`, `-`): it becomes a folder.
"""


def rows(schema: dict, key: str) -> Iterator[tuple[str, str, str, str]]:
    """(key, type, default, description) of everything below a schema."""
    schema = dereference(schema)
    for branch in schema.get("oneOf", schema.get("anyOf", [])):
        branch = dereference(branch)
        if branch.get("type") == "object":
            kind = branch["properties"].get("kind", {}).get("const")
            yield from rows(branch, f"{key}({kind})" if kind else key)
    for name, sub in schema.get("properties", {}).items():
        sub = dereference(sub)
        inner = f"{key}.{name}" if key else name
        if "const" not in sub:
            default = "required" if name in schema.get("required", []) else json.dumps(sub.get("default"))
            yield inner, type_of(sub), "" if "default" not in sub and default == "null" else default, sub["description"]
        yield from rows(sub, inner)
    others = schema.get("additionalProperties")
    if isinstance(others, dict) and dereference(others).get("type") != "string":
        yield from rows(others, f"{key}.NAME")
    if isinstance(schema.get("items"), dict):
        yield from rows(schema["items"], f"{key}[]")


def type_of(schema: dict) -> str:
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema or "oneOf" in schema:
        return " or ".join(
            dict.fromkeys(type_of(dereference(branch)) for branch in schema.get("anyOf", schema.get("oneOf")))
        )
    kind = schema.get("type", "")
    names = kind if isinstance(kind, list) else [kind]
    return " or ".join({"object": "mapping", "array": "list"}.get(name, name) for name in names)


def render() -> str:
    schema = load_schema()
    parts = [HEAD.format(description=schema["description"])]
    for name, sub in schema["properties"].items():
        sub = dereference(sub)
        parts += [f"\n## `{name}`\n", sub["description"], "\n| key | type | default | meaning |\n|---|---|---|---|"]
        for key, kind, default, text in rows(sub, name):
            default = f"`{default}`" if default not in ("", "required") else default
            cells = (f"`{key}`", kind, default.replace("|", "\\|"), " ".join(text.split()).replace("|", "\\|"))
            parts.append("| " + " | ".join(cells) + " |")
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(
            0
            if TARGET.is_file() and TARGET.read_text(encoding="utf-8") == render()
            else "docs/config.md is stale: make docs"
        )
    write_text(TARGET, render())
