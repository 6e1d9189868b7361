"""The resolved config, names of shards, images and models, which all rule files share.

REQUIRED: `config` as loaded by Snakemake. PROVIDES: `config` with every default, and the names below. What the rules of one
stage ask for besides is in common/.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir) / "scripts"))

from snakemake.exceptions import WorkflowError
from snakemake.settings.types import DeploymentMethod

from selfalign.backends import engine_gpus
from selfalign.candidates import model_of
from selfalign.cluster.guard import guard
from selfalign.config import resolve_config
from selfalign.errors import UserError
from selfalign.failures import report as failure_lines
from selfalign.fingerprint import code_fingerprint, file_fingerprint, source_fingerprints
from selfalign.images import built_image, let_in, outside

try:
    config = resolve_config(config)
except UserError as error:
    raise WorkflowError(str(error)) from None

# A real start holds its folder, and meets what an earlier one left running.
guard(workflow)

LIBRARIES = {
    Path(spec["libraries"]).stem: spec["libraries"]
    for spec in config["evaluation"]["benchmarks"].values()
    if spec["libraries"]
}
"""Name of an image with libraries -> lock of its packages."""


wildcard_constraints:
    shard=r"\d+-of-\d+",
    model="|".join(map(re.escape, config["models"])),
    corpus="|".join(map(re.escape, config["seeds"]["corpora"])),
    kind="snippets|commits|instructions",
    generator="|".join(map(re.escape, config["generators"])),
    dataset="|".join(map(re.escape, config["datasets"])) or "none",
    checkpoint="|".join(map(re.escape, config["checkpoints"])) or "none",
    candidate="|".join(map(re.escape, [*config["models"], *config["checkpoints"]])),
    benchmark="|".join(map(re.escape, config["evaluation"]["benchmarks"])),
    libraries="|".join(map(re.escape, LIBRARIES)) or "none",


SHARDS = [f"{i}-of-{config['seeds']['shards']}" for i in range(config["seeds"]["shards"])]
BENCHMARKS = expand("resources/benchmarks/{benchmark}.jsonl", benchmark=config["evaluation"]["benchmarks"])
SANDBOX = "resources/sandbox/image.json"
SANDBOX_RECIPE = file_fingerprint(
    "containers/build_sandbox.sh",
    "containers/image.sh",
    "containers/tree_digest.py",
    "containers/evalplus_offline.py",
    "setup/lock_difference.py",
    "envs/sandbox.lock",
)
LOCKS = ("local-cpu", "local-gpu", "cluster", "sandbox")

# As many cores as the machine or the profile gives: Snakemake lowers it to what there is.
ALL_CORES = 64


def in_containers():
    return DeploymentMethod.APPTAINER in workflow.deployment_settings.deployment_method


if in_containers():
    # Jobs get the environment of the start, and each sets this anew for its container.
    os.environ.update(let_in(config["models"], os.environ))
    os.environ.update(SELFALIGN_BIND=",".join(outside(config, os.environ, Path())))


def image(role):
    """A function that gives the container image of a rule, for `--sdm apptainer`; without that it is never looked at."""

    def path(wildcards):
        path = built_image(role)
        if in_containers() and not workflow.dryrun and not Path(path).is_file():
            raise WorkflowError(f"the image {path} is missing\n  do:    make containers (docs/containers.md)")
        return path

    return path


def model_manifest(name):
    """The manifest of a model's weights, fetched or fine-tuned."""
    if name in config["checkpoints"]:
        return f"results/checkpoints/{name}/model/model.json"
    return f"resources/models/{name}/model.json"


def base_model(candidate):
    """Name of the model entry that serves a candidate of the evaluation: itself, or what it was tuned from."""
    return model_of(config, candidate)


def serving(name):
    """What the engine needs to know of a model entry; where its weights came from is in its manifest, its price in the plan."""
    entry = config["models"][base_model(name)]
    return {"name": name, **{key: value for key, value in entry.items() if key not in ("sources", "digest", "price")}}


def serving_gpus(name):
    """GPUs that a job with this model holds on a cluster; a local run takes those that there are. None without a model."""
    if name is None:
        return 0
    entry = config["models"][base_model(name)]
    return engine_gpus(entry) if entry["engine"] == "vllm" else 0


def within_cap(gpus, asked_by):
    """`gpus`, which one job needs; Snakemake would lower it to what all jobs together may hold, without a word."""
    cap = workflow.global_resources.get("gpu").value
    if cap is not None and gpus > cap:
        raise WorkflowError(
            f"one job needs {gpus} GPUs, and all jobs together may hold {cap}\n  where: {asked_by}\n"
            "  do:    raise gpus in the site file (profiles/slurm/site.yaml), or --resources gpu=, or ask for fewer there"
        )
    return gpus


def asked_gpus(name):
    """As `serving_gpus`, for a job that is going to run."""
    return within_cap(serving_gpus(name), f"engine_args of model {base_model(name)}") if name else 0


# Wildcards of the jobs whose model is an endpoint: they go to the CPU partition (profiles/slurm).
os.environ.update(
    SELFALIGN_WITHOUT_GPU=" ".join(
        [f"generator={name}" for name, entry in config["generators"].items() if not serving_gpus(entry["model"])]
        + [f"candidate={name}" for name in [*config["models"], *config["checkpoints"]] if not serving_gpus(name)]
    )
)


def model_sources(wildcards):
    """Where a model's weights come from; how it is served is left out, so that another dtype fetches nothing."""
    entry = config["models"][wildcards.model]
    return {key: entry[key] for key in ("engine", "sources", "digest", "endpoint")}


include: "common/seeds.smk"
include: "common/generators.smk"
include: "common/sandbox.smk"
include: "common/datasets.smk"
include: "common/checkpoints.smk"
include: "common/evaluation.smk"
include: "common/report.smk"
