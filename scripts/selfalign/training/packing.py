"""Packing puts several rows into one sequence: only right if no row sees another."""

from typing import Any

from selfalign.errors import UserError

ROW_TOKENS = 12
TOLERANCE = 0.02  # of the largest logit: above the rounding of bfloat16, far below the effect of foreign context


def check_rows_are_apart(model: Any) -> None:
    """Raises unless the model, given two rows in one sequence by their positions, answers as if each were alone.

    transformers makes a block-diagonal mask from restarting positions for its own attention implementations, and
    FlashAttention keeps the rows apart by their lengths; models with other layers may do neither. This asks the model
    at hand, with a forward pass of a few tokens.
    """
    import torch

    size = model.config.get_text_config().vocab_size
    generator = torch.Generator().manual_seed(0)
    rows = torch.randint(0, size, (2, ROW_TOKENS), generator=generator).to(model.device)
    positions = torch.arange(ROW_TOKENS, device=model.device).repeat(2)[None]
    ends = torch.tensor([0, ROW_TOKENS, 2 * ROW_TOKENS], dtype=torch.int32, device=model.device)
    lengths = {"cu_seq_lens_q": ends, "cu_seq_lens_k": ends, "max_length_q": ROW_TOKENS, "max_length_k": ROW_TOKENS}
    was_training = model.training
    model.eval()
    with torch.no_grad(), torch.autocast(model.device.type, torch.bfloat16, enabled=_needs_autocast(model)):
        alone = model(input_ids=rows[1:], position_ids=positions[:, :ROW_TOKENS], use_cache=False).logits[0]
        packed = model(input_ids=rows.reshape(1, -1), position_ids=positions, use_cache=False, **lengths).logits
    model.train(was_training)
    difference = (packed[0, ROW_TOKENS:].float() - alone.float()).abs().max().item()
    if difference > TOLERANCE * alone.float().abs().max().item():
        raise UserError(
            f"packing would let rows see each other in this model (logits differ by {difference:.3g})",
            where="config key checkpoints.*.recipe.packing",
            fix="set packing: false for this model",
        )


def _needs_autocast(model: Any) -> bool:
    """FlashAttention refuses float32, which master weights are in outside the trainer's own autocast."""
    return model.config._attn_implementation == "flash_attention_2"
