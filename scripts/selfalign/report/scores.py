"""Results of the evaluation, each checkpoint beside the model that it was tuned from."""

import csv
import io
from collections import defaultdict
from collections.abc import Iterator

from selfalign.comparison import compare, judge
from selfalign.io import read_json
from selfalign.report.text import percent, points

CSV_COLUMNS = (
    "benchmark", "candidate", "base", "problems", "of", "samples", "correct", "pass_at_1", "low", "high", "gained", "lost",
    "difference", "difference_low", "difference_high", "p_value", "p_holm",
)  # fmt: skip

FIRST = " (by the first answer of the first run to each)"


def score_rows(score_files: list[str], bases: dict[str, str], arms: dict[str, str] | None = None) -> list[dict]:
    """Result files by benchmark, each checkpoint right after its base model, with `base` ("" for a model that was not tuned
    here), `is_base` (whether something was tuned from it) and `arm` added, and `base` of the file as `base_tests`.

    Args:
        bases: checkpoint -> model that it was tuned from.
        arms: checkpoint -> the one that it repeats; the others are their own.
    """
    results = [read_json(path) for path in score_files]
    tuned_from = set(bases.values())
    rows = [
        {
            **{("base_tests" if key == "base" else key): value for key, value in result.items()},
            "base": bases.get(result["candidate"], ""),
            "is_base": result["candidate"] in tuned_from,
            "arm": (arms or {}).get(result["candidate"], result["candidate"]),
        }
        for result in results
    ]
    return sorted(rows, key=lambda r: (r["benchmark"], r["base"] or r["candidate"], bool(r["base"]), r["candidate"]))


def against_bases(scores: list[dict]) -> list[dict]:
    """Each arm, its repeats together, beside its base model on each benchmark: `arm`, `runs` (rows of :func:`score_rows`), and
    their `comparison`, corrected for the number of these.

    Where an arm is one run, it is that run's own comparison, so that the row says what the correction makes of it too.
    """
    rows = {(row["benchmark"], row["candidate"]): row for row in scores}
    groups: dict[tuple[str, str], list[dict]] = defaultdict(list)
    for row in scores:
        if row["base"] and row.get("comparison"):
            groups[row["benchmark"], row["arm"]].append(row)
    found = []
    for (benchmark, arm), runs in groups.items():
        single = len(runs) == 1
        comparison = runs[0]["comparison"] if single else compare([rows[benchmark, runs[0]["base"]]], runs)
        found.append({"arm": arm, "runs": runs, "comparison": comparison})
    judge([entry["comparison"] for entry in found])
    return found


def headlines(against: list[dict]) -> list[dict]:
    """What each arm's evaluation says: `candidate`, `benchmark`, `verdict` (a word for colour) and `text`.

    Args:
        against: see :func:`against_bases`.
    """
    found = []
    for entry in against:
        runs, comparison = entry["runs"], entry["comparison"]
        low, high = comparison["interval95"]
        verdict = "unclear" if not comparison["real"] else "better" if low > 0 else "worse"
        meaning = {
            "better": "Better than its base model",
            "worse": "Worse than its base model",
            "unclear": "No difference from its base model is shown",
        }[verdict]
        score = sum(row["pass_at_1"] for row in runs) / len(runs)
        first = FIRST if len(runs) > 1 or runs[0].get("samples", 1) > 1 else ""
        found.append(
            {
                "candidate": f"{entry['arm']} ({len(runs)} runs)" if len(runs) > 1 else entry["arm"],
                "benchmark": runs[0]["benchmark"],
                "verdict": verdict,
                "score": percent(score),
                "before": percent(score - comparison["difference"]),
                "text": f"{meaning}: {points(comparison['difference'])} points, 95 % interval {points(low)} to {points(high)}; "
                f"problems gained: {comparison['gained']}, lost: {comparison['lost']}{first}",
                "problems": problems(runs[0]),
                "limited": runs[0]["problems"] < runs[0]["of"],
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
    if not (comparison := row.get("comparison")):
        return ""
    corrected, p = "p_holm" in comparison, comparison.get("p_holm", comparison["p_value"])
    return f"{points(comparison['difference'])} points, {'corrected ' * corrected}p = {p:.2f}"


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
