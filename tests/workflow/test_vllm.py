"""Generation with a real engine in this process, on the small model of config.yaml."""

import pytest

from selfalign.backends import PROMPT_TOO_LONG, Request, Sampling
from selfalign.backends.vllm import VllmBackend, engine_arguments
from selfalign.errors import UserError

MODEL = {"name": "small", "engine": "vllm", "dtype": "float32", "context": 1024, "engine_args": {"max_num_seqs": 4}}
PREFIX = "A list of programming concepts, one line for each snippet.\n" * 8


@pytest.fixture(scope="module")
def folder(small_model) -> str:
    return str(small_model)


@pytest.fixture(scope="module")
def engine(folder):
    backend = VllmBackend(MODEL, folder)
    yield backend
    backend.close()


def request(number: int, prompt: str = "", tokens: int = 16, **sampling) -> Request:
    drawn = Sampling(
        **{"temperature": 0.8, "top_p": 0.95, "max_tokens": tokens, "stop": (), "seed": number, **sampling}
    )
    return Request(
        f"{prompt[:5]}{number}", "row", PREFIX + (prompt or f"Snippet {number}: sorted(set(words))\n"), PREFIX, drawn, 0
    )


def answers(engine, requests) -> dict:
    return {asked.key: answer for asked, answer in engine.generate(requests)}


def test_more_requests_than_fit_at_once_are_all_answered_and_share_their_prefix(engine):
    got = answers(engine, (request(n) for n in range(20)))
    assert set(got) == {str(n) for n in range(20)}
    assert all(answer.text and 0 < answer.output_tokens <= 16 for answer in got.values())
    cached = sum(answer.cached_tokens for answer in got.values())
    assert cached > 0.6 * sum(answer.prompt_tokens for answer in got.values())


def test_requests_of_the_same_batch_share_a_prefix_that_no_request_had_before(engine):
    fresh = "Nothing else in this module begins like this. " * 20
    asked = [Request(str(n), "r", f"{fresh}{n}", fresh, Sampling(0.0, 1.0, 4, (), 1), 0) for n in range(4)]
    cached = sorted(answer.cached_tokens for answer in answers(engine, asked).values())
    assert cached[0] < 32 and cached[1] > 100


def test_requests_are_taken_only_as_fast_as_they_are_answered(engine):
    taken = []

    def source():
        for number in range(60):
            taken.append(number)
            yield request(number, tokens=2)

    stream = engine.generate(source())
    next(stream)
    assert len(taken) <= 12
    assert len(list(stream)) == 59


def test_seeds_decide_and_greedy_answers_need_none(engine):
    def text(**sampling):
        return answers(engine, [request(0, "Snippet: max(a, b)\n", **sampling)]).popitem()[1].text

    assert text(seed=5) == text(seed=5)
    assert len({text(seed=seed, temperature=1.0) for seed in range(4)}) > 1
    assert text(temperature=0.0, seed=1) == text(temperature=0.0, seed=2)


def test_greedy_answers_are_the_same_in_one_shard_and_in_three(engine):
    """In float32: docs/reruns.md says what is known of other formats. tests/bench/greedy.py measures more."""
    asked = [request(number, tokens=8, temperature=0.0) for number in range(6)]

    def shards(count: int) -> dict[str, str]:
        texts = {}
        for part in range(count):
            engine._engine.reset_prefix_cache()  # every shard is a job with an engine of its own
            rows = asked[6 * part // count : 6 * (part + 1) // count]
            texts |= {key: answer.text for key, answer in answers(engine, rows).items()}
        return texts

    one, three = shards(1), shards(3)
    assert one == three and len(set(one.values())) > 1


def test_answers_end_at_stop_strings_and_at_the_limit(engine):
    stopped = answers(engine, [request(1, "Count: one, two, three, ", 40, stop=("five",), temperature=0.0)])
    answer = stopped.popitem()[1]
    assert "five" not in answer.text
    long = answers(engine, [request(1, "Numbers: 1, 2, 3, 4, 5, 6, ", 8, temperature=0.0)]).popitem()[1]
    assert (long.finish_reason, long.output_tokens) == ("length", 8)


def test_a_prompt_beyond_the_window_is_not_run(engine):
    got = answers(engine, [request(1, "word " * 2000), request(2)])
    assert sorted(answer.finish_reason == PROMPT_TOO_LONG for answer in got.values()) == [False, True]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tensor_paralel_size": 2}, "no engine argument 'tensor_paralel_size'(.|\n)*tensor_parallel_size"),
        ({"max_model_len": 5}, "use context"),
        ({"dtype": "float16"}, "use dtype"),
    ],
)
def test_engine_arguments_that_are_wrong_say_what_is_right(folder, arguments, message):
    with pytest.raises(UserError, match=message):
        engine_arguments({**MODEL, "engine_args": arguments}, folder)


def test_a_window_that_the_model_does_not_have_is_the_users_error(folder):
    with pytest.raises(UserError, match="can't serve this model"):
        VllmBackend({**MODEL, "context": 10_000_000}, folder)
