"""Small jobs, each of which something happens to: one rule a fault, and one that gathers what they wrote."""

import sys
from pathlib import Path

ROOT = Path(workflow.basedir).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from selfalign.cluster.guard import guard

guard(workflow)

FAULTS = config["faults"].split(",")
VICTIM = f"{sys.executable} {ROOT}/tests/cluster/victim.py"
# The node that a fault strikes: no other victim is on it.
NODES = {"preempted": "cn1", "spot": "cn1", "node": "cn2", "orphan": "cn2"}


def memory(wildcards, attempt):
    return 450 * attempt if wildcards.fault == "memory" else 400


def minutes(wildcards, attempt):
    """More than any partition allows, the first time: SLURM takes such a job and never starts it."""
    return 5000 if wildcards.fault == "never" and attempt == 1 else 30


def partition(wildcards, attempt):
    return "spot" if wildcards.fault == "spot" and attempt == 1 else config["partition"]


def node(wildcards):
    if not config["pin"]:
        return config["extra"]
    wanted = NODES.get(wildcards.fault)
    return f"--nodelist={wanted}" if wanted else "--exclude=cn1,cn2"


rule all:
    input:
        "out/all.txt",
    localrule: True


rule victim:
    output:
        first="out/{fault}.1.txt",
        second="out/{fault}.2.txt",
    resources:
        mem_mb=memory,
        runtime=minutes,
        slurm_partition=partition,
        slurm_extra=node,
    shell:
        "{VICTIM} {wildcards.fault} {config[broken]} {output}"


rule gather:
    input:
        expand("out/{fault}.{part}.txt", fault=FAULTS, part=(1, 2)),
    output:
        "out/all.txt",
    resources:
        mem_mb=400,
        runtime=10,
    shell:
        "cat {input} > {output}"
