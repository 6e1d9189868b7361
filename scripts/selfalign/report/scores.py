"""Results of the evaluation, each checkpoint beside the model that it was tuned from."""

import csv
import io
from collections.abc import Iterator

from selfalign.comparison import judge
from selfalign.io import read_json
from selfalign.report.text import percent, points

CSV_COLUMNS = (
    "benchmark", "candidate", "base", "problems", "of", "samples", "correct", "pass_at_1", "low", "high", "gained", "lost",
    "difference", "difference_low", "difference_high", "p_value", "p_holm",
)  # fmt: skip

FIRST = " (by the first answer to each)"


def score_rows(score_files: list[str], bases: dict[str, str]) -> list[dict]:
    """Result files by benchmark, each checkpoint right after its base model, with `base` ("" for a model
    that was not tuned here) and `is_base` (whether something was tuned from it) added, what a file says of its base tests
    alone as `base_tests`; and to the comparisons with base
    models what the number of them makes of each (:func:`selfalign.comparison.judge`).

    Args:
        bases: checkpoint -> model that it was tuned from.
    """
    results = [read_json(path) for path in score_files]
    judge([result["comparison"] for result in results if "comparison" in result])
    tuned_from = set(bases.values())
    rows = [
        {
            **{("base_tests" if key == "base" else key): value for key, value in result.items()},
            "base": bases.get(result["candidate"], ""),
            "is_base": result["candidate"] in tuned_from,
        }
        for result in results
    ]
    return sorted(rows, key=lambda r: (r["benchmark"], r["base"] or r["candidate"], bool(r["base"]), r["candidate"]))


def headlines(scores: list[dict]) -> list[dict]:
    """What each checkpoint's evaluation says: `candidate`, `benchmark`, `verdict` (a word for colour) and `text`."""
    found = []
    for row in scores:
        comparison = row.get("comparison")
        if not row["base"] or not comparison:
            continue
        low, high = comparison["interval95"]
        verdict = "unclear" if not comparison["real"] else "better" if low > 0 else "worse"
        meaning = {
            "better": "Better than its base model",
            "worse": "Worse than its base model",
            "unclear": "No difference from its base model is shown",
        }[verdict]
        found.append(
            {
                "candidate": row["candidate"],
                "benchmark": row["benchmark"],
                "verdict": verdict,
                "score": percent(row["pass_at_1"]),
                "before": percent(row["pass_at_1"] - comparison["difference"]),
                "text": f"{meaning}: {points(comparison['difference'])} points, 95 % interval {points(low)} to {points(high)}; "
                f"problems gained: {comparison['gained']}, lost: {comparison['lost']}{FIRST if row.get('samples', 1) > 1 else ''}",
                "problems": problems(row),
                "limited": row["problems"] < row["of"],
            }
        )
    return found


COMMON = frozenset(("pass_at_k", "base_tests", "verdicts", "versions", "comparison", "not_run", "reference_failed"))
"""Maps that every result may have; any other one holds figures that its benchmark alone has."""


def further(scores: list[dict]) -> list[dict]:
    """What results hold beside pass@1: `benchmark`, `candidate`, `figures` [(name, value in words)]; only those with some."""
    found = []
    for row in scores:
        figures = [(f"pass@{k}", percent(value)) for k, value in row.get("pass_at_k", {}).items() if k != "1"]
        if base := row.get("base_tests"):
            low, high = base["interval95"]
            figures.append(
                ("base tests alone, pass@1", f"{percent(base['pass_at_1'])} ({percent(low)} to {percent(high)})")
            )
        own = {key: value for key, value in row.items() if isinstance(value, dict) and key not in COMMON}
        figures += [(name.replace("_", " "), value) for name, value in leaves(own)]
        if figures:
            found.append({"benchmark": row["benchmark"], "candidate": row["candidate"], "figures": figures})
    return found


def leaves(value: object, name: str = "") -> Iterator[tuple[str, str]]:
    """The innermost maps of nested ones, each as one text, by the names on the way to it."""
    if not isinstance(value, dict):
        return
    flat = {key: item for key, item in value.items() if not isinstance(item, dict)}
    if flat:
        yield name, ", ".join(f"{key.replace('_', ' ')} {short(item)}" for key, item in flat.items())
    for key, item in value.items():
        yield from leaves(item, f"{name}, {key}" if name else key)


def short(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def change(row: dict) -> str:
    """What tuning changed, for a table's cell; nothing where there is nothing to compare with."""
    comparison = row.get("comparison")
    return f"{points(comparison['difference'])} points, corrected p = {comparison['p_holm']:.2f}" if comparison else ""


def problems(row: dict) -> str:
    """How much of a benchmark was evaluated."""
    return f"{row['problems']} of {row['of']} problems" if row["problems"] < row["of"] else f"all {row['of']} problems"


def scores_csv(scores: list[dict]) -> str:
    """Scores as CSV: shares between 0 and 1, an empty cell where a column doesn't apply."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, CSV_COLUMNS, lineterminator="\n", restval="", extrasaction="ignore")
    writer.writeheader()
    for row in scores:
        comparison = row.get("comparison") or {}
        low, high = row["interval95"]
        difference_low, difference_high = comparison.get("interval95", ("", ""))
        writer.writerow(
            {
                **{key: value for key, value in comparison.items() if key not in ("problems", "interval95")},
                **row,
                "low": low,
                "high": high,
                "difference_low": difference_low,
                "difference_high": difference_high,
            }
        )
    return stream.getvalue()
