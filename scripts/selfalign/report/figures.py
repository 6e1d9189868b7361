"""Figures as SVG, drawn by Vega-Lite without a browser or a network."""

import altair
import pandas
import vl_convert

WIDTH = 620
COLOURS = {"kept": "#2a7f62", "lost": "#c9c9c9", "base": "#7a8fa6", "tuned": "#2a7f62"}


def svg(chart: altair.Chart) -> str:
    return vl_convert.vegalite_to_svg(chart.configure_view(strokeWidth=0).configure_axis(grid=False).to_dict())


def funnel_figure(rows: list[dict]) -> str:
    """Bars of kept and lost rows by stage, each as a share of what came in."""
    data = pandas.DataFrame(
        [
            {"stage": row["what"], "part": part, "share": number / row["in"] if row["in"] else 0, "rows": number}
            for row in rows
            for part, number in (("kept", row["kept"]), ("lost", row["in"] - row["kept"]))
        ]
    )
    order = [row["what"] for row in rows]
    base = altair.Chart(data).encode(y=altair.Y("stage:N", sort=order, title=None, axis=altair.Axis(labelLimit=240)))
    bars = base.mark_bar().encode(
        x=altair.X("share:Q", title="share of the rows that came in", axis=altair.Axis(format="%")),
        color=altair.Color(
            "part:N", scale=altair.Scale(domain=["kept", "lost"], range=[COLOURS["kept"], COLOURS["lost"]]), title=None
        ),
        order=altair.Order("part:N"),
    )
    return svg(bars.properties(width=WIDTH - 240, height=24 * len(rows)))


def scores_figure(results: list[dict], bases: dict[str, str]) -> str:
    """pass@1 with its 95 % interval, by benchmark and candidate."""
    data = pandas.DataFrame(
        [
            {
                "candidate": r["candidate"], "benchmark": r["benchmark"], "score": r["pass_at_1"],
                "low": r["interval95"][0], "high": r["interval95"][1], "kind": "tuned" if r["candidate"] in bases else "base",
            }
            for r in results
        ]
    )  # fmt: skip
    base = altair.Chart(data).encode(
        y=altair.Y("candidate:N", title=None, sort=None, axis=altair.Axis(labelLimit=240)),
        color=altair.Color(
            "kind:N",
            scale=altair.Scale(domain=["base", "tuned"], range=[COLOURS["base"], COLOURS["tuned"]]),
            title=None,
        ),
    )
    axis = altair.X(
        "low:Q", title="pass@1 with 95 % interval", scale=altair.Scale(domain=[0, 1]), axis=altair.Axis(format="%")
    )
    intervals = base.mark_rule(strokeWidth=2).encode(x=axis, x2="high:Q")
    points = base.mark_point(filled=True, size=80, opacity=1).encode(x="score:Q")
    layers = altair.layer(intervals, points).properties(width=WIDTH - 240, height=28 * data["candidate"].nunique())
    return svg(layers.facet(row=altair.Row("benchmark:N", title=None)))


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
    chart = altair.Chart(data).mark_line(point=True).encode(
        x=altair.X("step:Q", title="optimizer step", axis=altair.Axis(tickMinStep=1, format="d")),
        y=altair.Y("loss:Q", title="loss on the response tokens", scale=altair.Scale(zero=False)),
        color=altair.Color("checkpoint:N", title=None),
    )  # fmt: skip
    return svg(chart.properties(width=WIDTH - 80, height=200))
