"""Whether the engine's answers depend on what they are batched with.

    PYTHONPATH=scripts python tests/bench/greedy.py --model FOLDER [--dtype float32]

The same requests, greedy and drawn with their seeds, in one batch, as three shards, in smaller batches, in another order
and over a warm cache. Prints a line for each way: how many answers differ from those of the one batch, and after how many
of their characters the first of them parts.
"""

import argparse
from collections.abc import Callable, Sequence

from generation import concept_rows

from selfalign.backends import Request, Sampling
from selfalign.backends.vllm import VllmBackend
from selfalign.stages import open_stage

SETTINGS = {
    "fewshots": 2, "prefixes": 4, "examples": None, "categories": {"function": 1}, "difficulties": {"easy": 1},
    "min_words": 1, "max_words": 999, "unique_similarity": 0.5,
}  # fmt: skip


def requests(count: int, tokens: int, temperature: float) -> list[Request]:
    """Prompts for tasks, one a row."""
    stage, found = open_stage("tasks", SETTINGS, {}, None), []
    for number, row in enumerate(concept_rows(count)):
        prompt = stage.prompt(row)
        sampling = Sampling(temperature, 1.0, tokens, prompt.stop, number)
        found.append(Request(str(number), row["id"], prompt.text, prompt.prefix, sampling, 0))
    return found


def answers(engine: VllmBackend, parts: Sequence[Sequence[Request]], cold: bool = True) -> dict[str, str]:
    """Texts by request; each part is a batch of its own, like a job's, without the cache of the one before if `cold`."""
    found = {}
    for part in parts:
        if cold:
            engine._engine.reset_prefix_cache()
        found |= {request.key: completion.text for request, completion in engine.generate(part)}
    return found


def parts(items: list[Request], number: int) -> list[list[Request]]:
    return [items[len(items) * part // number : len(items) * (part + 1) // number] for part in range(number)]


WAYS: dict[str, Callable[[list[Request]], list[list[Request]]]] = {
    "the same again": lambda asked: [asked],
    "three shards": lambda asked: parts(asked, 3),
    "one at a time": lambda asked: parts(asked, len(asked)),
    "the other way round": lambda asked: [asked[::-1]],
}


def parting(one: str, other: str) -> int:
    """Number of characters before two texts that differ part."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder of the weights")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--prompts", type=int, default=24)
    parser.add_argument("--max-tokens", type=int, default=48)
    options = parser.parse_args()
    model = {
        "name": "greedy", "engine": "vllm", "dtype": options.dtype, "context": 2048,
        "engine_args": {"max_num_seqs": options.prompts},
    }  # fmt: skip
    engine = VllmBackend(model, options.model)
    for temperature in (0.0, 0.8):
        asked = requests(options.prompts, options.max_tokens, temperature)
        expected = answers(engine, [asked])
        print(f"temperature {temperature}: {len(set(expected.values()))} different answers of {len(asked)}", flush=True)
        for way, split in [*WAYS.items(), ("over a warm cache", WAYS["the same again"])]:
            got = answers(engine, split(asked), cold=way != "over a warm cache")
            where = [parting(expected[key], got[key]) for key in expected if expected[key] != got[key]]
            first = f", the first after {min(where)} characters" if where else ""
            print(f"  {way}: {len(where)} of {len(asked)} differ{first}", flush=True)
    engine.close()


if __name__ == "__main__":
    main()
