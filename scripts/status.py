"""Prints where a run is: `python scripts/status.py [--config FILE] [--directory FOLDER]`. Reads files only."""

import argparse
import sys
from pathlib import Path

import yaml

from selfalign.config import resolve_config
from selfalign.errors import UserError
from selfalign.status import table


def main(config: Path, directory: Path) -> str:
    """The table of a run.

    Args:
        config: the study's config file.
        directory: the working folder of the run, which holds `results`.
    """
    if not config.is_file():
        raise UserError(
            "there is no config", where=str(config), fix="name the config of the run: make status CONFIG=FILE"
        )
    return table(resolve_config(yaml.safe_load(config.read_text(encoding="utf-8"))), directory / "results")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, default=Path("config.yaml"), help="the study's config file")
    parser.add_argument("--directory", type=Path, default=Path(), help="the run's working folder")
    arguments = parser.parse_args()
    try:
        print(main(arguments.config, arguments.directory), end="")
    except UserError as error:
        sys.exit(str(error))
