"""Reads commits, of local git repositories or of a table, as instructions; every commit is kept or has its reason."""

import logging
from collections.abc import Iterator
from pathlib import Path

from selfalign.adapter import run
from selfalign.corpora import commit_table
from selfalign.corpora.base import Limits, licence_allowed
from selfalign.errors import UserError
from selfalign.mining.commits import CommitRules, judge_commit, judge_row
from selfalign.mining.mined import Mined, enter
from selfalign.mining.repositories import Repository, find_repositories
from selfalign.progress import counted
from selfalign.stage import StageWriter, funnel

logger = logging.getLogger("selfalign.mine_commits")


def main(
    corpus: str,
    spec: dict,
    licences: list[str],
    settings: dict,
    limits: dict,
    kept: str,
    rejected: str,
    counts: str,
) -> None:
    """Writes the seeds of corpus `corpus`: repository by repository, each with its newest commit first, or row by row.

    Args:
        spec: the corpus' config, of kind `git` or `commits`.
        licences: the allow-list.
        settings: the config's `seeds.commits`.
        limits: the config's `seeds.filters`, of which the bounds of a file count.

    Raises:
        EmptyStageError: no commit is kept.
        UserError: there is no repository or table, or it can't be read.
    """
    rules = CommitRules(**settings)
    bounds = Limits(limits["max_file_bytes"], limits["max_line_length"])
    judged = (table if spec["kind"] == "commits" else repositories)(corpus, spec, licences, rules, bounds)
    with StageWriter("commits", kept=kept, rejected=rejected, counts=counts) as writer:
        enter(writer, counted(judged, None, "commits"))
    logger.info("corpus %s: %s", corpus, funnel(writer.counts()))


def repositories(corpus: str, spec: dict, licences: list[str], rules: CommitRules, limits: Limits) -> Iterator[Mined]:
    """Every commit of the repositories of a corpus of kind `git`."""
    root = Path(spec["path"])
    found = find_repositories(root) if root.is_dir() else []
    if not found:
        raise UserError(
            f"corpus {corpus!r}: {spec['path']!r} is neither a git repository nor a folder with some",
            where=f"seeds.corpora.{corpus}.path",
            fix="correct the path (relative paths start at the working directory), or clone something into it",
        )
    for path in found:
        package = path.resolve().name
        stated = spec["licence"].get(package, "") if isinstance(spec["licence"], dict) else spec["licence"]
        licence = stated if stated and licence_allowed(stated, licences) else ""
        with Repository(path) as repository:
            for commit in repository.commits(spec["revision"]):
                yield judge_commit(corpus, package, licence, repository, commit, rules, limits)


def table(corpus: str, spec: dict, licences: list[str], rules: CommitRules, limits: Limits) -> Iterator[Mined]:
    """Every row of a corpus of kind `commits`."""
    for place, row, problem in commit_table.read(corpus, spec):
        stated = row.get("licence", "")
        licence = stated if stated and licence_allowed(stated, licences) else ""
        yield judge_row(corpus, place, row, problem, licence, rules, limits)


if "snakemake" in globals():
    run(
        main,
        snakemake,
        corpus=snakemake.wildcards.corpus,
        spec=snakemake.params.spec,
        licences=snakemake.params.licences,
        settings=snakemake.params.settings,
        limits=snakemake.params.limits,
        **dict(snakemake.output.items()),
    )
