"""Shared by all rule files, the resolved config, names of shards, input functions.

REQUIRED: `config` as loaded by Snakemake. PROVIDES: `config` with every default, and the functions below.
"""

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir) / "scripts"))

from snakemake.exceptions import WorkflowError
from snakemake.settings.types import DeploymentMethod

from selfalign.backends import engine_gpus
from selfalign.config import resolve_config
from selfalign.errors import UserError
from selfalign.failures import report as failure_lines
from selfalign.fewshots import prompt_fingerprint
from selfalign import ROOT
from selfalign.cluster.guard import guard
from selfalign.fingerprint import code_fingerprint, file_fingerprint, sha256, source_fingerprints
from selfalign.images import ROLES, built_image

try:
    config = resolve_config(config)
except UserError as error:
    raise WorkflowError(str(error)) from None

# A real start holds its folder, and meets what an earlier one left running.
guard(workflow)


wildcard_constraints:
    shard=r"\d+-of-\d+",
    model="|".join(map(re.escape, config["models"])),
    corpus="|".join(map(re.escape, config["seeds"]["corpora"])),
    generator="|".join(map(re.escape, config["generators"])),
    dataset="|".join(map(re.escape, config["datasets"])) or "none",
    checkpoint="|".join(map(re.escape, config["checkpoints"])) or "none",
    candidate="|".join(map(re.escape, [*config["models"], *config["checkpoints"]])),
    benchmark="|".join(map(re.escape, config["evaluation"]["benchmarks"])),


SHARDS = [f"{i}-of-{config['seeds']['shards']}" for i in range(config["seeds"]["shards"])]
BENCHMARKS = expand("resources/benchmarks/{benchmark}.jsonl", benchmark=config["evaluation"]["benchmarks"])
SANDBOX = "resources/sandbox/image.json"
LOCKS = ("local-cpu", "local-gpu", "cluster", "sandbox")

# As many cores as the machine or the profile gives: Snakemake lowers it to what there is.
ALL_CORES = 64


def in_containers():
    return DeploymentMethod.APPTAINER in workflow.deployment_settings.deployment_method


def container_manifests():
    """Manifests of the images that jobs run in."""
    paths = [Path(built_image(role)).with_suffix(".json") for role in ROLES] if in_containers() else []
    return [str(path) for path in paths if path.is_file()]


def image(role):
    """A function that gives the container image of a rule, for `--sdm apptainer`; without that it is never looked at."""

    def path(wildcards):
        path = built_image(role)
        if in_containers() and not workflow.dryrun and not Path(path).is_file():
            raise WorkflowError(f"the image {path} is missing\n  do:    make containers (docs/containers.md)")
        return path

    return path


def seed_shards():
    return expand("results/seeds/shards/{shard}.jsonl", shard=SHARDS)


def model_manifest(name):
    """The manifest of a model's weights, fetched or fine-tuned."""
    if name in config["checkpoints"]:
        return f"results/checkpoints/{name}/model/model.json"
    return f"resources/models/{name}/model.json"


def base_model(candidate):
    """Name of the model entry that serves a candidate of the evaluation: itself, or what it was tuned from."""
    return config["checkpoints"][candidate]["model"] if candidate in config["checkpoints"] else candidate


def serving(name):
    """What the engine needs to know of a model entry; where its weights came from is in its manifest."""
    entry = config["models"][base_model(name)]
    return {"name": name, **{key: value for key, value in entry.items() if key not in ("sources", "digest")}}


def serving_gpus(name):
    """GPUs that a job with this model holds on a cluster; a local run takes those that there are."""
    entry = config["models"][base_model(name)]
    return engine_gpus(entry) if entry["engine"] == "vllm" else 0


def generator_gpus(wildcards):
    return serving_gpus(config["generators"][wildcards.generator]["model"])


def candidate_gpus(wildcards):
    return serving_gpus(wildcards.candidate)


# Wildcards of the jobs whose model is an endpoint: they go to the CPU partition (profiles/slurm).
os.environ.update(
    SELFALIGN_WITHOUT_GPU=" ".join(
        [f"generator={name}" for name, entry in config["generators"].items() if not serving_gpus(entry["model"])]
        + [f"candidate={name}" for name in [*config["models"], *config["checkpoints"]] if not serving_gpus(name)]
    )
)


def generator_model(wildcards):
    return model_manifest(config["generators"][wildcards.generator]["model"])


def generator_serving(wildcards):
    return serving(config["generators"][wildcards.generator]["model"])


def stage_settings(stage):
    """A function that gives a generator's settings of a stage."""

    def settings(wildcards):
        return config["generators"][wildcards.generator][stage]

    return settings


