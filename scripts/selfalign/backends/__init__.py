"""What can answer a prompt: one small interface, and the engines behind it.

`vllm` runs the weights in this job, `endpoint` asks an OpenAI-compatible server, `fake` makes answers up, for tests.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Protocol

from selfalign.rows import digest

PROMPT_TOO_LONG = "prompt_too_long"
"""Finish reason of a request that was not run: prompt and answer don't fit the model's window."""

UNKNOWN = "unknown"
"""Version of a server that has said nothing of itself (yet)."""


@dataclass(frozen=True)
class Sampling:
    """How an answer is drawn. Temperature 0 is greedy."""

    temperature: float
    top_p: float
    max_tokens: int
    stop: tuple[str, ...]
    seed: int


@dataclass(frozen=True)
class Request:
    """One answer wanted.

    Attributes:
        key: hash of everything that decides the answer (:func:`request_key`).
        row_id: id of the row that the prompt was made from.
        prompt: the whole text.
        prefix: the part at its beginning that other requests share; "" if none.
        sample: number of the answer among those to the same prompt, from 0.
    """

    key: str
    row_id: str
    prompt: str
    prefix: str
    sampling: Sampling
    sample: int


@dataclass
class Completion:
    """An answer and what it cost.

    Attributes:
        finish_reason: "stop" (a stop string or the end of the text), "length" (max_tokens), PROMPT_TOO_LONG, or
            whatever else a server says.
        cached_tokens: prompt tokens that the engine had computed before.
        version: of what made this answer, where that may differ from answer to answer; "": the engine's.
    """

    text: str
    finish_reason: str
    prompt_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    version: str = ""


class Backend(Protocol):
    """An engine. Starting it may take minutes; make one only when there is something to generate.

    Attributes:
        name: its kind, as in config.
        version: of the engine, as stored in rows.
    """

    name: str
    version: str

    def generate(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Completion]]:
        """Answers requests, each as soon as it is done; takes new ones only as fast as it works.

        Requests with the same prefix should follow one another.
        """
        ...

    def close(self) -> None: ...


# Engine arguments that change speed and memory, not the distribution that answers are drawn from. All others count as
# part of a request: an unknown argument costs a generation too many, never a wrong reuse.
SPEED_ONLY = frozenset(
    (
        "async_scheduling",
        "attention_backend",
        "block_size",
        "compilation_config",
        "cpu_offload_gb",
        "disable_custom_all_reduce",
        "disable_log_stats",
        "fake_seconds",
        "fake_trace",
        "distributed_executor_backend",
        "download_dir",
        "enable_chunked_prefill",
        "enable_prefix_caching",
        "enforce_eager",
        "gpu_memory_utilization",
        "kv_cache_memory_bytes",
        "load_format",
        "long_prefill_token_threshold",
        "max_cudagraph_capture_size",
        "max_num_batched_tokens",
        "max_num_partial_prefills",
        "max_num_seqs",
        "max_parallel_loading_workers",
        "pipeline_parallel_size",
        "scheduling_policy",
        "swap_space",
        "tensor_parallel_size",
    )
)


def engine_gpus(model: dict) -> int:
    """GPUs that one engine of a config entry runs on: tensor parallel by pipeline parallel ranks."""
    arguments = model["engine_args"]
    return int(arguments.get("tensor_parallel_size") or 1) * int(arguments.get("pipeline_parallel_size") or 1)


def serving_identity(model: dict, revision: str) -> dict:
    """What of a model and its engine decides an answer.

    Not the engine's version: an upgrade in the middle of a study doesn't throw away what was paid for, and each row
    says which version made it.
    """
    arguments = {key: value for key, value in model["engine_args"].items() if key not in SPEED_ONLY}
    endpoint = model.get("endpoint") or {}
    asked = {"api": "chat"} if endpoint.get("api") == "chat" else {}
    names = {key: name for key, name in (endpoint.get("parameters") or {}).items() if name != key}
    asked |= {"parameters": names} if names else {}
    asked |= {"extra": endpoint["extra"]} if endpoint.get("extra") else {}
    return {"engine": model["engine"], "revision": revision, "dtype": model["dtype"], "engine_args": arguments, **asked}


def request_key(identity: dict, prompt: str, sampling: Sampling, sample: int) -> str:
    """Key of a request in the journal."""
    return digest("request", identity, prompt, {**asdict(sampling), "stop": list(sampling.stop)}, sample)


def open_backend(model: dict, folder: str | None) -> Backend:
    """Starts the engine of a config entry.

    Args:
        model: a resolved entry of `models` in the config, and its `name`.
        folder: the weights, for engine vllm.
    """
    if model["engine"] == "vllm":
        from selfalign.backends.vllm import VllmBackend

        return VllmBackend(model, folder)
    if model["engine"] == "endpoint":
        from selfalign.backends.endpoint import EndpointBackend

        return EndpointBackend(model)
    from selfalign.backends.fake import FakeBackend

    return FakeBackend(model)
