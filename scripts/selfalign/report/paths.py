"""What a result file belongs to, read from its path below `results/`."""

from pathlib import Path

LAYERS = {"generators": "generator", "datasets": "dataset", "checkpoints": "checkpoint", "evaluation": "candidate"}
OTHER_SEEDS = ("snippets", "commits", "instructions")


def owner(path: str) -> tuple[str, str]:
    """(layer, name), such as ("generator", "self-align"); ("seeds", "") for functions, ("seeds", "snippets") for
    snippets: what generators share."""
    parts = Path(path).parts
    below = parts[len(parts) - parts[::-1].index("results") :] if "results" in parts else parts
    if len(below) > 1 and below[0] in LAYERS:
        return LAYERS[below[0]], below[1]
    other = below[:1] == ("seeds",) and len(below) > 1 and below[1] in OTHER_SEEDS
    return "seeds", below[1] if other else ""
