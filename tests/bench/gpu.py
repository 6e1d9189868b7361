"""Speed of fine-tuning and generation on the accelerator at hand: tokens a second, share of the peak, memory.

    PYTHONPATH=scripts python tests/bench/gpu.py [--sizes 0.5b 1.5b 7b] [--output gpu.json]

Needs torch, transformers, accelerate, peft and trl; vLLM is used for generation where it can be imported. Models are
Qwen2.5-Coder's shapes with random weights (speed does not depend on their values), rows are random tokens with lengths
like those of instruction pairs. The trainer gets its arguments from the same functions as `scripts/train.py`: bfloat16
by autocast over float32 weights for full fine-tuning, a frozen bfloat16 base under LoRA. Every measurement runs in a
process of its own, so that memory is counted from nothing; one that fails has its reason in the table.
`--sizes tiny` runs on a CPU in seconds and measures nothing of interest. What is counted as a FLOP is in `flops.py`
beside this file.
"""

import argparse
import importlib.util
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from flops import SHAPES, model_flops, peak_tflops
from workload import MAX_TOKENS, Meter, build_model, random_rows

WARM_UP_STEPS = 3  # kernels are chosen and memory is laid out

# Rows of up to MAX_TOKENS that a device of 140 GB takes at once without gradient checkpointing. For 7b in full: float32
# weights 30 GB, their gradients 30 GB, bfloat16 copies 15 GB, activations about 9 MB a token.
ROWS_AT_ONCE = {"tiny": 2, "0.5b": 12, "1.5b": 8, "7b": 2}


@dataclass(frozen=True)
class Case:
    """One measurement. `kind` is train or generate; `method` and `packing` belong to training."""

    kind: str
    size: str
    method: str = ""
    packing: bool = False
    steps: int = 12
    checkpointing: bool = False
    master_weights: bool = True
    prompts: int = 256
    new_tokens: int = 256
    engine: str = ""


