"""Which candidate pairs are unique and free of benchmarks."""

import ast
from collections import Counter

from selfalign.datasets.skeleton import skeleton_key
from selfalign.decontaminate import Contamination
from selfalign.near_duplicates import NearDuplicates, exact_key
from selfalign.progress import counted
from selfalign.stage import StageWriter
from selfalign.stages.parsing import parse_code
from selfalign.unique import Place, RowFiles, first_task


class PairJudge:
    """Judges pairs in ascending id order: exact duplicate, contaminated, near-duplicate, or unique.

    Exact means the instruction (case and white space aside), the solution (white space aside), or the solution's
    skeleton (:mod:`selfalign.datasets.skeleton`), and on request the set of its functions' names. Near means the token shingles of instruction and solution together, but
    for pairs whose tasks are versions of one task (:func:`selfalign.unique.first_task`).
    Benchmarks are looked for in instruction, response and tests. Only a unique pair is remembered, so a contaminated or
    duplicate one takes no other with it.

    Args:
        near: settings of :class:`NearDuplicates`: threshold, permutations, shingle.
        contamination: the benchmarks.
        unique_names: whether pairs whose functions have the same names are exact duplicates.
    """

    def __init__(self, near: dict, contamination: Contamination, unique_names: bool = False):
        self._near = NearDuplicates(near["threshold"], near["permutations"], near["shingle"])
        self._contamination, self._unique_names = contamination, unique_names
        self._seen: dict[tuple[str, bytes | str], str] = {}
        self.contaminated: Counter[str] = Counter(dict.fromkeys(contamination.tasks, 0))
        """Benchmark -> pairs that overlap it; a pair that overlaps several counts for each."""

    def judge(self, pair: dict) -> tuple[str, str]:
        """(reason, detail), or ("", "") for a pair that is unique and remembered."""
        keys = exact_keys(pair)
        if self._unique_names and (names := function_names(pair["solution"])):
            keys["function names"] = names
        for kind, key in keys.items():
            if (kind, key) in self._seen:
                return "exact_duplicate", f"{kind} of {self._seen[kind, key]}"
        text = "\n\n".join((pair["instruction"], pair["response"], pair["tests"]))
        if hits := self._contamination.find_all(text):
            self.contaminated.update(hit.benchmark for hit in hits)
            return "contaminated", "; ".join(map(str, hits))
        kin = first_task({"id": pair["lineage"]["task_id"], **pair["lineage"]})
        if near := self._near.add(pair["id"], f"{pair['instruction']}\n{pair['solution']}", kin):
            return "near_duplicate", f"of {near[0]}, similarity {near[1]:.3f}"
        self._seen.update(dict.fromkeys(keys.items(), pair["id"]))
        return "", ""


def exact_keys(pair: dict) -> dict[str, bytes | str]:
    """What makes two pairs exact duplicates, by kind."""
    keys: dict[str, bytes | str] = {
        "instruction": exact_key(pair["instruction"], ignore_case=True),
        "solution": exact_key(pair["solution"]),
    }
    if key := skeleton_key(pair["solution"]):
        keys["skeleton"] = key
    return keys


def function_names(code: str) -> str:
    """The names of a program's functions and methods, sorted, without case and underscores; "" for none."""
    tree = parse_code(code)
    functions = (node for node in ast.walk(tree or ast.Module([], [])) if isinstance(node, DEFINITIONS))
    return " ".join(sorted({node.name.lower().replace("_", "") for node in functions}))


DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def keep_unique(candidates: RowFiles, judge: PairJudge, writer: StageWriter, limit: int | None) -> list[Place]:
    """Places of the unique candidates by ascending id; the others go to `writer`.

    After `limit` unique pairs the rest are rejected as `over_limit` without a look at them.
    """
    unique: list[Place] = []
    for place, pair in counted(candidates.in_order(), len(candidates.places), "pairs"):
        if limit is not None and len(unique) >= limit:
            writer.reject(pair, "over_limit")
            continue
        reason, detail = judge.judge(pair)
        if reason:
            writer.reject(pair, reason, detail)
        else:
            unique.append(place)
    return unique
