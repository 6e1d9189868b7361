from snakemake.utils import min_version

min_version("9.14")


# A file given with --configfile replaces this one as a whole: names of two studies never mix.
if not workflow.overwrite_configfiles:

    configfile: "config.yaml"


report: "report/workflow.rst"


include: "rules/common.smk"
include: "rules/models.smk"
include: "rules/seeds.smk"
include: "rules/generators.smk"
include: "rules/verdicts.smk"
include: "rules/datasets.smk"
include: "rules/checkpoints.smk"
include: "rules/evaluation.smk"
include: "rules/report.smk"


# The end of each failed job's log, and how to see more of it.
onerror:
    print(*failure_lines(log), sep="\n", file=sys.stderr)


localrules:
    all,
    seeds,
    data,
    train,
    evaluate,
    report,
    # On a cluster these run on the login node: compute nodes often reach no network.
    fetch_model,
    fetch_corpus,
    fetch_benchmark,
    build_sandbox,
    build_sandbox_with_libraries,


rule all:
    default_target: True
    input:
        rules.write_report.output.html,


rule seeds:
    input:
        all_seeds(),


rule data:
    input:
        expand("results/datasets/{dataset}/train.jsonl", dataset=config["datasets"]),


rule train:
    input:
        expand("results/checkpoints/{checkpoint}/model/model.json", checkpoint=config["checkpoints"]),


rule evaluate:
    input:
        evaluation_results(),


rule report:
    input:
        rules.write_report.output.html,
