"""Backends: the endpoint's failures against a small server of our own, the fake's promises, keys of requests."""

import json
import logging
from collections import Counter
from types import SimpleNamespace

import httpx
import pytest
from generation import MODEL, prompts_folder, tasks
from model_server import Server

from selfalign.backends import (
    PROMPT_TOO_LONG,
    Request,
    Sampling,
    endpoint,
    open_backend,
    request_key,
    serving_identity,
)
from selfalign.backends.endpoint import ATTEMPTS, RATE_LIMITED_ATTEMPTS, EndpointBackend
from selfalign.errors import InfrastructureError, UserError
from selfalign.rows import digest
from selfalign.stages import open_stage

KEY = "sk-very-secret"
SAMPLING = Sampling(0.7, 0.9, 32, ("\n\n",), 11)


def request(number: int = 0, prompt: str = "", **sampling) -> Request:
    return Request(str(number), "row", prompt or f"prompt {number}", "", SAMPLING, 0)


def backend(server: Server, pause: float = 0.001, **spec) -> EndpointBackend:
    usual = {
        "url": server.url,
        "model": "small",
        "key_env": None,
        "concurrency": 4,
        "timeout_seconds": 30,
        "revision": "",
    }
    return EndpointBackend({**MODEL, "engine": "endpoint", "endpoint": {**usual, **spec}}, pause)


def served_by(model: str, fingerprint: str | None) -> tuple:
    found = {"choices": [{"text": "x", "finish_reason": "stop"}], "model": model, "system_fingerprint": fingerprint}
    return (200, json.dumps(found), {})


def test_each_answer_says_what_made_it_also_when_the_server_is_changed_on_the_way(serve):
    script = [
        served_by("small", "fp_1"),
        served_by("small", "fp_2"),
        served_by("small-2026-11-20", "fp_2"),
        (200, None, {}),
    ]
    found = answers(backend(serve(*script), concurrency=1), (request(n) for n in range(4)))
    versions = [found[str(n)].version for n in range(4)]  # whatever the order in which they came
    assert versions[:3] == ["fp_1", "fp_2", "small-2026-11-20 fp_2"]
    assert "Python" in versions[3], "without a fingerprint it is the server's own name"


def test_a_server_that_does_not_answer_in_time_is_asked_again(serve):
    server = serve(("sleep", "", {}))
    (answer,) = answers(backend(server, timeout_seconds=0.2), [request()]).values()
    assert answer.text == "answer to prompt 0" and len(server.seen) == 2


def test_a_server_that_never_answers_in_time_is_the_machines_fault(serve):
    with pytest.raises(InfrastructureError, match="ReadTimeout"):
        answers(backend(serve(*[("sleep", "", {})] * ATTEMPTS), timeout_seconds=0.05), [request()])


def answers(engine, requests) -> dict:
    return {asked.key: answer for asked, answer in engine.generate(requests)}


def test_a_request_says_everything_and_the_answer_is_read(serve):
    server = serve()
    (answer,) = answers(backend(server), [request()]).values()
    path, body, headers = server.seen[0]
    assert path == "/v1/completions"
    assert body == {
        "model": "small",
        "prompt": "prompt 0",
        "temperature": 0.7,
        "top_p": 0.9,
        "max_tokens": 32,
        "seed": 11,
        "stop": ["\n\n"],
    }
    assert "Authorization" not in headers
    assert (answer.text, answer.finish_reason) == ("answer to prompt 0", "stop")
    assert (answer.prompt_tokens, answer.cached_tokens, answer.output_tokens) == (7, 4, 3)


