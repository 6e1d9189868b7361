"""What the tests of generation share: a folder of prompts with three examples, and short ways to run a stage."""

import shutil
from pathlib import Path

import yaml

from generate import main
from selfalign.fewshots import PROMPTS
from selfalign.io import read_json, read_jsonl, write_jsonl
from selfalign.rows import row_id

MODEL = {"name": "m", "engine": "fake", "dtype": "float32", "context": 4096, "engine_args": {}, "endpoint": None}
SAMPLING = {"temperature": 0.7, "top_p": 1.0, "max_tokens": 400}
SETTINGS = {
    "concepts": {"fewshots": 2, "prefixes": 2, "min": 1, "max": 10, **SAMPLING},
    "tasks": {
        "fewshots": 2,
        "prefixes": 2,
        "categories": {"function": 2, "class": 1},
        "difficulties": {"easy": 1, "hard": 1},
        "min_words": 8,
        "max_words": 200,
        **SAMPLING,
    },
    "responses": {"fewshots": 2, "prefixes": 2, "samples": 4, **SAMPLING},
}


def example(name: str, category: str = "function", difficulty: str = "easy") -> dict:
    return {
        "category": category,
        "difficulty": difficulty,
        "code": f"def {name}(a):\n    return a\n",
        "concepts": [f"{name} idea", "identity"],
        "task": f"Write a Python function `{name}` that gives back whatever value it was handed by its caller.\n",
        "explanation": "It returns its argument.\n",
        "solution": f"def {name}(a):\n    return a\n",
        "tests": f"assert {name}(1) == 1\n",
    }


EXAMPLES = {
    "alpha": example("alpha"),
    "beta": example("beta", "class", "hard"),
    "gamma": example("gamma", "program", "medium"),
    "delta": example("delta"),
}


def prompts_folder(parent: Path) -> Path:
    """A copy of the project's templates with four examples of our own."""
    folder = parent / "prompts"
    (folder / "examples").mkdir(parents=True)
    for path in PROMPTS.glob("*.jinja"):
        shutil.copy(path, folder)
    for slug, fields in EXAMPLES.items():
        (folder / "examples" / f"{slug}.yaml").write_text(yaml.safe_dump(fields), encoding="utf-8")
    return folder


def seeds(count: int) -> list[dict]:
    rows = [{"id": row_id("seed", n), "code": f"def f{n}(a):\n    return a + {n}\n"} for n in range(count)]
    return sorted(rows, key=lambda row: row["id"])


def concepts(count: int) -> list[dict]:
    rows = []
    for seed in seeds(count):
        rows.append({"id": row_id("concepts", seed["id"]), "seed_id": seed["id"], "concepts": ["sums", "loops"]})
    return rows


def tasks(count: int) -> list[dict]:
    rows = []
    for n, seed in enumerate(seeds(count)):
        instruction = f"Write a Python function `combine_{n}` that adds two numbers and {n}."
        rows.append({"id": row_id("task", seed["id"]), "seed_id": seed["id"], "instruction": instruction})
    return rows


ROWS = {"concepts": seeds, "tasks": concepts, "responses": tasks}
"""Input rows of each stage."""


class Run:
    """One job of a stage in a folder; runs share prompts and journal when they share `parent`."""

    def __init__(self, parent: Path, stage: str, rows: list[dict], name: str = "run", writer: str = "w"):
        self.parent, self.stage, self.writer = parent, stage, writer
        self.folder = parent / name
        self.folder.mkdir(exist_ok=True)
        write_jsonl(self.folder / "rows.jsonl", rows)

    def __call__(self, model: dict | None = None, settings: dict | None = None, **options) -> "Run":
        main(
            stage=self.stage,
            rows=str(self.folder / "rows.jsonl"),
            model={**MODEL, **(model or {})},
            folder=options.pop("weights", None),
            settings={**SETTINGS.get(self.stage, {}), **(settings or {})},
            journal=str(self.parent / "journal"),
            writer=self.writer,
            prompts=str(self.parent / "prompts"),
            **{name: str(self.folder / name) for name in ("kept", "rejected", "counts", "usage")},
            **options,
        )
        return self

    def bytes(self) -> bytes:
        return b"".join((self.folder / name).read_bytes() for name in ("kept", "rejected", "counts"))

    @property
    def kept(self) -> list[dict]:
        return list(read_jsonl(self.folder / "kept"))

    @property
    def rejected(self) -> list[dict]:
        return list(read_jsonl(self.folder / "rejected"))

    @property
    def counts(self) -> dict:
        return read_json(self.folder / "counts")

    @property
    def usage(self) -> dict:
        return read_json(self.folder / "usage")
