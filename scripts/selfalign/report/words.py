"""Words that the report uses, explained once: its last section, and the hints on the heads of tables."""

WORDS = {
    "pass@1": "The share of problems whose answer passes all of the benchmark's tests; with several answers to a problem, or several runs, the mean.",
    "95 % interval": "Where the true share would lie in 95 of 100 repetitions with other problems of the same kind. Wide intervals mean few problems.",
    "gained, lost": "Problems that only the fine-tuned model solved, and problems that only the model before it solved, by the first answer to each.",
    "p": "How often a difference as large as this one would come about if tuning did nothing (an exact test that flips the sign of each problem's difference; where a problem has one answer, McNemar's exact test on the gained and lost problems). Corrected: for how many differences were looked at (Holm).",
    "arm": "One way to make and choose training data and to train on it: a checkpoint, its repeats with other seeds taken together; or a model as it came, beside them.",
    "base model, checkpoint": "The model that the run began with, and what fine-tuning made of it.",
    "seed, concepts, task, response, verdict, pair": "A function from real code; ideas that the model names in it; an exercise written from these; an answer with tests; what the tests said; instruction and response that a model is trained on.",
    "generator, dataset": "A way of making responses from seeds, and a selection of its responses.",
    "concept group": "Tasks by the most common telling word of their concepts; words that more than a fifth of all tasks have are passed over.",
    "contaminated": "Overlaps a problem of a benchmark, so that training on it would spoil the score.",
    "shard": "A part of the seeds that one job works on.",
    "token, cached prompt token": "A piece of a word, the unit in which models read and write; one that need not be computed again because an earlier prompt began alike.",
    "LoRA": "Fine-tuning of a small addition to the weights in place of all of them.",
    "loss, nats a token": "How surprised the model is by the next token, on a natural logarithm's scale; lower is better.",
    "digest, SHA-256": "A fingerprint of a file's content: equal fingerprints, equal content.",
}

HINTS = {
    "arm": "arm",
    "pass@1": "pass@1", "95 % interval": "95 % interval", "gained": "gained, lost", "lost": "gained, lost", "p": "p",
    "p, corrected": "p", "first loss": "loss, nats a token", "last loss": "loss, nats a token",
    "held-out loss": "loss, nats a token", "cached": "token, cached prompt token", "prompt tokens": "token, cached prompt token",
    "output tokens": "token, cached prompt token", "tokens": "token, cached prompt token", "SHA-256": "digest, SHA-256",
    "contaminated dropped": "contaminated", "verdict": "seed, concepts, task, response, verdict, pair",
    "checkpoint": "base model, checkpoint", "generator": "generator, dataset", "dataset": "generator, dataset",
    "responses": "seed, concepts, task, response, verdict, pair", "pairs": "seed, concepts, task, response, verdict, pair",
}  # fmt: skip
"""Head of a column -> the word of :data:`WORDS` that explains it."""


def anchor(word: str) -> str:
    """Id of a word's place on the page."""
    return "word-" + "".join(mark if mark.isalnum() else "-" for mark in word)
