"""Figures as SVG, drawn by Vega-Lite without a browser or a network.

Text and axes have the colour of the text around them (`currentColor`), so that a figure suits a light and a dark page;
alone it is black on nothing. Colours of marks are told apart by colour-blind readers and differ in lightness.
"""

from functools import cache

import altair
import pandas
import vl_convert

WIDTH = 860
LABELS = 260
"""Room for the labels of the y axis, in pixels."""

NOTES = 170
"""Room for the notes to the right of the bars."""

KEPT, LOST, BASE, TUNED = "#1f8a70", "#a9b2ae", "#8a97a6", "#1f8a70"
LINES = [
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
]  # Okabe and Ito: apart for the colour-blind too
FEW_STEPS = 12
"""Steps up to which each has a tick: Vega would put ticks between them."""

MOST_POINTS = 400

TEXT = {"labelColor": "currentColor", "titleColor": "currentColor", "labelFontSize": 12, "titleFontSize": 12}
CONFIG = {
    "font": "system-ui, sans-serif",
    "background": None,
    # Vega measures text in a font of its own; a reader's may be wider.
    "padding": {"left": 24, "right": 48, "top": 5, "bottom": 5},
    "view": {"stroke": None},
    "axis": {
        **TEXT, "titleFontWeight": "normal", "grid": False, "domainColor": "currentColor", "domainOpacity": 0.4,
        "tickColor": "currentColor", "tickOpacity": 0.4, "labelPadding": 6, "titlePadding": 14,
    },
    "legend": TEXT,
    "header": TEXT,
    "text": {"color": "currentColor", "fontSize": 12},
}  # fmt: skip


def figures(content: dict) -> dict[str, altair.TopLevelMixin | str]:
    """The report's charts by name; a sentence in place of a chart that has nothing to draw."""
    return {
        "scores": scores_figure(content["scores"]),
        "funnel": funnel_figure(content["funnels"]),
        "loss": loss_figure(content["trainings"]),
    }


def specification(chart: altair.TopLevelMixin) -> dict:
    """Vega-Lite, with the report's style; the page and the SVG file draw the same one."""
    return {**chart.to_dict(), "config": CONFIG}


def svg(chart: altair.TopLevelMixin | str) -> str:
    return nothing(chart) if isinstance(chart, str) else vl_convert.vegalite_to_svg(specification(chart))


@cache
def library() -> str:
    """Vega, Vega-Lite and vega-embed as one script, for a page without a network."""
    return vl_convert.javascript_bundle()


