"""A model folder as a whole: its manifest's name, its files' modes, its move into place."""

import shutil
from pathlib import Path

MANIFEST = "model.json"


def readable_as_config(folder: Path) -> None:
    """Gives weight files the mode of config.json: safetensors writes them readable for their owner alone, whatever the
    umask says, and others of the group could not use the model."""
    for path in folder.glob("*.safetensors"):
        shutil.copymode(folder / "config.json", path)


def take_place(staging: Path, folder: Path) -> None:
    """Puts the complete folder where an old or empty one may be."""
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)
    staging.rename(folder)
