"""DS-1000: code that goes on where a question about a data library breaks off, tested by a harness in each problem."""

import re
import textwrap

from selfalign.benchmarks.asking import python_blocks
from selfalign.benchmarks.base import Benchmark
from selfalign.benchmarks.library_scoring import imported_modules, run_library_jobs
from selfalign.fewshots import PROMPTS, render
from selfalign.stages.parsing import FENCE

CPU_SECONDS = 120
"""Of one completion with its tests. The benchmark's own limit is as much wall-clock time (test_ds1000.py)."""
LIBRARIES = ("Matplotlib", "Numpy", "Pandas", "Pytorch", "Scipy", "Sklearn", "Tensorflow")
_MARKS = re.compile(r"\n?[ \t]*(?:#+ ?)?(?:BEGIN SOLUTION|SOLUTION START)[ \t]*(?:\n[ \t]*<code>)?\s*\Z")
_INDENTED_MARK = re.compile(r"\n([ \t]+)#+ ?BEGIN SOLUTION\s*\Z")
_ENDS = ("</code>", "# SOLUTION END", "### END SOLUTION", "\nEND SOLUTION")


class Ds1000(Benchmark):
    """The format of April 2024, in which a record's `code_context` holds its whole harness."""

    kind = "ds-1000"
    fields = ("prompt", "reference_code", "metadata", "code_context")
    problems = 1000
    task_ids = r"DS-1000/\d{1,3}"
    hub = ("xlangai/DS-1000", "DS-1000")
    stop = (f"\n{FENCE}", *_ENDS)
    preload = ("numpy", "pandas", "matplotlib.pyplot", "scipy.stats", "seaborn", "sklearn.linear_model")

    def problem(self, record, variant=None):
        about, harness = record["metadata"], record["code_context"]
        if "def test_execution(" not in harness or "[insert]" not in harness:
            raise ValueError("`code_context` holds no test_execution and no [insert]: the format before April 2024?")
        if about["library"] not in LIBRARIES:
            raise ValueError(f"`metadata.library` is {about['library']!r}")
        return {
            "task_id": f"DS-1000/{about['problem_id']}",
            "prompt": record["prompt"],
            "entry_point": "",
            "canonical_solution": record["reference_code"],
            "tests": harness,
            "decontaminate": [],
            "library": about["library"],
            "perturbation": about["perturbation_type"],
            "reference": record["reference_code"],
            "modules": imported_modules(harness, record["reference_code"]),
        }

    def wording(self, prompts=PROMPTS):
        return (prompts / "ds_1000.jinja").read_text(encoding="utf-8")

    def message(self, problem, prompts=PROMPTS):
        """The question without the marks of where to go on, its tags of code turned into fences."""
        text = _MARKS.sub("", problem["prompt"])
        text = text.replace("<code>", f"{FENCE}python").replace("</code>", FENCE)
        if FENCE not in text:  # the problems of Matplotlib are code alone
            text = f"{FENCE}python\n{text.strip()}\n{FENCE}"
        if text.count(FENCE) % 2:  # where a function's body is wanted, its head stands in the last tag
            text = f"{text.rstrip()}\n{FENCE}"
        return render("ds_1000", "continuation", prompts, prompt=text.strip())

    def code(self, problem, answer):
        tagged = re.search(r"<code>(.*?)(?:</code>|\Z)", answer, re.DOTALL)
        return max(python_blocks(answer), key=len, default=tagged[1] if tagged else answer)

    def solution(self, problem, code):
        """The code up to a mark of its end; at the indentation of the place where it goes, if it has none."""
        for mark in _ENDS:
            code = code.split(mark)[0]
        code = code.removeprefix("<code>").strip("\n")
        place = _INDENTED_MARK.search(problem["prompt"])
        lines = [line for line in code.splitlines() if line.strip()]
        if place and lines and not lines[0].startswith((" ", "\t")):
            code = textwrap.indent(code, place[1])
        return code + "\n"

    def score(self, sandbox, jobs):
        return run_library_jobs(sandbox, jobs, _request, CPU_SECONDS)

    def scorer(self, packages):
        return "DS-1000's test_execution and test_string"

    def references(self, problems):
        return [(problem, {"solution": problem["reference"]}) for problem in problems]

    def figures(self, jobs, outcomes):
        return {"parts": {part: _means(part, jobs, outcomes) for part in ("library", "perturbation")}}


def _request(problem: dict, program: str) -> dict:
    """The benchmark's own test program (test_ds1000.py, `eval_ds1000`)."""
    lines = [problem["tests"], f"code = {program!r}", "test_execution(code)"]
    if "test_string(" in problem["tests"]:
        lines.append("test_string(code)")
    return {"kind": "program", "program": "\n".join(lines) + "\n"}


def _means(part: str, jobs: list, outcomes: list[dict]) -> dict:
    """pass@1 and problems of each library, or of each way in which the questions were changed."""
    found: dict[str, dict[str, list[bool]]] = {}
    for (problem, _), outcome in zip(jobs, outcomes, strict=True):
        found.setdefault(problem[part], {}).setdefault(problem["task_id"], []).append(outcome["passed"])
    return {
        name: {"problems": len(tasks), "pass_at_1": sum(sum(own) / len(own) for own in tasks.values()) / len(tasks)}
        for name, tasks in sorted(found.items())
    }


BENCHMARK = Ds1000()
