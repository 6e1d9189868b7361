"""What a benchmark is: the form of its file, how a problem is asked, what program comes of an answer, how it is scored.

A kind is a module of this package with `BENCHMARK`, an instance of a class derived from :class:`Benchmark`; its file is named
like the kind, with `_` for `-`. What it does not say itself is as for a function's stub that a check in Python tests.
"""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from selfalign.benchmarks.asking import code_of, stub_message, stub_wording, whole_solution
from selfalign.errors import UserError
from selfalign.fewshots import PROMPTS
from selfalign.stages.parsing import FENCE

HUMANEVAL_IDS = r"HumanEval/(?:\d|[1-9]\d|1[0-5]\d|16[0-3])"
"""Task ids of the 164 problems that HumanEval and what is made of it have."""

Job = tuple[dict, dict]
"""A problem's row and a completion's row."""


class Benchmark:
    """A kind of benchmark.

    Attributes:
        kind: its name in the config.
        fields: that each record of its file must have.
        borrows: fields that it takes from records with the same task id of other benchmarks' files (`tests` in the config);
            :meth:`problem` finds such a record, or None, under `borrowed`.
        problems: how many it has; for one with variants how many each of them has.
        task_ids: pattern that each whole task id matches.
        releases: SHA-256 of the uncompressed bytes of the releases that scores are compared on -> their names, for a kind whose
            files are told apart by nothing else. Another file has to be vouched for by `source.sha256`.
        hub: its dataset on the hub, in which `{variant}` may stand, and the name that people know it by.
        prefill: what the answer of a model that goes on with a text is begun with.
        stop: strings that end such an answer.
        preload: modules to import once in the sandbox, for workers that have the large libraries.
        dated: whether rows have a `date`, so that the config may ask for those of a window.
        limits: of the scoring of one completion, where the sandbox's usual ones are lower.
        proved: whether the benchmark's own solutions are scored too, to find problems that can't be solved in the image.
    """

    kind: str
    fields: tuple[str, ...]
    borrows: tuple[str, ...] = ()
    problems: int | dict[str, int]
    task_ids: str = ".+"
    releases: ClassVar[dict[str, str]] = {}
    hub: tuple[str, str]
    prefill = f"{FENCE}python\n"
    stop: tuple[str, ...] = (f"\n{FENCE}",)
    preload: tuple[str, ...] = ()
    dated: ClassVar[bool] = False
    limits: ClassVar[dict] = {}
    proved: ClassVar[bool] = False

    @property
    def variants(self) -> tuple[str, ...]:
        """Names of its parts or forms of which the config chooses one; none for a benchmark that is one whole."""
        return tuple(self.problems) if isinstance(self.problems, dict) else ()

    def size(self, variant: str | None = None) -> int:
        """How many problems the whole of it, or of a variant, has."""
        return self.problems[variant] if isinstance(self.problems, dict) else self.problems

    def problem(self, record: dict, variant: str | None = None) -> dict:
        """The row of a record, from `task_id` on; `id`, `benchmark` and `kind` are put before it.

        Needed are `task_id`, `prompt`, `entry_point` ("" where there is none), `canonical_solution`, `tests`,
        `decontaminate`: prompt, solution and what is listed in the last are what training data must not repeat. Whatever
        else the scoring or the prompt needs may be added. A KeyError, TypeError, ValueError or UserError says that the
        record is not of this benchmark.
        """
        raise NotImplementedError

    def wording(self, prompts: Path = PROMPTS) -> str:
        """All words of :meth:`message` that are not the problem's: they decide the prompt's id."""
        return stub_wording(prompts)

    def message(self, problem: dict, prompts: Path = PROMPTS) -> str:
        """What the user's turn says."""
        return stub_message(problem, prompts)

    def code(self, problem: dict, answer: str) -> str:
        """The program in the answer of a chat server, which is begun with nothing and holds prose."""
        return code_of(problem, answer)

    def solution(self, problem: dict, code: str) -> str:
        """The program to score, of a model's code."""
        return whole_solution(problem, code)

    def score(self, sandbox, jobs: list[Job]) -> Iterator[dict]:
        """The outcome of each job, in order: `passed`, `verdict` (of the sandbox's words), `reason`.

        It may have `more`, a map that goes into the problem's line of the result for its first sample, and `base_passed` and
        `base_verdict` where a part of the tests is scored by itself too.
        """
        raise NotImplementedError

    def scorer(self, packages: dict) -> str:
        """What scores, in words, for the result file.

        Args:
            packages: versions of the sandbox image's packages by name.
        """
        raise NotImplementedError

    def figures(self, jobs: list[Job], outcomes: list[dict]) -> dict:
        """Further figures of a result file, beside pass@k."""
        return {}

    def references(self, problems: list[dict]) -> list[Job]:
        """The benchmark's own solutions as completions, where they are to be scored too."""
        return [(problem, {"solution": problem["canonical_solution"]}) for problem in problems] if self.proved else []


def module_of(kind: str) -> str:
    """The module that a kind of benchmark is in."""
    return "selfalign.benchmarks." + kind.replace("-", "_")


def open_benchmark(kind: str) -> Benchmark:
    """The benchmark of a kind, without the others: scripts depend on the one that they are at.

    Raises:
        UserError: there is none of that name.
    """
    try:
        return importlib.import_module(module_of(kind)).BENCHMARK
    except (ModuleNotFoundError, AttributeError) as error:
        raise UserError(
            f"no benchmark is of kind {kind!r}", where="evaluation.benchmarks", fix="docs/benchmarks.md lists the kinds"
        ) from error