def measure_training(case: Case) -> dict:
    """Tokens a second, model TFLOP/s and memory of the steps after the warm-up."""
    import torch
    from transformers import TrainerCallback
    from trl import SFTTrainer

    from selfalign.models.fake import fake_tokenizer
    from selfalign.training.model import attention
    from selfalign.training.recipe import lora_config, trainer_config
    from selfalign.training.rows import to_dataset
    from selfalign.training.watch import peak_memory_mb

    gpu = torch.cuda.is_available()
    full = case.method == "full"
    widened = full and case.master_weights
    # Packed rows become one long sequence; without FlashAttention every token then meets every other under a mask.
    micro = 1 if case.packing and attention() == "sdpa" else ROWS_AT_ONCE[case.size]
    recipe = {
        "method": case.method,
        "lora": {"rank": 16, "alpha": 32, "dropout": 0.0},
        "optimizer": "adafactor" if full else "adamw",
        "learning_rate": 1e-5,
        "schedule": "constant",
        "warmup_ratio": 0.0,
        "weight_decay": 0.0,
        "max_grad_norm": 1.0,
        "epochs": 1,
        "max_steps": case.steps,
        "batch_size": micro,
        "micro_batch_size": micro,
        "max_tokens": MAX_TOKENS,
        "packing": case.packing,
        "precision": "bfloat16" if gpu else "float32",
        "gradient_checkpointing": case.checkpointing,
        "save_steps": None,
        "seed": 0,
    }
    model = build_model(case.size, torch.float32 if not gpu or widened else torch.bfloat16, attention())
    rows = random_rows((case.steps + 1) * micro * (4 if case.packing else 1), SHAPES[case.size][5])
    ends: list[float] = []

    class Clock(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            if gpu:
                torch.cuda.synchronize()
            ends.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as output:
        arguments = trainer_config(recipe, output, 1, use_cpu=not gpu)
        arguments.save_strategy = "no"
        trainer = SFTTrainer(
            model=model,
            args=arguments,
            train_dataset=to_dataset(rows),
            processing_class=fake_tokenizer(),
            peft_config=lora_config(recipe),
            callbacks=[Clock()],
        )
        meter = trainer.data_collator = Meter(trainer.data_collator)
        adapter = 0 if full else sum(p.numel() for p in trainer.model.parameters() if p.requires_grad)
        trainer.train()
    seconds = ends[-1] - ends[WARM_UP_STEPS - 1]
    used = meter.batches[WARM_UP_STEPS : len(ends)]
    tokens = sum(sum(lengths) for lengths, _ in used)
    flops = sum(model_flops(case.size, lengths, scored, adapter, full) for lengths, scored in used)
    return {
        "tokens_per_second": tokens / seconds,
        "tflops": flops / seconds / 1e12,
        "step_seconds": statistics.median(
            b - a for a, b in zip(ends[WARM_UP_STEPS - 1 :], ends[WARM_UP_STEPS:], strict=False)
        ),
        "peak_memory_gb": peak_memory_mb() / 1e3,
        "rows_at_once": micro,
        "attention": attention(),
    }


def measure_generation(case: Case) -> dict:
    """Output tokens a second, all prompts at once, after a warm-up."""
    import torch

    draw = random.Random(0)
    vocabulary = SHAPES[case.size][5]
    prompts = [
        [draw.randrange(2, vocabulary) for _ in range(min(512, 2 * case.new_tokens))] for _ in range(case.prompts)
    ]
    dtype = torch.bfloat16 if torch.cuda.is_available() else torch.float32
    if case.engine == "vllm":
        seconds = _vllm_seconds(case, prompts, dtype)
    else:
        seconds = _transformers_seconds(case, prompts, dtype)
    return {"tokens_per_second": case.prompts * case.new_tokens / seconds, "engine": case.engine}


def _vllm_seconds(case: Case, prompts: list[list[int]], dtype: Any) -> float:
    import torch

    with tempfile.TemporaryDirectory() as folder:
        model = build_model(case.size, dtype, "sdpa")
        model.save_pretrained(folder)
        del model
        torch.cuda.empty_cache()
        from vllm import LLM, SamplingParams

        engine = LLM(
            model=folder,
            skip_tokenizer_init=True,
            dtype=str(dtype).removeprefix("torch."),
            max_model_len=len(prompts[0]) + case.new_tokens,
            gpu_memory_utilization=0.85,
            enable_prefix_caching=False,
            seed=0,
        )
        sampling = SamplingParams(temperature=0.0, max_tokens=case.new_tokens, ignore_eos=True, detokenize=False)
        requests = [{"prompt_token_ids": prompt} for prompt in prompts]
        engine.generate(requests[:2], sampling, use_tqdm=False)
        started = time.perf_counter()
        engine.generate(requests, sampling, use_tqdm=False)
        return time.perf_counter() - started


def _transformers_seconds(case: Case, prompts: list[list[int]], dtype: Any) -> float:
    import torch

    model = build_model(case.size, dtype, "sdpa").eval()
    ids = torch.tensor(prompts, device=model.device)
    options = {"do_sample": False, "max_new_tokens": case.new_tokens, "min_new_tokens": case.new_tokens}
    model.generate(ids[:2], attention_mask=torch.ones_like(ids[:2]), **options)
    started = time.perf_counter()
    output = model.generate(ids, attention_mask=torch.ones_like(ids), **options)
    seconds = time.perf_counter() - started
    assert output.shape[1] == len(prompts[0]) + case.new_tokens
    return seconds


def run_apart(case: Case, timeout: float) -> dict:
    """A measurement in a process of its own, or why there is none."""
    command = [sys.executable, __file__, "--case", json.dumps(asdict(case))]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        return {"failed": f"took more than {timeout:.0f} s"}
    lines = [line for line in done.stdout.splitlines() if line.startswith('{"figures"')]
    if done.returncode or not lines:
        told = [line for line in done.stderr.splitlines() if line.strip()]
        memory = [line for line in told if "out of memory" in line.lower()]
        return {"failed": (memory or told or [f"status {done.returncode}"])[-1][:160]}
    return json.loads(lines[-1])["figures"]


def table(results: list[tuple[Case, dict]], peak: float | None) -> str:
    """The results in Markdown."""
    lines = [
        "| size | what | tokens/s | TFLOP/s | MFU | memory, GB | rows at once | with |",
        "|---|---|" + "---:|" * 5 + "---|",
    ]
    for case, figures in results:
        what = f"{case.method}{', packed' if case.packing else ''}" if case.kind == "train" else "generation"
        if "failed" in figures:
            lines.append(f"| {case.size} | {what} | | | | | | {figures['failed'].replace('|', '/')} |")
            continue
        tflops = figures.get("tflops")
        cells = [
            f"{figures['tokens_per_second']:,.0f}",
            f"{tflops:.3g}" if tflops is not None else "",
            f"{tflops / peak:.1%}" if tflops is not None and peak else "",
            f"{figures['peak_memory_gb']:.1f}" if "peak_memory_gb" in figures else "",
            str(figures.get("rows_at_once", case.prompts)),
            figures.get("attention") or figures["engine"],
        ]
        lines.append(f"| {case.size} | {what} | {' | '.join(cells)} |")
    return "\n".join(lines)


def device() -> tuple[str, float | None]:
    """Name of the accelerator, and its dense bfloat16 peak in TFLOP/s where it is known."""
    import torch

    if not torch.cuda.is_available():
        return "CPU", None
    name = torch.cuda.get_device_name()
    return name, peak_tflops(name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--sizes", nargs="+", choices=SHAPES, default=["0.5b", "1.5b", "7b"])
    parser.add_argument("--methods", nargs="+", choices=["full", "lora"], default=["full", "lora"])
    parser.add_argument("--steps", type=int, default=12, help=f"the first {WARM_UP_STEPS} are not counted")
    parser.add_argument("--gradient-checkpointing", action="store_true")
    parser.add_argument(
        "--bfloat16-weights", action="store_true", help="full fine-tuning without float32 master weights"
    )
    parser.add_argument("--prompts", type=int, default=256, help="0: no generation")
    parser.add_argument("--new-tokens", type=int, default=256)
    parser.add_argument("--engine", choices=["auto", "vllm", "transformers"], default="auto")
    parser.add_argument("--peak-tflops", type=float, help="dense bfloat16 peak of a device that the table lacks")
    parser.add_argument("--timeout", type=float, default=900, help="seconds for one measurement")
    parser.add_argument("--output", help="also write the figures to this JSON file")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        case = Case(**json.loads(options.case))
        figures = measure_training(case) if case.kind == "train" else measure_generation(case)
        print(json.dumps({"figures": figures}))
        return
    if options.steps <= WARM_UP_STEPS:
        parser.error(f"--steps must be above {WARM_UP_STEPS}")
    engine = options.engine
    if engine == "auto":
        engine = "vllm" if importlib.util.find_spec("vllm") else "transformers"
    cases = [
        Case(
            *("train", size, method, packing, options.steps),
            checkpointing=options.gradient_checkpointing,
            master_weights=not options.bfloat16_weights,
        )
        for size in options.sizes
        for method in options.methods
        for packing in (False, True)
    ]
    if options.prompts:
        cases += [
            Case("generate", size, prompts=options.prompts, new_tokens=options.new_tokens, engine=engine)
            for size in options.sizes
        ]
    name, peak = device()
    peak = options.peak_tflops or peak
    results = [(case, run_apart(case, options.timeout)) for case in cases]
    print(f"{name}, peak {peak or 'unknown'} TFLOP/s\n\n{table(results, peak)}")
    if options.output:
        record = {
            "device": name,
            "peak_tflops": peak,
            "results": [{**asdict(case), **figures} for case, figures in results],
        }
        Path(options.output).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    if all("failed" in figures for _, figures in results):
        sys.exit(1)


if __name__ == "__main__":
    main()
