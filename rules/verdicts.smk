"""The sandbox image, and every response run against its tests in it.

REQUIRED: responses. OUTPUT: results/generators/{generator}/verdicts/{shard}.jsonl, one row a response.
"""


rule build_sandbox:
    output:
        image=SANDBOX,
    log:
        "results/run/logs/build_sandbox.log",
    conda:
        "../envs/scripts.yaml"
    params:
        recipe=SANDBOX_RECIPE,
    message:
        "Building the sandbox image (once; two to three minutes)"
    script:
        "../scripts/build_sandbox.py"


rule build_sandbox_with_libraries:
    input:
        libraries=lock_of_libraries,
    output:
        image="resources/sandboxes/{libraries}/image.json",
    log:
        "results/run/logs/build_sandbox/{libraries}.log",
    conda:
        "../envs/scripts.yaml"
    params:
        recipe=SANDBOX_RECIPE,
    message:
        "Building the sandbox image with the packages of {input.libraries}"
    script:
        "../scripts/build_sandbox.py"


rule validate_responses:
    input:
        responses=tested_responses,
        image=SANDBOX,
    output:
        verdicts="results/generators/{generator}/verdicts/{shard}.jsonl",
        rejected="results/generators/{generator}/verdicts/{shard}.rejected.jsonl",
        counts="results/generators/{generator}/verdicts/{shard}.counts.json",
        usage="results/generators/{generator}/verdicts/{shard}.usage.json",
    log:
        "results/run/logs/validate_responses/{generator}/{shard}.log",
    benchmark:
        "results/run/benchmarks/validate_responses/{generator}/{shard}.tsv"
    # The script starts the container itself: what it runs needs other walls than the workflow's own software.
    conda:
        "../envs/scripts.yaml"
    threads: ALL_CORES
    params:
        limits=sandbox_limits(),
        engine=config["sandbox"]["engine"],
        require=config["sandbox"]["require"],
        validation=config["validation"],
        sandbox=sandbox_digest,
        code=code_fingerprint("validate.py"),
    message:
        "Running tests in the sandbox: {wildcards.generator}, shard {wildcards.shard}"
    script:
        "../scripts/validate.py"
