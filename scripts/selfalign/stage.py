"""The bookkeeping that every stage shares: rows in = kept + rejected + failed, or the stage did not happen."""

from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from selfalign.errors import EmptyStageError, UserError
from selfalign.io import atomic, dumps, read_json, write_json
from selfalign.reasons import REASONS


class StageWriter:
    """Writes what a stage keeps, what it rejects and why, and the counts that prove that no row is lost.

    A rejected row is stored as `{"id", "stage", "reason", "detail", "row"}`. `failed` is for rows that could not be
    judged (the machine's fault), `rejected` for rows that were judged and dropped. The counts file is written last.

    Use as a context manager; count each input row with :meth:`read`. One input row may lead to several kept rows
    (`fan_out`: a task's samples); then each of them is counted as read by the caller.

    Args:
        stage: a key of :data:`selfalign.reasons.REASONS`.
        kept, rejected, counts: paths of the three files.
        allow_empty: permits zero kept rows (only for parts of a stage whose gather rule checks the total).
    """

    def __init__(self, stage: str, *, kept: str, rejected: str, counts: str, allow_empty: bool = False):
        self.stage, self.allow_empty = stage, allow_empty
        self._paths = {"kept": Path(kept), "rejected": Path(rejected)}
        self._counts_path = Path(counts)
        self.rows_in = self.rows_kept = 0
        self.rejected: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.extra: dict = {}
        """More figures for the counts file (tokens, duplicates by benchmark ...): JSON values by name."""

    def __enter__(self) -> "StageWriter":
        self._stack = ExitStack()
        self._files = {name: self._stack.enter_context(atomic(path)) for name, path in self._paths.items()}
        return self

    def read(self, rows: int = 1) -> None:
        self.rows_in += rows

    def keep(self, row: dict) -> None:
        self.rows_kept += 1
        self._files["kept"].write(dumps(row) + "\n")

    def reject(self, row: dict, reason: str, detail: str = "") -> None:
        self._drop(self.rejected, row, reason, detail)

    def fail(self, row: dict, reason: str, detail: str = "") -> None:
        self._drop(self.failed, row, reason, detail)

    def _drop(self, counter: Counter, row: dict, reason: str, detail: str) -> None:
        if reason not in REASONS[self.stage]:
            raise ValueError(f"{reason!r} is not a reason of stage {self.stage!r}: add it to selfalign/reasons.py")
        counter[reason] += 1
        record = {"id": row.get("id"), "stage": self.stage, "reason": reason, "detail": detail, "row": row}
        self._files["rejected"].write(dumps(record) + "\n")

    def counts(self) -> dict:
        return {
            "stage": self.stage,
            "in": self.rows_in,
            "kept": self.rows_kept,
            "rejected": dict(self.rejected),
            "failed": dict(self.failed),
            **({"extra": self.extra} if self.extra else {}),
        }

    def __exit__(self, kind, error, trace) -> None:
        if error is None:
            try:
                check_counts(self.counts(), where=str(self._counts_path))
                if not self.rows_kept and not self.allow_empty:
                    raise EmptyStageError(
                        f"stage {self.stage!r} would keep none of its {self.rows_in} rows: {funnel(self.counts())}",
                        where=str(self._paths["kept"]),
                        fix="look at the reasons above; loosen the filter that dropped most, or give it more input",
                    )
            except UserError as problem:
                self._stack.__exit__(type(problem), problem, None)
                raise
            self._stack.close()
            write_json(self._counts_path, self.counts())
        else:
            self._stack.__exit__(kind, error, trace)


def funnel(counts: dict) -> str:
    """One line that says where a stage's rows went."""
    parts = [f"{counts['in']} in", f"{counts['kept']} kept"]
    parts += [f"{n} {reason}" for reason, n in sorted(counts["rejected"].items(), key=lambda kv: (-kv[1], kv[0]))]
    parts += [f"{n} failed: {reason}" for reason, n in sorted(counts["failed"].items())]
    return ", ".join(parts)


def check_counts(counts: dict, where: str) -> None:
    """Raises when rows in differ from kept + rejected + failed."""
    out = counts["kept"] + sum(counts["rejected"].values()) + sum(counts["failed"].values())
    if counts["in"] != out:
        raise UserError(
            f"rows don't add up in stage {counts['stage']!r}: {funnel(counts)}, together {out}",
            where=where,
            fix="rows were lost or written twice: delete this stage's files and rerun; if it happens again, report it",
        )


def merge_counts(paths: Iterable[str | Path]) -> dict:
    """Sums the counts files of a stage's shards after checking each; `extra` figures are summed where numeric."""
    total = {"stage": "", "in": 0, "kept": 0, "rejected": Counter(), "failed": Counter(), "extra": Counter()}
    for path in paths:
        counts = read_json(path)
        check_counts(counts, where=str(path))
        total["stage"] = counts["stage"]
        total["in"] += counts["in"]
        total["kept"] += counts["kept"]
        total["rejected"].update(counts["rejected"])
        total["failed"].update(counts["failed"])
        total["extra"].update({k: v for k, v in counts.get("extra", {}).items() if isinstance(v, int | float)})
    return {key: dict(value) if isinstance(value, Counter) else value for key, value in total.items()}
