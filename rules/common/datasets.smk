"""Input functions and parameters of the datasets' rules."""

from selfalign.methods import layout


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
