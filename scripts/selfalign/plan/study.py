"""The plan of a whole study: all stages in order, totals, advice."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from selfalign.backends import engine_gpus
from selfalign.candidates import candidates, model_of
from selfalign.methods import layout
from selfalign.plan.assumptions import BYTES, PROMPT_TOKENS, TOKENS, Assumptions, billions, defaults
from selfalign.plan.measured import (
    same_seeds,
    seeds_found,
    weight_bytes,
    with_completions,
    with_generation,
    with_pairs,
    with_training,
)
from selfalign.plan.shards import Advice, advise_shards
from selfalign.plan.stages import (
    LOCAL_RULES,
    Machine,
    StagePlan,
    completion_stages,
    generator_stages,
    single,
    training_stage,
)

SEEDS_WITHOUT_LIMIT = 10_000
MINED_A_SEED = 20
"""Functions that are looked at for one seed that is kept."""


@dataclass
class ServerUse:
    """What a study asks of a model behind an endpoint.

    Attributes:
        cost: at the `price` in config, all prompt tokens at full price; None without one.
    """

    model: str
    requests: int
    prompt_tokens: int
    output_tokens: int
    cost: float | None


@dataclass
class StudyPlan:
    """Stages in the order in which they run; `notes` say what was assumed, what measured, and what to look at."""

    machine: Machine
    stages: list[StagePlan] = field(default_factory=list)
    advice: dict[str, Advice] = field(default_factory=dict)
    servers: list[ServerUse] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seeds: int = 0
    shards: int = 0

    @property
    def jobs(self) -> int:
        """Jobs of the cluster: steps of the login node are none."""
        return sum(stage.jobs for stage in self.stages if stage.stage not in LOCAL_RULES)

    @property
    def gpu_hours(self) -> float:
        return sum(stage.gpu_hours for stage in self.stages)

    @property
    def disk_bytes(self) -> float:
        return sum(stage.disk_bytes for stage in self.stages)

    @property
    def wall_seconds(self) -> float:
        """One rule after the other. Stages of a rule run beside one another, as far as GPUs and places in the queue go;
        those of one owner, rounds of evolution, one after the other."""
        rules: dict[str, list[StagePlan]] = {}
        for stage in self.stages:
            rules.setdefault(stage.stage, []).append(stage)
        return sum(map(self._rule_seconds, rules.values()))

    def _rule_seconds(self, stages: list[StagePlan]) -> float:
        chains: dict[str, float] = {}
        for stage in stages:
            chains[stage.owner] = chains.get(stage.owner, 0.0) + stage.wall_seconds
        on_gpus = sum(3600 * stage.gpu_hours for stage in stages) / self.machine.gpus
        in_queue = sum(stage.jobs * stage.job_seconds for stage in stages) / self.machine.jobs
        return max(*chains.values(), on_gpus, in_queue)


class Planner:
    """Plans a resolved config for a machine; what earlier runs below `folder` measured replaces the defaults."""

    def __init__(self, config: dict, machine: Machine, folder: Path, seeds: int | None = None):
        self.config, self.machine, self.folder = config, machine, folder
        self.plan = StudyPlan(machine, shards=config["seeds"]["shards"])
        self.plan.seeds = self._seeds(seeds)

    def make(self) -> StudyPlan:
        self._fetching()
        self._mining()
        unique: dict[str, int] = {}
        for name in layout.in_order(self.config):
            unique[name] = self._generator(name, unique)
        pairs = {name: self._dataset(name, unique) for name in self.config["datasets"]}
        for name in self.config["checkpoints"]:
            self._checkpoint(name, pairs)
        for name in candidates(self.config):
            found = self._assumptions(model_of(self.config, name))
            found = with_completions(found, self.folder / "results" / "evaluation" / name)
            self.plan.stages += completion_stages(name, self.config, found, self.machine)
        self.plan.stages.append(single("write_report", "", 0, 30, 5e6))
        self.plan.servers = self._servers()
        self._look_at_limits()
        return self.plan

    def _seeds(self, given: int | None) -> int:
        limit, found = self.config["seeds"]["limit"], seeds_found(self.folder / "results")
        if found is not None and given is None:
            if same_seeds(self.folder / "results", self.config["seeds"]):
                self.plan.notes.append(f"seeds: {found:,}, as an earlier run in this folder found")
            else:
                self.plan.notes.append(
                    f"seeds: the {found:,} that an earlier run in this folder found are not used, its `seeds` are other ones"
                )
                found = None
        if given is None and found is None:
            word = "seeds.limit is reached" if limit else f"{SEEDS_WITHOUT_LIMIT} seeds, since there is no limit"
            self.plan.notes.append(f"assumed: {word} (--seeds N says otherwise)")
        known = given or found or limit or SEEDS_WITHOUT_LIMIT
        return min(known, limit or known)

    def _servers(self) -> list[ServerUse]:
        uses = []
        for name, entry in self.config["models"].items():
            stages = [stage for stage in self.plan.stages if stage.model == name]
            if entry["engine"] == "endpoint" and stages:
                prompt, output = (
                    round(sum(getattr(stage, key) for stage in stages)) for key in ("prompt_tokens", "output_tokens")
                )
                price = entry["price"]
                cost = (prompt * price["prompt"] + output * price["output"]) / 1e6 if price else None
                uses.append(ServerUse(name, sum(stage.rows for stage in stages), prompt, output, cost))
        return uses

    def _size(self, model: str) -> float:
        return billions(model, self.config["models"][model], weight_bytes(self.folder / "resources", model))

    def _assumptions(self, model: str, lora: bool = False) -> Assumptions:
        return defaults(self._size(model), engine_gpus(self.config["models"][model]), lora)

    def _fetching(self) -> None:
        generating = {model for name in self.config["generators"] for model in layout.models_of(self.config, name)}
        for model in sorted(generating | {model_of(self.config, name) for name in candidates(self.config)}):
            engine = self.config["models"][model]["engine"]
            disk = self._size(model) * 2e9 if engine == "vllm" else 0
            self.plan.stages.append(single("fetch_model", model, 0, disk / 50e6, disk))
        for name, corpus in self.config["seeds"]["corpora"].items():
            if corpus["kind"] == "pypi":
                self.plan.stages.append(single("fetch_corpus", name, 0, 30))
        for name in self.config["evaluation"]["benchmarks"]:
            self.plan.stages.append(single("fetch_benchmark", name, 0, 5))
        benchmarks = self.config["evaluation"]["benchmarks"].values()
        for lock in sorted({spec["libraries"] for spec in benchmarks if spec["libraries"]}):
            self.plan.stages.append(single("build_sandbox_with_libraries", Path(lock).stem, 0, 600, 3e9))
        self.plan.stages += [single("build_sandbox", "", 0, 180, 120e6), single("write_manifest", "", 0, 5)]

    def _mining(self) -> None:
        kinds, seeds = layout.seed_kinds(self.config), self.plan.seeds
        for kind in sorted({*kinds} - {"functions"}):
            corpora = layout.corpora_of(self.config, kind)
            mined = seeds * MINED_A_SEED // 10 // max(len(corpora), 1)
            for name in corpora:
                self.plan.stages.append(single(f"mine_{kind}", name, mined, 5 + mined / 1000, mined * BYTES["seeds"]))
            self.plan.stages.append(
                single("gather_other_seeds", kind, 2 * seeds, 10 + 2 * seeds / 3000, seeds * BYTES["seeds"])
            )
        if "functions" in kinds:
            self._functions()

    def _functions(self) -> None:
        corpora = layout.corpora_of(self.config, "functions")
        mined = self.plan.seeds * MINED_A_SEED // max(len(corpora), 1)
        threads = min(8, self.machine.cpu_threads)
        for name in corpora:
            # On one core, as measured (docs/performance.md): mining 2,600 functions a second, type-checking 50 a core.
            self.plan.stages.append(single("mine_seeds", name, mined, 5 + mined / 2600, mined * BYTES["seeds"] / 2))
            if self.config["seeds"]["typecheck"]:
                kept = mined // 5
                self.plan.stages.append(
                    single("typecheck_seeds", name, kept, 10 + kept / 50 / threads, kept * BYTES["seeds"])
                )
        seeds = self.plan.seeds
        self.plan.stages.append(single("gather_seeds", "", mined // 5, 10 + mined / 5 / 3000, seeds * BYTES["seeds"]))

    def _generator(self, name: str, known: dict[str, int]) -> int:
        model, source = self.config["generators"][name]["model"], self.config["generators"][name]["tasks_of"]
        assumed = self._assumptions(model) if model else defaults(1, 0)
        assumed = replace(assumed, **tokens_of(self.config, name))
        found = with_generation(assumed, self.folder / "results" / "generators" / name)
        given = known.get(source, 0)
        stages, unique = generator_stages(name, self.config, self.plan.seeds, found, self.machine, given)
        self.plan.stages += stages
        if not model:
            return unique
        busy = [stage for stage in stages if stage.start_seconds or stage.gpus]
        longest = max(busy, key=lambda stage: stage.work_seconds, default=None)
        if longest and longest.gpus:
            self.plan.advice[name] = advise_shards(
                longest.work_seconds, longest.start_seconds, 60 * longest.limit_minutes, longest.places, self.plan.seeds
            )
        self._note(f"generator {name} ({self._size(model):.3g} B)", found)
        return unique

    def _dataset(self, name: str, unique: dict[str, int]) -> int:
        spec = self.config["datasets"][name]
        found = with_pairs(defaults(1, 1), self.folder / "results" / "datasets" / name / "counts.json")
        tasks = sum(unique[generator] for generator in spec["generators"])
        share = found.kept["pairs"] if spec["policy"] == "passing" or "kept" in found.measured else 0.8
        pairs = min(round(tasks * share), spec["limit"] or tasks)
        self.plan.stages.append(single("build_dataset", name, tasks, 10 + tasks / 500, pairs * BYTES["pairs"] * 2))
        return pairs

    def _checkpoint(self, name: str, pairs: dict[str, int]) -> None:
        entry = self.config["checkpoints"][name]
        lora = entry["recipe"]["method"] == "lora"
        found = with_training(
            self._assumptions(entry["model"], lora), self.folder / "results" / "checkpoints" / name / "training.json"
        )
        rows = round(pairs[entry["dataset"]] * (1 - self.config["datasets"][entry["dataset"]]["held_out"]))
        self.plan.stages.append(
            training_stage(name, self.config, rows, self._size(entry["model"]), found, self.machine)
        )
        self._note(f"checkpoint {name}", found)

    def _note(self, what: str, found: Assumptions) -> None:
        names = ", ".join(sorted(found.measured)) or "nothing"
        self.plan.notes.append(f"{what}: measured in this folder: {names}; the rest by default rates")

    def _look_at_limits(self) -> None:
        # Whatever a first try asks for, the partition's limit is the most.
        self.plan.stages = [
            stage if stage.gpus else replace(stage, limit_minutes=min(stage.limit_minutes, self.machine.cpu_minutes))
            for stage in self.plan.stages
        ]
        for stage in self.plan.stages:
            if stage.gpus > self.machine.gpus:
                self.plan.notes.append(
                    f"{stage.stage} {stage.owner} wants {stage.gpus} GPUs a job, the site file allows {self.machine.gpus} in all"
                )
            if stage.too_long and stage.stage not in LOCAL_RULES:
                self.plan.notes.append(
                    f"{stage.stage} {stage.owner}: a job takes {stage.job_seconds / 3600:.1f} h and asks for "
                    f"{stage.limit_minutes / 60:.0f} h at first; more shards, or more devices"
                )
        for name, advice in self.plan.advice.items():
            if advice.shards != self.plan.shards:
                self.plan.notes.append(
                    f"seeds.shards is {self.plan.shards}; {advice.shards} would suit generator {name}: {advice.why}"
                )


def tokens_of(config: dict, generator: str) -> dict[str, dict[str, float]]:
    """Default lengths of a generator's prompts and answers. A method whose tasks bring their answers writes both at once."""
    method, tokens = layout.method_of(config, generator), dict(TOKENS)
    if "responses" in method.direct:
        tokens["tasks"] += tokens["responses"]
    return {"tokens": tokens, "prompt_tokens": dict(PROMPT_TOKENS[config["generators"][generator]["style"]])}
