"""What happened, from the files that the other stages wrote.

REQUIRED: everything above. OUTPUT: results/report/report.html, results/run/manifest.json
"""


rule write_manifest:
    input:
        models=expand("resources/models/{model}/model.json", model=used_models()),
        image=SANDBOX,
        locks=LOCKS,
    output:
        manifest="results/run/manifest.json",
        config="results/run/config.yaml",
    log:
        "results/run/logs/write_manifest.log",
    params:
        config=config,
        code=code_fingerprint("write_manifest.py"),
    conda:
        "../envs/scripts.yaml"
    localrule: True
    message:
        "Recording versions and hashes"
    script:
        "../scripts/write_manifest.py"
