"""The whole DAG for real, small: real packages, a real model in vLLM, the real sandbox, real TRL, real HumanEval."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from selfalign.io import read_json, read_jsonl
from selfalign.stage import merge_counts

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / ".test" / "smoke"


def snakemake(*arguments: str) -> str:
    command = [
        sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(WORK),
        "--configfile", str(ROOT / "presets" / "smoke.yaml"), "--profile", str(ROOT / "profiles" / "default"),
        "--cores", "all", *arguments,
    ]  # fmt: skip
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout[-10_000:]
    return done.stdout


@pytest.fixture(scope="module")
def results() -> Path:
    """The results of the smoke preset; downloads are shared with `make run`, results are made anew in a fresh clone."""
    WORK.mkdir(parents=True, exist_ok=True)
    (ROOT / "resources").mkdir(exist_ok=True)
    link = WORK / "resources"
    if not link.is_symlink():
        link.symlink_to(os.path.relpath(ROOT / "resources", WORK))
    snakemake()
    return WORK / "results"


def test_the_run_is_complete_and_a_second_one_has_nothing_to_do(results):
    assert "Nothing to be done" in snakemake()


def test_the_model_said_something_of_use_in_every_stage(results):
    """Real answers: distinct, parsed, and some of them proven."""
    generator = results / "generators" / "self-align"
    rows = {
        stage: list(read_jsonl(generator / stage / "0-of-1.jsonl"))
        for stage in ("concepts", "tasks", "responses", "verdicts")
    }
    assert all(rows.values())
    assert len({row["instruction"] for row in rows["tasks"]}) > 1
    assert {row["generated"]["engine"] for row in rows["responses"]} == {"vllm"}
    assert any(row["passed"] for row in rows["verdicts"]) and not all(row["passed"] for row in rows["verdicts"])
    usage = read_json(generator / "responses" / "0-of-1.usage.json")
    assert usage["cached_prompt_tokens"] > usage["prompt_tokens"] / 2, (
        "the few-shot prefix was not served from the cache"
    )


def test_no_row_is_lost(results):
    generator = results / "generators" / "self-align"
    for stage in ("concepts", "tasks", "responses", "verdicts"):
        merge_counts([generator / stage / "0-of-1.counts.json"])
    merge_counts(
        [
            results / "datasets" / "passing" / "counts.json",
        ]
    )


def test_every_pair_was_proven(results):
    passed = {
        row["response_id"]
        for row in read_jsonl(results / "generators/self-align/verdicts/0-of-1.jsonl")
        if row["passed"]
    }
    pairs = list(read_jsonl(results / "datasets" / "passing" / "train.jsonl"))
    assert pairs and {pair["lineage"]["response_id"] for pair in pairs} <= passed


def test_the_tuned_model_loads_with_plain_transformers_and_stops(results):
    """Law 7 at the end of the road: the saved template, greedy decoding, an end-of-sequence token before the limit."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = results / "checkpoints" / "tuned" / "model"
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    message = [{"role": "user", "content": "Write a Python function `double(x)` that returns twice its argument."}]
    prompt = tokenizer.apply_chat_template(message, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    answer = model.generate(**prompt, max_new_tokens=250, do_sample=False)[0][prompt["input_ids"].shape[1] :]
    assert tokenizer.eos_token_id in answer.tolist(), tokenizer.decode(answer)
    assert "def double" in tokenizer.decode(answer)


def test_both_models_were_scored_and_the_report_says_how_few_problems(results):
    for candidate in ("qwen2.5-coder-0.5b", "tuned"):
        score = read_json(results / "evaluation" / candidate / "humaneval.json")
        assert len(score["per_problem"]) == score["problems"] > 0 and score["of"] == 164
    report = (results / "report" / "report.html").read_text()
    assert re.search(r"\b\d+ of 164\b", report), "the limit is not stated"
    assert not re.search(r"""(?:src|href)=["']https?://""", report), "the page is not self-contained"


def test_the_manifest_names_what_made_the_run(results):
    manifest = json.loads((results / "run" / "manifest.json").read_text())
    assert manifest["versions"]["snakemake"] and manifest["locks"] and manifest["sandbox"]["digest"]
    assert manifest["models"]["qwen2.5-coder-0.5b"]["digest"]
