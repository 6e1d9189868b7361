"""Scoring of one completion with EvalPlus's own functions, inside the container.

EvalPlus's limits are wall-clock limits meant for a quiet machine and its own walls are patched Python functions; here
the sandbox's walls and limits hold, and EvalPlus's are made generous, so that load decides nothing.
"""

import importlib
import os
import sys
import types

DOWNLOADERS = {"datasets": "load_dataset", "wget": "download", "tempdir": "TempDir", "appdirs": "user_cache_dir"}
"""Modules that EvalPlus imports to fetch its data, each with the name it wants of it: of no use without a network."""


class EvalPlusMissingError(Exception):
    """The image has no EvalPlus."""


def _stand_in_for_downloaders() -> None:
    """Puts an empty module where the image lacks one of the downloaders."""
    for name, wanted in DOWNLOADERS.items():
        try:
            importlib.import_module(name)
        except ImportError:
            sys.modules[name] = module = types.ModuleType(name)
            setattr(module, wanted, lambda *arguments, **options: "/nonexistent")


def _record_find_zero() -> None:
    """Mends how EvalPlus 0.3.1 judges HumanEval/32.

    It checks each input of `find_zero` by its own oracle but does not note that the input passed, so it fails every
    solution, the canonical one included. Later revisions note it (github.com/evalplus/evalplus, pull request 201). With
    `fast_check`, success means that no input failed; where nothing was noted, all of them are noted here.
    """
    import evalplus.eval

    execute = evalplus.eval.unsafe_execute

    def noted(dataset, entry_point, code, inputs, expected, time_limits, atol, fast_check, stat, details, progress):
        execute(dataset, entry_point, code, inputs, expected, time_limits, atol, fast_check, stat, details, progress)
        if fast_check and stat.value == evalplus.eval._SUCCESS and progress.value == 0:
            details[:] = [True] * len(inputs)
            progress.value = len(inputs)

    evalplus.eval.unsafe_execute = noted


STATUSES = ("", "pass", "fail", "timeout")
"""A status is handed over as a counter's number, which is read from outside, as those of checks are."""


def count_score(request: dict, counters: dict, told: dict) -> None:
    """Scores a completion and sets each part's counter to the place of its status in :data:`STATUSES`."""
    for part, status in score(request).items():
        for _ in range(STATUSES.index(status)):
            next(counters[part])


def score(request: dict) -> dict:
    """Statuses of a completion on the base and the extra tests of its problem.

    Args:
        request: `dataset` ("humaneval" or "mbpp"), `problem` (EvalPlus's own fields), `solution` (the whole module),
            `input_seconds` (least wall-clock limit of one input), `factor` (times the reference's own time).

    Returns:
        `{"base": status, "plus": status}`, each "pass", "fail" or "timeout".
    """
    os.environ["EVALPLUS_MAX_MEMORY_BYTES"] = "-1"  # the sandbox's limit holds; EvalPlus would try to raise it
    _stand_in_for_downloaders()
    try:
        from evalplus.data.mbpp import mbpp_deserialize_inputs
        from evalplus.eval import untrusted_check
        from evalplus.eval._special_oracle import MBPP_OUTPUT_NOT_NONE_TASKS
        from evalplus.gen.util import trusted_exec
    except ImportError as error:
        raise EvalPlusMissingError(str(error)) from error
    if request["problem"]["entry_point"] == "find_zero":
        _record_find_zero()
    problem, dataset = request["problem"], request["dataset"]
    only_not_none = dataset == "mbpp" and problem["entry_point"] in MBPP_OUTPUT_NOT_NONE_TASKS
    scores = {}
    for part in ("base", "plus"):
        inputs = problem[f"{part}_input"]
        if dataset == "mbpp":
            inputs = mbpp_deserialize_inputs(problem["task_id"], inputs)
        expected, seconds = trusted_exec(
            problem["prompt"] + problem["canonical_solution"],
            inputs,
            problem["entry_point"],
            record_time=True,
            output_not_none=only_not_none,
        )
        scores[part] = untrusted_check(
            dataset,
            request["solution"],
            inputs,
            problem["entry_point"],
            expected=expected,
            atol=problem["atol"],
            ref_time=seconds,
            fast_check=True,
            min_time_limit=request["input_seconds"],
            gt_time_limit_factor=request["factor"],
        )[0]
        if scores[part] != "pass":
            scores.setdefault("plus", "fail")
            break
    return scores
