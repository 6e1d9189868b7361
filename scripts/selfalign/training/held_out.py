"""Loss on pairs that training never sees."""

from typing import Any

from transformers import TrainerCallback

from selfalign.training.rows import EncodedRow


def held_out_loss(trainer: Any, rows: list[EncodedRow]) -> float | None:
    """Mean negative log likelihood a response token, in nats, over all rows; None without rows.

    Every token weighs the same, whatever row it is in. Ranks share the rows; each gets the same answer.
    """
    import torch

    if not rows:
        return None
    accelerator, model = trainer.accelerator, trainer.model
    was_training = model.training
    model.eval()
    total = torch.zeros(2, dtype=torch.float64, device=accelerator.device)
    with torch.no_grad(), accelerator.autocast():
        # Every rank runs as often as the others, since a sharded model is gathered by all of them together.
        for first in range(0, len(rows), accelerator.num_processes):
            row = rows[min(first + accelerator.process_index, len(rows) - 1)]
            counts = float(first + accelerator.process_index < len(rows))
            ids = torch.tensor([row.input_ids], device=accelerator.device)
            labels = torch.tensor([row.labels], device=accelerator.device)
            # TRL's fused output head: log probabilities of the labels without the matrix of all logits.
            out = model(input_ids=ids, labels=labels, use_cache=False, fused_lm_head=True)
            total += counts * torch.stack([-out.log_probs.double().sum(), out.label_mask.double().sum()])
    model.train(was_training)
    loss, tokens = accelerator.reduce(total, reduction="sum").tolist()
    return loss / tokens


class LossBefore(TrainerCallback):
    """The loss on held-out pairs before the first step: as `loss`, measured when it is told to or when training begins."""

    def __init__(self, trainer: Any, rows: list[EncodedRow]):
        self._trainer, self._rows = trainer, rows
        self.loss: float | None = None

    def measure(self) -> None:
        self.loss = held_out_loss(self._trainer, self._rows)

    def on_train_begin(self, args, state, control, **kwargs):
        self.measure()
