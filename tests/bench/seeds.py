"""Throughput of seed mining and of duplicate removal, on one core.

    python tests/bench/seeds.py resources/corpora/utilities/packages

Prints rows per CPU second of near-duplicate detection and the memory of a remembered row; then functions and megabytes
per CPU second of mining (extraction, imports, filters), of plain `ast.parse` on the same files, and their ratio.
"""

import ast
import random
import resource
import sys
import time
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from selfalign.config import fill_defaults, load_schema  # noqa: E402
from selfalign.corpora.base import Limits, SourceFile  # noqa: E402
from selfalign.corpora.directory import walk  # noqa: E402
from selfalign.mining.filters import Filters  # noqa: E402
from selfalign.mining.mine import mine  # noqa: E402
from selfalign.near_duplicates import NearDuplicates  # noqa: E402

ROUNDS = 3
ROWS = 20_000


def default_filters() -> dict:
    filters: dict = {}
    fill_defaults(filters, load_schema()["$defs"]["filters"])
    return filters


def source_files(folder: str) -> list[SourceFile]:
    """Files of a folder that can be mined and that `ast` can parse, so that both do the same work."""
    found = [entry for entry in walk(Path(folder), Limits(1_000_000, 2000)) if isinstance(entry, SourceFile)]
    good = []
    for entry in found:
        try:
            ast.parse(entry.text)
        except (SyntaxError, ValueError):
            continue
        good.append(entry)
    return good


def cpu_seconds(work) -> float:
    """Least CPU time of several rounds: other processes on the machine only ever add to it."""
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def bench_mining(folder: str) -> None:
    files, filters = source_files(folder), Filters.from_config(default_filters())
    size = sum(len(entry.text.encode()) for entry in files) / 1e6
    results = [entry for file in files for entry in mine("bench", file, filters)]
    mined = cpu_seconds(lambda: [mine("bench", file, filters) for file in files])
    parsed = cpu_seconds(lambda: [ast.parse(file.text) for file in files])
    seeds = sum(not entry.reason for entry in results)
    print(f"{len(files)} files, {size:.2f} MB, {len(results)} functions, {seeds} seeds")
    print(f"mining:    {mined:.2f} s, {len(results) / mined:,.0f} functions/s, {size / mined:.2f} MB/s")
    print(f"ast.parse: {parsed:.2f} s, {len(results) / parsed:,.0f} functions/s, {size / parsed:.2f} MB/s")
    print(f"mining takes {mined / parsed:.2f} times as long as ast.parse")


def bench_near_duplicates() -> None:
    draw = random.Random(0)
    texts = [" ".join(f"w{draw.randrange(3000)}" for _ in range(150)) for _ in range(ROWS)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    near = NearDuplicates(threshold=0.5, permutations=128, shingle=5)
    start = time.process_time()
    for number, text in enumerate(texts):
        near.add(str(number), text)
    seconds = time.process_time() - start
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / len(near)
    print(f"near-duplicates: {ROWS / seconds:,.0f} rows/s, {memory:.1f} kB a remembered row of 150 words")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    warnings.simplefilter("ignore")
    bench_near_duplicates()  # first: its memory is the growth of the process' peak
    bench_mining(sys.argv[1])
