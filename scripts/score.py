"""Scores the completions of one candidate on one benchmark, in the sandbox."""

import logging
from collections import Counter
from pathlib import Path

from selfalign.adapter import run
from selfalign.benchmarks.base import Benchmark, open_benchmark
from selfalign.comparison import compare
from selfalign.errors import UserError
from selfalign.io import read_json, read_jsonl, write_json
from selfalign.sandbox import Limits, Sandbox
from selfalign.sandbox.engines import harness_version
from selfalign.statistics import pass_at_k, score_interval

logger = logging.getLogger(__name__)

KS = (1, 10, 100)


def main(
    problems: str,
    completions: list[str],
    image: str,
    limits: dict,
    engine: str,
    require: str,
    limit: int | None,
    threads: int,
    output: str,
    candidate: str = "",
    baseline: str | None = None,
    about: str | None = None,
) -> None:
    """Writes the result of one evaluation.

    Args:
        problems: the benchmark's rows.
        completions: files of completion rows (`task_id`, `sample`, `solution`).
        image: the sandbox image's manifest.
        require: see docs/sandbox.md.
        limits: of one execution, see :class:`selfalign.sandbox.Limits`.
        engine: "auto", "apptainer" or "bubblewrap".
        limit: how many of the problems, from the first, were to be answered; None for all.
        threads: completions that run at the same time.
        output: JSON file.
        candidate: name of what is evaluated.
        baseline: result file of the model to compare with, on the same problems.
        about: what the problems were read from, see `scripts/fetch_benchmark.py`.
    """
    rows = list(read_jsonl(problems))
    asked = rows[:limit]
    answers = [row for path in completions for row in read_jsonl(path)]
    samples = group_answers(asked, answers)
    benchmark = open_benchmark(rows[0]["kind"])
    with Sandbox.open(
        Path(image).parent, Limits(**limits), engine, threads, require=require, preload=benchmark.preload
    ) as sandbox:
        jobs = [(problem, answer) for problem in asked for answer in samples[problem["task_id"]]]
        outcomes = list(benchmark.score(sandbox, jobs))
        asked, jobs, outcomes, left_out = without_not_run(asked, jobs, outcomes)
        unsolvable = failed_references(benchmark, sandbox, asked)
        used = sandbox.engine
    packages = read_json(image).get("packages", {})
    result = {
        "candidate": candidate,
        "benchmark": rows[0]["benchmark"],
        "kind": benchmark.kind,
        **({"variant": rows[0]["variant"]} if "variant" in rows[0] else {}),
        "of": len(rows),
        "limit": limit,
        **summarise(asked, jobs, outcomes),
        **left_out,
        **benchmark.figures(jobs, outcomes),
        **unsolvable,
        "versions": {
            "problems": read_json(about) if about else None,
            "scorer": benchmark.scorer(packages),
            "sandbox_image": read_json(image)["digest"],
            "sandbox_engine": used,
            "harness": harness_version(),
            "generated": first_generated(answers),
        },
    }
    if baseline is not None:
        base = read_json(baseline)
        result["comparison"] = {"with": base["candidate"], **compare([base], [result])}
    write_json(output, result)
    logger.info("%s on %s: pass@1 %.3f", candidate, result["benchmark"], result["pass_at_1"])


def group_answers(problems: list[dict], answers: list[dict]) -> dict[str, list[dict]]:
    """Completions by task id, in the order of their sample numbers; each problem must have the same number."""
    grouped: dict[str, list[dict]] = {problem["task_id"]: [] for problem in problems}
    for answer in answers:
        if answer["task_id"] in grouped:
            grouped[answer["task_id"]].append(answer)
    sizes = Counter(len(items) for items in grouped.values())
    if len(sizes) != 1 or 0 in sizes:
        low = min(grouped, key=lambda task: len(grouped[task]))
        raise UserError(
            f"the problems don't have the same number of completions: {low!r} has {len(grouped[low])}",
            where="completions",
            fix="delete the completions of this candidate and benchmark, and rerun",
        )
    return {task: sorted(items, key=lambda item: item["sample"]) for task, items in grouped.items()}


def without_not_run(problems: list[dict], jobs: list, outcomes: list[dict]) -> tuple[list, list, list, dict]:
    """Problems, jobs and outcomes without the problems that could not be run, and `not_run` for the result: those.

    Raises:
        UserError: none could be run.
    """
    lacking = {
        problem["task_id"]: outcome["not_run"]
        for (problem, _), outcome in zip(jobs, outcomes, strict=True)
        if "not_run" in outcome
    }
    if not lacking:
        return problems, jobs, outcomes, {}
    modules = dict(Counter(name for names in lacking.values() for name in names).most_common())
    if len(lacking) == len(problems):
        raise UserError(
            f"no problem could be run: the sandbox image lacks {', '.join(modules)}",
            where="resources/sandbox",
            fix="docs/benchmarks.md says how to give the image more libraries",
        )
    pairs = [(job, outcome) for job, outcome in zip(jobs, outcomes, strict=True) if job[0]["task_id"] not in lacking]
    return (
        [problem for problem in problems if problem["task_id"] not in lacking],
        [job for job, _ in pairs],
        [outcome for _, outcome in pairs],
        {"not_run": {"problems": len(lacking), "missing_modules": modules, "task_ids": list(lacking)}},
    )


