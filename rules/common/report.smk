"""What the run's manifest and its report are made from."""

from selfalign import ROOT
from selfalign.candidates import candidates, model_of
from selfalign.fingerprint import file_fingerprint, sha256
from selfalign.images import ROLES, built_image
from selfalign.methods import layout


def container_manifests():
    """Manifests of the images that jobs run in."""
    paths = [Path(built_image(role)).with_suffix(".json") for role in ROLES] if in_containers() else []
    return [str(path) for path in paths if path.is_file()]


def used_models():
    """The model entries that something in the config uses."""
    generating = {model for name in config["generators"] for model in layout.models_of(config, name)}
    return sorted({*generating, *(model_of(config, name) for name in candidates(config))})


def lock_fingerprints():
    """SHA-256 of the locks, by name, when the run was planned."""
    return {name: sha256(f"envs/{name}.lock") for name in LOCKS}


def report_templates():
    """Content hash of the report's templates, which are no modules."""
    folder = ROOT / "scripts" / "selfalign" / "report" / "templates"
    return file_fingerprint(*sorted(str(path.relative_to(ROOT)) for path in folder.iterdir()))


def report_inputs(wildcards):
    """Everything that the report is made from, by kind."""
    generators = sorted(config["generators"])
    judged = [name for name in generators if layout.is_judged(config, name)]
    owners = owners_of_tasks()
    return {
        "manifest": rules.write_manifest.output.manifest,
        "seeds": all_seeds(),
        "unique_tasks": expand(
            "results/generators/{generator}/unique_tasks/{shard}.jsonl", generator=owners, shard=SHARDS
        ),
        "responses": [
            (
                layout.tested_responses(config, name).format(shard=shard)
                if name in judged
                else f"results/generators/{name}/responses/{shard}.jsonl"
            )
            for name in generators
            for shard in SHARDS
        ],
        "verdicts": expand("results/generators/{generator}/verdicts/{shard}.jsonl", generator=judged, shard=SHARDS),
        "counts": [
            *layout.seed_files(config, "counts.json"),
            *(
                f"results/generators/{name}/{folder}/{shard}.counts.json"
                for name in generators
                for folder in layout.stage_folders(config, name)
                for shard in SHARDS
            ),
            *expand("results/generators/{generator}/unique_tasks.counts.json", generator=owners),
            *expand("results/datasets/{dataset}/counts.json", dataset=config["datasets"]),
            *expand("results/checkpoints/{checkpoint}/counts.json", checkpoint=config["checkpoints"]),
        ],
        "usage": [
            *(
                f"results/generators/{name}/{folder}/{shard}.usage.json"
                for name in generators
                for folder in layout.generated_folders(config, name)
                for shard in SHARDS
            ),
            *evaluation_files("usage.json"),
        ],
        "pairs": expand("results/datasets/{dataset}/train.jsonl", dataset=config["datasets"]),
        "training": expand("results/checkpoints/{checkpoint}/training.json", checkpoint=config["checkpoints"]),
        "scores": evaluation_results(),
        "completions": evaluation_files("jsonl"),
        "problems": BENCHMARKS if evaluation_results() else [],
        "rejected": [
            *layout.seed_files(config, "rejected.jsonl"),
            *(
                f"results/generators/{name}/{folder}/{shard}.rejected.jsonl"
                for name in generators
                for folder in layout.stage_folders(config, name)
                for shard in SHARDS
            ),
            *expand("results/generators/{generator}/unique_tasks.rejected.jsonl", generator=owners),
            *expand("results/datasets/{dataset}/rejected.jsonl", dataset=config["datasets"]),
        ],
        "cards": expand("results/checkpoints/{checkpoint}/README.md", checkpoint=config["checkpoints"]),
        "earlier": config["report"]["compare_with"] or [],
    }
