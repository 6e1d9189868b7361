"""Figures as SVG, drawn by Vega-Lite without a browser or a network.

Text and axes have the colour of the text around them (`currentColor`), so that a figure suits a light and a dark page;
alone it is black on nothing. Colours of marks are told apart by colour-blind readers and differ in lightness.
"""

import altair
import pandas
import vl_convert

WIDTH = 860
LABELS = 260
"""Room for the labels of the y axis, in pixels."""

NOTES = 170
"""Room for the notes to the right of the bars."""

KEPT, LOST, BASE, TUNED = "#1f8a70", "#b9c0bd", "#8a97a6", "#1f8a70"
LINES = ["#1f8a70", "#c46210", "#5b6fb5", "#a83b6e", "#7a7a2a", "#3b8ea5"]
FEW_STEPS = 12
"""Steps up to which each has a tick: Vega would put ticks between them."""

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


def svg(chart: altair.TopLevelMixin, name: str, description: str) -> str:
    """The chart as SVG. Ids within start with `name`, so that several fit into one page."""
    specification = chart.properties(description=description).to_dict()
    text = vl_convert.vegalite_to_svg({**specification, "config": CONFIG})
    for mark in ('id="', "url(#", 'href="#'):
        text = text.replace(mark, f"{mark}{name}-")
    return text


def nothing(text: str) -> str:
    """A figure that says why there is none."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="40" role="img" aria-label="{text}">'
        f'<text x="0" y="25" font-family="system-ui, sans-serif" font-size="14" fill="currentColor">{text}</text></svg>'
    )


def funnel_figure(groups: list[dict]) -> str:
    """Bars of kept and lost rows by stage, as shares of what came in."""
    entries = [(group, row) for group in groups for row in group["rows"] if row["in"]]
    if not entries:
        return nothing("No counts to draw.")
    several = len({group["name"] for group in groups if group["layer"] == "generator"}) > 1
    labels, data = [], []
    for group, row in entries:
        labels.append(f"{group['name']}: {row['title']}" if several and group["name"] else row["title"])
        note = f"{row['kept']:,} of {row['in']:,} {row['unit_in']}"
        data += [
            {"stage": len(labels) - 1, "part": "kept", "share": row["kept"] / row["in"], "note": note},
            {"stage": len(labels) - 1, "part": "dropped", "share": 1 - row["kept"] / row["in"], "note": ""},
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
    )  # fmt: skip
    notes = base.mark_text(align="left", dx=6).encode(x=altair.datum(1, type="quantitative"), text="note:N")
    chart = (bars + notes).properties(width=WIDTH - LABELS - NOTES, height=25 * len(labels))
    return svg(chart, "funnel", "Share of the rows that each stage kept; the same figures are in the table below.")


def scores_figure(scores: list[dict]) -> str:
    """pass@1 with its 95 % interval, a panel a benchmark."""
    if not scores:
        return nothing("Nothing was evaluated.")
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
        )
        intervals = base.mark_rule(strokeWidth=3, opacity=0.55).encode(x=axis, x2="high:Q")
        points = base.mark_point(filled=True, size=110, opacity=1).encode(
            x="score:Q",
            shape=altair.Shape(
                "kind:N", scale=altair.Scale(domain=shown.domain, range=["circle", "diamond"]), legend=None
            ),
        )
        title = altair.Title(panel, anchor="start", color="currentColor", fontSize=13)
        panels.append(
            (intervals + points).properties(title=title, width=WIDTH - 180, height=32 * part["candidate"].nunique())
        )
    return svg(altair.vconcat(*panels), "scores", "pass@1 by model; the same figures are in the table below.")


def loss_figure(trainings: dict[str, dict]) -> str:
    """Training loss by optimizer step, a line a checkpoint."""
    data = pandas.DataFrame(
        [
            {"checkpoint": name, "step": point["step"], "loss": point["loss"]}
            for name, training in trainings.items()
            for point in training["loss_curve"]
        ],
        columns=["checkpoint", "step", "loss"],
    )
    if data.empty:
        return nothing("Nothing was trained.")
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
    )  # fmt: skip
    return svg(chart.properties(width=WIDTH - 60, height=220), "loss", "Training loss by optimizer step.")
