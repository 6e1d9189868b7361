"""A small study with the fake backend, and Snakemake as users start it."""

import copy
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]

FAKE_STUDY = {
    "models": {"fake": {"engine": "fake", "context": 4096, "dtype": "float32"}},
    "seeds": {
        "corpora": {
            "notes": {"kind": "directory", "path": "corpora/notes", "licence": "MIT"},
            "prices": {"kind": "directory", "path": "corpora/prices", "licence": "MIT"},
        },
        "typecheck": False,
        "shards": 2,
    },
    "generators": {"gen": {"model": "fake", "responses": {"samples": 4}}},
    "datasets": {"passing": {"generators": ["gen"], "held_out": 0.1}},
    "checkpoints": {
        "tuned": {
            "model": "fake",
            "dataset": "passing",
            "recipe": {"precision": "float32", "max_steps": 2, "batch_size": 2, "max_tokens": 2048},
        }
    },
    "evaluation": {
        "benchmarks": {
            "humaneval": {
                "kind": "humaneval",
                "source": yaml.safe_load((ROOT / "config.yaml").read_text())["evaluation"]["benchmarks"]["humaneval"][
                    "source"
                ],
                "limit": 3,
                "max_tokens": 256,
            }
        }
    },
}

# What of a checkout a run reads.
SOURCES = (
    "Snakefile", "config.yaml", "containers", "envs", "pins", "profiles", "prompts", "recipes", "report", "rules", "setup",
    "schemas", "scripts",
)  # fmt: skip

MEASURED = ("cpu_seconds", "peak_memory_mb")

VERBS = ["count", "merge", "split", "rank", "pair", "trim", "fold", "group", "shift", "scale", "mirror", "chunk"]
NOUNS = {"words": "notes", "ratings": "notes", "prices": "prices"}
"""What functions are about, and the corpus that they are in."""


def corpus_source(verb: str, noun: str, number: int) -> str:
    """A documented function that shares few token shingles with the others."""
    lines = "\n".join(
        f"    {verb}_{noun}_{step} = [item * {number + step} for item in {noun}_{verb} if item != {step * 7 + number}]"
        for step in range(2)
    )
    return f'''def {verb}_{noun}({noun}_{verb}: list[int], {verb}_limit: int = {number}) -> list[int]:
    """{verb.title()} the {noun} of a {verb} ledger, dropping what the {noun} limit {number} forbids."""
{lines}
    total_{verb} = sum({verb}_{noun}_0) - sum({verb}_{noun}_1) + {verb}_limit
    return sorted({verb}_{noun}_0 + {verb}_{noun}_1 + [total_{verb}])
'''


class Study:
    """A working folder with a config, and commands on it."""

    def __init__(self, folder: Path, config: dict):
        self.folder, self.config = folder, copy.deepcopy(config)
        self.root, self.preamble, self.arguments = ROOT, "", ()
        for number, (verb, noun) in enumerate((verb, noun) for noun in NOUNS for verb in VERBS):
            path = folder / "corpora" / NOUNS[noun] / noun / f"{verb}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(corpus_source(verb, noun, number))
        resources = folder / "resources"
        resources.mkdir()
        (resources / "sandbox").symlink_to(ROOT / "resources" / "sandbox")

    def copy(self, folder: Path) -> "Study":
        """The same study as it stands, results included, in another folder and with a checkout of its own."""
        shutil.copytree(self.folder, folder / "study", symlinks=True)
        for name in SOURCES:
            source, target = self.root / name, folder / "checkout" / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
        other = copy.copy(self)
        other.folder, other.root, other.config = folder / "study", folder / "checkout", copy.deepcopy(self.config)
        return other

    def set(self, key: str, value) -> "Study":
        """Changes a dotted key."""
        *parents, last = key.split(".")
        target = self.config
        for parent in parents:
            target = target.setdefault(parent, {})
        target[last] = value
        return self

    def command(self, *arguments: str, profile: str | None = None) -> list[str]:
        config = self.folder / "config.yaml"
        config.write_text(self.preamble + yaml.safe_dump(self.config, sort_keys=False))
        return [
            sys.executable, "-m", "snakemake", "--snakefile", str(self.root / "Snakefile"), "--directory", str(self.folder),
            "--configfile", str(config), "--profile", profile or str(self.root / "profiles" / "default"), "--cores", "2",
            *self.arguments, *arguments,
        ]  # fmt: skip

    def run(
        self, *arguments: str, env: dict | None = None, cwd: Path = ROOT, check: bool = True
    ) -> subprocess.CompletedProcess:
        done = subprocess.run(
            self.command(*arguments), capture_output=True, text=True, cwd=cwd, env={**os.environ, **(env or {})}
        )
        if check and done.returncode:
            raise AssertionError(
                f"snakemake {' '.join(arguments)} failed:\n{done.stdout[-4000:]}\n{done.stderr[-8000:]}"
            )
        return done

    def planned(self, *arguments: str) -> dict[str, int]:
        """Jobs that a dry run announces, by rule; empty when nothing is to be done."""
        out = self.run("--dry-run", *arguments)
        return job_counts(out.stdout + out.stderr)

    def data(self) -> dict[str, bytes]:
        """Every result below seeds, generators and datasets, by path."""
        found = {}
        for layer in ("seeds", "generators", "datasets"):
            for path in sorted((self.folder / "results" / layer).rglob("*")):
                if path.is_file() and not path.name.endswith("usage.json"):
                    found[str(path.relative_to(self.folder))] = path.read_bytes()
        return found

    def made(self) -> dict[str, object]:
        """The same without what was measured (seconds, memory), which differs from run to run."""
        found: dict[str, object] = self.data()
        for path in found:
            if "/verdicts/" in path and path.endswith(".jsonl"):
                rows = map(json.loads, found[path].splitlines())
                found[path] = [{key: value for key, value in row.items() if key not in MEASURED} for row in rows]
        return found


def job_counts(text: str) -> dict[str, int]:
    """The table under "Job stats:" of Snakemake's output, without its target rules and the total."""
    lines = text.splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("Job stats:")]
    if not starts:
        return {}
    counts = {}
    for line in lines[starts[0] + 3 :]:
        parts = line.split()
        if len(parts) != 2 or not parts[1].isdigit():
            break
        counts[parts[0]] = int(parts[1])
    for name in ("total", "all", "seeds", "data", "train", "evaluate", "report"):
        counts.pop(name, None)
    return counts
