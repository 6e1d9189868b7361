"""A resolved config as stages with rows, jobs, time and disk. Pure: what was measured comes in as assumptions."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from selfalign.backends import engine_gpus
from selfalign.benchmarks import BENCHMARKS
from selfalign.candidates import model_of
from selfalign.methods import layout
from selfalign.plan.assumptions import BYTES, RESUMABLE_CHECKPOINTS, Assumptions

FIRST_TRY_MINUTES = {"generation": 720, "training": 720, "verdicts": 360, "other": 120}
"""Run time that jobs ask for at their first try, where the partition allows it (profiles/slurm/profile.yaml)."""
VERDICT_THREADS = 32
RESPONSE_LATENCY = 2.0
"""Seconds that an endpoint takes for one answer."""
LOCAL_RULES = (
    "fetch_model", "fetch_corpus", "fetch_benchmark", "build_sandbox", "build_sandbox_with_libraries", "write_manifest",
)  # fmt: skip
"""Steps of the login node (localrules)."""


@dataclass(frozen=True)
class Machine:
    """What can run at once: of a cluster's profile, or of one machine.

    Attributes:
        gpus: that all jobs together hold.
        jobs: in the queue at once.
        gpu_minutes, cpu_minutes: time limits of the partitions.
        cpu_threads: of one CPU job.
    """

    gpus: int
    jobs: int
    gpu_minutes: int
    cpu_minutes: int
    cpu_threads: int


@dataclass(frozen=True)
class StagePlan:
    """One stage of one generator, dataset, checkpoint or benchmark.

    Attributes:
        stage: rule; owner: generator, dataset, checkpoint, or candidate and benchmark; "" for all.
        rows: that go in. jobs: of the cluster. gpus: of one job.
        job_seconds: of one job, start included. places: jobs that can run at once.
        disk_bytes: of what is written.
        limit_minutes: what a job's first try asks for.
        model: that answers, with the tokens of all prompts and answers.
    """

    stage: str
    owner: str
    rows: int
    jobs: int
    gpus: int = 0
    job_seconds: float = 0.0
    places: int = 1
    disk_bytes: float = 0.0
    limit_minutes: int = 0
    work_seconds: float = 0.0
    start_seconds: float = 0.0
    model: str = ""
    prompt_tokens: float = 0.0
    output_tokens: float = 0.0

    @property
    def gpu_hours(self) -> float:
        return self.jobs * self.gpus * self.job_seconds / 3600

    @property
    def wall_seconds(self) -> float:
        """Full waves of jobs, one after the other."""
        return math.ceil(self.jobs / max(min(self.places, self.jobs), 1)) * self.job_seconds

    @property
    def too_long(self) -> bool:
        """Whether a job is not done within its first try."""
        return bool(self.limit_minutes) and self.job_seconds > 60 * self.limit_minutes


def generation_seconds(model: dict, found: Assumptions, requests: float, tokens: float) -> tuple[float, float]:
    """Seconds that one engine needs for requests of a length, and to start."""
    if model["engine"] == "fake":
        return 0.0, 0.0
    if model["engine"] == "endpoint" and "tokens_per_second" not in found.measured:
        return requests * RESPONSE_LATENCY / model["endpoint"]["concurrency"], 0.0
    return requests * tokens / found.tokens_per_second, found.engine_start_seconds


def generation_stage(
    rule: str, owner: str, model: dict, found: Assumptions, requests: int, jobs: int, machine: Machine, row_bytes: int
) -> StagePlan:
    """Args: model: entry of `models`, with its `name`."""
    stage = rule.removeprefix("generate_").removeprefix("evolve_")
    work, start = generation_seconds(model, found, requests, found.tokens[stage])
    gpus = engine_gpus(model) if model["engine"] == "vllm" else 0
    places = max(min(machine.jobs, machine.gpus // gpus if gpus else machine.jobs), 1)
    return StagePlan(
        rule, owner, requests, jobs, gpus, work / jobs + start, places, requests * row_bytes * 2,
        min(FIRST_TRY_MINUTES["generation"], machine.gpu_minutes), work, start, model["name"],
        requests * found.prompt_tokens[stage], requests * found.tokens[stage],
    )  # fmt: skip


def generator_stages(
    name: str, config: dict, seeds: int, found: Assumptions, machine: Machine, given_tasks: int = 0
) -> tuple[list[StagePlan], int]:
    """The stages of a generator, and how many unique tasks it answers.

    Args:
        given_tasks: unique tasks of the generator in `tasks_of`, for methods that start from tasks.
    """
    generator, method = config["generators"][name], layout.method_of(config, name)
    shards, stages = config["seeds"]["shards"], []

    def generated(rule: str, requests: int, section: str) -> StagePlan:
        model = {"name": generator["model"], **config["models"][generator["model"]]}
        return generation_stage(rule, name, model, found, requests, shards, machine, BYTES[section])

    def adopted(rule: str, rows: int, section: str) -> StagePlan:
        return StagePlan(
            rule, name, rows, shards, 0, 2 + rows / shards / 5000, machine.jobs, rows * BYTES[section], 120
        )

    given_tasks = round(given_tasks * generator["share"])
    rows = seeds
    if method.concepts:
        stages.append(generated("generate_concepts", rows, "concepts"))
        rows = round(rows * found.kept["concepts"])
    if method.tasks:
        direct = "tasks" in method.direct
        stages.append(adopted("adopt_tasks", rows, "tasks") if direct else generated("generate_tasks", rows, "tasks"))
        tasks = round(rows * found.kept["tasks"])
    elif method.rounds:
        rounds = generator["evolution"]["rounds"]
        stages += [generated("evolve_tasks", given_tasks, "tasks")] * rounds
        tasks = round(given_tasks * rounds * found.kept["tasks"])
    unique = given_tasks
    if method.tasks or method.rounds:
        unique = round(tasks * found.kept["unique_tasks"])
        # Exact and near duplicates at some 3,000 rows a second.
        stages.append(StagePlan("dedup_tasks", name, tasks, 1, 0, 10 + tasks / 3000, 1, unique * BYTES["tasks"], 120))
    responses = unique
    if "responses" not in method.direct:
        responses = unique * generator["responses"]["samples"]
        stages.append(generated("generate_responses", responses, "responses"))
        responses = round(responses * found.kept["responses"])
    else:
        stages.append(adopted("adopt_responses", responses, "responses"))
    if layout.is_judged(config, name):
        if not method.tested:
            stages.append(generated("generate_tests", responses, "tests"))
            responses = round(responses * found.kept["tests"])
        stages.append(verdict_stage(name, responses, shards, found, machine))
    return stages, unique


def verdict_stage(name: str, responses: int, shards: int, found: Assumptions, machine: Machine) -> StagePlan:
    threads = min(VERDICT_THREADS, machine.cpu_threads)
    work = responses * found.execution_seconds / threads
    return StagePlan(
        "validate_responses", name, responses, shards, 0, work / shards + 2, machine.jobs,
        responses * BYTES["verdicts"] * 2, min(FIRST_TRY_MINUTES["verdicts"], machine.cpu_minutes), work, 2,
    )  # fmt: skip


def training_stage(name: str, config: dict, pairs: int, size: float, found: Assumptions, machine: Machine) -> StagePlan:
    checkpoint = config["checkpoints"][name]
    recipe = checkpoint["recipe"]
    parallel = recipe["parallel"]
    devices = (parallel["gpus"] or 1) * parallel["nodes"]
    # Packed sequences are full; rows are what they are.
    batch_tokens = recipe["batch_size"] * (recipe["max_tokens"] if recipe["packing"] else found.pair_tokens)
    tokens = batch_tokens * recipe["max_steps"] if recipe["max_steps"] else pairs * found.pair_tokens * recipe["epochs"]
    work = tokens / (found.training_tokens_per_second * devices)
    fake = config["models"][checkpoint["model"]]["engine"] == "fake"
    width = 2 if recipe["precision"] == "bfloat16" else 4
    # A resumable checkpoint of a full run: weights and, with AdamW, two moments in float32; an adapter's is small.
    resumable = 0 if recipe["method"] == "lora" else 4 + (8 if recipe["optimizer"] == "adamw" else 0)
    disk = size * 1e9 * (width + RESUMABLE_CHECKPOINTS * resumable) + pairs * BYTES["pairs"]
    return StagePlan(
        "train_checkpoint", name, pairs, 1, devices, 0 if fake else work + 2 * found.engine_start_seconds, 1,
        0 if fake else disk, min(FIRST_TRY_MINUTES["training"], machine.gpu_minutes), work, 0,
    )  # fmt: skip


def completion_stages(
    candidate: str, config: dict, found: Assumptions, machine: Machine, jobs: int = 1
) -> list[StagePlan]:
    name = model_of(config, candidate)
    model = {"name": name, **config["models"][name]}
    stages = []
    for benchmark, spec in config["evaluation"]["benchmarks"].items():
        problems = BENCHMARKS[spec["kind"]].size(spec["variant"])
        rows = min(spec["limit"] or problems, problems) * spec["samples"]
        owner = f"{candidate}, {benchmark}"
        stages.append(
            generation_stage(
                "generate_completions", owner, model, found, rows, spec["shards"], machine, BYTES["completions"]
            )
        )
        seconds = 5 + rows * found.execution_seconds * 4 / min(16, machine.cpu_threads)
        stages.append(StagePlan("score_completions", owner, rows, 1, 0, seconds, machine.jobs, rows * 500, 120))
    return stages


def single(rule: str, owner: str, rows: int, seconds: float, disk: float = 0.0) -> StagePlan:
    return StagePlan(rule, owner, rows, 1, 0, seconds, 1, disk, FIRST_TRY_MINUTES["other"])


AssumptionsOf = Callable[[str, str], Assumptions]
"""Assumptions by kind ("generator", "checkpoint", "candidate") and name."""