def nothing(text: str) -> str:
    """A figure that says why there is none."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="40" role="img" aria-label="{text}">'
        f'<text x="0" y="25" font-family="system-ui, sans-serif" font-size="14" fill="currentColor">{text}</text></svg>'
    )


def funnel_figure(groups: list[dict]) -> altair.TopLevelMixin | str:
    """Bars of kept and lost rows by stage, as shares of what came in."""
    entries = [(group, row) for group in groups for row in group["rows"] if row["in"]]
    if not entries:
        return "No counts to draw."
    several = len({group["name"] for group in groups if group["layer"] == "generator"}) > 1
    labels, data = [], []
    for group, row in entries:
        labels.append(f"{group['name']}: {row['title']}" if several and group["name"] else row["title"])
        kept, where = row["kept"] / row["in"], {"stage": len(labels) - 1, "title": labels[-1]}
        note = f"{row['kept']:,} of {row['in']:,} {row['unit_in']}"
        data += [
            {**where, "part": "kept", "share": kept, "rows": row["kept"], "note": note},
            {**where, "part": "dropped", "share": 1 - kept, "rows": row["in"] - row["kept"], "note": ""},
        ]
    base = altair.Chart(pandas.DataFrame(data)).encode(
        y=altair.Y(
            "stage:O",
            title=None,
            axis=altair.Axis(labelLimit=LABELS - 30, labelExpr=f"{labels!r}[datum.value]", ticks=False),
        )
    )
    bars = base.mark_bar(height={"band": 0.72}).encode(
        x=altair.X("share:Q", title="share of the rows that came in", axis=altair.Axis(format="%", tickCount=5)),
        color=altair.Color(
            "part:N", scale=altair.Scale(domain=["kept", "dropped"], range=[KEPT, LOST]), title=None,
            legend=altair.Legend(orient="top"),
        ),
        order=altair.Order("part:N", sort="descending"),
        tooltip=[altair.Tooltip("title:N", title="stage"), "part:N", altair.Tooltip("share:Q", format=".1%"), "rows:Q"],
    )  # fmt: skip
    notes = base.mark_text(align="left", dx=6).encode(x=altair.datum(1, type="quantitative"), text="note:N")
    chart = (bars + notes).properties(width=WIDTH - LABELS - NOTES, height=25 * len(labels))
    return chart.properties(
        description="Share of the rows that each stage kept; the same figures are in the table below."
    )


def scores_figure(scores: list[dict]) -> altair.TopLevelMixin | str:
    """pass@1 with its 95 % interval, a panel a benchmark."""
    if not scores:
        return "Nothing was evaluated."
    data = pandas.DataFrame(
        [
            {
                "candidate": row["candidate"], "panel": f"{row['benchmark']}, {row['problems']} of {row['of']} problems",
                "score": row["pass_at_1"], "low": row["interval95"][0], "high": row["interval95"][1],
                "kind": "fine-tuned" if row["base"] else "base model",
            }
            for row in scores
        ]
    )  # fmt: skip
    axis = altair.X(
        "low:Q", title="pass@1 with 95 % interval", scale=altair.Scale(domain=[0, 1]),
        axis=altair.Axis(format="%", tickCount=5, grid=True, gridOpacity=0.15, gridColor="currentColor"),
    )  # fmt: skip
    shown = altair.Scale(domain=["base model", "fine-tuned"], range=[BASE, TUNED])
    panels = []
    for panel, part in data.groupby("panel", sort=False):
        base = altair.Chart(part).encode(
            y=altair.Y(
                "candidate:N", title=None, sort=None, axis=altair.Axis(labelLimit=LABELS, ticks=False, minExtent=160)
            ),
            color=altair.Color("kind:N", scale=shown, title=None, legend=altair.Legend(orient="top")),
            tooltip=[
                "candidate:N",
                altair.Tooltip("score:Q", title="pass@1", format=".1%"),
                altair.Tooltip("low:Q", format=".1%"),
                altair.Tooltip("high:Q", format=".1%"),
            ],
        )
        intervals = base.mark_rule(strokeWidth=3, opacity=0.8).encode(x=axis, x2="high:Q")
        points = base.mark_point(filled=True, size=110, opacity=1).encode(
            x="score:Q",
            shape=altair.Shape(
                "kind:N",
                title=None,
                scale=altair.Scale(domain=shown.domain, range=["circle", "diamond"]),
                legend=altair.Legend(orient="top"),
            ),
        )
        title = altair.Title(panel, anchor="start", color="currentColor", fontSize=13)
        panels.append(
            (intervals + points).properties(title=title, width=WIDTH - 180, height=32 * part["candidate"].nunique())
        )
    return altair.vconcat(*panels).properties(description="pass@1 by model; the same figures are in the table below.")


def thinned(points: list[dict]) -> list[dict]:
    """At most some four hundred points of a curve, the last among them."""
    step = len(points) // MOST_POINTS + 1
    return points[::step] + (points[-1:] if (len(points) - 1) % step else [])


def loss_figure(trainings: dict[str, dict]) -> altair.TopLevelMixin | str:
    """Training loss by optimizer step, a line a checkpoint."""
    data = pandas.DataFrame(
        [
            {"checkpoint": name, "step": point["step"], "loss": point["loss"]}
            for name, training in trainings.items()
            for point in thinned(training["loss_curve"])
        ],
        columns=["checkpoint", "step", "loss"],
    )
    if data.empty:
        return "Nothing was trained."
    names = list(dict.fromkeys(data["checkpoint"]))
    steps = sorted(set(data["step"]))
    ticks = altair.Axis(format="d", **({"values": steps} if len(steps) <= FEW_STEPS else {"tickMinStep": 1}))
    chart = altair.Chart(data).mark_line(point=len(data) <= 60 * len(names), strokeWidth=2).encode(
        x=altair.X("step:Q", title="optimizer step", axis=ticks),
        y=altair.Y(
            "loss:Q", title="loss, nats a token", scale=altair.Scale(zero=False),
            axis=altair.Axis(tickCount=5, grid=True, gridOpacity=0.15, gridColor="currentColor"),
        ),
        color=altair.Color(
            "checkpoint:N", title=None, scale=altair.Scale(domain=names, range=LINES),
            legend=altair.Legend(orient="top") if len(names) > 1 else None,
        ),
        tooltip=["checkpoint:N", "step:Q", altair.Tooltip("loss:Q", format=".4f")],
    )  # fmt: skip
    return chart.properties(width=WIDTH - 60, height=220, description="Training loss by optimizer step.")
