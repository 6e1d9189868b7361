"""Second pass over a config that already fits the schema: rules that span several keys."""

import re
from collections.abc import Callable, Iterator
from pathlib import PurePath
from urllib.parse import urlsplit

from selfalign import config_methods
from selfalign.benchmarks import BENCHMARKS
from selfalign.candidates import arm_of, candidates, model_of
from selfalign.methods.base import SECTIONS
from selfalign.validation import AT_LEAST_ONE

Rule = Callable[[dict], Iterator[str]]


def cross_field_problems(config: dict) -> list[str]:
    """What is wrong with a resolved config, a line each; what follows names from entry to entry comes second."""
    return [line for rule in FIRST_RULES for line in rule(config)] or [line for rule in RULES for line in rule(config)]


def _unknown(key: str, name: str, layer: str, known: dict) -> str:
    return f"{key} is {name!r}, which {layer} does not define; defined: {', '.join(sorted(known)) or 'nothing'}"


def names_exist(config: dict) -> Iterator[str]:
    for name, generator in config["generators"].items():
        if generator["model"] is not None and generator["model"] not in config["models"]:
            yield _unknown(f"generators.{name}.model", generator["model"], "models", config["models"])
    for name, dataset in config["datasets"].items():
        for generator in dataset["generators"]:
            if generator not in config["generators"]:
                yield _unknown(f"datasets.{name}.generators", generator, "generators", config["generators"])
    for name, checkpoint in config["checkpoints"].items():
        for key in ("model", "dataset"):
            if checkpoint[key] not in config[f"{key}s"]:
                yield _unknown(f"checkpoints.{name}.{key}", checkpoint[key], f"{key}s", config[f"{key}s"])
        if checkpoint["repeat_of"] is not None and checkpoint["repeat_of"] not in config["checkpoints"]:
            yield _unknown(
                f"checkpoints.{name}.repeat_of", checkpoint["repeat_of"], "checkpoints", config["checkpoints"]
            )
        if name in config["models"]:
            yield f"checkpoints.{name} has the name of a model: evaluation could not tell them apart, rename one"

    for name in config["evaluation"]["models"]:
        if name not in config["models"]:
            yield _unknown("evaluation.models", name, "models", config["models"])


def benchmarks_are_known(config: dict) -> Iterator[str]:
    for name, spec in config["evaluation"]["benchmarks"].items():
        key, benchmark = f"evaluation.benchmarks.{name}", BENCHMARKS.get(spec["kind"])
        if benchmark is None:
            yield f"{key}.kind is {spec['kind']!r}: one of {', '.join(BENCHMARKS)} is wanted"
        elif benchmark.variants and spec["variant"] not in benchmark.variants:
            wanted = ", ".join(benchmark.variants)
            yield f"{key}.variant is {spec['variant']!r}: kind {spec['kind']!r} wants one of {wanted}"
        elif not benchmark.variants and spec["variant"] is not None:
            yield f"{key}.variant is {spec['variant']!r}: kind {spec['kind']!r} has no variants"
        if benchmark is not None and bool(benchmark.borrows) != bool(spec["tests"]):
            wants = "borrows the tests of others" if benchmark.borrows else "has tests of its own"
            yield f"{key}.tests has {len(spec['tests'])} files: kind {spec['kind']!r} {wants}"
        window = [spec[end] for end in ("since", "until") if spec[end] is not None]
        if benchmark and window and not benchmark.dated:
            yield f"{key} has `since` or `until`: problems of kind {spec['kind']!r} have no dates"
        elif window != sorted(window):
            yield f"{key}.since is {window[0]}: after `until`, {window[1]}"


def images_with_libraries_have_names_of_their_own(config: dict) -> Iterator[str]:
    named: dict[str, str] = {}
    for name, spec in config["evaluation"]["benchmarks"].items():
        lock = spec["libraries"]
        if lock and named.setdefault(PurePath(lock).stem, lock) != lock:
            other = named[PurePath(lock).stem]
            yield f"evaluation.benchmarks.{name}.libraries is {lock!r}: give it another file name than {other!r} has"


def paper_figures_have_an_arm(config: dict) -> Iterator[str]:
    paper, arms = config["report"]["paper"], {arm_of(config, name): None for name in candidates(config)}
    for name in paper["scores"]:
        if name not in arms:
            yield _unknown("report.paper.scores", name, "checkpoints (nor evaluation)", arms)
    if paper["scores"] and not paper["source"]:
        yield "report.paper.source is missing: figures that were not measured here need the name of their paper"


