"""Benchmark problems one by one: who solved which, and the answers side by side."""

from collections.abc import Iterator

from selfalign.io import read_jsonl
from selfalign.report.packing import clean
from selfalign.report.paths import owner

LONGEST = 4_000


def outcomes(scores: list[dict], places: dict[tuple[str, str], tuple[int, int]]) -> dict[str, dict]:
    """By benchmark: `problems` (task ids), `bases` {candidate: its base model or ""}, `places` of the answers, and
    `results` {candidate: [[passed, verdict, reason, correct, samples], …]}, the lists in the order of the problems.

    Args:
        places: where the answers to a (benchmark, task id) are, if they fitted.
    """
    found: dict[str, dict] = {}
    for row in scores:
        entry = found.setdefault(row["benchmark"], {"problems": [], "results": {}, "bases": {}, "places": []})
        known = set(entry["problems"])
        entry["problems"] += [item["task_id"] for item in row["per_problem"] if item["task_id"] not in known]
        entry["bases"][row["candidate"]] = row["base"]
    for benchmark, entry in found.items():
        entry["places"] = [places.get((benchmark, task)) for task in entry["problems"]]
    for row in scores:
        entry = found[row["benchmark"]]
        lines = {item["task_id"]: item for item in row["per_problem"]}
        entry["results"][row["candidate"]] = [outcome(lines.get(task)) for task in entry["problems"]]
    return clean(found, 500)


def outcome(item: dict | None) -> list | None:
    if item is None:
        return None
    return [
        item["passed"], item["verdict"], item.get("reason", ""), item.get("correct", int(item["passed"])),
        item.get("samples", 1),
    ]  # fmt: skip


def answers(scores: list[dict], problem_files: list[str], completion_files: list[str]) -> Iterator[dict]:
    """Each problem with the first answer of every candidate: `benchmark`, `task_id`, `prompt`, `tests`, `answers`
    {candidate: text}. Problems on which candidates differ come first, since those are what a reader looks for."""
    texts: dict[tuple[str, str], dict[str, str]] = {}
    for path in completion_files:
        candidate = owner(path)[1]
        for row in read_jsonl(path):
            if row["sample"] == 0:
                text = row.get("solution") or row.get("text", "")
                texts.setdefault((row["benchmark"], row["task_id"]), {})[candidate] = text
    solved: dict[tuple[str, str], set[bool]] = {}
    for row in scores:
        for item in row["per_problem"]:
            solved.setdefault((row["benchmark"], item["task_id"]), set()).add(item["passed"])
    entries = {}
    for path in problem_files:
        for row in read_jsonl(path):
            key = (row["benchmark"], row["task_id"])
            if key in texts:
                entries[key] = {"prompt": row.get("prompt", ""), "tests": row.get("tests", "")}
    for key in sorted(entries, key=lambda key: len(solved.get(key, ())) < 2):
        yield clean({"benchmark": key[0], "task_id": key[1], **entries[key], "answers": texts[key]}, LONGEST)