def stage_prompts(stage):
    """A function that gives the content hash of the prompt files that a generator's stage uses."""

    def prompts(wildcards):
        return prompt_fingerprint(stage, config["generators"][wildcards.generator][stage])

    return prompts


def candidates():
    """What is evaluated: every checkpoint and the model that it came from."""
    checkpoints = config["checkpoints"]
    return sorted({*checkpoints, *(entry["model"] for entry in checkpoints.values())})


def evaluation_results():
    return expand(
        "results/evaluation/{candidate}/{benchmark}.json",
        candidate=candidates(),
        benchmark=config["evaluation"]["benchmarks"],
    )


def completion_shards(wildcards):
    count = config["evaluation"]["benchmarks"][wildcards.benchmark]["shards"]
    return expand(
        "results/evaluation/{candidate}/{benchmark}/completions/{shard}.jsonl",
        candidate=wildcards.candidate,
        benchmark=wildcards.benchmark,
        shard=[f"{i}-of-{count}" for i in range(count)],
    )


def model_sources(wildcards):
    """Where a model's weights come from; how it is served is left out, so that another dtype fetches nothing."""
    entry = config["models"][wildcards.model]
    return {key: entry[key] for key in ("engine", "sources", "digest", "endpoint")}


def corpus_spec(wildcards):
    return config["seeds"]["corpora"][wildcards.corpus]


def corpus_input(wildcards):
    """What mining a corpus reads and Snakemake should watch; a folder of checkouts is watched by its `revision`."""
    spec = corpus_spec(wildcards)
    if spec["kind"] == "pypi":
        return f"resources/corpora/{wildcards.corpus}/corpus.json"
    return spec["path"] if spec["kind"] == "jsonl" else []


def corpus_seeds():
    folder = "typechecked" if config["seeds"]["typecheck"] else "mined"
    return expand("results/seeds/{folder}/{corpus}.jsonl", folder=folder, corpus=config["seeds"]["corpora"])


def benchmark_spec(wildcards):
    """What decides a benchmark's problems: not how many of them are evaluated, nor how."""
    spec = config["evaluation"]["benchmarks"][wildcards.benchmark]
    return {key: spec[key] for key in ("kind", "source")}


def decoding(wildcards):
    spec = config["evaluation"]["benchmarks"][wildcards.benchmark]
    return {key: value for key, value in spec.items() if key not in ("kind", "source", "shards")}


def sandbox_limits():
    return {key: value for key, value in config["sandbox"].items() if key not in ("engine", "require")}


def sandbox_digest(wildcards, input):
    """Digest of the image that is there when the job runs; a new image with the same content changes nothing."""
    return json.loads(Path(input.image).read_text())["digest"]


def dataset_spec(wildcards):
    return config["datasets"][wildcards.dataset]


def dataset_rows(wildcards):
    """The rows of every stage that a dataset's pairs descend from, in the order generator, shard."""
    generators = dataset_spec(wildcards)["generators"]
    names = {"generator": generators, "shard": SHARDS}
    stages = ("concepts", "unique_tasks", "responses", "verdicts")
    rows = {stage: expand(f"results/generators/{{generator}}/{stage}/{{shard}}.jsonl", **names) for stage in stages}
    counts = expand("results/generators/{generator}/verdicts/{shard}.counts.json", **names)
    return {**rows, "seeds": seed_shards() * len(generators), "counts": counts}


def dataset_generators(wildcards):
    """Name of the generator of each entry of :func:`dataset_rows`."""
    return [generator for generator in dataset_spec(wildcards)["generators"] for _ in SHARDS]


def dataset_models(wildcards):
    names = {config["generators"][name]["model"] for name in dataset_spec(wildcards)["generators"]}
    return [model_manifest(name) for name in sorted(names)]


def checkpoint_spec(wildcards):
    return config["checkpoints"][wildcards.checkpoint]


def checkpoint_science(wildcards):
    """A checkpoint's entry without the devices that it is trained on: other devices train nothing again."""
    spec = checkpoint_spec(wildcards)
    return {**spec, "recipe": {key: value for key, value in spec["recipe"].items() if key != "parallel"}}


def checkpoint_parallel(wildcards):
    return checkpoint_spec(wildcards)["recipe"]["parallel"]


def checkpoint_gpus(wildcards):
    """GPUs on all nodes together; a job of a cluster holds at least one."""
    parallel = checkpoint_parallel(wildcards)
    return (parallel["gpus"] or 1) * parallel["nodes"]


def checkpoint_gpus_a_node(wildcards):
    """0: as many as the job sees."""
    return checkpoint_parallel(wildcards)["gpus"] or 0


