"""Where the rows of a generator lie: pure functions of the resolved config, for rules and tests.

Everywhere `config` is resolved and `name` is a generator's.
"""

from selfalign.methods import METHODS
from selfalign.methods.base import Method

SEED_HOMES = {
    "functions": "results/seeds", "snippets": "results/seeds/snippets", "commits": "results/seeds/commits",
    "instructions": "results/seeds/instructions",
}  # fmt: skip
"""Kind of seeds -> folder of what was mined and gathered of it."""

OTHER_CORPORA = {"commits": ("git", "commits"), "instructions": ("instructions",)}
"""Kind of seeds -> kinds of corpora that hold them; all other corpora hold source files."""

SEED_FOLDERS = {kind: f"{home}/shards" for kind, home in SEED_HOMES.items()}
"""Kind of seeds -> folder of their shards."""

BLIND = "unfiltered"
"""The policy that looks at no verdict, so that neither tests nor executions are paid for."""


def method_of(config: dict, name: str) -> Method:
    return METHODS[config["generators"][name]["method"]]


def in_order(config: dict) -> list[str]:
    """Names of the generators, each after the one whose tasks it takes."""

    def depth(name: str) -> int:
        source = config["generators"][name]["tasks_of"]
        return 1 + depth(source) if source else 0

    return sorted(config["generators"], key=depth)


def origin_of(config: dict, name: str) -> str:
    """The generator whose seeds a generator's rows descend from: the end of the chain of `tasks_of`."""
    while (source := config["generators"][name]["tasks_of"]) is not None:
        name = source
    return name


def seed_kind(config: dict, name: str) -> str:
    """The kind of seeds that a generator's rows descend from."""
    origin = origin_of(config, name)
    return config["generators"][origin]["seeds"] or method_of(config, origin).seeds


def seed_kinds(config: dict) -> list[str]:
    """The kinds of seeds that the config uses."""
    return sorted({seed_kind(config, name) for name in config["generators"]})


def corpora_of(config: dict, kind: str) -> list[str]:
    """The corpora that a kind of seeds is mined from: commits from repositories and tables of commits, instructions from
    tables of those, all others from source files."""
    holds = {corpus: seeds for seeds, corpora in OTHER_CORPORA.items() for corpus in corpora}
    wanted = kind if kind in OTHER_CORPORA else None
    return sorted(name for name, spec in config["seeds"]["corpora"].items() if holds.get(spec["kind"]) == wanted)


def seed_files(config: dict, suffix: str) -> list[str]:
    """The files of a suffix ("counts.json", "rejected.jsonl") that mining and gathering the used kinds of seeds leave."""
    found = []
    for kind in seed_kinds(config):
        home, corpora = SEED_HOMES[kind], corpora_of(config, kind)
        checked = kind == "functions" and config["seeds"]["typecheck"]
        folders = ["mined", "typechecked"] if checked else ["mined"]
        found += [f"{home}/{folder}/{name}.{suffix}" for folder in folders for name in corpora]
        if suffix == "counts.json" and kind not in OTHER_CORPORA:
            found += [f"{home}/mined/{name}.files.{suffix}" for name in corpora]
        found.append(f"{home}/seeds.{suffix}")
    return found


def tasks_owner(config: dict, name: str) -> str:
    """The generator whose unique tasks a generator answers: itself, or for distillation the first in the chain of
    `tasks_of` that has tasks of its own."""
    while not (method_of(config, name).tasks or method_of(config, name).rounds):
        name = config["generators"][name]["tasks_of"]
    return name


def concepts_owner(config: dict, name: str) -> str | None:
    """The generator that named the concepts behind a generator's tasks; None when nobody did."""
    origin = origin_of(config, name)
    return origin if method_of(config, origin).concepts else None


def is_judged(config: dict, name: str) -> bool:
    """Whether a generator's responses are run against tests.

    Those with tests of their own always are; others where a dataset's policy looks at verdicts.
    """
    asked = any(name in dataset["generators"] and dataset["policy"] != BLIND for dataset in config["datasets"].values())
    return method_of(config, name).tested or asked


def task_parents(config: dict, name: str) -> str:
    """Path (with {shard}) of the rows that a generator's tasks are made from."""
    if method_of(config, name).concepts:
        return f"results/generators/{name}/concepts/{{shard}}.jsonl"
    return f"{SEED_FOLDERS[seed_kind(config, name)]}/{{shard}}.jsonl"


def tested_responses(config: dict, name: str) -> str:
    """Path (with {shard}) of the responses that go to the sandbox."""
    folder = "responses" if method_of(config, name).tested else "tests"
    return f"results/generators/{name}/{folder}/{{shard}}.jsonl"