def test_a_server_with_parameters_of_its_own_gets_those(serve):
    server = serve((422, '{"detail": "Extra inputs are not permitted: seed"}', {}))
    spec = {"parameters": {"seed": None, "max_tokens": "max_completion_tokens"}, "extra": {"reasoning_effort": "low"}}
    with pytest.raises(UserError, match=r"(?s)Extra inputs .*`parameters` renames or leaves out"):
        answers(backend(server), [request()])
    answers(backend(server, **spec), [request()])
    sent = server.seen[1][1]
    assert sent == {
        "model": "small", "prompt": "prompt 0", "temperature": 0.7, "top_p": 0.9, "max_completion_tokens": 32,
        "stop": ["\n\n"], "reasoning_effort": "low",
    }  # fmt: skip
    plain = {**MODEL, "engine": "endpoint", "endpoint": {"parameters": {"seed": "seed"}, "extra": {}}}
    keys = {digest(serving_identity({**plain, "endpoint": {**plain["endpoint"], **part}}, "r")) for part in (
        {}, {"parameters": spec["parameters"]}, {"extra": spec["extra"]})}  # fmt: skip
    assert len(keys) == 3, "what a server is asked otherwise is another request"
    assert serving_identity(plain, "r") == serving_identity({**plain, "endpoint": None}, "r")


def test_all_requests_are_answered_with_no_more_at_once_than_allowed(serve):
    server = serve()
    got = answers(backend(server, concurrency=3), (request(n) for n in range(40)))
    assert {key: answer.text for key, answer in got.items()} == {str(n): f"answer to prompt {n}" for n in range(40)}
    assert server.most_busy <= 3


def test_requests_are_taken_only_as_fast_as_they_are_answered(serve):
    taken = []

    def source():
        for number in range(100):
            taken.append(number)
            yield request(number)

    stream = backend(serve(), concurrency=2).generate(source())
    next(stream)
    assert len(taken) <= 5
    stream.close()


@pytest.mark.parametrize(
    "failure",
    [
        (429, "slow down", {}),
        (429, "slow down", {"Retry-After": "0"}),
        (500, "oops", {}),
        (503, "", {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}),
        ("hang up", "", {}),
        (200, "not json", {}),
        (200, "{}", {}),
        (200, '{"choices": []}', {}),
        (200, '{"choices": [{"text": null}]}', {}),
        (200, "[]", {}),
    ],
)
def test_passing_troubles_are_tried_again(serve, failure):
    server = serve(failure, failure)
    (answer,) = answers(backend(server), [request()]).values()
    assert answer.text == "answer to prompt 0"
    assert len(server.seen) == 3


@pytest.mark.parametrize(("failure", "words"), [((500, "", {}), "status 500"), ((200, "x", {}), "not a completion")])
def test_lasting_trouble_is_the_machines_fault_and_names_server_and_status(serve, failure, words):
    server = serve(*[failure] * 50)
    with pytest.raises(InfrastructureError, match=words) as error:
        answers(backend(server), [request()])
    assert server.url in str(error.value)
    assert len(server.seen) == ATTEMPTS


def test_a_rate_limit_is_waited_for_longer_than_a_fault_and_other_faults_are_counted_apart(serve):
    limited, broken = (429, "slow down", {}), (500, "", {})
    server = serve(*[limited] * (RATE_LIMITED_ATTEMPTS - 1), *[broken] * (ATTEMPTS - 1))
    (answer,) = answers(backend(server, pause=0), [request()]).values()
    assert answer.text == "answer to prompt 0"
    server = serve(*[limited] * 99)
    with pytest.raises(InfrastructureError, match=f"no answer in {RATE_LIMITED_ATTEMPTS} attempts: status 429"):
        answers(backend(server, pause=0), [request()])
    assert len(server.seen) == RATE_LIMITED_ATTEMPTS


def test_an_account_without_credit_is_not_waited_for(serve):
    server = serve((429, '{"error": {"code": "insufficient_quota"}}', {}))
    with pytest.raises(UserError, match="quota"):
        answers(backend(server), [request()])
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("asked", "paused"),
    [
        ("7", 7), ("240", 240), ("86400", 600), ("Sat, 21 Nov 2026 12:02:00 GMT", 120), ("-1", 1), ("soon", 1),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 1), ("nan", 1), ("Mon, 99 Nov 2026 12:00:00 GMT", 1),
    ],
)  # fmt: skip
def test_a_server_that_says_when_is_asked_again_then(serve, monkeypatch, asked, paused):
    noon, pauses = 1795262400.0, []  # 2026-11-21 12:00:00 UTC
    monkeypatch.setattr(endpoint, "time", SimpleNamespace(time=lambda: noon, sleep=pauses.append))
    answers(backend(serve((429, "", {"Retry-After": asked})), pause=1), [request()])
    assert pauses == [paused]


