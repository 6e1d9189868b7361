"""The studies of the paper's tables: sizes of their arms, learning rates, and the paper's own figures."""

import re

import pytest
import yaml

from selfalign import ROOT
from selfalign.candidates import arm_of
from selfalign.config import resolve_config
from selfalign.methods import layout
from selfalign.plan.stages import Machine
from selfalign.plan.study import Planner

TABLES = ("table1", "table8", "table9", "table10", "table11")
OWN, OTHERS = 1e-5, 2e-5
"""The paper's rule: the learning rate for data of the model itself, and for all other data."""

FIGURES = {
    "table1": {
        "codeqwen1.5-7b": (45.7, 60.2), "octopack-cq-7b": (50.6, 63.2), "selfcodealign-cq-7b": (67.1, 65.2),
        "codeqwen1.5-7b-chat": (77.7, 67.2), "gpt-4-turbo": (81.7, 70.7), "starcoder2-15b": (37.8, 53.1),
        "octocoder-16b": (32.9, 49.1), "deepseek-coder-33b-instruct": (75.0, 66.7), "llama-3-70b-instruct": (70.7, 66.4),
    },
    "table8": {
        "starcoder2-3b": (27.4,), "sc2-3b-on-sc2-3b": (35.4,), "sc2-3b-on-llama3-8b": (34.1,), "sc2-3b-on-sc2-15b": (39.0,),
        "sc2-3b-on-dsc-33b": (42.1,), "sc2-3b-on-cq-7b": (40.2,), "llama-3-8b": (29.3,), "llama3-8b-on-llama3-8b": (42.7,),
        "llama3-8b-on-sc2-15b": (40.2,), "llama3-8b-on-dsc-33b": (41.5,), "llama3-8b-on-cq-7b": (43.3,),
        "starcoder2-15b": (37.8,), "sc2-15b-on-sc2-15b": (55.5,), "sc2-15b-on-dsc-33b": (53.0,), "sc2-15b-on-cq-7b": (57.3,),
        "deepseek-coder-33b": (44.5,), "dsc-33b-on-dsc-33b": (65.9,), "dsc-33b-on-cq-7b": (62.2,), "codeqwen1.5-7b": (45.7,),
        "cq-7b-on-sc2-3b": (48.8,), "cq-7b-on-llama3-8b": (54.9,), "cq-7b-on-sc2-15b": (56.1,), "cq-7b-on-dsc-33b": (59.1,),
        "cq-7b-on-cq-7b": (65.2,),
    },
    "table9": {
        "random-all-cq-7b": (61.6,), "random-subset-cq-7b": (61.6,), "failures-only-cq-7b": (57.9,),
        "passes-only-cq-7b": (65.2,),
    },
    "table10": {"no-concepts-cq-7b": (59.8,), "random-snippets-cq-7b": (64.0,), "self-align-cq-7b": (65.2,)},
    "table11": {
        "self-align-cq-7b": (67.1,), "evol-published-cq-7b": (59.1,), "oss-published-cq-7b": (61.6,),
        "direct-published-cq-7b": (65.9,),
    },
}  # fmt: skip
"""HumanEval+ and, where the table has it, MBPP+, as the paper prints them (arXiv 2410.24198)."""

TABLE_1 = {
    "GPT-4-Turbo": (81.7, 70.7), "Mistral-Large": (62.8, 56.6), "Gemini-Pro": (55.5, 57.9),
    "Llama-3-70B-Instruct": (70.7, 66.4), "CodeLlama-70B-Instruct": (65.2, 61.7),
    "WizardCoder-33B-v1.1": (73.2, 66.9), "OpenCodeInterpreter-DS-33B": (73.8, 67.7),
    "Magicoder-S-DS-6.7B": (70.7, 65.4), "DeepSeek-Coder-33B-Instruct": (75.0, 66.7),
    "CodeQwen1.5-7B-Chat": (77.7, 67.2), "Snowflake-Arctic-480B": (64.3, 64.3),
    "Mixtral-8x22B-Instruct": (70.1, 62.9), "Command-R+": (56.7, 58.6), "Mixtral-8x7B-Instruct": (39.6, 49.7),
    "OctoCoder-16B": (32.9, 49.1), "StarCoder2-15B (base)": (37.8, 53.1), "CodeQwen1.5-7B (base)": (45.7, 60.2),
    "CodeQwen1.5-7B with OctoPack": (50.6, 63.2), "SelfCodeAlign-CQ-7B": (67.1, 65.2),
}  # fmt: skip
"""The same of every model in table 1."""

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


