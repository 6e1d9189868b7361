"""Shared code of the workflow's scripts, split by subject.

Nothing here imports a script, and only :mod:`selfalign.adapter` knows that Snakemake exists.
"""

import sys
from pathlib import Path

HOST_PYTHON = "/mnt/snakemake_searchpaths"
"""Where Snakemake binds the host's folders of modules in a container, that of this package among them."""


def _root() -> Path:
    here = Path(__file__).resolve().parents[2]
    if str(here) != HOST_PYTHON:
        return here
    # Snakemake tells a script in a container its path on the host, which is bound too.
    return Path(sys.modules["__main__"].__file__).resolve().parents[1]


ROOT = _root()
"""The repository: prompts, schemas, pins and the like are found from here, wherever a run's results go."""