def models_are_served(config: dict) -> Iterator[str]:
    for name, model in config["models"].items():
        if model["engine"] == "vllm" and not model["sources"]:
            yield f"models.{name}.sources is empty: a path, a hub repository or a mirror is wanted"
        if model["engine"] == "endpoint" and not model["endpoint"]:
            yield f"models.{name}.endpoint is missing: engine `endpoint` wants a url and a model"
        elif (
            model["engine"] == "endpoint" and model["endpoint"]["api"] != "chat" and model["chat_template"] == "native"
        ):
            yield (
                f"models.{name}.chat_template is native, but an endpoint brings no tokenizer: set endpoint.api: chat, so that the "
                "server uses its own, or chat_template: instruction"
            )
    for name, checkpoint in config["checkpoints"].items():
        model = config["models"].get(checkpoint["model"])
        if model and model["engine"] == "endpoint":
            yield f"checkpoints.{name}.model is {checkpoint['model']!r}, an endpoint: weights are wanted to train on"


VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
SECRET = re.compile(r"key|api[-_]?key|token|(?:access|auth)[-_]?token|authorization|password|secret", re.IGNORECASE)


def no_key_is_in_the_config(config: dict) -> Iterator[str]:
    """The config is in manifests, cards and reports. What is wrong is said without the value, which may be a key."""
    belongs = "a key belongs in the environment variable that key_env names"
    for name, model in config["models"].items():
        endpoint = model["endpoint"]
        if not endpoint:
            continue
        address = urlsplit(endpoint["url"])
        if "@" in address.netloc or address.query or address.fragment:
            yield f"models.{name}.endpoint.url holds more than an address (a name, a password, a query): {belongs}"
        if endpoint["key_env"] is not None and not VARIABLE.fullmatch(endpoint["key_env"]):
            yield (
                f"models.{name}.endpoint.key_env is no name in capital letters, digits and _: the name of an environment "
                "variable is wanted; the key itself belongs in no config"
            )
        for key in filter(SECRET.fullmatch, endpoint["extra"]):
            yield f"models.{name}.endpoint.extra.{key} looks like a key: {belongs}"


def windows_suffice(config: dict) -> Iterator[str]:
    for name, generator in config["generators"].items():
        model = config["models"].get(generator["model"])
        for stage in SECTIONS:
            tokens = generator.get(stage, {}).get("max_tokens", 0)
            if model and tokens >= model["context"]:
                yield (
                    f"generators.{name}.{stage}.max_tokens is {tokens}: the window of {generator['model']!r} is "
                    f"{model['context']} tokens, prompt and answer together"
                )
    evaluated = {model_of(config, name): name for name in candidates(config)}
    for name, candidate in sorted(evaluated.items()):
        for benchmark, spec in config["evaluation"]["benchmarks"].items():
            if spec["max_tokens"] >= config["models"][name]["context"]:
                yield (
                    f"evaluation.benchmarks.{benchmark}.max_tokens is {spec['max_tokens']}: the window of "
                    f"{name!r} (evaluated as {candidate}) is {config['models'][name]['context']} tokens"
                )


def sampling_makes_sense(config: dict) -> Iterator[str]:
    entries = config["generators"].items()
    places = [(f"generators.{name}.responses", entry["responses"]) for name, entry in entries if "responses" in entry]
    places += [(f"evaluation.benchmarks.{name}", spec) for name, spec in config["evaluation"]["benchmarks"].items()]
    for key, settings in places:
        if settings["samples"] > 1 and settings["temperature"] == 0:
            yield f"{key}.samples is {settings['samples']} at temperature 0: all samples would be the same"
    for name, generator in config["generators"].items():
        concepts, tasks = generator.get("concepts"), generator.get("tasks")
        for section, weights in (("tasks", "categories"), ("tasks", "difficulties"), ("evolution", "operators")):
            if section in generator and not any(generator[section][weights].values()):
                yield f"generators.{name}.{section}.{weights} are all 0: at least one weight above 0 is wanted"
        if concepts and concepts["min"] > concepts["max"]:
            yield f"generators.{name}.concepts.min is above concepts.max"
        if tasks and tasks["min_words"] > tasks["max_words"]:
            yield f"generators.{name}.tasks.min_words is above tasks.max_words"


def enough_seeds(config: dict) -> Iterator[str]:
    seeds = config["seeds"]
    if seeds["limit"] is not None and seeds["limit"] < seeds["shards"]:
        yield f"seeds.shards is {seeds['shards']}: more than the {seeds['limit']} seeds of seeds.limit"
    if seeds["filters"]["min_lines"] > seeds["filters"]["max_lines"]:
        yield "seeds.filters.min_lines is above seeds.filters.max_lines"
    if seeds["commits"]["min_tokens"] > seeds["commits"]["max_tokens"]:
        yield "seeds.commits.min_tokens is above seeds.commits.max_tokens"
    if seeds["snippets"]["min_lines"] > seeds["snippets"]["max_lines"]:
        yield "seeds.snippets.min_lines is above seeds.snippets.max_lines"


