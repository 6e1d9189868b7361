"""Mines a corpus for functions or snippets that can serve as seeds; every file and every candidate is kept or has its reason."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from itertools import islice
from pathlib import Path

from selfalign.adapter import run
from selfalign.corpora import read_corpus
from selfalign.corpora.base import Limits, RejectedFile, SourceFile, licence_allowed
from selfalign.errors import EmptyStageError
from selfalign.io import atomic, dumps, write_json
from selfalign.mining.filters import Filters
from selfalign.mining.mine import mine
from selfalign.mining.mined import Mined, enter
from selfalign.mining.snippets import cut_snippets
from selfalign.progress import counted
from selfalign.reasons import REASONS
from selfalign.stage import StageWriter, check_counts

logger = logging.getLogger(__name__)

FILES_AT_ONCE = 64  # a process: what is in memory stays small, however large the corpus is


def main(
    corpus: str,
    spec: dict,
    folder: str | None,
    licences: list[str],
    filters: dict,
    kept: str,
    rejected: str,
    counts: str,
    files_rejected: str,
    files_counts: str,
    threads: int = 1,
    snippets: dict | None = None,
) -> None:
    """Writes the seeds of corpus `corpus` (config `spec`), in the order of the corpus.

    Args:
        folder: what `fetch_corpus.py` unpacked (kind `pypi`), else None.
        licences: the allow-list.
        filters: the config's `seeds.filters`.
        files_rejected, files_counts: the same books for files as `rejected` and `counts` are for functions.
        threads: processes; their number does not show in the output.
        snippets: the config's `seeds.snippets` to take random lines; None to take functions.

    Raises:
        EmptyStageError: no file, or no seed in any of them.
    """
    limits = Limits(filters["max_file_bytes"], filters["max_line_length"])
    found = read_corpus(corpus, spec, folder, limits)
    if snippets:
        stage, miner = "snippets", partial(cut_snippets, corpus, settings=snippets)
    else:
        stage, miner = "mine", partial(mine, corpus, filters=Filters.from_config(filters))
    work = partial(judge_file, licences=licences, miner=miner)
    with ExitStack() as stack:
        books = FileBooks(stack.enter_context(atomic(files_rejected)))
        writer = stack.enter_context(StageWriter(stage, kept=kept, rejected=rejected, counts=counts))
        for file, mined in counted(in_processes(work, found, threads), None, "files"):
            books.enter(file, bool(mined))
            enter(writer, mined)
        books.check(corpus, files_counts)
    write_json(files_counts, books.counts())
    logger.info("corpus %s: %s; %s", corpus, books.counts(), writer.counts())


def judge_file(
    found: SourceFile | RejectedFile, licences: list[str], miner: Callable[..., list[Mined]]
) -> tuple[RejectedFile | SourceFile, list[Mined]]:
    """What `miner` finds in a file, and the file itself: as rejected if it is not used."""
    if isinstance(found, RejectedFile):
        return found, []
    if not licence_allowed(found.licence, licences):
        return RejectedFile(found.path, found.package, "licence", found.licence or "none stated"), []
    mined = miner(file=found)
    if not mined:
        return RejectedFile(found.path, found.package, "no_functions" if found.text.strip() else "empty"), []
    return found, mined


def in_processes(work, items: Iterable, processes: int) -> Iterator:
    """`work(item)` for every item, in order, on several processes, a bounded number of items at once."""
    if processes <= 1:
        yield from map(work, items)
        return
    stream = iter(items)
    with ProcessPoolExecutor(processes) as pool:
        while batch := list(islice(stream, FILES_AT_ONCE * processes)):
            yield from pool.map(work, batch, chunksize=8)


class FileBooks:
    """Counts of files: in = kept + rejected. Rejected ones go to `stream` as rows of stage `corpus_file`."""

    def __init__(self, stream):
        self._stream = stream
        self.kept = 0
        self.rejected: Counter[str] = Counter()

    def enter(self, file: SourceFile | RejectedFile, used: bool) -> None:
        if used:
            self.kept += 1
            return
        if file.reason not in REASONS["corpus_file"]:
            raise ValueError(f"{file.reason!r} is not a reason of stage 'corpus_file': add it to selfalign/reasons.py")
        self.rejected[file.reason] += 1
        row = {"path": file.path, "package": file.package}
        record = {"id": file.path, "stage": "corpus_file", "reason": file.reason, "detail": file.detail, "row": row}
        self._stream.write(dumps(record) + "\n")

    def counts(self) -> dict:
        total = self.kept + sum(self.rejected.values())
        rejected = dict(sorted(self.rejected.items()))
        return {"stage": "corpus_file", "in": total, "kept": self.kept, "rejected": rejected, "failed": {}}

    def check(self, corpus: str, where: str) -> None:
        check_counts(self.counts(), where=where)
        if self.kept:
            return
        reasons = ", ".join(f"{number} {reason}" for reason, number in sorted(self.rejected.items()))
        raise EmptyStageError(
            f"corpus {corpus!r} holds no source file that can be used: {reasons or 'it has no file at all'}",
            where=f"seeds.corpora.{corpus}",
            fix="check what the corpus points to, its licence and the allow-list seeds.licences",
        )


if "snakemake" in globals():
    run(
        main,
        snakemake,
        corpus=snakemake.wildcards.corpus,
        spec=snakemake.params.spec,
        folder=str(Path(str(snakemake.input.corpus)).parent) if snakemake.params.spec["kind"] == "pypi" else None,
        licences=snakemake.params.licences,
        filters=snakemake.params.filters,
        threads=snakemake.threads,
        snippets=snakemake.params.get("snippets"),
        **dict(snakemake.output.items()),
    )
