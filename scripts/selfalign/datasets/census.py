"""What a dataset was drawn from, counted while its rows are read: figures for messages, counts file and card."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from selfalign.io import dumps, read_jsonl

STAGES = ("seeds", "concepts", "unique_tasks", "responses", "verdicts")
"""In the order in which rows descend from one another."""

PROPERTIES = ("category", "difficulty")
"""Of a task, by which pass rates are reported."""


class Census:
    """Counts of what was read and of what was kept; holds numbers, no rows."""

    def __init__(self) -> None:
        self.rows: dict[str, Counter[str]] = defaultdict(Counter)
        """Generator -> stage -> rows."""
        self.settings: dict[tuple[str, str], set[str]] = defaultdict(set)
        """(generator, stage) -> ways in which its rows were generated, as JSON, their seeds aside."""
        self.verdicts: Counter[str] = Counter()
        self.tasks_by_passes: Counter[bool] = Counter()
        """Tasks with (True) and without (False) a response that passed."""
        self.rates: dict[str, dict[str, Counter[str]]] = {name: defaultdict(Counter) for name in PROPERTIES}
        """Property -> value -> {"responses", "passed", "pairs"}."""
        self.licences: Counter[str] = Counter()
        self.corpora: Counter[str] = Counter()
        self.verdicts_kept: Counter[str] = Counter()
        self.splits: Counter[str] = Counter()

    def read(self, generator: str, stage: str, paths: dict[str, str]) -> Iterator[dict]:
        """Streams a stage's file of a shard and counts its rows; a stage that the shard does not have is empty."""
        self.rows[generator][stage] += 0
        if stage not in paths:
            return
        for row in read_jsonl(paths[stage]):
            self.rows[generator][stage] += 1
            if "generated" in row:
                self.settings[generator, stage].add(_without_seed(row["generated"]))
            if "tests_generated" in row:
                self.settings[generator, "tests"].add(_without_seed(row["tests_generated"]))
            yield row

    def judged(self, task: dict, verdicts: Iterable[dict]) -> None:
        """Counts the verdicts on all responses of a task."""
        passes = 0
        for verdict in verdicts:
            self.verdicts[verdict["verdict"]] += 1
            passes += verdict["passed"]
            for name in PROPERTIES:
                self.rates[name][task[name]].update(responses=1, passed=int(verdict["passed"]))
        self.tasks_by_passes[passes > 0] += 1

    def kept(self, pair: dict, split: str) -> None:
        """Counts a pair of the dataset."""
        lineage = pair["lineage"]
        self.splits[split] += 1
        self.licences[lineage["licence"]] += 1
        self.corpora[origin_label(lineage["origin"])] += 1
        self.verdicts_kept[lineage["verdict"]] += 1
        for name in PROPERTIES:
            self.rates[name][lineage[name]].update(pairs=1)

    def funnel_of_verdicts(self) -> str:
        """One line that says what became of the responses."""
        if not self.verdicts:
            return "there are no responses"
        total = sum(self.verdicts.values())
        found = ", ".join(f"{number} {verdict}" for verdict, number in ordered(self.verdicts))
        return f"of {total} responses {found}"


def ordered(counter: Counter[str]) -> list[tuple[str, int]]:
    """Most frequent first; equal ones by name, so that the order of reading doesn't show."""
    return sorted(counter.items(), key=lambda item: (-item[1], item[0]))


def in_order(names: Iterable[str]) -> list[str]:
    """Difficulties from easy to hard, everything else by name."""
    ranks = {name: rank for rank, name in enumerate(("easy", "medium", "hard"))}
    return sorted(names, key=lambda name: (ranks.get(name, len(ranks)), name))


def origin_label(origin: dict) -> str:
    """The package, repository or corpus that a seed is from, with its version."""
    name = origin.get("package") or origin.get("repository") or origin.get("corpus") or "unknown"
    return " ".join(part for part in (str(name), str(origin.get("version") or "")) if part)


def _without_seed(generated: dict) -> str:
    sampling = {key: value for key, value in generated.get("sampling", {}).items() if key != "seed"}
    return dumps({**generated, "sampling": sampling})
