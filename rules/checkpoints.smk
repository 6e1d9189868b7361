"""Pairs to a fine-tuned model.

REQUIRED: results/datasets/{dataset}/. OUTPUT: results/checkpoints/{checkpoint}/model/ with model.json, written last.
"""


rule train_checkpoint:
    input:
        train=checkpoint_dataset("train"),
        held_out=checkpoint_dataset("held_out"),
        base=checkpoint_base,
    output:
        model="results/checkpoints/{checkpoint}/model/model.json",
        card=report(
            "results/checkpoints/{checkpoint}/README.md",
            caption="../report/checkpoint.rst",
            category="Training",
            labels={"checkpoint": "{checkpoint}"},
        ),
        training="results/checkpoints/{checkpoint}/training.json",
        kept="results/checkpoints/{checkpoint}/rows.jsonl",
        rejected="results/checkpoints/{checkpoint}/rejected.jsonl",
        counts="results/checkpoints/{checkpoint}/counts.json",
    log:
        "results/run/logs/train_checkpoint/{checkpoint}.log",
    benchmark:
        "results/run/benchmarks/train_checkpoint/{checkpoint}.tsv"
    conda:
        "../envs/model.yaml"
    container:
        image("train")
    threads: ALL_CORES
    resources:
        gpu=checkpoint_gpus,
        nodes=checkpoint_nodes,
        gres=over_nodes(lambda parallel: f"gpu:{parallel['gpus']}"),
        mpi=over_nodes(lambda parallel: "srun"),
        tasks=over_nodes(lambda parallel: parallel["nodes"]),
        tasks_per_gpu=over_nodes(lambda parallel: 0),
        training_gpus=checkpoint_gpus_a_node,
        training_sharding=checkpoint_sharding,
    params:
        spec=checkpoint_science,
        model=checkpoint_serving,
        template=file_fingerprint("prompts/chat_template.jinja"),
        code=code_fingerprint("train.py"),
    message:
        "Fine-tuning checkpoint {wildcards.checkpoint}"
    script:
        "../scripts/train.py"
