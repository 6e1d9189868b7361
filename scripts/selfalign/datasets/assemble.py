"""From the rows of one shard to candidate pairs."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import islice

from selfalign.datasets.census import Census
from selfalign.datasets.policies import Candidate, Policy, draw_one
from selfalign.errors import UserError
from selfalign.io import read_jsonl
from selfalign.rows import row_id

UNTESTED = "untested"


def in_order(generators: list[str], shards: list[dict[str, str]]) -> list[tuple[str, dict[str, str]]]:
    """(generator, paths) by generator and first seed id.

    Shards are contiguous ranges of sorted seed ids, so rows then come in the same order whatever the number of shards.
    """
    first = [next((row["id"] for row in islice(read_jsonl(paths["seeds"]), 1)), "") for paths in shards]
    entries = sorted(zip(generators, first, range(len(shards)), strict=True))
    return [(generator, shards[number]) for generator, _, number in entries]


def shard_pairs(paths: dict[str, str], generator: str, policy: Policy, census: Census) -> Iterator[tuple[dict, str]]:
    """(pair, reason why it is no candidate, "" for a candidate) for every response of a shard, held in memory.

    Args:
        paths: files of the stages seeds, unique_tasks, responses, and where there are such concepts and verdicts.
        policy: says which responses of a task qualify; one of them is drawn.
        census: counts what is read.

    Raises:
        UserError: a row descends from one that is not in the shard's files.
    """
    seeds = {row["id"]: row for row in census.read(generator, "seeds", paths)}
    for _ in census.read(generator, "concepts", paths):
        pass
    tasks = {row["id"]: row for row in census.read(generator, "unique_tasks", paths)}
    verdicts = {row["response_id"]: row for row in census.read(generator, "verdicts", paths)}
    verdict_of = finder(verdicts, paths["verdicts"]) if "verdicts" in paths else no_verdict
    task_of, seed_of = finder(tasks, paths["unique_tasks"]), finder(seeds, paths["seeds"])
    by_task: dict[str, list[Candidate]] = defaultdict(list)
    for response in census.read(generator, "responses", paths):
        by_task[response["task_id"]].append((response, verdict_of(response["id"])))
    for task in sorted(map(task_of, by_task), key=lambda row: (row["seed_id"], row["id"])):
        seed = seed_of(task["seed_id"])
        candidates = sorted(by_task[task["id"]], key=lambda candidate: (candidate[0]["sample"], candidate[0]["id"]))
        census.judged(task, [verdict for _, verdict in candidates])
        reasons = select(policy, candidates)
        for response, verdict in candidates:
            yield make_pair(seed, task, response, verdict, generator), reasons[response["id"]]


def no_verdict(response: str) -> dict:
    """What stands for the verdict on a response that nobody judged."""
    return {"verdict": UNTESTED, "passed": False, "consensus": None}


def finder(rows: dict[str, dict], path: str) -> Callable[[str], dict]:
    """A function that finds a row by id, and says what to do when it is not there."""

    def find(key: str) -> dict:
        if key not in rows:
            raise UserError(
                f"no row belongs to id {key!r}, which another stage refers to",
                where=path,
                fix="the files of two stages don't belong together: delete this one and run the same command again",
            )
        return rows[key]

    return find


def select(policy: Policy, candidates: list[Candidate]) -> dict[str, str]:
    """Response id -> "" for the one that is taken, else the reason why it is not; `candidates` are those of one task."""
    qualified = policy(candidates)
    chosen = draw_one(qualified)
    reasons = {response["id"]: "not_qualified" for response, _ in candidates}
    reasons |= {response["id"]: "not_drawn" for response, _ in qualified}
    return reasons | ({chosen[0]["id"]: ""} if chosen else {})


def make_pair(seed: dict, task: dict, response: dict, verdict: dict, generator: str) -> dict:
    """A pair row (docs/data.md)."""
    return {
        "id": row_id("pair", response["id"]),
        "instruction": task["instruction"],
        "response": response["text"],
        "solution": response["solution"],
        "tests": response["tests"],
        "lineage": {
            "generator": generator,
            "response_id": response["id"],
            "task_id": task["id"],
            "concepts_id": task.get("concepts_id"),
            "seed_id": seed["id"],
            "verdict": verdict["verdict"],
            "category": task["category"],
            "difficulty": task["difficulty"],
            "concepts": task["concepts"],
            "evolved_from": task.get("evolved_from", []),
            "task_model": task.get("generated", {}).get("model"),
            "tests_model": response.get("tests_generated", response["generated"])["model"]
            if response["tests"]
            else None,
            "licence": seed["licence"],
            "origin": seed["origin"],
            "model": response["generated"]["model"],
            "revision": response["generated"]["revision"],
        },
    }
