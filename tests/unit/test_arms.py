"""Candidates, repeats, and the comparison of arms."""

import copy

import pytest
import yaml

from selfalign.candidates import REPEAT_MARK, arm_of, candidates, model_of, repeat_of
from selfalign.config import resolve_config
from selfalign.errors import UserError
from selfalign.report import arms
from selfalign.statistics import holm, paired_bootstrap

TEACHER = {"engine": "fake", "outputs": {"training": "restricted", "terms": "T"}}


@pytest.fixture
def config(root):
    found = yaml.safe_load((root / "config.yaml").read_text())
    base = next(iter(found["models"]))
    found["models"] |= {"teacher": TEACHER, "chat": {"engine": "fake"}}
    found["generators"]["taught"] = {"method": "distill", "model": "teacher", "tasks_of": "self-align"}
    found["datasets"] = {
        "own": {"generators": ["self-align"]},
        "published": {"generators": ["taught"], "policy": "unfiltered"},
    }
    found["checkpoints"] = {
        "tuned": {"model": base, "dataset": "own", "repeats": 3},
        "taught-tuned": {"model": base, "dataset": "published", "recipe": {"learning_rate": 2e-5}},
    }
    found["evaluation"]["models"] = ["chat"]
    return found


def result(candidate, solved, of=20, benchmark="humaneval", **more):
    listed = [{"task_id": str(n), "passed": n in solved, "samples": 1, "correct": int(n in solved)} for n in range(of)]
    share = len(set(solved)) / of
    return {
        "candidate": candidate, "benchmark": benchmark, "problems": of, "of": of, "pass_at_1": share,
        "interval95": [max(0, share - 0.1), min(1, share + 0.1)], "per_problem": listed, **more,
    }  # fmt: skip


def test_repeats_are_checkpoints_that_differ_in_their_seeds(config):
    whole = resolve_config(config)
    repeats = [name for name in whole["checkpoints"] if arm_of(whole, name) == "tuned"]
    assert repeats == ["tuned", f"tuned{REPEAT_MARK}2", f"tuned{REPEAT_MARK}3"]
    assert [whole["checkpoints"][name]["recipe"]["seed"] for name in repeats] == [42, 43, 44]
    assert [repeat_of(whole, name) for name in repeats] == [0, 1, 2]
    entries = [copy.deepcopy(whole["checkpoints"][name]) for name in repeats]
    for entry in entries:
        del entry["recipe"]["seed"], entry["repeats"], entry["repeat_of"]
    assert entries[0] == entries[1] == entries[2]
    assert resolve_config(whole) == whole, "the resolved config means the same as the config"


def test_a_name_that_a_repeat_would_have_is_refused(config):
    config["checkpoints"][f"tuned{REPEAT_MARK}2"] = {**config["checkpoints"]["tuned"], "repeats": 1}
    with pytest.raises(UserError, match="has the name of a repeat"):
        resolve_config(config)


def test_any_model_can_be_evaluated(config):
    whole = resolve_config(config)
    base = config["checkpoints"]["tuned"]["model"]
    assert {"chat", base, "tuned", "taught-tuned"} <= set(candidates(whole)) and "teacher" not in candidates(whole)
    assert model_of(whole, f"tuned{REPEAT_MARK}2") == base and model_of(whole, "chat") == "chat"
    config["evaluation"]["models"] = ["nobody"]
    with pytest.raises(UserError, match=r"evaluation\.models is 'nobody'"):
        resolve_config(config)


def table(config, *scores, generators=(), datasets=(), usage=(), trainings=()):
    return arms.arms(
        resolve_config(config), list(scores), list(generators), list(datasets), list(usage), dict(trainings)
    )


def test_an_arm_says_what_it_was_made_of_and_what_it_cost(config):
    usage = [
        {"owner": "self-align", "stage": "tasks", "output_tokens": 5, "gpu_seconds": 3600},
        {"owner": "self-align", "stage": "responses", "output_tokens": 1000, "gpu_seconds": 7200},
        {"owner": "self-align", "stage": "verdicts", "output_tokens": 0, "gpu_seconds": 0},
        {"owner": "taught", "stage": "responses", "output_tokens": 7, "gpu_seconds": 3600},
        {"owner": "taught", "stage": "tests", "output_tokens": 100, "gpu_seconds": 3600},
    ]
    generators = [{"name": "self-align", "responses": 40, "passed": 10}, {"name": "taught", "responses": 9}]
    datasets = [{"name": "own", "pairs": 8}, {"name": "published", "pairs": 9}]
    found = table(
        config, result("tuned", range(9)), result("taught-tuned", range(8)), result("chat", range(3)),
        generators=generators, datasets=datasets, usage=usage,
    )  # fmt: skip
    rows = {row["arm"]: row for row in found["rows"]}
    assert rows["tuned"]["own_data"] and rows["tuned"]["pass_share"] == 0.25 and rows["tuned"]["pairs"] == 8
    assert rows["tuned"]["output_tokens"] == 1005 and rows["tuned"]["gpu_hours"] == 3
    taught = rows["taught-tuned"]
    assert taught["may_forbid_training"] == ["teacher"] and not taught["own_data"] and not taught["filtered"]
    assert taught["output_tokens"] == 12, (
        "the other generator's tasks are part of the cost; its answers, unused tests are not"
    )
    assert taught["gpu_hours"] == 2
    assert taught["pass_share"] is None and rows["chat"]["dataset"] is None
    assert [row["arm"] for row in found["rows"]][-1] == "chat", "models come after the arms"