def failed_references(benchmark: Benchmark, sandbox: Sandbox, problems: list[dict]) -> dict:
    """`reference_failed`: of the problems whose own solution fails here the reason, by task id; nothing where none is asked.

    Nobody can solve them in this image. They stay in the score as they are, as they do for everybody who scores.
    """
    references = benchmark.references(problems)
    if not references:
        return {}
    failed = {
        problem["task_id"]: f"{outcome['verdict']}: {outcome['reason']}"
        for (problem, _), outcome in zip(references, benchmark.score(sandbox, references), strict=True)
        if not outcome["passed"]
    }
    for task, reason in failed.items():
        logger.warning("%s: the benchmark's own solution fails in this sandbox image: %s", task, reason)
    return {"reference_failed": failed}


def first_generated(answers: list[dict]) -> dict:
    """How the completions were made: the same for all of them, their seeds apart."""
    generated = dict(answers[0].get("generated", {})) if answers else {}
    sampling = {key: value for key, value in generated.get("sampling", {}).items() if key != "seed"}
    return {**generated, **({"sampling": sampling} if sampling else {})}


def summarise(problems: list[dict], jobs: list[tuple[dict, dict]], outcomes: list[dict]) -> dict:
    """Scores over the problems.

    Args:
        problems: those that were asked.
        jobs: (problem, answer) pairs.
        outcomes: for each job `passed`, `verdict`, where a part of the tests is scored by itself too (EvalPlus)
            `base_passed` and `base_verdict`, and what the benchmark adds to the problem's line (`more`).

    Returns:
        `problems`, `samples` (a problem), `correct`, `pass_at_1`, `pass_at_k`, `interval95`, `interval_method`,
        `truncated` (completions that hit the token limit), `verdicts` (counts), `per_problem`, and `base` with the scores on the base tests alone.
    """
    per_problem = {problem["task_id"]: [] for problem in problems}
    for (problem, answer), outcome in zip(jobs, outcomes, strict=True):
        per_problem[problem["task_id"]].append({**outcome, "truncated": bool(answer.get("truncated"))})
    listed = [_per_problem(task, items) for task, items in per_problem.items()]
    result = {
        "problems": len(problems),
        "samples": len(jobs) // len(problems),
        **scores([(item["correct"], item["samples"]) for item in listed]),
        "truncated": sum(bool(answer.get("truncated")) for _, answer in jobs),
        "verdicts": dict(sorted(Counter(outcome["verdict"] for outcome in outcomes).items())),
        "per_problem": listed,
    }
    if "base_passed" in outcomes[0]:
        result["base"] = scores([(item["base_correct"], item["samples"]) for item in listed])
    return result


def _per_problem(task: str, items: list[dict]) -> dict:
    """One problem's line: `passed` and `verdict` are those of the first sample, the counts those of all."""
    line = {
        "task_id": task,
        "passed": items[0]["passed"],
        "verdict": items[0]["verdict"],
        "reason": items[0].get("reason", ""),
        "truncated": items[0]["truncated"],
        "samples": len(items),
        "correct": sum(item["passed"] for item in items),
    }
    if "base_passed" in items[0]:
        line |= {"base_passed": items[0]["base_passed"], "base_verdict": items[0]["base_verdict"]}
        line["base_correct"] = sum(item["base_passed"] for item in items)
    return line | items[0].get("more", {})


def scores(counts: list[tuple[int, int]]) -> dict:
    """pass@k and the interval of pass@1 from (correct, samples) of each problem."""
    samples = counts[0][1]
    estimates = {
        str(k): sum(pass_at_k(total, correct, k) for correct, total in counts) / len(counts) for k in KS if k <= samples
    }
    interval, method = score_interval([correct / total for correct, total in counts])
    return {
        "correct": sum(correct for correct, _ in counts),
        "pass_at_1": estimates["1"],
        "pass_at_k": estimates,
        "interval95": list(interval),
        "interval_method": method,
    }


if "snakemake" in globals():
    run(
        main,
        snakemake,
        problems=snakemake.input.problems,
        completions=list(snakemake.input.completions),
        about=snakemake.input.about,
        image=snakemake.input.image,
        baseline=snakemake.input.get("baseline") or None,
        limits=snakemake.params.limits,
        engine=snakemake.params.engine,
        require=snakemake.params.require,
        limit=snakemake.params.limit,
        threads=snakemake.threads,
        candidate=snakemake.wildcards.candidate,
        output=snakemake.output.result,
    )
