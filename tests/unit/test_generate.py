"""The generation loop: resume, reuse, the same bytes whatever the shards, no row lost."""

import logging
from collections import Counter
from dataclasses import replace
from itertools import chain, pairwise

import pytest
from generation import MODEL, ROWS, Run, concepts, prompts_folder, seeds, tasks

from generate import Job, read_rows, sampling_seed
from selfalign.backends import Completion, open_backend
from selfalign.backends.fake import HOSTILE
from selfalign.errors import EmptyStageError, UserError
from selfalign.io import write_json, write_jsonl
from selfalign.stages import open_stage


@pytest.fixture
def parent(tmp_path):
    prompts_folder(tmp_path)
    return tmp_path


class Killed(BaseException):
    """What stands in for a kill: nothing in the code catches it."""


class Dies:
    """A backend that is killed after some answers."""

    def __init__(self, answers: int):
        self.answers = answers

    def __call__(self, model, folder):
        backend = open_backend(model, folder)
        generate = backend.generate

        def until_killed(requests):
            for number, pair in enumerate(generate(requests)):
                if number == self.answers:
                    raise Killed
                yield pair

        backend.generate = until_killed
        return backend


def must_not_start(model, folder):
    raise AssertionError("the engine was started")


def test_rows_add_up_and_say_how_they_were_made(parent):
    run = Run(parent, "responses", tasks(30))()
    counts = run.counts
    assert counts["in"] == 120 == counts["kept"] + sum(counts["rejected"].values())
    assert set(counts["rejected"]) == {"truncated", "no_tests"}
    row = run.kept[0]
    assert row["generated"]["sampling"]["seed"] == sampling_seed("responses", row["task_id"], row["sample"])
    assert {k: row["generated"][k] for k in ("model", "revision", "engine")} == {
        "model": "m",
        "revision": "fake",
        "engine": "fake",
    }
    assert row["generated"]["prompt_id"].startswith("responses/")


def test_a_version_that_changes_on_the_way_is_in_the_rows_and_told(parent, caplog):
    """As a server's does; every third answer says that another one made it."""

    def changing(model, folder):
        backend = open_backend(model, folder)
        generate = backend.generate

        def answers(requests):
            for number, (request, completion) in enumerate(generate(requests)):
                yield request, replace(completion, version="fp_2" if number % 3 == 0 else "")

        backend.generate = answers
        return backend

    run = Run(parent, "responses", tasks(30))(open_engine=changing)
    made = Counter(row["generated"]["engine_version"] for row in [*run.kept, *(row["row"] for row in run.rejected)])
    assert made["fp_2"] == 40 and len(made) == 2 and run.usage["versions"] == dict(made)
    assert "answers by 2 versions of what serves m" in caplog.text
    again = Run(parent, "responses", tasks(30))(open_engine=must_not_start)
    assert again.usage["versions"] == dict(made), "the journal knows it too"


def test_rows_follow_the_order_of_their_parents_and_samples(parent):
    rows = tasks(20)
    run = Run(parent, "responses", rows)()
    order = [row["id"] for row in rows]
    places = [(order.index(row["task_id"]), row["sample"]) for row in run.kept]
    assert places == sorted(places)


def test_a_killed_run_resumes_to_the_bytes_of_an_unbroken_one(parent, tmp_path_factory):
    other = tmp_path_factory.mktemp("unbroken")
    prompts_folder(other)
    unbroken = Run(other, "responses", tasks(30))()
    broken = Run(parent, "responses", tasks(30))
    with pytest.raises(Killed):
        broken(open_engine=Dies(70))
    assert not (broken.folder / "kept").exists()
    broken()
    assert broken.bytes() == unbroken.bytes()
    assert broken.usage["reused"] == 70
    assert broken.usage["made"] == 50


def test_a_torn_last_record_costs_that_record_only(parent):
    run = Run(parent, "concepts", seeds(20))()
    (journal,) = (parent / "journal").glob("*.jsonl")
    journal.write_bytes(journal.read_bytes()[:-40])
    before = run.bytes()
    run()
    assert (run.usage["reused"], run.usage["made"]) == (19, 1)
    assert run.bytes() == before


def test_a_full_journal_starts_no_engine(parent):
    run = Run(parent, "tasks", concepts(10))()
    before = run.bytes()
    run(open_engine=must_not_start)
    assert run.bytes() == before
    assert run.usage["reused"] == 10


