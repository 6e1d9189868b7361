"""A plan as text, and as JSON."""

from dataclasses import asdict

from selfalign.plan.study import StudyPlan


def as_text(plan: StudyPlan) -> str:
    head = ("rule", "of", "rows", "jobs", "GPUs each", "job", "at once", "GPU hours", "wall", "disk")
    lines = [
        (
            stage.stage, stage.owner, number(stage.rows), str(stage.jobs), str(stage.gpus or "-"), duration(stage.job_seconds),
            str(min(stage.places, stage.jobs)), f"{stage.gpu_hours:.1f}" if stage.gpus else "-",
            duration(stage.wall_seconds), size(stage.disk_bytes),
        )
        for stage in plan.stages
    ]  # fmt: skip
    total = ("total", "", "", str(plan.jobs), "", "", "", f"{plan.gpu_hours:.1f}", duration(plan.wall_seconds),
             size(plan.disk_bytes))  # fmt: skip
    rows = aligned([head, *lines, total], 2)
    rule = "-" * len(rows[0])
    notes = [f"- {note}" for note in plan.notes]
    advice = [f"- shards for {name}: {found.shards} ({found.why})" for name, found in plan.advice.items()]
    return "\n".join([rows[0], rule, *rows[1:-1], rule, rows[-1], "", *servers(plan), *advice, *notes])


def servers(plan: StudyPlan) -> list[str]:
    """What is asked of endpoints, as lines; none where there are none."""
    if not plan.servers:
        return []
    head = ("endpoint", "requests", "prompt tokens", "output tokens", "cost")
    lines = [
        (use.model, *(f"{amount:,}" for amount in (use.requests, use.prompt_tokens, use.output_tokens)),
         "-" if use.cost is None else f"{use.cost:,.2f}")
        for use in plan.servers
    ]  # fmt: skip
    return [*aligned([head, *lines], 1), ""]


def aligned(table: list[tuple[str, ...]], words: int) -> list[str]:
    """Lines of a table whose first `words` columns are words, all others figures."""
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column < words else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in table
    ]


def as_dict(plan: StudyPlan) -> dict:
    return {
        "seeds": plan.seeds,
        "shards": plan.shards,
        "jobs": plan.jobs,
        "gpu_hours": round(plan.gpu_hours, 2),
        "wall_seconds": round(plan.wall_seconds),
        "disk_bytes": round(plan.disk_bytes),
        "recommended_shards": {name: asdict(advice) for name, advice in plan.advice.items()},
        "endpoints": [asdict(use) for use in plan.servers],
        "notes": plan.notes,
        "stages": [
            {**asdict(stage), "gpu_hours": stage.gpu_hours, "wall_seconds": stage.wall_seconds} for stage in plan.stages
        ],
    }


def duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 6000:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def size(amount: float) -> str:
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if amount < 1000 or unit == "TB":
            return f"{amount:.3g} {unit}" if amount else "-"
        amount /= 1000
    raise AssertionError("unreachable")


def number(rows: int) -> str:
    return f"{rows:,}" if rows else "-"
