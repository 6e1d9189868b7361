"""Verdicts to instruction-tuning pairs.

REQUIRED: every stage of every generator that the dataset names. OUTPUT: results/datasets/{dataset}/
"""


rule build_dataset:
    input:
        unpack(dataset_rows),
        benchmarks=BENCHMARKS,
        models=dataset_models,
    output:
        train="results/datasets/{dataset}/train.jsonl",
        held_out="results/datasets/{dataset}/held_out.jsonl",
        train_parquet="results/datasets/{dataset}/train.parquet",
        held_out_parquet="results/datasets/{dataset}/held_out.parquet",
        rejected="results/datasets/{dataset}/rejected.jsonl",
        counts="results/datasets/{dataset}/counts.json",
        card=report(
            "results/datasets/{dataset}/README.md",
            caption="../report/dataset.rst",
            category="Data",
            labels={"dataset": "{dataset}"},
        ),
    log:
        "results/run/logs/build_dataset/{dataset}.log",
    benchmark:
        "results/run/benchmarks/build_dataset/{dataset}.tsv"
    conda:
        "../envs/scripts.yaml"
    container:
        image("workflow")
    params:
        spec=dataset_spec,
        shards=dataset_layout,
        origins=dataset_origins,
        code=code_fingerprint("build_dataset.py"),
    message:
        "Choosing the pairs of dataset {wildcards.dataset}"
    script:
        "../scripts/build_dataset.py"
