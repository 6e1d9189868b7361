"""One fine-tuning job as plain values: what the launcher hands to every rank."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from selfalign.packages import file_sha256
from selfalign.rows import digest


@dataclass(frozen=True)
class TrainingJob:
    """Inputs, recipe and outputs of a checkpoint.

    Attributes:
        name: the checkpoint's name; `dataset_name` and `model` (`name`, `chat_template`) come from the config as well.
        train, held_out: JSON Lines files of pair rows; `held_out` may be empty or None.
        base: folder of the base model.
        recipe: with every default filled in.
        folder: where the finished model goes.
        work: where resumable checkpoints go; it is removed once the model is whole.
        card, training, kept, rejected, counts: paths of the other outputs.
        threads: CPU threads, or None for torch's choice.
        sharding: "none" (each device holds the whole model), "fsdp2" or "zero3".
    """

    name: str
    dataset_name: str
    train: str
    held_out: str | None
    base: str
    model: dict
    recipe: dict
    folder: str
    work: str
    card: str
    training: str
    kept: str
    rejected: str
    counts: str
    threads: int | None = None
    sharding: str = "none"

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "TrainingJob":
        return cls(**json.loads(text))

    def checkpoints(self, base_digest: str, template: str, processes: int) -> Path:
        """The folder of this training's resumable checkpoints: another one for anything that would make the half-done
        work wrong to go on from."""
        key = digest(self.recipe, base_digest, template, file_sha256(self.train), processes, self.sharding)
        return Path(self.work) / key[:16]
