"""What a reader must know before quoting a number, in plain words."""

from selfalign.report import funnel
from selfalign.report.text import amount, percent

FEW_PAIRS = 1_000
MANY_TRUNCATED = 0.1
MANY_TOO_LONG = 0.1


def warnings(
    config: dict,
    scores: list[dict],
    against: list[dict],
    groups: list[dict],
    trainings: dict,
    usage: list[dict],
    git: dict,
    mixed: list[dict],
) -> list[str]:
    """Sentences, the gravest first."""
    return [
        *fake(config), *about_scores(scores), *about_differences(against), *about_training(config, trainings), *about_sizes(config, groups),
        *about_rows(groups), *about_versions(mixed), *about_reuse(usage), *about_code(git),
    ]  # fmt: skip


def fake(config: dict) -> list[str]:
    if any(model["engine"] == "fake" for model in config["models"].values()):
        return ["The fake backend made these rows up: nothing here says anything about a model."]
    return []


def about_scores(scores: list[dict]) -> list[str]:
    if not scores:
        return ["Nothing was evaluated: the config names no checkpoint or no benchmark."]
    found = []
    limited = {row["benchmark"]: row for row in scores if row["problems"] < row["of"]}
    for benchmark, row in limited.items():
        found.append(
            f"{benchmark} was evaluated on {row['problems']} of {row['of']} problems, the first ones: its scores can't be "
            "compared with published ones."
        )
    for row in scores:
        answers = row["problems"] * row.get("samples", 1)
        if row.get("truncated", 0) > MANY_TRUNCATED * answers:
            found.append(
                f"{row['candidate']} on {row['benchmark']}: {row['truncated']} of {answers} answers were cut at the token "
                "limit; a higher max_tokens may give another score."
            )
    return found


def about_differences(against: list[dict]) -> list[str]:
    return [
        f"{entry['arm']} on {entry['runs'][0]['benchmark']}: the difference from its base model is no larger than chance makes "
        "differences, so this run does not show that tuning changed the score."
        for entry in against
        if not entry["comparison"]["real"]
    ]


def about_training(config: dict, trainings: dict) -> list[str]:
    found = []
    for name, training in trainings.items():
        rows, dropped = training.get("rows", 0), training.get("rows_too_long", 0)
        if rows < FEW_PAIRS:
            found.append(
                f"{name} was trained on {amount(rows)} pairs: enough to show that everything runs, not to improve a model."
            )
        if dropped > MANY_TOO_LONG * (rows + dropped):
            found.append(
                f"{name}: {amount(dropped)} of {amount(rows + dropped)} pairs were longer than recipe.max_tokens and were "
                "not trained on."
            )
    for name, dataset in config["datasets"].items():
        if dataset["policy"] != "passing":
            found.append(
                f"Dataset {name} has the policy {dataset['policy']}: it holds responses that no test has proven."
            )
    return found


def about_sizes(config: dict, groups: list[dict]) -> list[str]:
    """Datasets that stay below their `limit`: arms that should be of one size are not."""
    kept = {group["name"]: row["kept"] for group, row in funnel.rows(groups) if row["stage"] == "datasets"}
    trained = {checkpoint["dataset"] for checkpoint in config.get("checkpoints", {}).values()}
    return [
        f"Dataset {name} has {amount(kept[name])} pairs, fewer than its limit of {amount(limit)}: an arm that is trained on it "
        "is smaller than those that reach theirs."
        for name in sorted(trained & kept.keys())
        if (limit := config["datasets"][name].get("limit")) is not None and kept[name] < limit
    ]


def about_rows(groups: list[dict]) -> list[str]:
    return [
        f"{amount(number)} rows could not be judged ({where}): the machine's fault, not the rows'. A rerun may give more."
        for where, number in funnel.failures(groups).items()
    ]


def about_versions(mixed: list[dict]) -> list[str]:
    """Args: mixed: as :func:`selfalign.report.costs.versions` gives them."""
    return [
        f"Model {row['model']}: {len(row['versions'])} versions of the engine or server gave the answers ("
        + "; ".join(
            f"{version}: {amount(number)} for {', '.join(row['work'][version])}"
            for version, number in row["versions"].items()
        )
        + "); each row says which one made it."
        for row in mixed
    ]


def about_reuse(usage: list[dict]) -> list[str]:
    requests, reused = (sum(row[key] for row in usage) for key in ("requests", "reused"))
    if not reused:
        return []
    return [
        f"{percent(reused / requests)} of the rows came from the journal of an earlier start; the time and tokens "
        "below are those of the last run alone."
    ]


def about_code(git: dict) -> list[str]:
    if git.get("modified"):
        return [
            "The checkout held changes that were not committed: the commit below does not describe this run's code."
        ]
    return []
