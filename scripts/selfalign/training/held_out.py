"""Loss on pairs that training never sees."""

from typing import Any

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
        for row in rows[accelerator.process_index :: accelerator.num_processes]:
            ids = torch.tensor([row.input_ids], device=accelerator.device)
            labels = torch.tensor([row.labels], device=accelerator.device)
            # TRL's fused output head: log probabilities of the labels without the matrix of all logits.
            out = model(input_ids=ids, labels=labels, use_cache=False, fused_lm_head=True)
            total += torch.stack([-out.log_probs.double().sum(), out.label_mask.double().sum()])
    model.train(was_training)
    loss, tokens = accelerator.reduce(total, reduction="sum").tolist()
    return loss / tokens
