"""Shared code of the workflow's scripts, split by subject.

Nothing here imports a script, and only :mod:`selfalign.adapter` knows that Snakemake exists.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The repository: prompts, schemas, pins and the like are found from here, wherever a run's results go."""
