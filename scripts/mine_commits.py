"""Reads the commits of local git repositories as instructions; every commit is kept or has its reason."""

import logging
from pathlib import Path

from selfalign.adapter import run
from selfalign.corpora.base import Limits, licence_allowed
from selfalign.errors import UserError
from selfalign.mining.commits import CommitRules, judge_commit
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
    """Writes the seeds of corpus `corpus`, repository by repository, each with its newest commit first.

    Args:
        spec: the corpus' config, of kind `git`.
        licences: the allow-list.
        settings: the config's `seeds.commits`.
        limits: the config's `seeds.filters`, of which the bounds of a file count.

    Raises:
        EmptyStageError: no commit is kept.
        UserError: there is no repository, or git can't read one.
    """
    root = Path(spec["path"])
    found = find_repositories(root) if root.is_dir() else []
    if not found:
        raise UserError(
            f"corpus {corpus!r}: {spec['path']!r} is neither a git repository nor a folder with some",
            where=f"seeds.corpora.{corpus}.path",
            fix="correct the path (relative paths start at the working directory), or clone something into it",
        )
    rules = CommitRules(**settings)
    bounds = Limits(limits["max_file_bytes"], limits["max_line_length"])
    with StageWriter("commits", kept=kept, rejected=rejected, counts=counts) as writer:
        for path in found:
            package = path.resolve().name
            stated = spec["licence"].get(package, "") if isinstance(spec["licence"], dict) else spec["licence"]
            licence = stated if stated and licence_allowed(stated, licences) else ""
            with Repository(path) as repository:
                for commit in counted(repository.commits(spec["revision"]), None, "commits"):
                    writer.read()
                    mined = judge_commit(corpus, package, licence, repository, commit, rules, bounds)
                    if mined.reason:
                        writer.reject(mined.row, mined.reason, mined.detail)
                    else:
                        writer.keep(mined.row)
    logger.info("corpus %s, %d repositories: %s", corpus, len(found), funnel(writer.counts()))


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
