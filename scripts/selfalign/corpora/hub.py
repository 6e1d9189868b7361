"""Corpus kind `hub`: Parquet or JSON Lines files of a dataset repository at a fixed revision, streamed.

Gated datasets want a token; `huggingface_hub` finds it in its own place (the variable `HF_TOKEN`), never in the config.
"""

from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from selfalign.corpora import jsonl
from selfalign.corpora.base import Limits, RejectedFile, SourceFile, from_row
from selfalign.errors import InfrastructureError, UserError

BATCH_ROWS = 256
PARQUET_SUFFIX = ".parquet"
COLUMNS = ("content_column", "path_column", "repository_column", "licence_column")
"""Keys of the config that name columns."""


def read(name: str, spec: dict, folder: str | None, limits: Limits) -> Iterator[SourceFile | RejectedFile]:
    """Rows of the repository's files that fit `spec["files"]`, by file name and row."""
    for path, file in fetched(name, spec):
        yield from read_rows(path, file, name, spec, limits)


def fetched(name: str, spec: dict) -> Iterator[tuple[Path, str]]:
    """(path on disk, name in the repository) of each file that fits `spec["files"]`, by name, fetched when its turn comes."""
    for file in choose_files(name, spec, _call(name, list_files, spec["dataset"], spec["revision"])):
        yield Path(_call(name, download, spec["dataset"], spec["revision"], file)), file


def list_files(dataset: str, revision: str) -> list[str]:
    """Names of all files of a dataset repository."""
    from huggingface_hub import HfApi  # here, because the import takes a second that other corpora don't need

    return HfApi().list_repo_files(dataset, revision=revision, repo_type="dataset")


def download(dataset: str, revision: str, file: str) -> str:
    """Path of a file of a dataset repository in the hub's own cache."""
    from huggingface_hub import hf_hub_download

    return hf_hub_download(dataset, file, revision=revision, repo_type="dataset")


def _call(corpus: str, function: Callable, dataset: str, *arguments: str):
    """Calls a function that speaks to the hub, and says what its errors mean."""
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    where = f"seeds.corpora.{corpus}"
    try:
        return function(dataset, *arguments)
    except GatedRepoError as error:
        fix = "accept its terms on the hub and set HF_TOKEN"
        raise UserError(f"dataset {dataset!r} is gated", where=where, fix=fix) from error
    except RevisionNotFoundError as error:
        fix = "give the full commit hash of a revision of this dataset"
        raise UserError(f"dataset {dataset!r} has no revision {arguments[0]!r}", where=where, fix=fix) from error
    except RepositoryNotFoundError as error:
        fix = "correct the name; a private dataset needs HF_TOKEN"
        raise UserError(f"the hub has no dataset {dataset!r}, or it is private", where=where, fix=fix) from error
    except LocalEntryNotFoundError as error:  # what the hub's client raises without network
        raise _unreachable(dataset, where, error) from error
    except EntryNotFoundError as error:
        raise UserError(f"dataset {dataset!r} lacks a file: {error}", where=where, fix="correct `files`") from error
    except OSError as error:  # connection, proxy and disk errors of every library in between
        raise _unreachable(dataset, where, error) from error
    except Exception as error:
        if type(error).__module__.split(".")[0] in ("httpx", "httpx2", "httpcore", "httpcore2", "requests"):
            raise _unreachable(dataset, where, error) from error
        raise


def _unreachable(dataset: str, where: str, error: Exception) -> InfrastructureError:
    return InfrastructureError(
        f"dataset {dataset!r} could not be fetched: {str(error)[:300]}",
        where=where,
        fix="check network and disk space, then run again; files that arrived are kept in the hub's cache",
    )


def choose_files(name: str, spec: dict, names: list[str]) -> list[str]:
    """Names that fit one of the patterns, sorted. `**/` in a pattern also stands for no folder at all."""
    patterns = [variant for pattern in spec["files"] for variant in (pattern, pattern.replace("**/", ""))]
    chosen = sorted(file for file in names if any(fnmatchcase(file, pattern) for pattern in patterns))
    if not chosen:
        kinds = sorted({Path(file).suffix for file in names})
        raise UserError(
            f"dataset {spec['dataset']!r} has no file that fits {spec['files']}; it has {len(names)} files ({kinds})",
            where=f"seeds.corpora.{name}.files",
            fix="give patterns of its Parquet or JSON Lines files",
        )
    return chosen


def read_rows(path: Path, file: str, name: str, spec: dict, limits: Limits) -> Iterator[SourceFile | RejectedFile]:
    """Source files of one data file, `path`, that the repository calls `file`."""
    if not file.endswith(PARQUET_SUFFIX):
        yield from jsonl.read_rows(path, file, spec, limits)
        return
    for place, row in parquet_rows(path, file, name, spec, COLUMNS):
        yield from_row(row, spec, place, limits)


def parquet_rows(path: Path, file: str, name: str, spec: dict, keys: tuple[str, ...]) -> Iterator[tuple[str, dict]]:
    """(place, column -> value) of every row of a Parquet file, of the columns that these keys of the config name."""
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.ParquetFile(path)
        columns = wanted_columns(name, spec, file, table.schema_arrow.names, keys)
        row_number = 0
        for batch in table.iter_batches(batch_size=BATCH_ROWS, columns=columns):
            for row in batch.to_pylist():
                row_number += 1
                yield f"{file}:{row_number}", row
    except pyarrow.ArrowInvalid as error:
        fix = "delete the file from the hub's cache, then run again"
        raise UserError(f"not a readable Parquet file: {error}", where=str(path), fix=fix) from error


def wanted_columns(name: str, spec: dict, file: str, present: list[str], keys: tuple[str, ...]) -> list[str]:
    """The columns that the config names, each of which the file must have."""
    for key in keys:
        if spec.get(key) and spec[key] not in present:
            raise UserError(
                f"{file} has no column {spec[key]!r}; it has {', '.join(present)}",
                where=f"seeds.corpora.{name}.{key}",
                fix="name one of its columns",
            )
    return [spec[key] for key in keys if spec.get(key)]
