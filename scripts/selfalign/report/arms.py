"""The comparison of arms: every checkpoint (its repeats together) and every model, on every benchmark.

Report.json's `arms`: what an arm was made of and what it cost, its scores with intervals and the spread over repeats, and
which differences between arms are real.
"""

from collections import defaultdict
from itertools import combinations
from statistics import stdev

from selfalign.candidates import arm_of, model_of
from selfalign.comparison import compare, judge, per_problem
from selfalign.methods import layout
from selfalign.report import costs
from selfalign.statistics import score_interval


def arms(
    config: dict, scores: list[dict], generators: list[dict], datasets: list[dict], usage: list[dict], trainings: dict
) -> dict:
    """`rows` (one an arm), `comparisons` (one for every two arms and benchmark that they share), `benchmarks`, and
    `paper_source`, where the figures under a row's `paper` are from ("" without any).

    Args:
        config: as resolved.
        scores: result files (:func:`selfalign.report.scores.score_rows`).
        generators, datasets: tables of :mod:`selfalign.report.compare`.
        usage: costs by stage (:func:`selfalign.report.costs.usage_rows`).
        trainings: record by checkpoint.
    """
    paper = config.get("report", {}).get("paper") or {"source": "", "scores": {}}
    results: dict[str, dict[str, list[dict]]] = defaultdict(lambda: defaultdict(list))
    for row in scores:
        results[arm_of(config, row["candidate"])][row["benchmark"]].append(row)
    made = {row["name"]: row for row in datasets}
    answered = {row["name"]: row for row in generators}
    rows = [
        {
            "arm": name,
            **origin(config, name, made, answered, usage),
            **training_cost(config, name, trainings),
            "paper": paper["scores"].get(name, {}),
            "scores": {benchmark: summary(runs) for benchmark, runs in sorted(found.items())},
        }
        for name, found in sorted(results.items(), key=lambda item: (item[0] not in config["checkpoints"], item[0]))
    ]
    return {
        "rows": rows,
        "comparisons": comparisons(results),
        "benchmarks": sorted({row["benchmark"] for row in scores}),
        "paper_source": paper["source"],
    }


def origin(config: dict, name: str, made: dict, answered: dict, usage: list[dict]) -> dict:
    """What an arm is: a model as it came, or one tuned on data whose making is summed up."""
    base = model_of(config, name)
    if name not in config["checkpoints"]:
        return {"model": base, "dataset": None}
    checkpoint = config["checkpoints"][name]
    spec = config["datasets"][checkpoint["dataset"]]
    blind = spec["policy"] == layout.BLIND
    spent = spent_on(config, spec["generators"], blind, usage)
    responses = sum(answered.get(generator, {}).get("responses") or 0 for generator in spec["generators"])
    passed = [answered.get(generator, {}).get("passed") for generator in spec["generators"]]
    known = not blind and all(number is not None for number in passed)
    found = (layout.outputs_of(config, generator, blind) for generator in spec["generators"])
    wrote = {model: outputs for models in found for model, outputs in models.items()}
    return {
        "model": base,
        "dataset": checkpoint["dataset"],
        "policy": spec["policy"],
        "filtered": not blind,
        "methods": sorted({layout.method_of(config, generator).name for generator in spec["generators"]}),
        "data_models": sorted(wrote),
        "own_data": wrote.keys() <= {base},
        "may_forbid_training": [name for name, outputs in sorted(wrote.items()) if outputs["training"] == "restricted"],
        "learning_rate": checkpoint["recipe"]["learning_rate"],
        "pairs": made.get(checkpoint["dataset"], {}).get("pairs"),
        "responses": responses,
        "passed": sum(passed) if known else None,
        "pass_share": sum(passed) / responses if known and responses else None,
        "output_tokens": sum(row["output_tokens"] for row in spent),
        "gpu_hours": sum(row.get("gpu_seconds", 0) for row in spent) / 3600,
    }


def training_cost(config: dict, name: str, trainings: dict) -> dict:
    """`training_gpu_hours` of an arm, its repeats together; nothing for a model that was not tuned here."""
    if name not in config["checkpoints"]:
        return {}
    runs = [record for checkpoint, record in trainings.items() if arm_of(config, checkpoint) == name]
    return {"training_gpu_hours": sum(map(costs.training_gpu_seconds, runs)) / 3600}


def spent_on(config: dict, generators: list[str], blind: bool, usage: list[dict]) -> list[dict]:
    """The rows of `usage` that pairs of some generators cost: all of their work, without what only verdicts need where no
    verdict is looked at; and of the generators whose tasks they started from, what made those tasks."""
    unused = ("tests", "verdicts") if blind else ()
    upstream = {link for generator in generators for link in chain_of(config, generator)}
    return [
        row
        for row in usage
        if (row["owner"] in generators and row["stage"] not in unused)
        or (row["owner"] in upstream and row["stage"].startswith(("concepts", "tasks", "evolved-")))
    ]


def chain_of(config: dict, generator: str) -> list[str]:
    """The generators whose tasks a generator started from, the nearest first."""
    source = config["generators"][generator]["tasks_of"]
    return [source, *chain_of(config, source)] if source else []


def summary(runs: list[dict]) -> dict:
    """The score of an arm on a benchmark: `pass_at_1` and `interval95` over problems, of all repeats together.

    `spread` is the standard deviation of the repeats' scores, None for a single run.
    """
    means = list(per_problem(runs).values())
    single = len(runs) == 1
    mean = sum(means) / len(means) if means else runs[0]["pass_at_1"]
    interval = list(runs[0]["interval95"] if single else score_interval(means)[0])
    ordered = sorted(runs, key=lambda run: run["candidate"])
    return {
        "pass_at_1": runs[0]["pass_at_1"] if single else mean,
        "interval95": interval,
        "runs": [{"candidate": run["candidate"], "pass_at_1": run["pass_at_1"]} for run in ordered],
        "spread": None if single else stdev(run["pass_at_1"] for run in runs),
        "problems": runs[0]["problems"],
        "of": runs[0]["of"],
    }


def comparisons(results: dict[str, dict[str, list[dict]]]) -> list[dict]:
    """Every two arms on every benchmark that both were asked the same problems of: `benchmark`, `first`, `second`, and what
    :mod:`selfalign.comparison` says of the two, corrected for the number of comparisons here."""
    found = []
    for first, second in combinations(sorted(results), 2):
        for benchmark in sorted(results[first].keys() & results[second].keys()):
            runs = results[first][benchmark], results[second][benchmark]
            asked = [per_problem(side).keys() for side in runs]
            if asked[0] and asked[0] == asked[1]:
                found.append({"benchmark": benchmark, "first": first, "second": second, **compare(*runs)})
    judge(found)
    return found
