"""The report in a few lines of Markdown, for a terminal, a pull request or a README."""

from collections.abc import Iterable

from selfalign.datasets.card import cell
from selfalign.report.scores import change
from selfalign.report.text import amount, percent, points

NOTHING_EVALUATED = "Nothing was evaluated: the config names no checkpoint or no benchmark."


def summary(content: dict, html: str) -> str:
    """Scores, rows by stage, how many of them the journal served, and what to know before quoting them.

    Args:
        content: see :func:`selfalign.report.collect.collect`.
        html: path of the page.
    """
    parts = [
        "## Self-alignment report",
        "### Scores" if content["scores"] else NOTHING_EVALUATED,
        table(
            ("benchmark", "model", "problems", "pass@1", "95 % interval", "against base"), map(line, content["scores"])
        ),
        *arm_parts(content["arms"]),
        "### Rows",
        table(("of", "stage", "in", "kept", "share"), funnel_lines(content["funnels"])),
        "### Made and reused" if content["usage"] else "",
        table(("of", "stage", "rows", "reused", "made"), map(reuse_line, content["usage"])),
        "### Before you quote a number" if content["warnings"] else "",
        "\n".join(f"- {cell(warning)}" for warning in content["warnings"]),
        f"Everything: `{html}`",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def line(row: dict) -> tuple[str, ...]:
    low, high = row["interval95"]
    evaluated = f"{row['problems']} of {row['of']}"
    return (
        row["benchmark"], row["candidate"], evaluated, percent(row["pass_at_1"]), f"{percent(low)} to {percent(high)}", change(row)
    )  # fmt: skip


def arm_parts(arms: dict) -> list[str]:
    """The comparison of arms, where there are several: a table, and how many of their differences are real."""
    if len(arms["rows"]) < 2:
        return []
    real = [row for row in arms["comparisons"] if row["real"]]
    named = [
        f"{row['second']} against {row['first']} on {row['benchmark']} ({points(row['difference'])})" for row in real
    ]
    columns = ("arm", "made by", "selection", "pairs", "share that passed", "output tokens", *arms["benchmarks"])
    return [
        "### Arms",
        table(columns, (arm_line(row, arms["benchmarks"]) for row in arms["rows"])),
        f"Real differences, of {len(arms['comparisons'])}: {'; '.join(map(cell, named)) or 'none'}.",
    ]


def arm_line(row: dict, benchmarks: list[str]) -> tuple[str, ...]:
    if row["dataset"]:
        methods = ", ".join(row["methods"])
        made = (methods, row["policy"], amount(row["pairs"]), percent(row["pass_share"]), amount(row["output_tokens"]))
    else:
        made = ("as it came", "", "", "", "")
    return row["arm"], *made, *(score(row["scores"].get(benchmark)) for benchmark in benchmarks)


def score(found: dict | None) -> str:
    if found is None:
        return ""
    low, high = found["interval95"]
    spread = "" if found["spread"] is None else f"; {len(found['runs'])} runs ± {100 * found['spread']:.1f}"
    return f"{percent(found['pass_at_1'])} ({percent(low)} to {percent(high)}{spread})"


def funnel_lines(groups: list[dict]) -> Iterable[tuple[str, ...]]:
    for group in groups:
        for row in group["rows"]:
            kept = f"{amount(row['kept'])} {row['unit_kept']}"
            yield (
                f"{group['layer']} {group['name']}".strip(),
                row["title"],
                amount(row["in"]),
                kept,
                percent(row["share"]),
            )


def reuse_line(row: dict) -> tuple[str, ...]:
    """Of a stage's rows those from the journal, and those that its last run generated or executed."""
    return row["owner"], row["stage"], amount(row["requests"]), amount(row["reused"]), amount(row["made"])


def table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table whose columns line up in a terminal too; empty without rows."""
    cells = [tuple(map(cell, row)) for row in rows]
    if not cells:
        return ""
    widths = [max(len(row[number]) for row in [columns, *cells]) for number in range(len(columns))]
    lines = [columns, tuple("-" * width for width in widths), *cells]
    return "\n".join("| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in lines)
