"""Seeds to concepts to tasks to responses: every rule here that generates runs scripts/generate.py.

REQUIRED: results/seeds/shards/{shard}.jsonl and the model. OUTPUT: results/generators/{generator}/responses/{shard}.jsonl
"""


rule generate_concepts:
    input:
        rows="results/seeds/shards/{shard}.jsonl",
        model=generator_model,
    output:
        kept="results/generators/{generator}/concepts/{shard}.jsonl",
        rejected="results/generators/{generator}/concepts/{shard}.rejected.jsonl",
        counts="results/generators/{generator}/concepts/{shard}.counts.json",
        usage="results/generators/{generator}/concepts/{shard}.usage.json",
    log:
        "results/run/logs/generate_concepts/{generator}/{shard}.log",
    benchmark:
        "results/run/benchmarks/generate_concepts/{generator}/{shard}.tsv"
    conda:
        "../envs/model.yaml"
    container:
        image("generate")
    threads: ALL_CORES
    resources:
        gpu=generator_gpus,
    params:
        stage="concepts",
        model=generator_serving,
        settings=stage_settings("concepts"),
        prompts=stage_prompts("concepts"),
        code=code_fingerprint("generate.py"),
    message:
        "Generating concepts: {wildcards.generator}, shard {wildcards.shard}"
    script:
        "../scripts/generate.py"


rule generate_tasks:
    input:
        rows=rules.generate_concepts.output.kept,
        model=generator_model,
    output:
        kept="results/generators/{generator}/tasks/{shard}.jsonl",
        rejected="results/generators/{generator}/tasks/{shard}.rejected.jsonl",
        counts="results/generators/{generator}/tasks/{shard}.counts.json",
        usage="results/generators/{generator}/tasks/{shard}.usage.json",
    log:
        "results/run/logs/generate_tasks/{generator}/{shard}.log",
    benchmark:
        "results/run/benchmarks/generate_tasks/{generator}/{shard}.tsv"
    conda:
        "../envs/model.yaml"
    container:
        image("generate")
    threads: ALL_CORES
    resources:
        gpu=generator_gpus,
    params:
        stage="tasks",
        model=generator_serving,
        settings=stage_settings("tasks"),
        prompts=stage_prompts("tasks"),
        code=code_fingerprint("generate.py"),
    message:
        "Generating tasks: {wildcards.generator}, shard {wildcards.shard}"
    script:
        "../scripts/generate.py"


rule dedup_tasks:
    input:
        tasks=expand("results/generators/{generator}/tasks/{shard}.jsonl", shard=SHARDS, allow_missing=True),
        benchmarks=BENCHMARKS,
    output:
        tasks=expand(
            "results/generators/{generator}/unique_tasks/{shard}.jsonl",
            shard=SHARDS,
            allow_missing=True,
        ),
        rejected="results/generators/{generator}/unique_tasks.rejected.jsonl",
        counts="results/generators/{generator}/unique_tasks.counts.json",
    log:
        "results/run/logs/dedup_tasks/{generator}.log",
    benchmark:
        "results/run/benchmarks/dedup_tasks/{generator}.tsv"
    conda:
        "../envs/scripts.yaml"
    container:
        image("workflow")
    params:
        settings=stage_settings("tasks"),
        code=code_fingerprint("dedup_tasks.py"),
    message:
        "Removing duplicate tasks: {wildcards.generator}"
    script:
        "../scripts/dedup_tasks.py"


rule generate_responses:
    input:
        rows="results/generators/{generator}/unique_tasks/{shard}.jsonl",
        model=generator_model,
    output:
        kept="results/generators/{generator}/responses/{shard}.jsonl",
        rejected="results/generators/{generator}/responses/{shard}.rejected.jsonl",
        counts="results/generators/{generator}/responses/{shard}.counts.json",
        usage="results/generators/{generator}/responses/{shard}.usage.json",
    log:
        "results/run/logs/generate_responses/{generator}/{shard}.log",
    benchmark:
        "results/run/benchmarks/generate_responses/{generator}/{shard}.tsv"
    conda:
        "../envs/model.yaml"
    container:
        image("generate")
    threads: ALL_CORES
    resources:
        gpu=generator_gpus,
    params:
        stage="responses",
        model=generator_serving,
        settings=stage_settings("responses"),
        prompts=stage_prompts("responses"),
        code=code_fingerprint("generate.py"),
    message:
        "Generating responses: {wildcards.generator}, shard {wildcards.shard}"
    script:
        "../scripts/generate.py"
