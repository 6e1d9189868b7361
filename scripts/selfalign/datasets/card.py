"""The dataset card: what is in the data, where it came from, how it was made and what is known to be weak."""

from collections import Counter

from huggingface_hub import DatasetCardData

from selfalign.io import write_text
from selfalign.stage import funnel

# Identifiers of the hub where they differ from SPDX in lower case.
HUB_LICENCES = {"psf-2.0": "psfl", "python-2.0": "psfl", "mit-0": "mit", "0bsd": "other"}
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def write_card(
    path: str, name: str, spec: dict, splits: tuple[list[dict], list[dict]], counts: dict, models: list[dict]
) -> None:
    """Writes README.md with the hub's metadata block.

    Args:
        splits: pairs of train and held out.
        counts: the dataset's counts file.
        models: manifests of the models that generated.
    """
    pairs = [*splits[0], *splits[1]]
    licences = Counter(pair["lineage"]["licence"] for pair in pairs)
    size = next((label for limit, label in SIZES if len(pairs) < limit), "1M<n<10M")
    hub = sorted({HUB_LICENCES.get(licence.lower(), licence.lower()) for licence in licences})
    data = DatasetCardData(
        language=["en", "code"],
        license=hub,
        size_categories=[size],
        task_categories=["text-generation"],
        tags=["code", "synthetic", "selfcodealign"],
        pretty_name=name,
        configs=[{"config_name": "default", "data_files": split_files(splits)}],
    )
    sections = [
        f"---\n{data.to_yaml()}\n---\n\n# {name}\n",
        f"{len(splits[0])} training pairs and {len(splits[1])} held-out pairs of instruction and response, written by the "
        f"model that they are for. Policy `{spec['policy']}`; generators: {', '.join(spec['generators'])}.\n",
        "## Where the rows went\n\n" + funnel(counts) + ".\n",
        table("Verdicts on all responses", "verdict", extras(counts, "verdict: ")),
        table("Rows dropped because they overlap a benchmark", "benchmark", extras(counts, "contaminated: ")),
        table("Licences of the functions that the pairs descend from", "licence", licences),
        table("Categories", "category", Counter(pair["lineage"]["category"] for pair in pairs)),
        table("Difficulties", "difficulty", Counter(pair["lineage"]["difficulty"] for pair in pairs)),
        "## Models\n\n"
        + "".join(
            f"- `{model.get('name')}`, weights {model.get('digest') or model.get('revision')}\n" for model in models
        ),
        "## Limits\n\nA response passed tests that the same model wrote: both may share a misreading of the task. "
        "Overlap with benchmarks was looked for only in those that the run was configured with.\n",
    ]
    write_text(path, "\n".join(sections))


def split_files(splits: tuple[list[dict], list[dict]]) -> list[dict]:
    """Splits that hold rows: readers of Parquet can't tell a type from no row."""
    names = (("train", "train.parquet"), ("held_out", "held_out.parquet"))
    return [{"split": split, "path": path} for (split, path), rows in zip(names, splits, strict=True) if rows]


def extras(counts: dict, prefix: str) -> dict[str, int]:
    found = counts.get("extra", {})
    return {key.removeprefix(prefix): number for key, number in found.items() if key.startswith(prefix)}


def table(title: str, column: str, numbers: dict[str, int]) -> str:
    rows = "".join(f"| {key} | {n} |\n" for key, n in sorted(numbers.items(), key=lambda item: (-item[1], item[0])))
    return f"## {title}\n\n| {column} | rows |\n|---|---|\n{rows}"
