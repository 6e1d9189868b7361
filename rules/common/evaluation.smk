"""Input functions and parameters of the evaluation's rules."""

from selfalign import ROOT
from selfalign.benchmarks.base import open_benchmark
from selfalign.candidates import candidates, repeat_of
from selfalign.fingerprint import benchmark_fingerprint, text_fingerprint


def candidate_gpus(wildcards):
    return asked_gpus(wildcards.candidate)


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


def candidate_manifest(wildcards):
    return model_manifest(wildcards.candidate)


def candidate_serving(wildcards):
    return serving(wildcards.candidate)


def benchmark_limit(wildcards):
    return config["evaluation"]["benchmarks"][wildcards.benchmark]["limit"]


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
