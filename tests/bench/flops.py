"""Shapes of models, what training them costs in floating-point operations, and what devices can do.

Tokens are those of rows, without padding. Model FLOPs, for rows of lengths L with C scored tokens altogether:
a frozen weight costs 4 FLOPs a token (forward 2, gradient of the input 2), a trained one 6; N counts the weights of the
layers' matrices, and the output head is computed at the scored tokens alone; attention adds, a layer, 2·L²·heads·width
forward (causal half of the two products) and twice that backward. MFU = model FLOPs / seconds / the device's dense
bfloat16 peak.
"""

# Published shapes: hidden, intermediate, layers, heads, key-value heads, vocabulary, head tied to the embedding.
SHAPES = {
    "tiny": (64, 128, 2, 4, 2, 640, True),
    "0.5b": (896, 4864, 24, 14, 2, 151936, True),
    "1.5b": (1536, 8960, 28, 12, 2, 151936, True),
    "7b": (3584, 18944, 28, 28, 4, 152064, False),
}
# Dense bfloat16 TFLOP/s by words of the device's name, from the makers' data sheets; the first match counts.
PEAKS = {
    "H200": 989,
    "H100 PCIE": 756,
    "H100 NVL": 835,
    "H100": 989,
    "GH200": 989,
    "B200": 2250,
    "A100": 312,
    "L40S": 362,
    "RTX 6000 ADA": 364,
    "RTX 4090": 165,
    "A6000": 155,
    "A40": 150,
    "A10G": 70,
    "A10": 125,
    "L40": 181,
    "L4": 121,
}


def matrix_weights(size: str) -> tuple[int, int]:
    """Weights in the layers' matrices, and in the output head."""
    hidden, intermediate, layers, heads, kv_heads, vocabulary, _ = SHAPES[size]
    kv_width = hidden // heads * kv_heads
    layer = 2 * hidden * hidden + 2 * hidden * kv_width + 3 * hidden * intermediate
    return layers * layer, vocabulary * hidden


def model_flops(size: str, lengths: list[int], scored: int, adapter_weights: int, full: bool) -> float:
    """FLOPs of training on rows, forward and backward; see the module's text.

    Args:
        lengths: tokens of each row.
        scored: tokens that the loss is taken on.
        adapter_weights: trained weights beside the frozen ones; 0 for full fine-tuning.
    """
    hidden, _, layers, *_ = SHAPES[size]
    body, head = matrix_weights(size)
    weight = 6 if full else 4
    attention = 6 * layers * hidden * sum(length**2 for length in lengths)
    return (weight * body + 6 * adapter_weights) * sum(lengths) + weight * head * scored + attention


def peak_tflops(name: str) -> float | None:
    """The dense bfloat16 peak of a device by its name, or None for one that the table lacks."""
    return next((peak for words, peak in PEAKS.items() if words in name.upper()), None)
