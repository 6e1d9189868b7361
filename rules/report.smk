"""What happened, from the files that the other stages wrote.

REQUIRED: everything above. OUTPUT: results/report/report.html, results/run/manifest.json
"""


rule write_manifest:
    input:
        models=expand("resources/models/{model}/model.json", model=used_models()),
        image=SANDBOX,
    output:
        manifest="results/run/manifest.json",
        config="results/run/config.yaml",
    log:
        "results/run/logs/write_manifest.log",
    localrule: True
    conda:
        "../envs/scripts.yaml"
    params:
        config=config,
        locks=lock_fingerprints(),
        sources=source_fingerprints(),
        containers=container_manifests(),
        code=code_fingerprint("write_manifest.py"),
    message:
        "Recording versions and hashes"
    script:
        "../scripts/write_manifest.py"


rule write_report:
    input:
        unpack(report_inputs),
    output:
        html=report(
            "results/report/report.html",
            caption="../report/report.rst",
            category="Report",
            labels={"what": "whole report"},
        ),
        summary=report(
            "results/report/summary.md", caption="../report/report.rst", category="Report", labels={"what": "summary"}
        ),
        numbers="results/report/report.json",
        scores_figure=report(
            "results/report/scores.svg", caption="../report/scores.rst", category="Scores", labels={"what": "figure"}
        ),
        scores=report(
            "results/report/scores.csv", caption="../report/scores.rst", category="Scores", labels={"what": "table"}
        ),
        funnel=report(
            "results/report/funnel.svg", caption="../report/funnel.rst", category="Data", labels={"what": "funnel"}
        ),
        loss=report(
            "results/report/loss.svg",
            caption="../report/loss.rst",
            category="Training",
            labels={"what": "training loss"},
        ),
        cards=expand("results/report/cards/{checkpoint}.md", checkpoint=config["checkpoints"]),
    log:
        "results/run/logs/write_report.log",
    conda:
        "../envs/scripts.yaml"
    container:
        image("workflow")
    params:
        config=config,
        templates=report_templates(),
        code=code_fingerprint("write_report.py"),
    message:
        "Writing the report"
    script:
        "../scripts/write_report.py"
