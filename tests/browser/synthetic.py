"""Files of a run that never was: of any size, and with rows as hostile as can be."""

import random
from pathlib import Path

import write_report
from selfalign.config import resolve_config
from selfalign.io import write_json, write_jsonl
from study import FAKE_STUDY

HOSTILE = (
    "</script><script>window.broken = 1</script><img src=x onerror='window.broken = 2'> \" ' & "
    "\u202egnp.exe \u2066x\u2069 👩\u200d👧 \x00 \x1b[31m {{ 7 * 7 }} ]]> --> </pre></dialog>"
)
SHOWN = HOSTILE.translate({ord(mark): f"\\u{ord(mark):04x}" for mark in "\u202e\u2066\u2069\x00\x1b"})
"""How the page writes it: as text, with what a browser would hide or obey written out."""

WORDS = [f"{first}{last}" for first in ("sort", "merg", "graph", "pars", "hash", "coun") for last in "abcdefghijklmnop"]
PROBLEMS = 164


class Run:
    """Writes files below a folder and makes the report of those that there are.

    Args:
        pairs: how many; every one has `samples` samples.
        checkpoints: how many, each evaluated on two benchmarks.
        text: the text of every row; random words when empty.
    """

    def __init__(self, folder: Path, pairs: int = 0, checkpoints: int = 0, samples: int = 2, text: str = ""):
        self.results, self.text, self.random = folder / "results", text, random.Random(1)
        self.inputs: dict[str, list[str]] = {}
        names = [f"tuned-{number}" for number in range(checkpoints)]
        study = {**FAKE_STUDY, "checkpoints": dict.fromkeys(names, FAKE_STUDY["checkpoints"]["tuned"])}
        if not pairs:
            study["datasets"] = {}
        paper = {"source": "Nobody, table 1", "scores": {name: {"HumanEval+": 61.6} for name in names[:1]}}
        self.config = resolve_config(
            {
                **study,
                "checkpoints": {name: dict(study["checkpoints"][name]) for name in names},
                "report": {"paper": paper},
            }
        )
        manifest = {"versions": {"python": "3.11"}, "git": {}, "config_sha256": "abc", "locks": {}, "models": {}}
        self.json("manifest", "run/manifest.json", {**manifest, "sandbox": {}})
        if pairs:
            self.data(pairs, samples)
        for number, name in enumerate(names):
            self.training(name, pairs)
            self.scores(name, 60 + number)
        if names:
            self.scores("fake", 55)

    def words(self, number: int) -> str:
        return self.text or " ".join(self.random.choices(WORDS, k=number))

    def rows(self, kind: str, name: str, rows) -> None:
        write_jsonl(self.results / name, rows)
        self.inputs.setdefault(kind, []).append(str(self.results / name))

    def json(self, kind: str, name: str, value) -> None:
        write_json(self.results / name, value)
        self.inputs.setdefault(kind, []).append(str(self.results / name))

    def counts(self, name: str, stage: str, rows_in: int, kept: int, **rejected: int) -> None:
        sums = {"stage": stage, "in": rows_in, "kept": kept, "rejected": rejected, "failed": {}, "extra": {}}
        self.json("counts", name, sums)

    def data(self, pairs: int, samples: int) -> None:
        ids = [f"{self.random.getrandbits(80):020x}" for _ in range(pairs)]
        origin = {"corpus": "notes", "package": self.text or "notes", "version": "1.0", "path": "a.py", "line": 3}
        kinds = [(c, d) for c in ("function", "class", "program") for d in ("easy", "medium", "hard")]
        licences = ("MIT", "Apache-2.0", "BSD-3-Clause")
        seeds = (
            {"id": f"s{i}", "code": f"def f():\n    '''{self.words(9)}'''", "licence": "MIT", "origin": origin}
            for i in ids
        )
        self.rows("seeds", "seeds/shards/0-of-1.jsonl", seeds)
        instructions, concepts = [self.words(24) for _ in ids], [[self.words(2), self.words(1)] for _ in ids]
        tasks = (
            {
                "id": f"t{i}", "seed_id": f"s{i}", "category": kinds[n % 9][0], "difficulty": kinds[n % 9][1],
                "concepts": concepts[n], "instruction": instructions[n],
            }
            for n, i in enumerate(ids)
        )  # fmt: skip
        self.rows("unique_tasks", "generators/gen/unique_tasks/0-of-1.jsonl", tasks)
        texts = [{"text": self.words(60), "solution": self.words(30), "tests": self.words(20)} for _ in range(500)]
        responses = (
            {"id": f"r{i}-{k}", "task_id": f"t{i}", "sample": k, **texts[n % 500]}
            for n, i in enumerate(ids) for k in range(samples)
        )  # fmt: skip
        self.rows("responses", "generators/gen/responses/0-of-1.jsonl", responses)
        verdicts = (
            {
                "response_id": f"r{i}-{k}", "task_id": f"t{i}", "passed": k == 0, "verdict": "passed" if k == 0 else "timeout",
                "reason": self.text, "checks_run": 3, "checks_passed": 3, "cpu_seconds": 0.1, "stderr_tail": self.text,
            }
            for i in ids for k in range(samples)
        )  # fmt: skip
        self.rows("verdicts", "generators/gen/verdicts/0-of-1.jsonl", verdicts)
        rows = (
            {
                "id": f"p{i}", "instruction": instructions[n], "response": texts[n % 500]["text"],
                "lineage": {
                    "seed_id": f"s{i}", "task_id": f"t{i}", "response_id": f"r{i}-0", "concepts_id": f"c{i}",
                    "category": kinds[n % 9][0], "difficulty": kinds[n % 9][1], "concepts": concepts[n],
                    "licence": licences[n % 3], "origin": origin, "generator": "gen", "verdict": "passed", "model": "fake",
                    "revision": "1",
                },
            }
            for n, i in enumerate(ids)
        )  # fmt: skip
        self.rows("pairs", "datasets/passing/train.jsonl", rows)
        self.counts("seeds/mined/notes.counts.json", "mine", 3 * pairs + 7, 3 * pairs, no_docstring=4, too_long=3)
        dropped = {"id": "d", "detail": self.text, "row": {"code": self.words(9)}}
        lost = [{**dropped, "reason": "no_docstring"}, {**dropped, "reason": "too_long"}]
        write_jsonl(self.results / "seeds/mined/notes.rejected.jsonl", lost)
        self.counts(
            "generators/gen/responses/0-of-1.counts.json", "responses", samples * pairs + 2, samples * pairs, no_tests=2
        )
        self.counts(
            "datasets/passing/counts.json", "datasets", samples * pairs, pairs, not_qualified=(samples - 1) * pairs
        )
        usage = {
            "requests": samples * pairs, "reused": 5, "made": samples * pairs - 5, "prompt_tokens": 12_345,
            "cached_prompt_tokens": 11_111, "output_tokens": 67_890, "seconds": 100.0, "engine_start_seconds": 3.0,
        }  # fmt: skip
        self.json("usage", "generators/gen/responses/0-of-1.usage.json", usage)

    def training(self, name: str, pairs: int) -> None:
        curve = [{"step": step, "loss": 2 / (1 + step / 100)} for step in range(1, 1001)]
        record = {
            "checkpoint": name, "base": {"name": "fake"}, "dataset": {"name": "passing", "sha256": "d47a"}, "digest": "c0de",
            "recipe": {"method": "lora"}, "rows": pairs, "rows_too_long": 0, "steps": 1000, "tokens": 1234, "seconds": 9.0,
            "tokens_per_second": 5.0, "loss_curve": curve, "held_out_loss_before": 1.5, "held_out_loss": 1.125,
            "peak_memory_mb": 2048.0, "processes": 1, "device": "CPU x86_64, 2 threads",
        }  # fmt: skip
        self.json("training", f"checkpoints/{name}/training.json", record)

    def scores(self, candidate: str, correct: int) -> None:
        for kind in ("humaneval", "humaneval-plus"):
            lines = [
                {"task_id": f"P/{n}", "passed": (n * 37) % PROBLEMS < correct, "verdict": "passed", "reason": self.text}
                for n in range(PROBLEMS)
            ]
            result = {
                "candidate": candidate, "benchmark": kind, "kind": kind, "problems": PROBLEMS, "of": PROBLEMS, "samples": 1,
                "correct": correct, "pass_at_1": correct / PROBLEMS, "interval95": [0.2, 0.6], "truncated": 0,
                "verdicts": {"passed": correct, "timeout": PROBLEMS - correct}, "per_problem": lines,
            }  # fmt: skip
            if candidate != "fake":
                result["comparison"] = {
                    "gained": correct - 55, "lost": 0, "difference": (correct - 55) / PROBLEMS, "interval95": [-0.1, 0.2],
                    "p_value": 0.125,
                }  # fmt: skip
            self.json("scores", f"evaluation/{candidate}/{kind}.json", result)
            answers = (
                {"benchmark": kind, "task_id": f"P/{n}", "sample": 0, "solution": self.words(80)}
                for n in range(PROBLEMS)
            )
            self.rows("completions", f"evaluation/{candidate}/{kind}/completions/0-of-1.jsonl", answers)
            if candidate == "fake":
                problems = (
                    {"benchmark": kind, "task_id": f"P/{n}", "prompt": self.words(30), "tests": self.words(30)}
                    for n in range(PROBLEMS)
                )
                self.rows("problems", f"problems/{kind}.jsonl", problems)

    def write(self) -> Path:
        """Makes the report; returns its folder."""
        folder = self.results / "report"
        files = {
            "html": "report.html", "numbers": "report.json", "summary": "summary.md", "scores": "scores.csv",
            "funnel": "funnel.svg", "scores_figure": "scores.svg", "loss": "loss.svg",
        }  # fmt: skip
        outputs = {name: str(folder / file) for name, file in files.items()}
        write_report.main(self.config, self.inputs, str(self.results / "run"), outputs)
        return folder
