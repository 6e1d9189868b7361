"""From the rows of one shard to candidate pairs, and from candidates to unique pairs."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from selfalign.datasets.policies import POLICIES
from selfalign.decontaminate import Contamination
from selfalign.io import read_jsonl
from selfalign.near_duplicates import NearDuplicates, exact_key
from selfalign.normalise import functions, python_trees, skeleton
from selfalign.rows import digest, row_id


def shard_pairs(paths: dict[str, str], generator: str, policy: str, verdicts: Counter) -> Iterator[tuple[dict, bool]]:
    """(pair, chosen) for every response of a shard; holds one shard in memory.

    Args:
        paths: files of the stages seeds, concepts, unique_tasks, responses, verdicts.
        policy: a key of :data:`POLICIES`.
        verdicts: counts every verdict seen, for messages and the card.
    """
    seeds = {row["id"]: row for row in read_jsonl(paths["seeds"])}
    tasks = {row["id"]: row for row in read_jsonl(paths["unique_tasks"])}
    judged = {row["response_id"]: row for row in read_jsonl(paths["verdicts"])}
    by_task = defaultdict(list)
    for response in read_jsonl(paths["responses"]):
        verdict = judged[response["id"]]
        verdicts[verdict["verdict"]] += 1
        by_task[response["task_id"]].append((response, verdict))
    for task_id, candidates in by_task.items():
        chosen = POLICIES[policy](candidates)
        for response, verdict in candidates:
            task = tasks[task_id]
            is_chosen = chosen is not None and response["id"] == chosen[0]["id"]
            yield make_pair(seeds[task["seed_id"]], task, response, verdict, generator), is_chosen


def make_pair(seed: dict, task: dict, response: dict, verdict: dict, generator: str) -> dict:
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
            "concepts_id": task["concepts_id"],
            "seed_id": seed["id"],
            "verdict": verdict["verdict"],
            "category": task["category"],
            "difficulty": task["difficulty"],
            "concepts": task["concepts"],
            "licence": seed["licence"],
            "origin": seed["origin"],
            "model": response["generated"]["model"],
            "revision": response["generated"]["revision"],
        },
    }


class PairJudge:
    """Judges pairs in ascending id order: exact duplicate, contaminated, near-duplicate, or unique.

    Exact means the instruction (case and white space aside), the solution (white space aside), or the code's skeleton:
    the hashes of all its functions without names, comments, docstrings and annotations.
    """

    def __init__(self, near: dict, contamination: Contamination):
        self._near = NearDuplicates(near["threshold"], near["permutations"], near["shingle"])
        self._contamination = contamination
        self._seen: dict[tuple[str, object], str] = {}
        self.contaminated: Counter[str] = Counter(dict.fromkeys(contamination.tasks, 0))

    def judge(self, pair: dict) -> tuple[str, str]:
        """(reason, detail), or ("", "") for a pair that is unique and remembered."""
        keys = exact_keys(pair)
        for kind, key in keys.items():
            if (kind, key) in self._seen:
                return "exact_duplicate", f"{kind} of {self._seen[kind, key]}"
        text = "\n\n".join((pair["instruction"], pair["response"], pair["tests"]))
        if hits := self._contamination.find_all(text):
            self.contaminated.update(hit.benchmark for hit in hits)
            return "contaminated", "; ".join(map(str, hits))
        if near := self._near.add(pair["id"], f"{pair['instruction']}\n{pair['solution']}"):
            return "near_duplicate", f"of {near[0]}, similarity {near[1]:.3f}"
        self._seen.update(dict.fromkeys(keys.items(), pair["id"]))
        return "", ""


def exact_keys(pair: dict) -> dict[str, object]:
    keys: dict[str, object] = {
        "instruction": exact_key(pair["instruction"], ignore_case=True),
        "solution": exact_key(pair["solution"]),
    }
    found = sorted(skeleton(node) for tree in python_trees(pair["solution"]) for node in functions(tree))
    # The skeleton of a one-liner is shared by code that has nothing else in common.
    if sum(size for _, size in found) >= MIN_SKELETON_NODES:
        keys["skeleton"] = digest(found)
    return keys


MIN_SKELETON_NODES = 40
