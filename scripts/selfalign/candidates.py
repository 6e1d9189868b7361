"""What is evaluated, and which of it are repeats of one arm: pure functions of the resolved config."""

import copy

REPEAT_MARK = "-repeat-"


def candidates(config: dict) -> list[str]:
    """Every checkpoint, the model that it came from, and the further entries of `evaluation.models`."""
    checkpoints = config["checkpoints"]
    bases = {entry["model"] for entry in checkpoints.values()}
    return sorted({*checkpoints, *bases, *config["evaluation"]["models"]})


def model_of(config: dict, candidate: str) -> str:
    """The model entry that serves a candidate: itself, or what it was tuned from."""
    return config["checkpoints"][candidate]["model"] if candidate in config["checkpoints"] else candidate


def arm_of(config: dict, candidate: str) -> str:
    """The checkpoint that a candidate repeats with other seeds; itself for all others."""
    return (config["checkpoints"].get(candidate, {}).get("repeat_of")) or candidate


def repeat_of(config: dict, candidate: str) -> int:
    """Number of a repeat, from 0, which is the checkpoint as it is named in config."""
    arm = arm_of(config, candidate)
    return int(candidate.rpartition(REPEAT_MARK)[2]) - 1 if arm != candidate else 0


def add_repeats(config: dict) -> list[str]:
    """Adds, in place, a checkpoint for each repeat after the first: the same but for the seed of its training.

    Returns:
        What is wrong: names that are taken.
    """
    problems = []
    for name, entry in list(config["checkpoints"].items()):
        for number in range(2, entry["repeats"] + 1):
            repeat = f"{name}{REPEAT_MARK}{number}"
            taken = config["checkpoints"].get(repeat)
            if taken is not None and taken["repeat_of"] != name:
                problems.append(f"checkpoints.{repeat} has the name of a repeat of checkpoints.{name}: rename one")
                continue
            added = copy.deepcopy({**entry, "repeats": 1, "repeat_of": name})
            added["recipe"]["seed"] += number - 1
            config["checkpoints"][repeat] = added
    return problems