def test_a_dataset_of_both_generators_pays_for_both_and_for_no_work_twice(config):
    config["datasets"]["published"] = {"generators": ["self-align", "taught"], "policy": "unfiltered"}
    usage = [
        {"owner": owner, "stage": stage, "output_tokens": tokens}
        for owner, stage, tokens in (
            ("self-align", "concepts", 1), ("self-align", "tasks", 2), ("self-align", "responses", 4),
            ("taught", "responses", 8), ("taught", "tests", 16),
        )
    ]  # fmt: skip
    found = {row["arm"]: row for row in table(config, result("taught-tuned", ()), usage=usage)["rows"]}
    assert found["taught-tuned"]["output_tokens"] == 15


def test_the_gpu_hours_of_training_are_those_of_all_repeats(config):
    gpu = {"processes": 8, "seconds": 450, "device": "NVIDIA"}
    trainings = {"tuned": gpu, f"tuned{REPEAT_MARK}2": gpu, "taught-tuned": {**gpu, "device": "CPU x86_64"}}
    found = table(config, *(result(name, ()) for name in ("tuned", "taught-tuned", "chat")), trainings=trainings)
    hours = {row["arm"]: row.get("training_gpu_hours") for row in found["rows"]}
    assert hours == {"tuned": 2, "taught-tuned": 0, "chat": None}


def test_the_papers_figures_stand_beside_the_arm_that_they_belong_to(config):
    config["report"] = {"paper": {"source": "P, table 9", "scores": {"tuned": {"HumanEval+": 65.2}}}}
    found = table(config, result("tuned", ()), result("chat", ()))
    assert {row["arm"]: row["paper"] for row in found["rows"]} == {"tuned": {"HumanEval+": 65.2}, "chat": {}}
    assert found["paper_source"] == "P, table 9"


@pytest.mark.parametrize(
    ("paper", "words"),
    [
        ({"source": "P", "scores": {"tunde": {"HumanEval+": 65.2}}}, "'tunde', which checkpoints .* does not define"),
        ({"source": "P", "scores": {f"tuned{REPEAT_MARK}2": {"HumanEval+": 1}}}, "does not define"),
        ({"scores": {"tuned": {"HumanEval+": 65.2}}}, "report.paper.source is missing"),
        ({"source": "P", "scores": {"tuned": {"HumanEval+": 652}}}, "652"),
    ],
)
def test_figures_of_a_paper_need_an_arm_a_source_and_percent(config, paper, words):
    config["report"] = {"paper": paper}
    with pytest.raises(UserError, match=words):
        resolve_config(config)


def test_repeats_give_mean_spread_and_an_interval_over_problems(config):
    runs = [result(f"tuned{mark}", range(n)) for mark, n in (("", 8), (f"{REPEAT_MARK}2", 10), (f"{REPEAT_MARK}3", 12))]
    (row,) = table(config, *runs)["rows"]
    score = row["scores"]["humaneval"]
    assert score["pass_at_1"] == pytest.approx(0.5) and score["spread"] == pytest.approx(0.1)
    assert [run["pass_at_1"] for run in score["runs"]] == [0.4, 0.5, 0.6]
    assert score["interval95"][0] < 0.5 < score["interval95"][1]


def test_differences_are_corrected_and_called_real_only_when_they_are(config):
    found = table(
        config, result("tuned", range(20)), result("taught-tuned", range(19)), result("chat", ()),
        result("chat", range(3), of=5, benchmark="other"),
    )["comparisons"]  # fmt: skip
    by_arms = {(row["first"], row["second"]): row for row in found}
    assert len(found) == 3, "arms that were not asked the same benchmark are not compared"
    assert by_arms["chat", "tuned"]["real"] and by_arms["chat", "tuned"]["difference"] == 1
    assert not by_arms["taught-tuned", "tuned"]["real"]
    assert [row["p_holm"] for row in found] == holm([row["p_value"] for row in found])


def test_repeats_and_samples_are_in_the_test_and_mcnemars_stays_beside_it(config):
    # The first runs are alike; the other two of `tuned` solve every problem but the first, as chat never does.
    tuned = [
        result(f"tuned{mark}", solved)
        for mark, solved in (("", ()), *((f"{REPEAT_MARK}{n}", range(1, 20)) for n in (2, 3)))
    ]
    (row,) = table(config, *tuned, result("chat", ()))["comparisons"]
    assert row["difference"] == pytest.approx(19 * 2 / 3 / 20)
    assert row["p_mcnemar"] == 1 and (row["gained"], row["lost"]) == (0, 0)
    assert row["p_value"] == pytest.approx(2 / 2**19) and row["real"]
    sampled = result("tuned", ())
    for item in sampled["per_problem"][1:]:
        item |= {"samples": 10, "correct": 4}
    sampled["per_problem"][0]["samples"] = 10
    (row,) = table(config, sampled, result("chat", ()))["comparisons"]
    assert row["p_value"] == pytest.approx(2 / 2**19) and row["p_mcnemar"] == 1
    (row,) = table(config, result("tuned", range(9)), result("chat", range(1)))["comparisons"]
    assert row["p_value"] == pytest.approx(row["p_mcnemar"]) == 2 / 2**8


def test_corrected_p_values_are_holms():
    assert holm([0.01, 0.04, 0.03]) == [0.03, 0.06, 0.06]


def test_the_bootstrap_interval_agrees_with_theory_and_comes_out_the_same_again():
    differences = [1] * 30 + [-1] * 10 + [0] * 60
    low, high = paired_bootstrap(differences)
    # The normal interval: 0.2 plus or minus 1.96 times sqrt((0.4 - 0.04) / 100).
    assert (low, high) == pytest.approx((0.2 - 0.1176, 0.2 + 0.1176), abs=0.015)
    assert (low, high) == paired_bootstrap(differences)
    assert paired_bootstrap([0.5] * 5) == (0.5, 0.5)
    with pytest.raises(ValueError, match="no problem"):
        paired_bootstrap([])
