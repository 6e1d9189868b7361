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
from selfalign.benchmarks.base import open_benchmark
from selfalign.candidates import candidates, model_of, repeat_of
from selfalign.config import resolve_config
from selfalign.errors import UserError
from selfalign.failures import report as failure_lines
from selfalign.fewshots import prompt_fingerprint
from selfalign import ROOT
from selfalign.cluster.guard import guard
from selfalign.methods import layout
from selfalign.fingerprint import (
    benchmark_fingerprint,
    code_fingerprint,
    file_fingerprint,
    sha256,
    source_fingerprints,
    stage_fingerprint,
    text_fingerprint,
)
from selfalign.images import ROLES, built_image

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
    kind="snippets|commits",
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


def all_seeds():
    """The seeds of every kind that a generator starts from."""
    return [f"{layout.SEED_FOLDERS[kind]}/{shard}.jsonl" for kind in layout.seed_kinds(config) for shard in SHARDS]


def model_manifest(name):
    """The manifest of a model's weights, fetched or fine-tuned."""
    if name in config["checkpoints"]:
        return f"results/checkpoints/{name}/model/model.json"
    return f"resources/models/{name}/model.json"


def base_model(candidate):
    """Name of the model entry that serves a candidate of the evaluation: itself, or what it was tuned from."""
    return model_of(config, candidate)


def serving(name):
    """What the engine needs to know of a model entry; where its weights came from is in its manifest."""
    entry = config["models"][base_model(name)]
    return {"name": name, **{key: value for key, value in entry.items() if key not in ("sources", "digest")}}


def serving_gpus(name):
    """GPUs that a job with this model holds on a cluster; a local run takes those that there are. None without a model."""
    if name is None:
        return 0
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


def generators_that(how, role):
    """A pattern of the generators in whose method a model plays a role ("generate"), or a plain step does ("adopt")."""
    methods = {name: layout.method_of(config, name) for name in config["generators"]}
    playing = {name: method for name, method in methods.items() if getattr(method, role)}
    return "|".join(re.escape(name) for name, m in playing.items() if (role in m.direct) == (how == "adopt")) or "none^"


def stage_of(role):
    """A function that gives the name of the stage or step that plays a role in a generator's method."""

    def stage(wildcards):
        return getattr(layout.method_of(config, wildcards.generator), role)

    return stage


def stage_settings(section):
    """A function that gives a generator's settings of a stage."""

    def settings(wildcards):
        return generator_settings(wildcards.generator, section)

    return settings


def generator_settings(name, section):
    generator = config["generators"][name]
    style = {"style": generator["style"]} if generator["style"] != "few-shot" else {}
    repeat = {"repeat": generator["repeat"]} if generator["repeat"] else {}
    # The share is taken where the other generator's tasks come in: by evolution, else by the responses.
    comes_in = "tasks" if "evolution" in generator else "responses"
    share = {"share": generator["share"]} if section == comes_in and generator["share"] < 1 else {}
    return {**generator.get(section, {}), **style, **repeat, **share}


def round_settings(wildcards):
    """Settings of one round of evolution."""
    generator = config["generators"][wildcards.generator]
    evolution = {key: value for key, value in generator["evolution"].items() if key != "rounds"}
    return {**stage_settings("tasks")(wildcards), **evolution, "round": int(wildcards.round)}


def stage_prompts(role):
    """A function that gives the content hash of the prompt files that a generator's stage uses."""
    section = "tasks" if role == "rounds" else role
    known = {}

    def prompts(wildcards):
        name = wildcards.generator
        # Once a generator: the files are the same for a thousand shards.
        if name not in known:
            stage = "tests" if role == "tests" else stage_of(role)(wildcards)
            known[name] = prompt_fingerprint(stage, config["generators"][name][section])
        return known[name]

    return prompts


def generation_code(role):
    """A function that gives the hash of generate.py's code, with the module of a stage that only one method has."""

    def code(wildcards):
        return stage_fingerprint("generate.py", stage_of(role)(wildcards))

    return code


def adoption_code(role):
    def code(wildcards):
        return stage_fingerprint("adopt.py", stage_of(role)(wildcards))

    return code


def generator_seeds(wildcards):
    return f"{layout.SEED_FOLDERS[layout.seed_kind(config, wildcards.generator)]}/{wildcards.shard}.jsonl"


def task_parents(wildcards):
    return layout.task_parents(config, wildcards.generator).format(shard=wildcards.shard)


def owners_of_tasks():
    """The generators that answer tasks of their own."""
    return [name for name in sorted(config["generators"]) if layout.tasks_owner(config, name) == name]


def unique_tasks(wildcards):
    """The tasks that a generator answers, which may be another one's."""
    return f"results/generators/{layout.tasks_owner(config, wildcards.generator)}/unique_tasks/{wildcards.shard}.jsonl"


