"""Scores that papers report for the benchmarks of this run; nothing in them was measured here."""

from pathlib import Path

import yaml

from selfalign import ROOT

FILE = ROOT / "report" / "published.yaml"


def published(scores: list[dict], file: Path = FILE) -> list[dict]:
    """Rows `benchmark` (as this run names it), `model`, `pass_at_1`, `source`, for benchmarks that were evaluated."""
    names = {row["kind"]: row["benchmark"] for row in scores}
    entries = yaml.safe_load(file.read_text(encoding="utf-8"))
    return [
        {"benchmark": names[kind], "model": entry["model"], "pass_at_1": entry[kind] / 100, "source": entry["source"]}
        for kind in sorted(names)
        for entry in entries
        if kind in entry
    ]
