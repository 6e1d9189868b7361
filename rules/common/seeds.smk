"""Input functions of the seeds' rules."""

from selfalign.methods import layout


def seed_shards():
    return expand("results/seeds/shards/{shard}.jsonl", shard=SHARDS)


def all_seeds():
    """The seeds of every kind that a generator starts from."""
    return [f"{layout.SEED_FOLDERS[kind]}/{shard}.jsonl" for kind in layout.seed_kinds(config) for shard in SHARDS]


def corpus_spec(wildcards):
    return config["seeds"]["corpora"][wildcards.corpus]


def corpus_input(wildcards):
    """What mining a corpus reads and Snakemake should watch; a folder of checkouts is watched by its `revision`."""
    spec = corpus_spec(wildcards)
    if spec["kind"] == "pypi":
        return f"resources/corpora/{wildcards.corpus}/corpus.json"
    return spec["path"] if spec["kind"] in ("jsonl", "instructions") and spec["path"] else []


def corpus_seeds():
    folder = "typechecked" if config["seeds"]["typecheck"] else "mined"
    return expand("results/seeds/{folder}/{corpus}.jsonl", folder=folder, corpus=layout.corpora_of(config, "functions"))


def other_corpus_seeds(wildcards):
    """What was mined of a kind of seeds other than functions."""
    home = layout.SEED_HOMES[wildcards.kind]
    return [f"{home}/mined/{corpus}.jsonl" for corpus in layout.corpora_of(config, wildcards.kind)]


def other_near_duplicates(wildcards):
    """Commits to one file are alike: they are compared as pairs, where there are the code before them and a message.
    Instructions are compared as tasks."""
    settings = config["seeds"]["near_duplicates"]
    return {**settings, "threshold": 1.0} if wildcards.kind != "snippets" else settings
