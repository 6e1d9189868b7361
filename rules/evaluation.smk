"""Every checkpoint and its base model on every benchmark.

REQUIRED: models, checkpoints, the sandbox image. OUTPUT: results/evaluation/{candidate}/{benchmark}.json
"""


rule fetch_benchmark:
    output:
        problems="resources/benchmarks/{benchmark}.jsonl",
        about="resources/benchmarks/{benchmark}.source.json",
    log:
        "results/run/logs/fetch_benchmark/{benchmark}.log",
    conda:
        "../envs/scripts.yaml"
    params:
        spec=benchmark_spec,
        code=benchmark_code("fetch_benchmark.py"),
    message:
        "Fetching benchmark {wildcards.benchmark}"
    script:
        "../scripts/fetch_benchmark.py"


rule generate_completions:
    input:
        rows=rules.fetch_benchmark.output.problems,
        model=candidate_manifest,
    output:
        kept="results/evaluation/{candidate}/{benchmark}/completions/{shard}.jsonl",
        rejected="results/evaluation/{candidate}/{benchmark}/completions/{shard}.rejected.jsonl",
        counts="results/evaluation/{candidate}/{benchmark}/completions/{shard}.counts.json",
        usage="results/evaluation/{candidate}/{benchmark}/completions/{shard}.usage.json",
    log:
        "results/run/logs/generate_completions/{candidate}/{benchmark}/{shard}.log",
    benchmark:
        "results/run/benchmarks/generate_completions/{candidate}/{benchmark}/{shard}.tsv"
    conda:
        "../envs/model.yaml"
    container:
        image("evaluate")
    threads: ALL_CORES
    resources:
        gpu=candidate_gpus,
    params:
        stage="completions",
        shard="{shard}",
        model=candidate_serving,
        settings=decoding,
        prompts=benchmark_prompts,
        code=benchmark_code("generate.py"),
    message:
        "Answering {wildcards.benchmark} with {wildcards.candidate}, shard {wildcards.shard}"
    script:
        "../scripts/generate.py"


rule score_completions:
    input:
        problems=rules.fetch_benchmark.output.problems,
        about=rules.fetch_benchmark.output.about,
        completions=completion_shards,
        image=scoring_image,
        baseline=baseline_result,
    output:
        result="results/evaluation/{candidate}/{benchmark}.json",
    log:
        "results/run/logs/score_completions/{candidate}/{benchmark}.log",
    benchmark:
        "results/run/benchmarks/score_completions/{candidate}/{benchmark}.tsv"
    conda:
        "../envs/scripts.yaml"
    threads: ALL_CORES
    params:
        limits=sandbox_limits(),
        engine=config["sandbox"]["engine"],
        require=config["sandbox"]["require"],
        sandbox=sandbox_digest,
        limit=benchmark_limit,
        code=benchmark_code("score.py"),
    message:
        "Scoring {wildcards.candidate} on {wildcards.benchmark}"
    script:
        "../scripts/score.py"
