"""Seeds to concepts to tasks to responses: every rule here that generates runs scripts/generate.py.

Which stage plays a role is the method's business (scripts/selfalign/methods). A role that a method plays without a model
has a rule of its own, of which no job waits for a GPU.

REQUIRED: seeds and the model. OUTPUT: results/generators/{generator}/responses/{shard}.jsonl
"""


rule generate_concepts:
    input:
        rows=generator_seeds,
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
        stage=stage_of("concepts"),
        model=generator_serving,
        settings=stage_settings("concepts"),
        prompts=stage_prompts("concepts"),
        code=generation_code("concepts"),
    message:
        "Generating concepts: {wildcards.generator}, shard {wildcards.shard}"
    script:
        "../scripts/generate.py"


rule generate_tasks:
    input:
        rows=task_parents,
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
    wildcard_constraints:
        generator=generators_that("generate", "tasks"),
    conda:
        "../envs/model.yaml"
    container:
        image("generate")
    threads: ALL_CORES
    resources:
        gpu=generator_gpus,
    params:
        stage=stage_of("tasks"),
        model=generator_serving,
        settings=stage_settings("tasks"),
        prompts=stage_prompts("tasks"),
        code=generation_code("tasks"),
    message:
        "Generating tasks: {wildcards.generator}, shard {wildcards.shard}"
    script:
        "../scripts/generate.py"


rule adopt_tasks:
    input:
        rows=task_parents,
    output:
        kept="results/generators/{generator}/tasks/{shard}.jsonl",
        rejected="results/generators/{generator}/tasks/{shard}.rejected.jsonl",
        counts="results/generators/{generator}/tasks/{shard}.counts.json",
    log:
        "results/run/logs/adopt_tasks/{generator}/{shard}.log",
    wildcard_constraints:
        generator=generators_that("adopt", "tasks"),
    conda:
        "../envs/scripts.yaml"
    container:
        image("workflow")
    params:
        step=stage_of("tasks"),
        settings=stage_settings("tasks"),
        code=adoption_code("tasks"),
    message:
        "Taking over tasks: {wildcards.generator}, shard {wildcards.shard}"
    script:
        "../scripts/adopt.py"


rule evolve_tasks:
    input:
        rows=earlier_rounds,
        model=generator_model,
    output:
        kept="results/generators/{generator}/evolved-{round}/{shard}.jsonl",
        rejected="results/generators/{generator}/evolved-{round}/{shard}.rejected.jsonl",
        counts="results/generators/{generator}/evolved-{round}/{shard}.counts.json",
        usage="results/generators/{generator}/evolved-{round}/{shard}.usage.json",
    log:
        "results/run/logs/evolve_tasks/{generator}/{round}/{shard}.log",
    benchmark:
        "results/run/benchmarks/evolve_tasks/{generator}/{round}/{shard}.tsv"
    wildcard_constraints:
        round=r"[1-9]\d*",
    conda:
        "../envs/model.yaml"
    container:
        image("generate")
    threads: ALL_CORES
    resources:
        gpu=generator_gpus,
    params:
        stage=stage_of("rounds"),
        model=generator_serving,
        settings=round_settings,
        prompts=stage_prompts("rounds"),
        code=generation_code("rounds"),
    message:
        "Evolving tasks: {wildcards.generator}, round {wildcards.round}, shard {wildcards.shard}"
    script:
        "../scripts/generate.py"


# One rule a generator, so that its outputs, one a shard, have no wildcard: Snakemake compares every file below
# results/generators with each output that begins with one, a thousand for each of its 20,000 files (docs/scale.md).
for generator in owners_of_tasks():

    rule:
        name:
            f"dedup_tasks_{generator}"
        input:
            tasks=layout.task_files(config, generator, SHARDS),
            benchmarks=BENCHMARKS,
        output:
            tasks=expand("results/generators/{generator}/unique_tasks/{shard}.jsonl", generator=generator, shard=SHARDS),
            rejected=f"results/generators/{generator}/unique_tasks.rejected.jsonl",
            counts=f"results/generators/{generator}/unique_tasks.counts.json",
        log:
            f"results/run/logs/dedup_tasks/{generator}.log",
        benchmark:
            f"results/run/benchmarks/dedup_tasks/{generator}.tsv"
        conda:
            "../envs/scripts.yaml"
        container:
            image("workflow")
        params:
            settings=generator_settings(generator, "tasks"),
            code=code_fingerprint("dedup_tasks.py"),
        message:
            f"Removing duplicate tasks: {generator}"
        script:
            "../scripts/dedup_tasks.py"


rule generate_responses:
    input:
        rows=unique_tasks,
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
    wildcard_constraints:
        generator=generators_that("generate", "responses"),
    conda:
        "../envs/model.yaml"
    container:
        image("generate")
    threads: ALL_CORES
    resources:
        gpu=generator_gpus,
    params:
        stage=stage_of("responses"),
        model=generator_serving,
        settings=stage_settings("responses"),
        prompts=stage_prompts("responses"),
        code=generation_code("responses"),
    message:
        "Generating responses: {wildcards.generator}, shard {wildcards.shard}"
    script:
        "../scripts/generate.py"


rule adopt_responses:
    input:
        rows=unique_tasks,
    output:
        kept="results/generators/{generator}/responses/{shard}.jsonl",
        rejected="results/generators/{generator}/responses/{shard}.rejected.jsonl",
        counts="results/generators/{generator}/responses/{shard}.counts.json",
    log:
        "results/run/logs/adopt_responses/{generator}/{shard}.log",
    wildcard_constraints:
        generator=generators_that("adopt", "responses"),
    conda:
        "../envs/scripts.yaml"
    container:
        image("workflow")
    params:
        step=stage_of("responses"),
        settings=stage_settings("responses"),
        code=adoption_code("responses"),
    message:
        "Taking over responses: {wildcards.generator}, shard {wildcards.shard}"
    script:
        "../scripts/adopt.py"


rule generate_tests:
    input:
        rows="results/generators/{generator}/responses/{shard}.jsonl",
        tasks=unique_tasks,
        model=generator_model,
    output:
        kept="results/generators/{generator}/tests/{shard}.jsonl",
        rejected="results/generators/{generator}/tests/{shard}.rejected.jsonl",
        counts="results/generators/{generator}/tests/{shard}.counts.json",
        usage="results/generators/{generator}/tests/{shard}.usage.json",
    log:
        "results/run/logs/generate_tests/{generator}/{shard}.log",
    benchmark:
        "results/run/benchmarks/generate_tests/{generator}/{shard}.tsv"
    conda:
        "../envs/model.yaml"
    container:
        image("generate")
    threads: ALL_CORES
    resources:
        gpu=generator_gpus,
    params:
        stage="tests",
        model=generator_serving,
        settings=stage_settings("tests"),
        prompts=stage_prompts("tests"),
        code=code_fingerprint("generate.py"),
    message:
        "Writing tests: {wildcards.generator}, shard {wildcards.shard}"
    script:
        "../scripts/generate.py"
