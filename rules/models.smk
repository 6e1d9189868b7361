"""Model weights, from the first source that works.

REQUIRED: nothing but the config. OUTPUT: resources/models/{model}/ with model.json, written last.
"""


rule fetch_model:
    output:
        manifest="resources/models/{model}/model.json",
    log:
        "results/run/logs/fetch_model/{model}.log",
    benchmark:
        "results/run/benchmarks/fetch_model/{model}.tsv"
    conda:
        "../envs/model.yaml"
    threads: ALL_CORES
    params:
        spec=model_sources,
        code=code_fingerprint("fetch_model.py"),
    message:
        "Fetching model {wildcards.model}"
    script:
        "../scripts/fetch_model.py"
