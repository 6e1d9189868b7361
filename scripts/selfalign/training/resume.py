"""Training goes on where it was killed, from checkpoints that are known to be whole."""

import logging
import re
from pathlib import Path

from transformers import TrainerCallback

from selfalign.io import read_json, write_json

logger = logging.getLogger(__name__)

MARKER = "complete.json"


class CompletenessMarker(TrainerCallback):
    """Marks a checkpoint folder as complete after the trainer has written all of it, on every rank."""

    def on_save(self, args, state, control, **kwargs):
        from accelerate import PartialState

        PartialState().wait_for_everyone()
        if state.is_world_process_zero:
            folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            write_json(folder / MARKER, {"step": state.global_step})


def last_complete(folder: str | Path) -> Path | None:
    """The checkpoint to go on from: the one with the most steps among those that are complete; None when there is none.

    Folders without the marker are half-written (the job died while saving): they are passed over with a warning.
    """
    found: list[tuple[int, Path]] = []
    for path in Path(folder).glob("checkpoint-*"):
        match = re.fullmatch(r"checkpoint-(\d+)", path.name)
        if not match:
            continue
        step = int(match.group(1))
        if (path / MARKER).is_file() and read_json(path / MARKER).get("step") == step:
            found.append((step, path))
        else:
            logger.warning("%s was not written to its end and is passed over", path)
    return max(found)[1] if found else None