def test_more_samples_reuse_those_there_are(parent, caplog):
    four = Run(parent, "responses", tasks(10), name="four")()
    with caplog.at_level(logging.INFO):
        six = Run(parent, "responses", tasks(10), name="six")(settings={"samples": 6})
    assert (six.usage["reused"], six.usage["made"]) == (40, 20)
    assert "rows 60: reused 40 from the journal, made 20" in caplog.text
    ids = {row["id"] for row in six.kept}
    assert {row["id"] for row in four.kept} <= ids


@pytest.mark.parametrize("shards", [2, 5])
def test_other_shard_counts_give_the_same_rows(parent, shards):
    rows = tasks(31)
    whole = Run(parent, "responses", rows, name="whole")()
    parts = []
    for number in range(shards):
        part = rows[31 * number // shards : 31 * (number + 1) // shards]
        run = Run(parent, "responses", part, name=f"part{number}", writer=f"{number}-of-{shards}")
        parts += run(open_engine=must_not_start).kept
    assert parts == whole.kept


def test_appended_rows_change_nothing_for_the_others(parent):
    rows = tasks(12)
    few = Run(parent, "responses", rows[::2], name="few")()
    many = Run(parent, "responses", rows, name="many")()
    kept = {row["id"]: row for row in many.kept}
    assert all(kept[row["id"]] == row for row in few.kept)


@pytest.mark.parametrize(
    ("settings", "model"),
    [
        ({"temperature": 0.2}, {}),
        ({"top_p": 0.9}, {}),
        ({"max_tokens": 399}, {}),
        ({}, {"dtype": "bfloat16"}),
        ({}, {"engine_args": {"quantization": "fp8"}}),
    ],
)
def test_a_changed_request_is_made_anew(parent, settings, model):
    Run(parent, "tasks", concepts(5))()
    again = Run(parent, "tasks", concepts(5), name="again")(model=model, settings=settings)
    assert again.usage["reused"] == 0


@pytest.mark.parametrize("arguments", [{"max_num_seqs": 8}, {"tensor_parallel_size": 4}])
def test_what_only_changes_speed_is_not_part_of_a_request(parent, arguments):
    Run(parent, "tasks", concepts(5))()
    again = Run(parent, "tasks", concepts(5), name="again")(model={"engine_args": arguments})
    assert again.usage["reused"] == 5


def test_an_edited_example_makes_the_rows_anew_that_show_it(parent):
    Run(parent, "tasks", concepts(5))()
    path = parent / "prompts" / "examples" / "alpha.yaml"
    path.write_text(path.read_text().replace("handed", "given"))
    from selfalign.fewshots import read_example

    read_example.cache_clear()
    again = Run(parent, "tasks", concepts(5), name="again")(settings={"fewshots": 4})
    assert again.usage["reused"] == 0


def test_another_digest_of_the_weights_is_another_request(parent):
    for number, digest in enumerate(["aa", "bb", "aa"]):
        weights = parent / f"weights{number}"
        write_json(weights / "model.json", {"digest": digest})
        run = Run(parent, "tasks", concepts(3), name=f"r{number}")(weights=str(weights))
        assert run.usage["reused"] == (3 if number == 2 else 0)
        assert run.kept[0]["generated"]["revision"] == digest


def test_weights_without_a_digest_are_refused(parent):
    with pytest.raises(UserError, match="no digest"):
        Run(parent, "tasks", concepts(3))(model={"engine": "vllm"}, weights=str(parent))


def test_prompts_beyond_the_window_are_rejected_and_remembered(parent):
    rows = seeds(8)
    rows[3]["code"] += "# long\n" * 3000
    run = Run(parent, "concepts", rows)()
    assert run.counts["rejected"] == {"prompt_too_long": 1}
    assert "tokens" in run.rejected[0]["detail"]
    before = run.bytes()
    assert run(open_engine=must_not_start).bytes() == before
    wider = Run(parent, "concepts", rows, name="wider")(model={"context": 100_000})
    assert (wider.counts["kept"], wider.usage["made"]) == (8, 1)


EXPECTED = {
    "concepts": {
        "empty": "empty",
        "endless": "truncated",
        "prose": "malformed",
        "unclosed": "malformed",
        "surrogate": "invalid_unicode",
    },
    "tasks": {
        "empty": "empty",
        "endless": "truncated",
        "unclosed": "contains_solution",
        "surrogate": "invalid_unicode",
    },
    "responses": {
        "empty": "empty",
        "endless": "truncated",
        "prose": "no_solution",
        "unclosed": "unclosed_fence",
        "surrogate": "invalid_unicode",
    },
}


@pytest.mark.parametrize(("stage", "mode"), [(s, m) for s, modes in EXPECTED.items() for m in modes])
def test_a_hostile_model_is_rejected_with_the_right_reason(parent, stage, mode):
    assert mode in HOSTILE
    with pytest.raises(EmptyStageError, match=f"[0-9]+ {EXPECTED[stage][mode]}") as error:
        Run(parent, stage, ROWS[stage](3))(model={"engine_args": {"fake_mode": mode}})
    assert "0 kept" in str(error.value)


def test_a_rejected_row_holds_the_answer_even_one_that_is_no_unicode(parent):
    backend = open_backend(MODEL, None)
    real = backend._answer
    backend._answer = lambda request: (
        Completion("a \udc80 b", "stop", 5, 0, 3) if request.sample == 0 else real(request)
    )
    run = Run(parent, "responses", tasks(2))(open_engine=lambda *_: backend)
    dropped = [row for row in run.rejected if row["reason"] == "invalid_unicode"]
    assert [row["row"]["answer"] for row in dropped] == ["a \udc80 b"] * 2
    assert dropped[0]["row"]["generated"]["sampling"]["max_tokens"] == 400
    assert run(open_engine=must_not_start).counts["in"] == 8


def test_requests_come_by_prefix_and_samples_of_a_row_together(parent):
    settings = {"fewshots": 2, "prefixes": 3, "samples": 2, "temperature": 0.7, "top_p": 1.0, "max_tokens": 10}
    stage = open_stage("responses", settings, MODEL, None, parent / "prompts")
    job = Job(stage, settings, {}, tasks(40))
    job.keys = {(index, request.sample): request.key for index, request, _ in job.requests()}
    requests = list(job.missing({job.keys[0, 1]}))
    assert {request.key for request in requests} == set(job.keys.values()) - {job.keys[0, 1]}
    for field in ("prefix", "row_id"):
        values = [getattr(request, field) for request in requests]
        changes = sum(a != b for a, b in pairwise(values))
        assert changes == len(set(values)) - 1
    assert len({request.prefix for request in requests}) == 3


def test_usage_says_what_it_cost(parent):
    usage = Run(parent, "responses", tasks(20))().usage
    assert usage["requests"] == usage["made"] == 80
    assert usage["engine"] == "fake"
    assert usage["output_tokens"] > 0
    assert 0 < usage["cached_prompt_tokens"] < usage["prompt_tokens"]


def test_the_log_shows_the_first_prompt_and_answer_and_the_figures(parent, caplog):
    caplog.set_level(logging.INFO)
    Run(parent, "concepts", seeds(3))()
    text = caplog.text
    assert "first prompt" in text and "[Snippet]" in text
    assert "first answer" in text
    assert "3 of 3 answers (0 reused)" in text and "% cached" in text


def test_every_benchmark_problem_of_every_shard_is_answered(parent, monkeypatch):
    class Template:
        def prompt(self, text, prefill=""):
            return f"{text}\n{prefill}"

    monkeypatch.setattr("selfalign.stages.completions.load_template", lambda folder, kind: Template())
    problems = [
        {"benchmark": "b", "task_id": f"B/{n}", "prompt": f"def solve{n}(a):\n", "entry_point": f"solve{n}"}
        for n in range(11)
    ]
    problems[2]["prompt"] += "    # long\n" * 5000
    settings = {"limit": 9, "temperature": 0, "top_p": 1.0, "samples": 1, "max_tokens": 50}
    answered = []
    for number in range(2):
        run = Run(parent, "completions", problems, name=f"part{number}", writer=str(number))
        run(model={"chat_template": "native"}, settings=settings, shard=f"{number}-of-2")
        assert run.counts["in"] == run.counts["kept"]
        answered += run.kept
    assert [row["task_id"] for row in answered] == [f"B/{n}" for n in range(9)]
    assert answered[2]["finish_reason"] == "prompt_too_long"


def test_an_empty_shard_is_an_empty_result_without_an_engine(parent):
    run = Run(parent, "tasks", [])(open_engine=must_not_start)
    assert run.counts["in"] == 0


def test_shards_of_a_whole_file_are_contiguous_and_respect_the_limit(tmp_path):
    write_jsonl(tmp_path / "rows", [{"id": str(n)} for n in range(20)])
    parts = [[row["id"] for row in read_rows(str(tmp_path / "rows"), f"{i}-of-3", 10)] for i in range(3)]
    assert list(chain(*parts)) == [str(n) for n in range(10)]
    assert all(parts)


def test_seeds_differ_by_stage_row_and_sample_and_fit_31_bits():
    drawn = {sampling_seed(stage, row, sample) for stage in "ab" for row in "cd" for sample in range(3)}
    assert len(drawn) == 12
    assert all(0 <= seed < 2**31 for seed in drawn)