def test_a_server_that_is_not_there(serve):
    server = serve()
    server.http.server_close()
    with pytest.raises(InfrastructureError, match="ConnectError"):
        answers(backend(server), [request()])


def test_a_wrong_key_is_told_without_the_key(serve, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("OUR_KEY", KEY)
    server = serve((500, KEY, {}), (401, f'{{"error": "Incorrect API key provided: {KEY}"}}', {}))
    with pytest.raises(UserError, match=r"status 401.*Incorrect API key") as error:
        answers(backend(server, key_env="OUR_KEY"), [request()])
    assert server.seen[0][2]["Authorization"] == f"Bearer {KEY}"
    assert KEY not in str(error.value) + repr(error.value) + caplog.text
    assert "OUR_KEY" in str(error.value) or "key_env" in str(error.value)


@pytest.mark.parametrize(
    "key", ["sk-first\nsk-second", "sk-first\rsk-second", "sk-a second", "sk-schl\u00fcssel", "sk-a\x7fkey"]
)
def test_a_key_that_no_header_can_carry_is_told_before_anything_is_sent_and_without_it(serve, monkeypatch, caplog, key):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("OUR_KEY", key)
    server = serve()
    with pytest.raises(UserError, match="OUR_KEY holds no key") as error:
        backend(server, key_env="OUR_KEY")
    said = str(error.value) + repr(error.value) + caplog.text
    assert not any(part in said for part in ("sk-", "second", "schl"))
    assert not server.seen


def test_a_key_in_any_spelling_and_on_any_cut_is_cleaned_from_what_a_server_echoes(serve, monkeypatch, caplog):
    key = 'sk-"quoted"\\back'
    monkeypatch.setenv("OUR_KEY", key)
    server = serve((401, json.dumps({"error": f"wrong key {key}"}), {}), (401, "x" * 490 + key, {}))
    for _ in range(2):
        with pytest.raises(UserError, match="status 401") as error:
            answers(backend(server, key_env="OUR_KEY"), [request()])
        assert "quoted" not in str(error.value) + caplog.text and "sk-" not in str(error.value)


def test_a_missing_key_names_the_variable(serve, monkeypatch):
    monkeypatch.delenv("OUR_KEY", raising=False)
    with pytest.raises(UserError, match="OUR_KEY is not set"):
        backend(serve(), key_env="OUR_KEY")


def test_a_wrong_model_name_is_not_tried_again(serve):
    server = serve((404, "The model `small` does not exist.", {}))
    with pytest.raises(UserError, match=r"404.*does not exist"):
        answers(backend(server), [request()])
    assert len(server.seen) == 1


def test_a_prompt_beyond_the_servers_window_is_an_answer_of_its_own(serve):
    message = "This model's maximum context length is 2048 tokens. However, you requested 4000 tokens"
    (answer,) = answers(backend(serve((400, message, {}))), [request()]).values()
    assert (answer.finish_reason, answer.text) == (PROMPT_TOO_LONG, "")


@pytest.mark.parametrize(
    "message",
    [
        '{"error": {"code": "content_filter", "message": "filtered"}}',
        "Your request was rejected: content_policy_violation",
        "x" * 600 + " triggering the content management policy.",
    ],
)
def test_a_prompt_that_the_servers_filter_refuses_is_an_answer_of_its_own(serve, message):
    server = serve((400, message, {}))
    found = answers(backend(server, concurrency=1), [request(0), request(1)])
    assert (found["0"].finish_reason, found["0"].text) == ("content_filter", "")
    assert found["1"].text == "answer to prompt 1" and len(server.seen) == 2


def test_one_bad_request_ends_the_stream_and_leaves_no_thread_waiting(serve):
    server = serve((404, "no", {}))
    with pytest.raises(UserError):
        answers(backend(server, concurrency=2), (request(n) for n in range(1000)))
    assert len(server.seen) < 20


def test_what_a_server_answers_after_another_request_has_failed_is_kept(serve):
    server, got = serve((404, "no", {})), []
    with pytest.raises(UserError):
        for asked, answer in backend(server, concurrency=8).generate(request(n) for n in range(1000)):
            got.append((asked.key, answer.text))
    assert len(got) == len(server.seen) - 1 > 0 and all(text == f"answer to prompt {key}" for key, text in got)


# The fake.


def fake_requests(folder, count=300):
    stage = open_stage("responses", {"fewshots": 2, "prefixes": 1, "samples": 1}, MODEL, None, folder)
    for number, row in enumerate(tasks(count)):
        prompt = stage.prompt(row)
        yield row, stage, Request(str(number), row["id"], prompt.text, prompt.prefix, Sampling(0.7, 1.0, 400, (), 5), 0)


def test_the_fake_is_called_fake_and_answers_the_same_in_any_company(tmp_path):
    asked = [request for _, _, request in fake_requests(prompts_folder(tmp_path), 30)]
    engine = open_backend(MODEL, None)
    assert engine.name == "fake"
    together = answers(engine, asked)
    alone = {r.key: answers(open_backend(MODEL, None), [r])[r.key].text for r in asked}
    assert {key: answer.text for key, answer in together.items()} == alone


def test_a_fixed_share_of_the_fakes_responses_is_good_wrong_cut_and_malformed(tmp_path):
    kinds = Counter()
    for row, stage, asked in fake_requests(prompts_folder(tmp_path)):
        answer = answers(open_backend(MODEL, None), [asked])[asked.key]
        parsed = stage.parse(row, 0, answer)
        kinds[getattr(parsed, "reason", None) or ("wrong" if "1 + a" in parsed["solution"] else "good")] += 1
    assert set(kinds) == {"good", "wrong", "truncated", "no_tests"}
    assert 0.5 < kinds["good"] / 300 < 0.7
    assert min(kinds.values()) > 15


def test_the_fake_at_temperature_zero_ignores_the_seed():
    def text(temperature, seed):
        asked = Request("k", "row", "x [Concepts]\n[Task]\n", "", Sampling(temperature, 1.0, 100, (), seed), 0)
        return answers(open_backend(MODEL, None), [asked])["k"].text

    assert text(0, 1) == text(0, 2)
    assert text(1, 1) != text(1, 2)


# Keys.


@pytest.mark.parametrize(
    "change",
    [{"temperature": 0.6}, {"top_p": 0.8}, {"max_tokens": 31}, {"stop": ("x",)}, {"seed": 12}],
)
def test_every_part_of_the_sampling_is_part_of_the_key(change):
    identity = serving_identity(MODEL, "r")
    changed = Sampling(**{**SAMPLING.__dict__, **change})
    assert request_key(identity, "p", SAMPLING, 0) != request_key(identity, "p", changed, 0)


def test_model_prompt_and_sample_are_part_of_the_key():
    keys = {
        request_key(serving_identity({**MODEL, **model}, revision), prompt, SAMPLING, sample)
        for model in ({}, {"engine": "vllm"}, {"dtype": "bfloat16"}, {"engine_args": {"quantization": "fp8"}})
        for revision in ("a", "b")
        for prompt in ("p", "q")
        for sample in (0, 1)
    }
    assert len(keys) == 32
    same = serving_identity({**MODEL, "name": "other", "context": 1, "engine_args": {"max_num_seqs": 1}}, "a")
    assert request_key(same, "p", SAMPLING, 0) in keys


def test_a_chat_server_gets_a_message_and_a_refusal_is_seen():
    engine = backend(SimpleNamespace(url="http://127.0.0.1:1/v1"), url="http://127.0.0.1:1/v1", api="chat")
    assert engine._url.endswith("/v1/chat/completions")
    assert engine._question("do it") == {"messages": [{"role": "user", "content": "do it"}]}

    def read(message, finish_reason="stop"):
        choice = {"message": message, "finish_reason": finish_reason}
        return engine._read(httpx.Response(200, json={"choices": [choice]}))

    assert read({"content": "done"}).text == "done"
    refused = read({"content": None, "refusal": "I will not."})
    assert (refused.text, refused.finish_reason) == ("I will not.", "content_filter")
    assert read({"content": None}, finish_reason=None) is None
    plain = serving_identity({**MODEL, "engine": "endpoint"}, "r")
    assert serving_identity({**MODEL, "engine": "endpoint", "endpoint": {"api": "chat"}}, "r") != plain
