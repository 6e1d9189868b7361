"""Models that lie on this machine already."""

import logging
import os
from pathlib import Path

from selfalign.errors import UserError

logger = logging.getLogger(__name__)

SUFFIXES = {".safetensors", ".json", ".jinja", ".model", ".txt", ".tiktoken"}


def link_folder(source: str | Path, staging: Path) -> None:
    """Puts the model files of `source` into `staging` without copying them.

    Hard links where possible: they survive when a cache is cleared.
    Symbolic links across file systems. Files of other kinds (code, other weight formats) stay behind.
    """
    source = Path(source).expanduser()
    if not source.is_dir():
        raise UserError(
            f"there is no folder {source}",
            where="config key models.*.sources, kind path",
            fix="give the folder that holds config.json and the safetensors files",
        )
    symbolic = 0
    for path in sorted(source.iterdir()):
        real = path.resolve()
        if path.name.startswith(".") or path.name == "model.json" or path.suffix not in SUFFIXES or not real.is_file():
            continue
        try:
            os.link(real, staging / path.name)
        except OSError:
            os.symlink(real, staging / path.name)
            symbolic += 1
    if symbolic:
        logger.warning(
            "%d files of %s are on another file system and were linked by name: the folder has to stay where it is",
            symbolic,
            source,
        )
