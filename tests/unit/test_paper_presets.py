"""The studies of the paper's tables: sizes of their arms, learning rates, and the paper's own figures."""

import yaml

from selfalign import ROOT
from selfalign.config import resolve_config
from selfalign.plan.stages import Machine
from selfalign.plan.study import Planner

CLUSTER = Machine(gpus=64, jobs=100, gpu_minutes=1440, cpu_minutes=1440, cpu_threads=32)


def study(table: str) -> dict:
    return resolve_config(yaml.safe_load((ROOT / "presets" / "paper" / f"{table}.yaml").read_text(encoding="utf-8")))


def test_every_arm_of_table_11_is_planned_to_reach_the_one_size_of_all(tmp_path):
    config = study("table11")
    ((limit, held_out),) = {(entry["limit"], entry["held_out"]) for entry in config["datasets"].values()}
    stages = Planner(config, CLUSTER, tmp_path, None).make().stages
    rows = {stage.owner: stage.rows for stage in stages if stage.stage == "train_checkpoint"}
    assert rows.keys() == config["checkpoints"].keys()
    assert set(rows.values()) == {round(limit * (1 - held_out))}
