"""A checkpoint's card with what its evaluation said, in the form in which the hub reads scores."""

from huggingface_hub import EvalResult, ModelCard

from selfalign.benchmarks import BENCHMARKS
from selfalign.datasets.card import table
from selfalign.report.scores import change
from selfalign.report.text import percent


def card_with_scores(card: str, name: str, scores: list[dict]) -> str:
    """The card with its scores: as metadata (`model-index`) where all of a benchmark was evaluated, and as a table.

    Args:
        card: text of the checkpoint's card.
        name: the checkpoint.
        scores: result files, see :func:`selfalign.report.scores.score_rows`.

    Raises:
        ValueError: huggingface_hub does not take the metadata.
    """
    made = ModelCard(card)
    mine = [row for row in scores if row["candidate"] == name]
    made.data.model_name = name
    results = [result(row) for row in mine if row["problems"] == row["of"]]
    if results:
        made.data.eval_results = results
    columns = ("benchmark", "problems", "pass@1", "95 % interval", "against the base model")
    text = table("Evaluation", columns, map(line, mine))
    made.text = f"{made.text.rstrip()}\n\n{text}"
    return str(ModelCard(str(made))).rstrip() + "\n"


def result(row: dict) -> EvalResult:
    dataset, known_as = BENCHMARKS[row["kind"]].hub
    part = ", ".join(filter(None, [row.get("variant"), " to ".join(row.get("dates", []))]))
    return EvalResult(
        task_type="text-generation",
        dataset_type=dataset.format(variant=row.get("variant")),
        dataset_name=f"{known_as} ({part})" if part else known_as,
        metric_type="pass@1",
        metric_name="pass@1",
        metric_value=round(row["pass_at_1"], 4),
        verified=False,
    )


def line(row: dict) -> tuple[str, ...]:
    interval = " to ".join(map(percent, row["interval95"]))
    return row["benchmark"], f"{row['problems']} of {row['of']}", percent(row["pass_at_1"]), interval, change(row)
