"""A training that has ended is not done again while nothing that it depends on has changed.

Snakemake runs the rule again whenever a job above it ran, also where that wrote the same bytes (another number of shards, a
benchmark that no pair overlaps), and it deletes the rule's outputs first. The small ones are kept here, outside of what it knows; the
weights, which are not among them, stay in the model's folder and are known by their hashes.
"""

import logging
import shutil
from pathlib import Path

from selfalign.io import atomic, read_json, write_json
from selfalign.models.digest import file_digests
from selfalign.models.folder import MANIFEST, take_place
from selfalign.packages import file_sha256
from selfalign.rows import digest
from selfalign.training.job import TrainingJob

logger = logging.getLogger("selfalign.train")

KEY = "key.json"


class Trained:
    """What the last training of a checkpoint that ended has left.

    Args:
        job: the training that is asked for.
        code: fingerprint of the code that trains, the chat template's file included.
        memory: folder in which the training is remembered.
    """

    def __init__(self, job: TrainingJob, code: str, memory: str | Path):
        self.memory = Path(memory)
        self.model = Path(job.folder)
        # The manifest is the last to be put back: with it the checkpoint is there.
        self.outputs = [Path(path) for path in (job.card, job.training, job.kept, job.rejected, job.counts)]
        self.outputs.append(self.model / MANIFEST)
        held_out = file_sha256(job.held_out) if job.held_out else None
        base = read_json(Path(job.base) / MANIFEST)
        # All of its files: the digest is that of the weights, and a tokenizer may bring the chat template.
        base = [base["digest"], base.get("files")]
        # Not the devices: other ones train nothing again.
        self.key = digest(
            job.name, job.dataset_name, file_sha256(job.train), held_out, base, job.model, job.recipe, code
        )

    def put_back(self) -> bool:
        """Puts the outputs back if this very training has ended before and its weights are whole."""
        if not self._is_the_same() or not self._has_weights():
            return False
        for output in self.outputs:
            with atomic(output, "wb") as stream:
                stream.write((self.memory / output.name).read_bytes())
        return True

    def remember(self) -> None:
        """Keeps the outputs of a training that has just ended. Where it can't, the training is done all the same."""
        staging = self.memory.with_name(f".{self.memory.name}.partial")
        try:
            shutil.rmtree(staging, ignore_errors=True)
            staging.mkdir(parents=True)
            for output in self.outputs:
                shutil.copyfile(output, staging / output.name)
            write_json(staging / KEY, self.key)
            take_place(staging, self.memory)
        except OSError as error:
            shutil.rmtree(staging, ignore_errors=True)
            logger.warning("this training can't be remembered, a rerun would do it again: %s", error)

    def _is_the_same(self) -> bool:
        return (self.memory / KEY).is_file() and read_json(self.memory / KEY) == self.key

    def _has_weights(self) -> bool:
        wanted = read_json(self.memory / MANIFEST)["files"]
        if self.model.is_dir() and file_digests(self.model) == wanted:
            return True
        logger.warning("the weights of %s are gone or not as they were: training them again", self.model)
        return False
