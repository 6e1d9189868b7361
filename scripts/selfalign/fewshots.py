"""Prompts: stage templates, few-shot examples, and the bank of fixed prefixes that requests share.

A prompt is a prefix (introduction and examples) and a query (the row's own part). Each stage has a bank of a few fixed,
ordered prefixes; a row's id picks one. So few different prefixes exist that an engine's prefix cache serves nearly all
of their tokens, and yet a data set isn't written after one set of examples alone.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import jinja2
import yaml

from selfalign import ROOT
from selfalign.errors import UserError
from selfalign.rows import digest, draw

PROMPTS = ROOT / "prompts"
CATEGORIES = ("function", "class", "program")
DIFFICULTIES = ("easy", "medium", "hard")

# What a prompt calls the categories that rows and config name in one word.
KINDS = {"function": "write a function", "class": "write a class", "program": "write a small program"}

FINGERPRINT_LENGTH = 16  # hex digits


@dataclass(frozen=True)
class Example:
    """One worked example: a seed-like snippet, its concepts, a task, and an answer with tests."""

    slug: str
    category: str
    difficulty: str
    code: str
    concepts: tuple[str, ...]
    task: str
    explanation: str
    solution: str
    tests: str


def example_files(names: list[str] | None, folder: Path = PROMPTS / "examples") -> list[Path]:
    """Files of the examples called `names` (all of them when None), sorted by name."""
    files = {path.stem: path for path in sorted(folder.glob("*.yaml"))}
    unknown = sorted(set(names or []) - set(files))
    if unknown:
        raise UserError(
            f"no few-shot example is called {', '.join(unknown)}",
            where=str(folder),
            fix=f"take names from: {', '.join(files) or 'nothing there'}; or add a file {unknown[0]}.yaml",
        )
    return [path for slug, path in files.items() if names is None or slug in names]


@cache
def read_example(path: Path) -> Example:
    """Reads and checks one example."""

    def problem(text: str) -> UserError:
        return UserError(text, where=str(path), fix="write the example like the others in that folder")

    try:
        fields = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise problem(f"not YAML: {error}") from error
    wanted = set(Example.__dataclass_fields__) - {"slug"}
    if not isinstance(fields, dict) or set(fields) != wanted:
        raise problem(f"an example has exactly the keys {', '.join(sorted(wanted))}")
    for key, allowed in (("category", CATEGORIES), ("difficulty", DIFFICULTIES)):
        if fields[key] not in allowed:
            raise problem(f"{key} is {fields[key]!r}, not one of {', '.join(allowed)}")
    texts = {key: str(value).strip("\n").rstrip() for key, value in fields.items() if key != "concepts"}
    if not all(texts.values()) or not isinstance(fields["concepts"], list) or not fields["concepts"]:
        raise problem("an example has text in every key and at least one concept")
    return Example(slug=path.stem, concepts=tuple(str(concept) for concept in fields["concepts"]), **texts)


@cache
def template(name: str, folder: Path = PROMPTS) -> jinja2.Template:
    """The template `prompts/{name}.jinja`; a variable that it names and nobody gives is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder), undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    try:
        return environment.get_template(f"{name}.jinja")
    except jinja2.TemplateNotFound:
        raise UserError(f"no prompt {name}.jinja", where=str(folder), fix="restore the file") from None
    except jinja2.TemplateSyntaxError as error:
        raise UserError(f"not a template: {error}", where=f"{folder}/{name}.jinja", fix="mend it there") from error


def render(name: str, block: str, folder: Path = PROMPTS, **fields: object) -> str:
    """Text of one block of a stage's template."""
    source = template(name, folder)
    if block not in source.blocks:
        raise UserError(f"no block {block!r}", where=f"{folder}/{name}.jinja", fix="add {% block " + block + " %}")
    try:
        return "".join(source.blocks[block](source.new_context(fields)))
    except jinja2.UndefinedError as error:
        raise UserError(f"block {block!r}: {error}", where=f"{folder}/{name}.jinja", fix="mend it there") from error


class PrefixBank:
    """The fixed few-shot prefixes of a stage.

    Args:
        stage: name of the template.
        settings: `fewshots` (examples a prefix), `prefixes` (how many), `examples` (names of the pool, None for all).
        folder: where prompts lie.
    """

    def __init__(self, stage: str, settings: dict, folder: Path = PROMPTS):
        self.stage, self.folder = stage, folder
        self._fewshots, self._prefixes = settings["fewshots"], settings["prefixes"]
        self.pool = [read_example(path) for path in example_files(settings.get("examples"), folder / "examples")]
        if len(self.pool) < self._fewshots:
            raise UserError(
                f"{stage}.fewshots is {self._fewshots}, but there are only {len(self.pool)} examples",
                where=str(folder / "examples"),
                fix="lower `fewshots`, name more `examples`, or write some",
            )

    @cached_property
    def sets(self) -> list[list[Example]]:
        """The ordered examples of each prefix."""
        return [self._draw(index) for index in range(self._prefixes)]

    @cached_property
    def prefixes(self) -> list[str]:
        return [render(self.stage, "prefix", self.folder, examples=chosen, kinds=KINDS) for chosen in self.sets]

    @cached_property
    def prompt_ids(self) -> list[str]:
        """Name of each prompt, as stored in rows: stage, prefix number, hash of the prefix and of the template."""
        source = (self.folder / f"{self.stage}.jinja").read_text(encoding="utf-8")
        return [f"{self.stage}/{i}/{digest(source, text)[:12]}" for i, text in enumerate(self.prefixes)]

    def index(self, row: str) -> int:
        """Number of the prefix that the row with this id gets."""
        return int(draw(row, self.stage, "prefix") * self._prefixes)

    def query(self, **fields: object) -> str:
        return render(self.stage, "query", self.folder, kinds=KINDS, **fields)

    def _draw(self, index: int) -> list[Example]:
        """Examples in a drawn order, each the one whose category and difficulty are rarest so far."""
        drawn = sorted(self.pool, key=lambda example: digest("prefix", self.stage, index, example.slug))
        chosen: list[Example] = []
        categories: Counter[str] = Counter()
        difficulties: Counter[str] = Counter()
        while len(chosen) < self._fewshots:
            best = min(drawn, key=lambda example: categories[example.category] + difficulties[example.difficulty])
            drawn.remove(best)
            chosen.append(best)
            categories[best.category] += 1
            difficulties[best.difficulty] += 1
        return sorted(chosen, key=lambda example: digest("order", self.stage, index, example.slug))


def prompt_fingerprint(stage: str, settings: dict, folder: Path = PROMPTS) -> str:
    """Content hash of the template and of the examples that a stage with these settings can show, for `params:`."""
    state = hashlib.sha256()
    for path in [folder / f"{stage}.jinja", *example_files(settings.get("examples"), folder / "examples")]:
        state.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return state.hexdigest()[:FINGERPRINT_LENGTH]