def earlier_rounds(wildcards):
    """The tasks that evolution began with and those of every round before this one."""
    source = config["generators"][wildcards.generator]["tasks_of"]
    rounds = range(1, int(wildcards.round))
    return [
        f"results/generators/{layout.tasks_owner(config, source)}/unique_tasks/{wildcards.shard}.jsonl",
        *(f"results/generators/{wildcards.generator}/evolved-{n}/{wildcards.shard}.jsonl" for n in rounds),
    ]


def tested_responses(wildcards):
    return layout.tested_responses(config, wildcards.generator).format(shard=wildcards.shard)


def evaluation_results():
    return expand(
        "results/evaluation/{candidate}/{benchmark}.json",
        candidate=candidates(config),
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
    return expand("results/seeds/{folder}/{corpus}.jsonl", folder=folder, corpus=layout.corpora_of(config, "functions"))


def other_corpus_seeds(wildcards):
    """What was mined of a kind of seeds other than functions."""
    home = layout.SEED_HOMES[wildcards.kind]
    return [f"{home}/mined/{corpus}.jsonl" for corpus in layout.corpora_of(config, wildcards.kind)]


def other_near_duplicates(wildcards):
    """Commits to one file are alike: they are compared as pairs, where there are the code before them and a message."""
    settings = config["seeds"]["near_duplicates"]
    return {**settings, "threshold": 1.0} if wildcards.kind == "commits" else settings


def benchmark_spec(wildcards):
    """What decides a benchmark's problems: not how many of them are evaluated, nor how."""
    spec = config["evaluation"]["benchmarks"][wildcards.benchmark]
    wanted = ("kind", "source", "variant", "tests", "since", "until")
    return {key: spec[key] for key in wanted if spec[key]}


def benchmark_code(script):
    """A function that gives the hash of a script's code, with the module of the benchmark that it is at."""

    def code(wildcards):
        return benchmark_fingerprint(script, config["evaluation"]["benchmarks"][wildcards.benchmark]["kind"])

    return code


def benchmark_prompts(wildcards):
    """The hash of all words that stand around a benchmark's problems."""
    benchmark = open_benchmark(config["evaluation"]["benchmarks"][wildcards.benchmark]["kind"])
    return text_fingerprint(benchmark.wording(), (ROOT / "prompts/chat_template.jinja").read_text(encoding="utf-8"))


def decoding(wildcards):
    spec = config["evaluation"]["benchmarks"][wildcards.benchmark]
    repeat = repeat_of(config, wildcards.candidate)
    seeds = {"repeat": repeat} if repeat and spec["temperature"] else {}
    other = ("kind", "source", "variant", "tests", "libraries", "since", "until", "shards")
    return {**{key: value for key, value in spec.items() if key not in other}, **seeds}


def sandbox_limits():
    return {key: value for key, value in config["sandbox"].items() if key not in ("engine", "require")}


def scoring_image(wildcards):
    """The image that a benchmark is scored in: the usual one, or one with its libraries."""
    lock = config["evaluation"]["benchmarks"][wildcards.benchmark]["libraries"]
    return f"resources/sandboxes/{Path(lock).stem}/image.json" if lock else SANDBOX


def lock_of_libraries(wildcards):
    return LIBRARIES[wildcards.libraries]


def sandbox_digest(wildcards, input):
    """Digest of the image that is there when the job runs; a new image with the same content changes nothing."""
    return json.loads(Path(input.image).read_text())["digest"]


def dataset_spec(wildcards):
    return config["datasets"][wildcards.dataset]


def dataset_rows(wildcards):
    """The rows of every stage that a dataset's pairs descend from, and the counts of the verdicts."""
    files = {path for _, paths in layout.dataset_shards(config, wildcards.dataset, SHARDS) for path in paths.values()}
    counts = [path.replace(".jsonl", ".counts.json") for path in files if "/verdicts/" in path]
    return {"rows": sorted(files), "counts": sorted(counts)}


def dataset_layout(wildcards):
    """(generator, stage -> file) of every generator and shard."""
    return [list(entry) for entry in layout.dataset_shards(config, wildcards.dataset, SHARDS)]


def dataset_origins(wildcards):
    """What the card says of each generator: its method, and the models whose outputs are in the pairs."""
    spec = dataset_spec(wildcards)
    return {name: layout.origin(config, name, spec["policy"] == layout.BLIND) for name in spec["generators"]}


def dataset_models(wildcards):
    spec = dataset_spec(wildcards)
    blind = spec["policy"] == layout.BLIND
    names = {model for name in spec["generators"] for model in layout.models_of(config, name, blind)}
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


def evaluation_files(suffix):
    return [
        f"results/evaluation/{candidate}/{benchmark}/completions/{i}-of-{spec['shards']}.{suffix}"
        for candidate in candidates(config)
        for benchmark, spec in config["evaluation"]["benchmarks"].items()
        for i in range(spec["shards"])
    ]


def baseline_result(wildcards):
    """The result that a checkpoint's is compared with: its base model's. A base model has none."""
    base = base_model(wildcards.candidate)
    return f"results/evaluation/{base}/{wildcards.benchmark}.json" if base != wildcards.candidate else []
