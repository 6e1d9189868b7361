"""The paired comparison of two sides on the same problems: of two results, or of two arms with several runs each.

A side is the result files of its runs on one benchmark. Scores, evaluation and report compare by this alone.
"""

from collections import defaultdict
from math import lcm

from selfalign.statistics import difference_interval, holm, mcnemar_exact, paired_bootstrap, sign_flip_exact


def compare(first: list[dict], second: list[dict]) -> dict:
    """Compares two sides by all answers that each gave, over samples and repeats.

    Args:
        first, second: result files (`candidate`, `per_problem`) of the runs of each side, at least one.

    Returns:
        `problems`; `difference` of the scores, second less first; `interval95` of it with its `interval_method`, and
        `bootstrap95`, by paired bootstrap over problems; `p_value` by flipping the signs of problems; `both`, `neither`,
        `gained`, `lost`: problems by whether the first answer of the first runs solved them, seen from the second, and
        `p_mcnemar`, McNemar's exact test of these.

    Raises:
        ValueError: the two were not asked the same problems, or none.
    """
    shares = [per_problem(side) for side in (first, second)]
    if shares[0].keys() != shares[1].keys():
        odd = sorted(shares[0].keys() ^ shares[1].keys())
        raise ValueError(f"the two were not asked the same problems: {len(odd)} differ, the first is {odd[0]!r}")
    if not shares[0]:
        raise ValueError("there is no problem to compare on")
    differences = [shares[1][task] - shares[0][task] for task in sorted(shares[0])]
    answers = lcm(answers_a_problem(first), answers_a_problem(second))
    interval, method = difference_interval(differences)
    return {
        "problems": len(differences),
        "difference": sum(differences) / len(differences),
        "interval95": list(interval),
        "interval_method": method,
        "bootstrap95": list(paired_bootstrap(differences)),
        "p_value": sign_flip_exact([round(value * answers) for value in differences]),
        **first_answers(first, second),
    }


def first_answers(first: list[dict], second: list[dict]) -> dict:
    """Problems by who solved them with the first answer of the first run, and McNemar's test: see :func:`compare`."""
    base, tuned = (
        {item["task_id"]: bool(item["passed"]) for item in first_run(side)["per_problem"]} for side in (first, second)
    )
    gained = sum(tuned[task] and not base[task] for task in base)
    lost = sum(base[task] and not tuned[task] for task in base)
    both = sum(base[task] and tuned[task] for task in base)
    neither = len(base) - both - gained - lost
    return {"both": both, "neither": neither, "gained": gained, "lost": lost, "p_mcnemar": mcnemar_exact(gained, lost)}


def judge(comparisons: list[dict]) -> None:
    """Adds to the comparisons of one table `p_holm`, the p-value corrected for their number, and `real`: whether that is
    below 0.05 and the interval leaves out zero."""
    for row, corrected in zip(comparisons, holm([row["p_value"] for row in comparisons]), strict=True):
        low, high = row["interval95"]
        row |= {"p_holm": corrected, "real": corrected < 0.05 and not low <= 0 <= high}


def per_problem(runs: list[dict]) -> dict[str, float]:
    """Problem -> share of right answers, over samples and repeats."""
    shares: dict[str, list[float]] = defaultdict(list)
    for run in runs:
        for item in run["per_problem"]:
            shares[item["task_id"]].append(item.get("correct", item["passed"]) / item.get("samples", 1))
    return {task: sum(values) / len(values) for task, values in shares.items()}


def answers_a_problem(runs: list[dict]) -> int:
    """How many answers a side gave to each problem, over samples and repeats."""
    return sum(run["per_problem"][0].get("samples", 1) for run in runs)


def first_run(runs: list[dict]) -> dict:
    """The run of the checkpoint as it is named in config."""
    return min(runs, key=lambda run: (len(run["candidate"]), run["candidate"]))
