"""Examples of what was thrown away, for every reason of every stage."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from selfalign.io import read_json, read_jsonl
from selfalign.report.packing import clean
from selfalign.report.paths import owner

EXAMPLES = 4
"""Shown of each reason: the first ones in the files, which are sorted by ids, hence by no property of theirs."""

LONGEST = 3_000
TEXTS = (
    "instruction",
    "concepts",
    "answer",
    "text",
    "response",
    "solution",
    "code",
    "tests",
    "docstring",
    "message",
    "path",
)
"""Fields of a dropped row that say what it was, in the order in which they are shown."""


def examples(counts_files: Iterable[str]) -> dict[str, list[dict]]:
    """Dropped rows by "layer/name/stage/reason": `id`, `detail`, `fields` [(name, text)].

    A file of rejected rows stands beside its counts. It is read only until every reason in the counts has its examples,
    so that millions of dropped rows cost nothing.
    """
    found: dict[str, list[dict]] = defaultdict(list)
    for path in counts_files:
        counts = read_json(path)
        prefix = "/".join((*owner(path), counts["stage"]))
        wanted = {f"{prefix}/{reason}": number for reason, number in counts["rejected"].items() if number}
        missing = {key for key in wanted if len(found[key]) < EXAMPLES}
        rejected = rejected_file(path)
        if not missing or not rejected.is_file():
            continue
        seen: dict[str, int] = defaultdict(int)
        for row in read_jsonl(rejected):
            key = f"{prefix}/{row['reason']}"
            seen[key] += 1
            if key in missing:
                found[key].append(example(row))
                if len(found[key]) == EXAMPLES or seen[key] == wanted[key]:
                    missing.discard(key)
                    if not missing:
                        break
    return {key: rows for key, rows in found.items() if rows}


def rejected_file(counts_file: str) -> Path:
    path = Path(counts_file)
    return path.with_name(path.name.replace("counts.json", "rejected.jsonl"))


def example(row: dict) -> dict:
    content = row.get("row") or {}
    fields = []
    for name in TEXTS:
        value = content.get(name)
        if value:
            fields.append((name, "\n".join(map(str, value)) if isinstance(value, list) else str(value)))
    return clean({"id": row.get("id", ""), "detail": row.get("detail", ""), "fields": fields}, LONGEST)
