"""Input functions and parameters of the generators' rules; which files a method has is in selfalign.methods.layout."""

from selfalign.fewshots import prompt_fingerprint
from selfalign.fingerprint import stage_fingerprint
from selfalign.methods import layout


def generator_gpus(wildcards):
    return asked_gpus(config["generators"][wildcards.generator]["model"])


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