def licences_are_allowed(config: dict) -> Iterator[str]:
    allowed = set(config["seeds"]["licences"])
    for name, corpus in config["seeds"]["corpora"].items():
        key = f"seeds.corpora.{name}"
        stated = corpus.get("licence")
        if corpus["kind"] == "pypi":
            given = {package["licence"] for package in corpus["packages"]}
        elif isinstance(stated, dict):
            given = set(stated.values())
        else:
            given = {stated} if stated else set()
        for licence in sorted(given - allowed):
            yield f"{key} has the licence {licence!r}, which seeds.licences does not allow: {', '.join(sorted(allowed))}"
        tables = ("commits", "instructions")
        if corpus["kind"] in tables and (corpus["dataset"] is None) == (corpus["path"] is None):
            yield f"{key} needs either `dataset`, on the hub, or `path`, a file"
        if corpus["kind"] in tables and corpus["dataset"] and not corpus["revision"]:
            yield f"{key}.revision is missing: the commit hash of the dataset, so that it is the same at all times"
        if corpus["kind"] in ("jsonl", "hub", *tables) and not stated and not corpus["licence_column"]:
            yield f"{key} needs `licence` or `licence_column`: code of unknown licence is not used"


def batches_divide(config: dict) -> Iterator[str]:
    for name, checkpoint in config["checkpoints"].items():
        recipe = checkpoint["recipe"]
        devices = (recipe["parallel"]["gpus"] or 1) * recipe["parallel"]["nodes"]
        if recipe["batch_size"] % (recipe["micro_batch_size"] * devices):
            on = f" on {devices} devices" if devices > 1 else ""
            yield (
                f"checkpoints.{name}.recipe.batch_size is {recipe['batch_size']}: not a multiple of micro_batch_size "
                f"{recipe['micro_batch_size']}{on}"
            )


def devices_can_share(config: dict) -> Iterator[str]:
    for name, checkpoint in config["checkpoints"].items():
        recipe, key = checkpoint["recipe"], f"checkpoints.{name}.recipe"
        parallel = recipe["parallel"]
        if parallel["nodes"] > 1 and not parallel["gpus"]:
            yield f"{key}.parallel.gpus is missing: several nodes need the number of GPUs on each"
        if parallel["sharding"] == "none":
            continue
        if recipe["optimizer"] == "adafactor":
            yield f"{key}.optimizer is 'adafactor', which can't work on the parts of a sharded model: adamw is wanted"
        if recipe["packing"]:
            yield f"{key}.packing can't be checked on a sharded model: set packing or parallel.sharding differently"


def deadlines_are_ordered(config: dict) -> Iterator[str]:
    sandbox = config["sandbox"]
    if sandbox["wall_seconds"] < sandbox["cpu_seconds"]:
        yield (
            f"sandbox.wall_seconds is {sandbox['wall_seconds']}: below cpu_seconds {sandbox['cpu_seconds']}, so that a "
            "busy machine would fail good programs"
        )


def trials_feed_what_asks_for_them(config: dict) -> Iterator[str]:
    validation = config["validation"]
    for name, dataset in config["datasets"].items():
        if dataset["policy"] == "consensus" and not validation["consensus"]:
            yield f"datasets.{name}.policy is consensus, which needs validation.consensus: true"
    if validation["min_mutants_killed"] > AT_LEAST_ONE and not validation["mutants"]:
        yield f"validation.min_mutants_killed is above {AT_LEAST_ONE}, but validation.mutants is 0: there is nothing to notice"
    if validation["min_coverage"] and validation["second_run"] == "skip":
        yield "validation.min_coverage is above 0, but coverage is measured in the second run, which is skipped"


FIRST_RULES: tuple[Rule, ...] = (
    names_exist,
    benchmarks_are_known,
    images_with_libraries_have_names_of_their_own,
    config_methods.methods_have_what_they_need,
)
RULES: tuple[Rule, ...] = (
    *config_methods.RULES,
    models_are_served,
    no_key_is_in_the_config,
    windows_suffice,
    sampling_makes_sense,
    enough_seeds,
    licences_are_allowed,
    batches_divide,
    devices_can_share,
    deadlines_are_ordered,
    trials_feed_what_asks_for_them,
    paper_figures_have_an_arm,
)
