"""LiveCodeBench, code generation: contest problems with a date, tested with hidden inputs.

Facts of LiveCodeBench/LiveCodeBench (lcb_runner/benchmarks/code_generation.py 19133f2, prompts/code_generation.py 0b6e5ff) and
of the dataset livecodebench/code_generation_lite, which the repository evaluates:

- Six files, each with the problems that a release added: `test.jsonl` (release v1), `test2.jsonl` … `test6.jsonl`.
- `public_test_cases` is JSON: a list of `input`, `output`, `testtype` ("stdin" or "functional"). `private_test_cases` is the same,
  or base64 of zlib of a pickle of that text. Nothing is unpickled on the host: the text goes into the sandbox as it is, and is
  read there by a reader that makes nothing but strings.
- `metadata` is JSON with `func_name` where a function (of a class `Solution`) is called, with `starter_code` to begin with; all
  other problems are programs that read standard input.

The package nvidia-livecodebench holds the same scorer with clients of many model servers around it; its limits are of the clock
and its walls are patched Python functions. `livecodebench_scoring.py` has the same rules.
"""

import base64
import json
import re
import zlib
from datetime import date
from pathlib import Path
from typing import ClassVar

import selfalign.benchmarks.livecodebench_scoring as scorer
from selfalign.benchmarks.asking import last_defining, last_python_block
from selfalign.benchmarks.base import Benchmark
from selfalign.benchmarks.scoring import at_least, counts_by
from selfalign.errors import UserError
from selfalign.stages.parsing import python_fence

PROGRAM = (
    "Write a Python program that solves this problem. It reads its input from standard input and writes its answer to standard \
output; it does not test itself. Answer with the whole program in one code block."
)
FUNCTION = (
    "Solve this problem in Python. Begin with the code that is given, and answer with all of it in one code block."
)

TEST_SECONDS = 6
"""CPU limit of one test; the benchmark's own is as many seconds by the clock."""
HEAD_BYTES = 64
"""Of what is packed that are looked at: whole releases are many gigabytes when unpacked."""
PICKLED_TEXT = re.compile(rb"\x80[\x02-\x05](?:\x95.{8})?[XU\x8c\x8d]", re.DOTALL)
"""How a pickle of a text begins: protocol, perhaps a frame, the text."""

WORDS = {"TimeLimit": "timeout", "NotCompiled": "syntax_error", "OutOfMemory": "memory"}
"""Exceptions of `livecodebench_scoring.py` -> verdicts."""


class LiveCodeBench(Benchmark):
    kind = "livecodebench"
    fields = (
        "question_id", "question_content", "contest_date", "starter_code", "public_test_cases", "private_test_cases",
        "metadata",
    )  # fmt: skip
    problems: ClassVar = {"v1": 400, "v2": 111, "v3": 101, "v4": 101, "v5": 167, "v6": 175}
    hub = ("livecodebench/code_generation_lite", "LiveCodeBench")
    limits: ClassVar = {"cpu_seconds": 600, "wall_seconds": 1800, "memory_mb": 4096, "disk_mb": 1024}
    dated = True

    def problem(self, record, variant=None):
        public, private = record["public_test_cases"], record["private_test_cases"]
        shown = json.loads(public)
        check_private(private)
        function = json.loads(record["metadata"]).get("func_name") or ""
        return {
            "task_id": record["question_id"],
            "prompt": record["question_content"],
            "entry_point": function,
            "canonical_solution": "",
            "tests": "",
            "decontaminate": [text for test in shown for text in (test["input"], test["output"])],
            "date": date.fromisoformat(record["contest_date"][:10]).isoformat(),
            "platform": record.get("platform"),
            "difficulty": record.get("difficulty"),
            "starter_code": record["starter_code"],
            "test_cases": {"public": public, "private": private},
        }

    def wording(self, prompts=None):
        return f"{PROGRAM}\n{FUNCTION}"

    def message(self, problem, prompts=None):
        starter = problem["starter_code"]
        if not starter.strip():
            return f"{PROGRAM}\n\n{problem['prompt'].strip()}"
        return f"{FUNCTION}\n\n{problem['prompt'].strip()}\n\n{python_fence(starter)}"

    def code(self, problem, answer):
        """The last block, as models come to their answer at the end; of a function the last that defines it."""
        entry = problem["entry_point"]
        return last_defining(rf"^\s*def\s+{re.escape(entry)}\b", answer) if entry else last_python_block(answer)

    def solution(self, problem, code):
        return code

    def score(self, sandbox, jobs):
        limits = at_least(sandbox, self.limits)
        results = sandbox.judged(
            {"solution": "", "tests": tests_of(problem, answer["solution"]), "module": "scorer", "limits": limits}
            for problem, answer in jobs
        )
        for (problem, _), result in zip(jobs, results, strict=True):
            kind = result.reason.partition(":")[0]
            if kind == "NoTests":
                raise UserError(
                    f"the hidden tests of {problem['task_id']} can't be read: {result.reason}",
                    where=f"resources/benchmarks/{problem['benchmark']}.jsonl",
                    fix="fetch the benchmark's original file, delete this one, and rerun",
                )
            verdict = WORDS.get(kind, result.verdict) if result.verdict == "error" else result.verdict
            yield {"passed": result.passed, "verdict": verdict, "reason": result.reason}

    def figures(self, jobs, outcomes):
        """`dates`: first and last day of the problems; `by_difficulty`: completions and right ones."""
        days = [problem["date"] for problem, _ in jobs]
        return {"dates": [min(days), max(days)], "by_difficulty": counts_by("difficulty", jobs, outcomes)}

    def scorer(self, packages):
        return f"LiveCodeBench's rules, {TEST_SECONDS} CPU seconds a test"


def check_private(text: str) -> None:
    """Looks at how the hidden tests are packed, as far as their beginning tells.

    Raises:
        ValueError: neither JSON nor base64 of zlib of a pickled text.
    """
    if text[:1] == "[":
        json.loads(text)
        return
    try:
        head = zlib.decompressobj().decompress(base64.b64decode(text[: 4 * HEAD_BYTES]), HEAD_BYTES)
    except (ValueError, zlib.error) as error:
        raise ValueError(f"`private_test_cases` is neither JSON nor packed: {error}") from None
    if not PICKLED_TEXT.match(head):
        raise ValueError("`private_test_cases` holds something else than a text")


def tests_of(problem: dict, program: str) -> str:
    """The text that scores a program: the scorer's own code, and what it works on."""
    data = json.dumps(
        [program, problem["entry_point"], *(problem["test_cases"][kind] for kind in ("public", "private"))]
    )
    return f"{Path(scorer.__file__).read_text(encoding='utf-8')}\n\nscore(*json.loads({data!r}), {TEST_SECONDS})\n"


BENCHMARK = LiveCodeBench()