@pytest.mark.parametrize("table", TABLES)
def test_the_learning_rate_goes_by_whose_the_data_are(table):
    config = study(table)
    for name, checkpoint in config["checkpoints"].items():
        dataset = config["datasets"][checkpoint["dataset"]]
        blind = dataset["policy"] == layout.BLIND
        wrote = {model for generator in dataset["generators"] for model in layout.models_of(config, generator, blind)}
        own = wrote == {checkpoint["model"]}
        assert checkpoint["recipe"]["learning_rate"] == (OWN if own else OTHERS), (name, wrote)


@pytest.mark.parametrize("table", TABLES)
def test_the_figures_beside_the_scores_are_those_of_the_paper(table):
    shown = study(table)["report"]["paper"]
    wanted = {arm: dict(zip(("HumanEval+", "MBPP+"), values, strict=False)) for arm, values in FIGURES[table].items()}
    assert shown["scores"] == wanted
    assert shown["source"].endswith(f"2410.24198, table {table.removeprefix('table')}")


def test_the_report_and_the_page_know_all_of_table_1():
    entries = yaml.safe_load((ROOT / "report" / "published.yaml").read_text(encoding="utf-8"))
    kinds = ("humaneval-plus", "mbpp-plus")
    found = {entry["model"]: tuple(entry[kind] for kind in kinds) for entry in entries if "table 1" in entry["source"]}
    assert found == TABLE_1
    page = (ROOT / "docs" / "paper.md").read_text(encoding="utf-8")
    assert all(f"| {model} | {plus} / {mbpp} |" in page for model, (plus, mbpp) in TABLE_1.items())
    assert set(FIGURES["table1"].values()) <= set(TABLE_1.values())


@pytest.mark.parametrize(
    ("table", "repeats"), [("table1", 3), ("table8", 1), ("table9", 3), ("table10", 3), ("table11", 3)]
)
def test_every_arm_is_trained_as_often_as_the_page_says(table, repeats):
    config = study(table)
    arms = [arm_of(config, name) for name in config["checkpoints"]]
    assert {arms.count(arm) for arm in arms} == {repeats}


def test_the_arms_of_table_9_have_the_papers_sizes():
    limits = {name: entry["limit"] for name, entry in study("table9")["datasets"].items()}
    assert limits == {"random-all": None, "random-subset": 15600, "failures-only": 15600, "passes-only": 15600}


@pytest.mark.parametrize("table", TABLES)
def test_the_page_prints_the_same_figures(table):
    page = (ROOT / "docs" / "paper.md").read_text(encoding="utf-8").split("\n## What the paper reports")[1]
    number = table.removeprefix("table")
    (part,) = re.findall(rf"\nTable {number}, .*?(?=\nTable \d|\n## )", page, re.DOTALL)
    printed = set(re.findall(r"\d+\.\d\b", part))
    assert {f"{value}" for values in FIGURES[table].values() for value in values} <= printed


@pytest.mark.parametrize("table", TABLES)
def test_the_page_says_what_the_plan_says_and_no_job_outlasts_its_limit(tmp_path, table):
    plan = Planner(study(table), CLUSTER, tmp_path, None).make()
    assert [stage.owner for stage in plan.stages if stage.too_long] == []
    page = (ROOT / "docs" / "paper.md").read_text(encoding="utf-8")
    (row,) = re.findall(
        rf"^\| `{table}\.yaml` \|[^|]*\| ([\d,]+) \| (\d+) \| (\d+) h \| ([\d.]+) TB \|$", page, re.MULTILINE
    )
    jobs, gpu_hours, hours, terabytes = (float(figure.replace(",", "")) for figure in row)
    assert jobs == plan.jobs
    assert gpu_hours == pytest.approx(plan.gpu_hours, abs=0.6)
    assert hours == pytest.approx(plan.wall_seconds / 3600, abs=0.6)
    assert terabytes == pytest.approx(plan.disk_bytes / 1e12, abs=0.06)
