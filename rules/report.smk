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
        code=code_fingerprint("write_manifest.py"),
    message:
        "Recording versions and hashes"
    script:
        "../scripts/write_manifest.py"


rule write_report:
    input:
        unpack(report_inputs),
    output:
        html="results/report/report.html",
    log:
        "results/run/logs/write_report.log",
    params:
        config=config,
        code=code_fingerprint("write_report.py"),
    conda:
        "../envs/scripts.yaml"
    message:
        "Writing the report"
    script:
        "../scripts/write_report.py"