def checkpoint_nodes(wildcards):
    return checkpoint_parallel(wildcards)["nodes"]


def checkpoint_sharding(wildcards):
    return checkpoint_parallel(wildcards)["sharding"]


def checkpoint_dataset(split):
    def path(wildcards):
        return f"results/datasets/{checkpoint_spec(wildcards)['dataset']}/{split}.jsonl"

    return path


def checkpoint_base(wildcards):
    return model_manifest(checkpoint_spec(wildcards)["model"])


def checkpoint_serving(wildcards):
    return serving(checkpoint_spec(wildcards)["model"])


def candidate_manifest(wildcards):
    return model_manifest(wildcards.candidate)


def candidate_serving(wildcards):
    return serving(wildcards.candidate)


def benchmark_limit(wildcards):
    return config["evaluation"]["benchmarks"][wildcards.benchmark]["limit"]


def used_models():
    """The model entries that something in the config uses."""
    entries = [*config["generators"].values(), *config["checkpoints"].values()]
    return sorted({entry["model"] for entry in entries})


def lock_fingerprints():
    """SHA-256 of the locks, by name, when the run was planned."""
    return {name: sha256(f"envs/{name}.lock") for name in LOCKS}


def report_templates():
    """Content hash of the report's templates, which are no modules."""
    folder = ROOT / "scripts" / "selfalign" / "report" / "templates"
    return file_fingerprint(*sorted(str(path.relative_to(ROOT)) for path in folder.iterdir()))


def report_inputs(wildcards):
    """Everything that the report is made from, by kind."""
    generators, corpora = sorted(config["generators"]), sorted(config["seeds"]["corpora"])
    stages = ("concepts", "tasks", "responses", "verdicts")
    names = {"generator": generators, "shard": SHARDS}
    folders = ("mined", "typechecked") if config["seeds"]["typecheck"] else ("mined",)
    seed_counts = expand("results/seeds/{folder}/{corpus}.counts.json", folder=folders, corpus=corpora)
    stage_counts = expand("results/generators/{generator}/{stage}/{shard}.counts.json", stage=stages, **names)
    return {
        "manifest": rules.write_manifest.output.manifest,
        "seeds": seed_shards(),
        **{
            stage: expand(f"results/generators/{{generator}}/{stage}/{{shard}}.jsonl", **names)
            for stage in ("unique_tasks", "responses", "verdicts")
        },
        "counts": [
            *seed_counts,
            *expand("results/seeds/mined/{corpus}.files.counts.json", corpus=corpora),
            rules.gather_seeds.output.counts,
            *stage_counts,
            *expand("results/generators/{generator}/unique_tasks.counts.json", generator=generators),
            *expand("results/datasets/{dataset}/counts.json", dataset=config["datasets"]),
            *expand("results/checkpoints/{checkpoint}/counts.json", checkpoint=config["checkpoints"]),
        ],
        "usage": [
            *expand("results/generators/{generator}/{stage}/{shard}.usage.json", stage=stages, **names),
            *evaluation_files("usage.json"),
        ],
        "pairs": expand("results/datasets/{dataset}/train.jsonl", dataset=config["datasets"]),
        "training": expand("results/checkpoints/{checkpoint}/training.json", checkpoint=config["checkpoints"]),
        "scores": evaluation_results(),
        "completions": evaluation_files("jsonl"),
        "problems": BENCHMARKS if evaluation_results() else [],
        "rejected": [
            *expand("results/seeds/{folder}/{corpus}.rejected.jsonl", folder=folders, corpus=corpora),
            "results/seeds/seeds.rejected.jsonl",
            *expand("results/generators/{generator}/{stage}/{shard}.rejected.jsonl", stage=stages, **names),
            *expand("results/generators/{generator}/unique_tasks.rejected.jsonl", generator=generators),
            *expand("results/datasets/{dataset}/rejected.jsonl", dataset=config["datasets"]),
        ],
        "cards": expand("results/checkpoints/{checkpoint}/README.md", checkpoint=config["checkpoints"]),
        "earlier": config["report"]["compare_with"] or [],
    }


def evaluation_files(suffix):
    return [
        f"results/evaluation/{candidate}/{benchmark}/completions/{i}-of-{spec['shards']}.{suffix}"
        for candidate in candidates()
        for benchmark, spec in config["evaluation"]["benchmarks"].items()
        for i in range(spec["shards"])
    ]


def baseline_result(wildcards):
    """The result that a checkpoint's is compared with: its base model's. A base model has none."""
    base = base_model(wildcards.candidate)
    return f"results/evaluation/{base}/{wildcards.benchmark}.json" if base != wildcards.candidate else []
