"""Says how much of the row journal no current config refers to, and drops it with --remove.

clean_journal.py --config config.yaml               says how much, touches nothing
clean_journal.py --config a.yaml --config b.yaml    the same for two studies that share this folder
"""

import argparse
import contextlib
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml

from selfalign import ROOT
from selfalign.cluster.folder_lock import FolderLock
from selfalign.cluster.records import unfinished_runs
from selfalign.config import resolve_config
from selfalign.errors import UserError
from selfalign.journal_cleaning import Folder, clean

RUN_FOLDER = Path("results/run")
TARGETS = ("data", "evaluate")
"""Target rules of the Snakefile: behind them are all jobs that write a journal."""


def jobs_ahead(config: Path, directory: Path, profile: str) -> Counter:
    """Jobs by rule that Snakemake would run for a config now."""
    command = [
        sys.executable, "-m", "snakemake", "--dry-run", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(directory),
        "--configfile", str(config.absolute()), "--profile", profile, "--cores", "1", "--quiet", "rules", "--", *TARGETS,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    text = done.stdout + done.stderr
    table = text.partition("Job stats:")[2]
    if done.returncode or not (table or "Nothing to be done" in text):
        raise UserError(
            f"Snakemake can't say which jobs are still to run\n{text.strip()[-2000:]}",
            where=str(config),
            fix="nothing was dropped; make `snakemake --dry-run` work with this config first",
        )
    return Counter({rule: int(number) for rule, number in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)})


def main(
    configs: list[Path], directory: Path, remove: bool, ahead: Callable[[Path, Path], Counter] = jobs_ahead
) -> list[Folder]:
    """Looks through the journal of a working folder, and drops what no config refers to if `remove`.

    Raises:
        UserError: a run is going on in this folder or was killed in it, or a config is not right.
    """
    journal = directory / "results" / ".journal"
    if not journal.is_dir():
        raise UserError("there is no journal", where=str(journal), fix="name the working folder of a run: --directory")
    resolved = [resolve_config(yaml.safe_load(path.read_text(encoding="utf-8"))) for path in configs]
    with held(directory) if remove else contextlib.nullcontext():
        waiting = sum((ahead(path, directory) for path in configs), Counter())
        return list(clean(journal, resolved, waiting, remove))


@contextlib.contextmanager
def held(directory: Path) -> Iterator[None]:
    """Keeps runs out of a folder meanwhile; an error if one is going on, or left jobs that may write to the journal."""
    lock = FolderLock(directory / RUN_FOLDER / "running.json", lambda line: print(line, file=sys.stderr))
    lock.acquire()
    try:
        if lock.left_by or unfinished_runs(directory / RUN_FOLDER / "slurm"):
            raise UserError(
                "a run of this folder was killed, and jobs of it may still write to the journal",
                where=str(directory),
                fix="start the run again and let it end: it settles what the killed one left",
            )
        yield
    finally:
        lock.release(as_found=True)


def table(folders: list[Folder], directory: Path, removed: bool) -> str:
    """What was found, a line for each folder of the journal, and what to do next."""
    word = "dropped" if removed else "to drop"
    lines = []
    for folder in folders:
        name = folder.path.relative_to(directory)
        said = (
            f"left as it is: {folder.kept}"
            if folder.kept
            else f"{folder.dropped} {word} ({size(folder.dropped_bytes)})"
        )
        lines.append(f"{name}: {folder.records} records ({size(folder.bytes)}), {said}")
    records, amount = sum(folder.dropped for folder in folders), sum(folder.dropped_bytes for folder in folders)
    lines.append(f"together {records} records ({size(amount)}) {word}")
    if records and not removed:
        lines.append("nothing was touched; `make clean-journal REMOVE=1` (--remove) drops them")
    return "\n".join(lines)


def size(amount: int) -> str:
    return f"{amount / 1e6:.1f} MB" if amount >= 1e6 else f"{amount / 1e3:.1f} kB"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--config", type=Path, action="append", help="a current study (default: config.yaml); repeatable"
    )
    parser.add_argument("--directory", type=Path, default=Path(), help="the run's working folder")
    parser.add_argument(
        "--profile", default=str(ROOT / "profiles" / "default"), help="the profile that it was run with"
    )
    parser.add_argument("--remove", action="store_true", help="drop it, instead of saying how much it is")
    options = parser.parse_args()
    try:
        found = main(
            options.config or [Path("config.yaml")],
            options.directory,
            options.remove,
            lambda config, directory: jobs_ahead(config, directory, options.profile),
        )
        print(table(found, options.directory, options.remove))
    except (UserError, yaml.YAMLError) as problem:
        sys.exit(str(problem))
    except OSError as problem:
        sys.exit(f"can't be read or written: {problem}")
