"""How fast the generation loop is against bare vLLM on the same prompts, and what the prefix cache serves.

    PYTHONPATH=scripts python tests/bench/generation.py --model FOLDER [--prompts 250] [--max-tokens 128]

Both sides run in one process, one after the other, each with an engine of its own and a cold cache; starting it is not
counted. Ours is the whole of `scripts/generate.py`: prompts, journal. Prints one line of JSON; goals:
`ratio` (output tokens a second, ours to bare) at least 0.95, `cached_share` of the prompt tokens above 0.9. Where other
work shares a CPU machine, `cpu_ratio`, the same by this process's CPU seconds, says more (in-process engines only).
"""

import argparse
import gc
import json
import tempfile
import time
from pathlib import Path

from generate import main as generate
from selfalign.backends.vllm import VllmBackend, engine_arguments
from selfalign.fewshots import PrefixBank
from selfalign.io import read_json, write_json, write_jsonl
from selfalign.rows import row_id


def concept_rows(count: int) -> list[dict]:
    """Different lists of concepts, put together from those of the examples."""
    bank = PrefixBank("tasks", {"fewshots": 1, "prefixes": 1})
    concepts = sorted({concept for example in bank.pool for concept in example.concepts})
    rows = []
    for number in range(count):
        chosen = [concepts[(number * step + step) % len(concepts)] for step in (1, 3, 7)]
        rows.append({"id": row_id("concepts", number), "seed_id": row_id("seed", number), "concepts": chosen})
    return rows


class Recorder:
    """Our backend, which also keeps the requests that it was given."""

    def __init__(self, model: dict, folder: str | None):
        self._backend = VllmBackend(model, folder)
        self.requests: list = []
        self.cpu_seconds = 0.0

    def __getattr__(self, name):
        return getattr(self._backend, name)

    def generate(self, requests):
        def recorded():
            for request in requests:
                self.requests.append(request)
                yield request

        started = time.process_time()
        yield from self._backend.generate(recorded())
        self.cpu_seconds = time.process_time() - started


def ours(model: dict, folder: str, settings: dict, rows: int) -> tuple[dict, Recorder]:
    """Usage figures of our loop, and the backend with the requests that it was given."""
    recorders: list[Recorder] = []

    def opened(*arguments) -> Recorder:
        recorders.append(Recorder(*arguments))
        return recorders[-1]

    with tempfile.TemporaryDirectory() as scratch:
        write_jsonl(f"{scratch}/rows.jsonl", concept_rows(rows))
        paths = {name: f"{scratch}/{name}" for name in ("kept", "rejected", "counts", "usage", "journal")}
        generate("tasks", f"{scratch}/rows.jsonl", model, folder, settings, writer="bench", open_engine=opened, **paths)
        return read_json(paths["usage"]), recorders[0]


def bare(model: dict, folder: str, requests: list) -> tuple[int, float, float, float]:
    """Output tokens, seconds, CPU seconds and cached share of the prompt of vLLM's own `LLM.generate`."""
    from vllm import LLM, SamplingParams

    arguments = engine_arguments(model, folder)
    wanted = ("model", "dtype", "max_model_len", "seed", "enable_prefix_caching", "enforce_eager", "enable_chunked_prefill",
              "block_size", *model["engine_args"])  # fmt: skip
    engine = LLM(**{name: getattr(arguments, name) for name in wanted})
    parameters = [
        SamplingParams(
            temperature=request.sampling.temperature,
            top_p=request.sampling.top_p,
            max_tokens=request.sampling.max_tokens,
            stop=list(request.sampling.stop),
            seed=request.sampling.seed,
        )
        for request in requests
    ]
    started, cpu_started = time.monotonic(), time.process_time()
    outputs = engine.generate([request.prompt for request in requests], parameters, use_tqdm=False)
    seconds, cpu_seconds = time.monotonic() - started, time.process_time() - cpu_started
    prompt_tokens = sum(len(output.prompt_token_ids) for output in outputs)
    return (
        sum(len(output.outputs[0].token_ids) for output in outputs),
        seconds,
        cpu_seconds,
        sum(output.num_cached_tokens or 0 for output in outputs) / prompt_tokens,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, help="folder of the weights")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--context", type=int, default=4096)
    parser.add_argument("--engine-args", default="{}", help="JSON, for example '{\"tensor_parallel_size\": 4}'")
    parser.add_argument("--prompts", type=int, default=250)
    parser.add_argument("--max-tokens", type=int, default=128)
    parser.add_argument("--fewshots", type=int, default=8)
    parser.add_argument("--prefixes", type=int, default=8)
    options = parser.parse_args()
    model = {
        "name": "bench",
        "engine": "vllm",
        "dtype": options.dtype,
        "context": options.context,
        "engine_args": json.loads(options.engine_args),
    }
    settings = {
        "fewshots": options.fewshots,
        "prefixes": options.prefixes,
        "temperature": 0.7,
        "top_p": 1.0,
        "max_tokens": options.max_tokens,
        "categories": {"function": 1},
        "difficulties": {"easy": 1},
        "min_words": 1,
        "max_words": 1000,
    }
    with tempfile.TemporaryDirectory() as folder:
        for path in Path(options.model).resolve().iterdir():
            (Path(folder) / path.name).symlink_to(path)
        if not (Path(folder) / "model.json").exists():
            write_json(Path(folder) / "model.json", {"digest": "bench"})
        usage, engine = ours(model, folder, settings, options.prompts)
        gc.collect()
        tokens, seconds, cpu_seconds, cached_share = bare(model, folder, engine.requests)
    ours_rate, bare_rate = usage["output_tokens"] / usage["seconds"], tokens / seconds
    figures = {
        "prompts": options.prompts,
        "ours_tokens_per_second": round(ours_rate, 1),
        "bare_tokens_per_second": round(bare_rate, 1),
        "ratio": round(ours_rate / bare_rate, 3),
        "cached_share": round(usage["cached_prompt_tokens"] / usage["prompt_tokens"], 4),
        "bare_cached_share": round(cached_share, 4),
        "cpu_ratio": round((usage["output_tokens"] / engine.cpu_seconds) / (tokens / cpu_seconds), 3),
        "ours_seconds": usage["seconds"],
        "bare_seconds": round(seconds, 2),
        "engine_start_seconds": usage["engine_start_seconds"],
        "engine_version": usage["engine_version"],
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