def all_responses(config: dict, name: str) -> list[str]:
    """Paths (with {shard}) of every response that a pair may come from: as tested, as answered, or both."""
    blind = any(name in dataset["generators"] and dataset["policy"] == BLIND for dataset in config["datasets"].values())
    as_answered = f"results/generators/{name}/responses/{{shard}}.jsonl"
    tested = [tested_responses(config, name)] if is_judged(config, name) else []
    return sorted({*tested, *([as_answered] if blind or not tested else [])})


def task_files(config: dict, name: str, shards: list[str]) -> list[str]:
    """Files of a generator's tasks before duplicates are dropped, one a shard, those of each round after another."""
    folder = f"results/generators/{name}"
    if not method_of(config, name).rounds:
        return [f"{folder}/tasks/{shard}.jsonl" for shard in shards]
    rounds = config["generators"][name]["evolution"]["rounds"]
    return [f"{folder}/evolved-{number}/{shard}.jsonl" for number in range(1, rounds + 1) for shard in shards]


def dataset_shards(config: dict, dataset: str, shards: list[str]) -> list[tuple[str, dict[str, str]]]:
    """(generator, stage -> file) of everything that a dataset's pairs descend from, one entry a generator and shard.

    A stage that a method does not have is missing; so are the verdicts where the policy looks at none.
    """
    spec, found = config["datasets"][dataset], []
    for name in spec["generators"]:
        blind = spec["policy"] == BLIND
        paths = {
            "seeds": f"{SEED_FOLDERS[seed_kind(config, name)]}/{{shard}}.jsonl",
            "unique_tasks": f"results/generators/{tasks_owner(config, name)}/unique_tasks/{{shard}}.jsonl",
            "responses": f"results/generators/{name}/responses/{{shard}}.jsonl"
            if blind
            else tested_responses(config, name),
        }
        if owner := concepts_owner(config, name):
            paths["concepts"] = f"results/generators/{owner}/concepts/{{shard}}.jsonl"
        if not blind:
            paths["verdicts"] = f"results/generators/{name}/verdicts/{{shard}}.jsonl"
        found += [(name, {stage: path.format(shard=shard) for stage, path in paths.items()}) for shard in shards]
    return found


def stage_folders(config: dict, name: str) -> list[str]:
    """Folders of a generator, one a stage, in order; its unique tasks are not among them."""
    method = method_of(config, name)
    rounds = config["generators"][name]["evolution"]["rounds"] if method.rounds else 0
    folders = ["concepts"] * bool(method.concepts) + ["tasks"] * bool(method.tasks)
    folders += [f"evolved-{number}" for number in range(1, rounds + 1)] + ["responses"]
    if is_judged(config, name):
        folders += ["verdicts"] if method.tested else ["tests", "verdicts"]
    return folders


def generated_folders(config: dict, name: str) -> list[str]:
    """Those of :func:`stage_folders` that a model or the sandbox had to work for, hence with a usage file."""
    return [folder for folder in stage_folders(config, name) if folder not in method_of(config, name).direct]


def models_of(config: dict, name: str, blind: bool = False) -> list[str]:
    """The model entries whose outputs may be in a generator's pairs: its own and those that wrote its tasks.

    Args:
        blind: pairs without tests are meant, so that a model that writes nothing but tests is none of them.
    """
    writes = method_of(config, name).generates if blind else uses_model(config, name)
    found = {config["generators"][name]["model"]} if writes else set()
    source = config["generators"][name]["tasks_of"]
    return sorted(found | set(models_of(config, source) if source else []))


def outputs_of(config: dict, name: str, blind: bool = False) -> dict[str, dict]:
    """Model, or published set, whose texts may be in a generator's pairs -> what its terms say of training on them."""
    models = {model: config["models"][model]["outputs"] for model in models_of(config, name, blind)}
    return {**models, **published_sets(config, name)}


def published_sets(config: dict, name: str) -> dict[str, dict]:
    """ "corpus NAME" -> the terms of the models behind it, of the sets of instructions that a generator's rows descend from."""
    begins = method_of(config, origin_of(config, name)).seeds
    named = corpora_of(config, begins) if begins == "instructions" else []
    return {f"corpus {corpus}": config["seeds"]["corpora"][corpus]["outputs"] for corpus in named}


def uses_model(config: dict, name: str) -> bool:
    return method_of(config, name).generates or (is_judged(config, name) and not method_of(config, name).tested)


def origin(config: dict, name: str, blind: bool = False) -> dict:
    """What a dataset's card says of a generator: method, kind of seeds, tests, and its models with their terms."""
    method = method_of(config, name)
    return {
        "method": method.name,
        "summary": method.summary,
        "seeds": seed_kind(config, name),
        "own_tests": method.tested,
        "tasks_of": config["generators"][name]["tasks_of"],
        "models": outputs_of(config, name, blind),
    }
