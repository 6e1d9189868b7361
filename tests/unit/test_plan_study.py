"""What a plan says of a study, against configs whose answer is known."""

import copy
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from selfalign import ROOT
from selfalign.config import resolve_config
from selfalign.plan.assumptions import billions, defaults
from selfalign.plan.stages import LOCAL_RULES, Machine
from selfalign.plan.study import Planner, StudyPlan
from selfalign.plan.table import as_dict, as_text, duration, size

CLUSTER = Machine(gpus=64, jobs=100, gpu_minutes=1440, cpu_minutes=1440, cpu_threads=32)


def preset(name: str) -> dict:
    return yaml.safe_load((ROOT / "presets" / f"{name}.yaml").read_text())


PRESETS = sorted(str(path.relative_to(ROOT / "presets").with_suffix("")) for path in ROOT.glob("presets/**/*.yaml"))


def planned(config: dict, folder: Path, machine: Machine = CLUSTER, seeds: int | None = None):
    return Planner(resolve_config(copy.deepcopy(config)), machine, folder, seeds).make()


def stage(plan, rule: str):
    return next(found for found in plan.stages if found.stage == rule)


def write(path: Path, **figures) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures))


@pytest.mark.parametrize("name", PRESETS)
def test_jobs_are_those_that_snakemake_plans(name, tmp_path):
    """The planner counts from the config, Snakemake from the rules."""
    config = preset(name)
    config["seeds"]["shards"] = min(config["seeds"]["shards"], 3)  # the graph's size does not matter
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "snakemake", "-n", "--quiet", "rules", "--cores", "2", "--configfile", str(file)]
    done = subprocess.run(
        [*command, "--snakefile", str(ROOT / "Snakefile"), "--directory", str(tmp_path)],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    lines = (line.split() for line in (done.stdout + done.stderr).splitlines())
    counts = {line[0]: int(line[1]) for line in lines if len(line) == 2 and line[1].isdigit()}
    found: dict[str, int] = {}
    plan = planned(config, tmp_path)
    for one in plan.stages:
        found[one.stage] = found.get(one.stage, 0) + one.jobs
    expected: dict[str, int] = {}
    for rule, number in counts.items():
        if rule not in ("all", "total"):
            name = "dedup_tasks" if rule.startswith("dedup_tasks_") else rule  # a rule a generator
            expected[name] = expected.get(name, 0) + number
    assert found == expected
    assert plan.jobs == sum(number for rule, number in expected.items() if rule not in LOCAL_RULES)


def test_what_needs_a_network_runs_on_the_login_node():
    """Each rule whose script fetches or installs something is one of `localrules`, and none of the plan's jobs."""
    rules = {}
    for path in (ROOT / "rules").glob("*.smk"):
        for text in re.split(r"^rule ", path.read_text(), flags=re.MULTILINE)[1:]:
            rules[text.split(":")[0]] = text
    fetching = {name for name, text in rules.items() if re.search(r"scripts/(fetch_|build_sandbox)", text)}
    local = set(re.findall(r"^    (\w+),$", (ROOT / "Snakefile").read_text(), flags=re.MULTILINE))
    assert fetching and fetching <= local and fetching <= set(LOCAL_RULES)


def test_an_image_with_libraries_is_planned_once(tmp_path):
    config = preset("smoke")
    benchmarks = config["evaluation"]["benchmarks"]
    benchmarks |= {name: {**benchmarks["humaneval"], "libraries": "more.lock"} for name in ("one", "two")}
    plan = planned(config, tmp_path)
    assert [found.owner for found in plan.stages if found.stage == "build_sandbox_with_libraries"] == ["more"]


def test_the_papers_size_is_of_the_papers_order(tmp_path):
    """The paper made 74,000 pairs; generation is most of it, and its shards are those that the rule advises."""
    plan = planned(preset("paper-scale"), tmp_path)
    assert plan.seeds == 250_000
    assert stage(plan, "generate_responses").rows > 2_000_000
    assert 50_000 < stage(plan, "train_checkpoint").rows <= 74_000
    assert 50 < plan.gpu_hours < 500
    assert plan.advice["self-align"].shards == plan.shards
    assert not [note for note in plan.notes if "wants" in note or "asks for" in note]


def test_more_gpus_shorten_the_wall_but_not_the_gpu_hours(tmp_path):
    one, many = (planned(preset("paper-scale"), tmp_path, Machine(gpus, 1000, 1440, 1440, 32)) for gpus in (8, 128))
    assert many.wall_seconds < one.wall_seconds / 3
    assert many.gpu_hours == one.gpu_hours


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("gpus", [1, 16])
def test_no_plan_needs_more_gpus_than_there_are_to_end_in_its_time(name, gpus, tmp_path):
    plan = planned(preset(name), tmp_path, Machine(gpus, 100, 1440, 1440, 32))
    assert plan.wall_seconds >= 3600 * plan.gpu_hours / gpus


def test_rounds_of_evolution_wait_for_one_another(tmp_path):
    config = preset("paper/table11")
    before = planned(config, tmp_path)
    rounds = [found for found in before.stages if found.stage == "evolve_tasks"]
    assert len(rounds) > 1
    others = [found for found in before.stages if found.stage != "evolve_tasks"]
    without = StudyPlan(before.machine, others)
    assert before.wall_seconds - without.wall_seconds == pytest.approx(sum(found.wall_seconds for found in rounds))


def test_tensor_parallel_jobs_hold_their_gpus_and_fewer_run_at_once(tmp_path):
    config = preset("paper-scale")
    config["models"]["codeqwen1.5-7b"]["engine_args"] = {"tensor_parallel_size": 4, "pipeline_parallel_size": 2}
    found = stage(planned(config, tmp_path), "generate_responses")
    assert (found.gpus, found.places) == (8, 8)


def test_what_was_measured_replaces_the_defaults(tmp_path):
    config = preset("paper-scale")
    before = planned(config, tmp_path)
    folder = tmp_path / "results" / "generators" / "self-align" / "responses"
    usage = {"made": 1000, "output_tokens": 300_000, "seconds": 30.0, "engine_start_seconds": 90.0}
    write(folder / "0-of-2.usage.json", **usage)
    write(folder / "1-of-2.usage.json", made=0, output_tokens=0, seconds=0.0, engine_start_seconds=0.0)
    write(folder / "0-of-2.counts.json", **{"in": 1000, "kept": 500})
    after = planned(config, tmp_path)
    found = stage(after, "generate_responses")
    assert found.work_seconds == pytest.approx(found.rows * 300 / 10_000)
    assert found.start_seconds == 90
    assert stage(after, "validate_responses").rows == round(found.rows * 0.5)
    assert any("tokens_per_second" in note for note in after.notes)
    assert after.gpu_hours < before.gpu_hours


def test_rounds_of_evolution_and_answers_to_benchmarks_are_measured_too(tmp_path):
    config = preset("paper/table11")
    name = next(name for name, entry in config["generators"].items() if "evolution" in entry)
    usage = {"made": 100, "output_tokens": 20_000, "seconds": 2.0, "engine_start_seconds": 30.0}
    write(tmp_path / "results" / "generators" / name / "evolved-2" / "0-of-1.usage.json", **usage)
    evolved = next(one for one in planned(config, tmp_path).stages if (one.stage, one.owner) == ("evolve_tasks", name))
    assert evolved.work_seconds == pytest.approx(evolved.rows * 200 / 10_000)
    candidate, benchmark = "codeqwen1.5-7b", "humaneval"
    write(tmp_path / "results/evaluation" / candidate / benchmark / "completions/0-of-1.usage.json", **usage)
    stages = planned(config, tmp_path).stages
    found = [one for one in stages if one.stage == "generate_completions" and one.owner.startswith(f"{candidate},")]
    assert found and all(one.work_seconds == pytest.approx(one.rows * 200 / 10_000) for one in found)


def test_no_job_is_planned_for_longer_than_its_partition_lets_it_run(tmp_path):
    plan = planned(preset("paper/table11"), tmp_path, Machine(64, 100, 90, 60, 32))
    assert {one.limit_minutes for one in plan.stages if not one.gpus} == {60}
    assert {one.limit_minutes for one in plan.stages if one.gpus} == {90}


def test_a_rate_is_not_taken_from_a_handful_of_answers(tmp_path):
    folder = tmp_path / "results" / "generators" / "self-align" / "responses"
    write(folder / "0-of-1.usage.json", made=3, output_tokens=9, seconds=9.0, engine_start_seconds=9.0)
    before, after = planned(preset("paper-scale"), tmp_path / "none"), planned(preset("paper-scale"), tmp_path)
    assert as_dict(before) == as_dict(after)


def test_training_time_follows_devices_and_record(tmp_path):
    config = preset("paper-scale")
    record = {"tokens_per_second": 16_000, "processes": 4, "row_tokens": 500_000, "rows": 1000}
    write(tmp_path / "results" / "checkpoints" / "selfcodealign-cq-7b" / "training.json", **record)
    found = stage(planned(config, tmp_path), "train_checkpoint")
    assert found.gpus == 8
    assert found.work_seconds == pytest.approx(found.rows * 500 * 2 / (4000 * 8))


def test_jobs_that_can_not_end_in_time_and_gpus_that_are_not_there_are_told(tmp_path):
    config = preset("paper-scale")
    config["seeds"]["shards"] = 1
    plan = planned(config, tmp_path, Machine(4, 100, 60, 60, 32))
    text = "\n".join(plan.notes)
    assert "generate_responses self-align: a job takes" in text
    assert "wants 8 GPUs a job, the site file allows 4" in text
    assert "seeds.shards is 1" in text


def test_the_fake_backend_and_endpoints_hold_no_gpu(tmp_path):
    config = preset("paper-scale")
    config["models"]["codeqwen1.5-7b"] = {"engine": "endpoint", "endpoint": {"url": "http://x/v1", "model": "m-7b"}}
    config["checkpoints"] = {}
    config["evaluation"]["benchmarks"] = {"humaneval": {"kind": "humaneval", "source": {"path": "x"}}}
    plan = planned(config, tmp_path)
    assert plan.gpu_hours == 0 and plan.wall_seconds > 0 and not plan.advice


def test_what_servers_are_asked_is_summed_over_the_study_and_priced(tmp_path):
    config = preset("paper/table11")
    config["seeds"]["limit"] = 1000
    names = [name for name, entry in config["models"].items() if entry.get("engine") == "endpoint"]
    plan = planned(config, tmp_path)
    assert [use.model for use in plan.servers] == names and all(use.cost is None for use in plan.servers)
    for use in plan.servers:
        asked = [found for found in plan.stages if found.model == use.model]
        assert use.requests == sum(found.rows for found in asked) > 0
        assert {found.stage for found in asked} >= {"generate_tests"}
        assert use.prompt_tokens > 100 * use.requests and use.output_tokens > 100 * use.requests
    oss = next(found for found in plan.stages if found.stage == "generate_tasks" and found.owner == "oss")
    assert oss.rows == 1000 and (oss.prompt_tokens, oss.output_tokens) == (200_000, 600_000), "a task with its answer"
    config["models"][names[0]]["price"] = {"prompt": 2.0, "output": 10.0}
    priced = planned(config, tmp_path)
    (first, *others) = priced.servers
    assert first.cost == pytest.approx((2 * first.prompt_tokens + 10 * first.output_tokens) / 1e6)
    assert all(use.cost is None for use in others)
    assert f"{first.cost:,.2f}" in as_text(priced) and as_dict(priced)["endpoints"][0]["requests"] == first.requests
    assert as_dict(planned(preset("smoke"), tmp_path))["endpoints"] == []


def test_seeds_are_what_was_found_what_is_said_or_the_limit(tmp_path):
    config = preset("smoke")
    assert planned(config, tmp_path).seeds == 10
    assert planned(config, tmp_path, seeds=4).seeds == 4
    write(tmp_path / "results" / "seeds" / "seeds.counts.json", kept=3, rejected={"over_limit": 2})
    assert planned(config, tmp_path).seeds == 5
    assert any("seeds: 5, as an earlier run" in note for note in planned(config, tmp_path).notes)
    del config["seeds"]["limit"]
    assert planned(config, tmp_path / "none").seeds == 10_000


def test_seeds_that_another_study_found_in_this_folder_are_not_taken_for_this_ones(tmp_path):
    other, config = preset("smoke"), preset("paper/table1")
    write(tmp_path / "results" / "seeds" / "seeds.counts.json", kept=703, rejected={})
    manifest = tmp_path / "results" / "run" / "config.yaml"
    manifest.parent.mkdir()
    manifest.write_text(yaml.safe_dump(resolve_config(copy.deepcopy(other))))
    fresh, here = planned(config, tmp_path / "none"), planned(config, tmp_path)
    assert here.seeds == fresh.seeds != 703 and here.gpu_hours == fresh.gpu_hours
    assert any("the 703 that an earlier run in this folder found are not used" in note for note in here.notes)
    changed = copy.deepcopy(other)
    changed["seeds"] |= {"shards": 1, "limit": 900}
    assert planned(changed, tmp_path).seeds == 703, "shards and limit don't change what is found"


@pytest.mark.parametrize(
    ("name", "sources", "size"),
    [
        ("m", [{"hub": "bigcode/starcoder2-15b"}], 15),
        ("qwen2.5-coder-0.5b", [{"path": "/m"}], 0.5),
        ("m", [{"hub": "mistralai/Mixtral-8x7B-Instruct-v0.1"}], 56),
        ("m", [{"hub": "Qwen/Qwen3-Coder-30B-A3B-Instruct"}], 30),
        ("codegen-350M-mono", [], 0.35),
        ("x", [], 7),
    ],
)
def test_the_size_of_a_model_is_read_from_its_names(name, sources, size):
    assert billions(name, {"sources": sources, "endpoint": None}) == size


def test_a_model_that_is_here_is_weighed():
    assert billions("mine", {"sources": [], "endpoint": None}, weight_bytes=6_000_000_000) == 3
    assert billions("mine-7b", {"sources": [], "endpoint": None}, weight_bytes=6_000_000_000) == 3


def test_larger_models_are_slower_and_more_gpus_faster():
    assert defaults(7, 1).tokens_per_second > defaults(15, 1).tokens_per_second
    assert defaults(15, 2).tokens_per_second > defaults(15, 1).tokens_per_second
    assert defaults(7, 1, lora=True).training_tokens_per_second > defaults(7, 1).training_tokens_per_second


def test_text_and_json_say_the_same(tmp_path):
    plan = planned(preset("paper-scale"), tmp_path)
    text, data = as_text(plan), json.loads(json.dumps(as_dict(plan)))
    assert data["jobs"] == plan.jobs and len(data["stages"]) == len(plan.stages)
    assert f"{plan.gpu_hours:.1f}" in text and duration(plan.wall_seconds) in text and size(plan.disk_bytes) in text
    assert data["recommended_shards"]["self-align"]["shards"] == plan.shards


def test_the_command_prints_a_table_and_refuses_a_wrong_config(tmp_path):
    command = [sys.executable, str(ROOT / "scripts" / "plan.py"), "--directory", str(tmp_path)]
    done = subprocess.run([*command, "--config", str(ROOT / "config.yaml")], capture_output=True, text=True, check=True)
    assert "generate_responses" in done.stdout and "total" in done.stdout
    (tmp_path / "wrong.yaml").write_text("sedes: {}")
    done = subprocess.run([*command, "--config", str(tmp_path / "wrong.yaml")], capture_output=True, text=True)
    assert done.returncode == 1 and "unknown key 'sedes'" in done.stderr and "Traceback" not in done.stderr
