"""vLLM inside this job: requests flow in as answers flow out, so that no batch waits for its slowest row."""

import difflib
import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from multiprocessing import spawn
from typing import Any

from selfalign.backends import PROMPT_TOO_LONG, Completion, Request
from selfalign.errors import InfrastructureError, UserError

logger = logging.getLogger(__name__)

# What config says elsewhere, and where.
CONFIGURED_ELSEWHERE = {
    "model": "sources",
    "dtype": "dtype",
    "max_model_len": "context",
    "seed": "nothing: each request has its own seed",
    # A job has one engine. Several engines are several shards, which also share nothing that could fail together.
    "data_parallel_size": "seeds.shards, and as many jobs at once",
}
ENVIRONMENT = {
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_DO_NOT_TRACK": "1",
    "VLLM_CONFIGURE_LOGGING": "0",  # its records go to the rule's log, like ours
    "HF_HUB_OFFLINE": "1",  # weights were fetched by a rule of their own
    "TRANSFORMERS_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
GIB = 1 << 30


class VllmBackend:
    """Engine of the weights in `folder`; see :class:`selfalign.backends.Backend`."""

    name = "vllm"

    def __init__(self, model: dict, folder: str):
        for key, value in ENVIRONMENT.items():
            os.environ.setdefault(key, value)
        _keep_console_quiet()
        import vllm
        from vllm import LLMEngine
        from vllm.usage.usage_lib import UsageContext

        self.version = vllm.__version__
        self.window: int = model["context"]
        arguments = engine_arguments(model, folder)
        try:
            with _main_is_not_rerun_by_children():
                self._engine = LLMEngine.from_engine_args(arguments, usage_context=UsageContext.LLM_CLASS)
        except (ValueError, OSError) as error:
            raise UserError(
                f"vLLM can't serve this model: {str(error).strip()}",
                where=f"models.{model['name']}, weights in {folder}",
                fix="change `context`, `dtype` or `engine_args` of that entry (docs/models.md)",
            ) from error
        except RuntimeError as error:
            raise InfrastructureError(
                f"vLLM did not start: {str(error).strip()}",
                where=f"models.{model['name']}",
                fix="look above in this log; if memory is short, give the job more or lower `context`",
            ) from error
        from vllm.platforms import current_platform

        ranks = self._engine.vllm_config.parallel_config.world_size
        self.gpus: int = 0 if current_platform.is_cpu() else ranks
        self._tokenizer = self._engine.get_tokenizer()
        # Twice what runs at once: the scheduler always finds the next request waiting.
        self._in_flight = 2 * self._engine.vllm_config.scheduler_config.max_num_seqs

    def generate(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Completion]]:
        """See the interface. A prefix needs no warm-up request: vLLM enters a prompt's blocks into its cache when it
        schedules them, so that even requests of the same step share them.
        """
        source, exhausted = iter(requests), False
        running: dict[str, Request] = {}
        while not exhausted or running:
            while not exhausted and len(running) < self._in_flight:
                request = next(source, None)
                if request is None:
                    exhausted = True
                    break
                tokens = self._encode(request.prompt)
                if len(tokens) + request.sampling.max_tokens > self.window:
                    yield request, Completion("", PROMPT_TOO_LONG, len(tokens))
                else:
                    self._add(request, tokens)
                    running[request.key] = request
            for output in self._step() if running else ():
                if output.finished:
                    yield running.pop(output.request_id), _completion(output)

    def close(self) -> None:
        self._engine.engine_core.shutdown()

    def _encode(self, text: str) -> list[int]:
        """Tokens of a prompt. A chat template may have put the token for the beginning already."""
        bos = self._tokenizer.bos_token
        return self._tokenizer.encode(text, add_special_tokens=not (bos and text.startswith(bos)))

    def _add(self, request: Request, tokens: list[int]) -> None:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        sampling = request.sampling
        parameters = SamplingParams(
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            max_tokens=sampling.max_tokens,
            stop=list(sampling.stop),
            seed=sampling.seed,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        (prompt,) = self._engine.renderer.render_cmpl([{"prompt_token_ids": tokens}])
        self._engine.add_request(request.key, prompt, parameters)

    def _step(self) -> list:
        try:
            return self._engine.step()
        except Exception as error:
            raise InfrastructureError(
                f"vLLM stopped: {type(error).__name__}: {str(error).strip()}",
                fix="look above in this log; run again: finished rows are in the journal and not generated twice",
            ) from error


def engine_arguments(model: dict, folder: str) -> Any:
    """vLLM's EngineArgs for a config entry and the platform that vLLM finds itself on."""
    from vllm.engine.arg_utils import EngineArgs
    from vllm.platforms import current_platform

    given, where = model["engine_args"], f"models.{model['name']}.engine_args"
    known = sorted(field.name for field in fields(EngineArgs))
    for key in given:
        if key in CONFIGURED_ELSEWHERE:
            raise UserError(f"{key!r} is not set here", where=where, fix=f"use {CONFIGURED_ELSEWHERE[key]}")
        if key not in known:
            close = difflib.get_close_matches(key, known, 3, 0.5)
            raise UserError(
                f"vLLM has no engine argument {key!r}",
                where=where,
                fix=f"remove it{' or write ' + ' or '.join(close) if close else ''}",
            )
    arguments = {
        "model": folder,
        "dtype": model["dtype"],
        "max_model_len": model["context"],
        "seed": 0,
        "enable_prefix_caching": True,
        "disable_log_stats": True,
    }
    if current_platform.is_cpu():
        arguments |= cpu_arguments()
    try:
        return EngineArgs(**(arguments | given))
    except ValueError as error:
        raise UserError(f"not accepted by vLLM: {error}", where=where, fix="mend the value") from error


def cpu_arguments() -> dict:
    """Engine arguments for CPUs; sets the environment that vLLM's CPU platform reads, where it is not set."""
    import psutil

    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    space = min(4, max(1, psutil.virtual_memory().available // (4 * GIB)))
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", str(space))
    os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", ",".join(map(str, cores)))  # by default one core is kept back
    os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    return {
        "enforce_eager": True,  # compiling takes longer than it saves
        # vLLM's CPU sampler fails on a request with a seed when its prompt is prefilled in pieces.
        "enable_chunked_prefill": False,
        "block_size": 32,  # the cache works in whole blocks; 128, the default, leaves too much of a prompt outside
    }


def _completion(output: Any) -> Completion:
    answer = output.outputs[0]
    return Completion(
        text=answer.text,
        finish_reason=str(answer.finish_reason),
        prompt_tokens=len(output.prompt_token_ids),
        cached_tokens=output.num_cached_tokens or 0,
        output_tokens=len(answer.token_ids),
    )


@contextmanager
def _main_is_not_rerun_by_children() -> Iterator[None]:
    """Keeps processes that vLLM spawns from importing the main script, which would run the whole job once more."""
    original = spawn.get_preparation_data

    def without_main(name: str) -> dict:
        data = original(name)
        return {key: value for key, value in data.items() if not key.startswith("init_main")}

    spawn.get_preparation_data = without_main
    try:
        yield
    finally:
        spawn.get_preparation_data = original


def _keep_console_quiet() -> None:
    """Where there is a log file, vLLM's many warnings go there alone."""
    handlers = logging.getLogger().handlers
    if any(isinstance(handler, logging.FileHandler) for handler in handlers):
        for handler in handlers:
            if not isinstance(handler, logging.FileHandler):
                handler.addFilter(lambda record: not record.name.startswith("vllm") or record.levelno >= logging.ERROR)
