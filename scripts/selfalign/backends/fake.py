"""The fake backend: answers that are a function of prompt and seed, for tests of everything around a model.

It is called "fake" wherever its name is written, rows included, and has nothing to do with a model's ability.
"""

import itertools
import re
import time
from collections.abc import Iterable, Iterator

from selfalign.backends import PROMPT_TOO_LONG, Completion, Request
from selfalign.rows import choose, draw

CHARACTERS_PER_TOKEN = 4

# What becomes of a fake response: share of each kind.
OUTCOMES = {"passes": 6, "fails": 2, "truncated": 1, "malformed": 1}

TOPICS = ("counting", "sorting", "filtering", "grouping", "summation", "searching", "recursion", "slicing")
OBJECTS = ("integers", "words", "pairs", "readings", "scores", "intervals", "names", "prices")
VERBS = ("keeps", "adds up", "counts", "orders", "groups", "doubles", "averages", "reverses")

HOSTILE = {
    "empty": Completion("", "stop"),
    "endless": Completion("and so on and on ", "length"),
    "prose": Completion("I would love to help with that, but first let us talk about the weather.\n", "stop"),
    "unclosed": Completion("It adds.\n\n```python\ndef f(a):\n    return a\n", "stop"),
    "surrogate": Completion("broken \udc80 text, sorting\n", "stop"),
}
"""Answers of models that do the worst they can, by name; a test picks one with `engine_args: {fake_mode: NAME}`."""


class FakeBackend:
    """See :class:`selfalign.backends.Backend`. Its token is four characters."""

    name = "fake"
    version = "1"

    def __init__(self, model: dict):
        self.window: int = model["context"]
        # For tests of interruptions: seconds that a batch takes, and a file that gets the key of every answer given.
        self._seconds = float(model["engine_args"].get("fake_seconds", 0))
        self._trace = model["engine_args"].get("fake_trace")
        self._hostile = HOSTILE.get(model["engine_args"].get("fake_mode", ""))
        self._seen: set[str] = set()

    def count_tokens(self, text: str) -> int:
        return -(-len(text) // CHARACTERS_PER_TOKEN)

    def generate(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Completion]]:
        """Answers in an order that differs from that of the requests, as a real engine's does."""
        source = iter(requests)
        while batch := list(itertools.islice(source, 7)):
            time.sleep(self._seconds)
            for request in reversed(batch):
                if self._trace:
                    with open(self._trace, "a", encoding="utf-8") as trace:
                        trace.write(request.key + "\n")
                yield request, self._answer(request)

    def close(self) -> None:
        pass

    def _answer(self, request: Request) -> Completion:
        tokens, limit = self.count_tokens(request.prompt), request.sampling.max_tokens
        if tokens + limit > self.window:
            return Completion("", PROMPT_TOO_LONG, tokens)
        if self._hostile:
            text, finish = self._hostile.text, self._hostile.finish_reason
        else:
            # Greedy answers don't depend on the seed.
            seed = str(request.sampling.seed) if request.sampling.temperature else ""
            text, finish = _text(request.prompt, seed), "stop"
        if finish == "length":
            text = (text * limit)[: limit * CHARACTERS_PER_TOKEN]
        for stop in request.sampling.stop:
            text = text.split(stop)[0]
        if self.count_tokens(text) > limit:
            text, finish = text[: limit * CHARACTERS_PER_TOKEN], "length"
        cached = self.count_tokens(request.prefix) if request.prefix in self._seen else 0
        self._seen.add(request.prefix)
        return Completion(text, finish, tokens, cached, self.count_tokens(text))


def _text(prompt: str, seed: str) -> str:
    """An answer in the form that the prompt's last heading asks for."""
    key = f"{seed}:{prompt}"

    def pick(words: tuple[str, ...], purpose: str) -> str:
        return words[int(draw(key, purpose) * len(words))]

    if prompt.endswith("[Concepts]\n"):
        return f"{pick(TOPICS, 'first')}, {pick(OBJECTS, 'second')} processing, error handling\n\n"
    number = int(draw(key, "number") * 10**9)
    if prompt.endswith("[Problem]\n"):
        answer = _response(f"combine_{number}", str(number), "passes").split("[Tests]")[0]
        task = f"Write a function `combine_{number}` that returns the sum of its two arguments, increased by {number}."
        return f"{task}\n[Solution]\n{answer}"
    if prompt.endswith("[Tests]\n"):
        names = re.findall(r"def (combine_(\d+))", prompt) or [("combine", "0")]
        return _response(*names[-1], choose(key, OUTCOMES, "outcome")).split("[Tests]\n")[-1]
    if prompt.endswith("[Task]\n"):
        return (
            f"Write a Python function `combine_{number}` that takes two {pick(OBJECTS, 'object')} as numbers, "
            f"{pick(VERBS, 'verb')} them and returns their sum plus {number}.\n\n"
        )
    if prompt.endswith("[Reasoning]\n"):
        names = re.findall(r"`(combine_(\d+))`", prompt) or [("combine", "0")]
        answer = _response(*names[-1], choose(key, OUTCOMES, "outcome"))
        reasoning, _, rest = answer.partition("\n\n")
        return f"{reasoning}\n[Implementation]\n{rest}".replace("[Tests]", "[Explanation]\nOne sum.\n[Tests]")
    if prompt.endswith("[Answer]\n"):
        names = re.findall(r"`(combine_(\d+))`", prompt) or [("combine", "0")]
        return _response(*names[-1], choose(key, OUTCOMES, "outcome"))
    return f"def solve(*values):\n    return {number}\n"


def _response(name: str, offset: str, outcome: str) -> str:
    wrong = "1 + " if outcome == "fails" else ""
    solution = f"def {name}(a, b):\n    return {wrong}a + b + {offset}\n"
    tests = f"assert {name}(1, 2) == {int(offset) + 3}\nassert {name}(0, 0) == {int(offset)}\n"
    text = f"It adds the two numbers and the constant.\n\n```python\n{solution}```\n"
    if outcome == "malformed":
        return text
    if outcome == "truncated":
        return text + "[Tests]\n```python\n" + tests * 1000
    return f"{text}[Tests]\n```python\n{tests}```\n\n"
