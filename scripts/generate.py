"""Has a language model answer the rows of one shard: concepts, tasks, responses, tests, benchmark completions."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from selfalign.adapter import run
from selfalign.backends import (
    PROMPT_TOO_LONG,
    Backend,
    Completion,
    Request,
    Sampling,
    open_backend,
    request_key,
    serving_identity,
)
from selfalign.cluster.gpu import check_gpus, wanted_gpus
from selfalign.errors import UserError
from selfalign.fewshots import PROMPTS
from selfalign.io import read_json, read_jsonl, write_json
from selfalign.journal import Journal
from selfalign.journal_batches import JournalBatches
from selfalign.progress import say_reuse
from selfalign.rows import digest
from selfalign.stage import StageWriter, funnel
from selfalign.stages import Prompt, Stage, open_stage
from selfalign.stages.parsing import Rejected, without_thoughts
from selfalign.usage import Progress, Usage, differ

logger = logging.getLogger("selfalign.generate")


@dataclass
class Job:
    """The rows of a shard with all that turns them into requests."""

    stage: Stage
    settings: dict
    identity: dict
    rows: list[dict]
    keys: dict[tuple[int, int], str] = field(default_factory=dict)
    """Request key by (index of the row, sample)."""

    def row_id(self, row: dict) -> str:
        return row.get("id") or self.stage.seed_id(row)

    def request(self, index: int, sample: int, prompt: Prompt) -> Request:
        row = self.row_id(self.rows[index])
        sampling = Sampling(
            temperature=float(self.settings["temperature"]),
            top_p=float(self.settings["top_p"]),
            max_tokens=self.settings["max_tokens"],
            stop=prompt.stop,
            seed=sampling_seed(self.stage.name, row, sample, self.settings.get("repeat", 0)),
        )
        key = request_key(self.identity, prompt.text, sampling, sample)
        return Request(key, row, prompt.text, prompt.prefix, sampling, sample)

    def requests(self) -> Iterator[tuple[int, Request, Prompt]]:
        """Every request in the order of the rows; a prompt lives no longer than its row's turn."""
        for index, row in enumerate(self.rows):
            prompt = self.stage.prompt(row)
            for sample in range(self.stage.samples):
                yield index, self.request(index, sample, prompt), prompt

    def missing(self, found: set[str]) -> Iterator[Request]:
        """The requests not in `found`, by prefix, and a row's samples together: what a cache serves best."""
        for index in sorted(range(len(self.rows)), key=lambda index: self.stage.group(self.rows[index])):
            samples = [sample for sample in range(self.stage.samples) if self.keys[index, sample] not in found]
            if samples:
                prompt = self.stage.prompt(self.rows[index])
                yield from (self.request(index, sample, prompt) for sample in samples)


def sampling_seed(stage: str, row: str, sample: int, repeat: int = 0) -> int:
    """Seed of one answer, 31 bits: a function of what is asked, never of the batch that it is asked in."""
    more = (repeat,) if repeat else ()
    return int(digest("sampling", stage, row, sample, *more)[:8], 16) >> 1


def too_long_key(key: str, context: int) -> str:
    """Key under which the journal knows that a request didn't fit a window: another window is another question."""
    return f"{key}:{context}"


def model_revision(model: dict, folder: str | None) -> str:
    """What names the weights exactly: the digest or revision in their manifest, or what config says of an endpoint."""
    if model["engine"] == "endpoint":
        endpoint = model["endpoint"]
        return f"{endpoint['model']}@{endpoint['revision']}" if endpoint["revision"] else endpoint["model"]
    manifest = read_json(Path(folder) / "model.json") if folder and (Path(folder) / "model.json").is_file() else {}
    revision = manifest.get("digest") or manifest.get("revision")
    if model["engine"] == "vllm" and not revision:
        raise UserError(
            f"no digest of the weights of {model['name']!r}",
            where=f"{folder}/model.json",
            fix="delete the folder and rerun: the model is fetched anew and its digest written down",
        )
    return str(revision or "fake")


def read_rows(paths: str | list[str], shard: str | None, limit: int | None, tasks: str | None = None) -> list[dict]:
    """The rows of files, or the contiguous part that shard "i-of-n" has of the first `limit`.

    Args:
        tasks: file of the tasks that the rows answer; each row gets its task's `instruction`.
    """
    rows = [row for path in ([paths] if isinstance(paths, str) else paths) for row in read_jsonl(path)][:limit]
    if tasks:
        instructions = {task["id"]: task["instruction"] for task in read_jsonl(tasks)}
        rows = [{**row, "instruction": instructions[row["task_id"]]} for row in rows]
    if shard:
        number, count = map(int, shard.split("-of-"))
        rows = rows[len(rows) * number // count : len(rows) * (number + 1) // count]
    return rows


def main(
    stage: str,
    rows: str | list[str],
    model: dict,
    folder: str | None,
    settings: dict,
    journal: str,
    writer: str,
    kept: str,
    rejected: str,
    counts: str,
    usage: str,
    shard: str | None = None,
    prompts: str | None = None,
    gpus: int = 0,
    tasks: str | None = None,
    open_engine: Callable[[dict, str | None], Backend] = open_backend,
) -> None:
    """Generates what the journal lacks, parses all answers, and writes the rows in the order of their parents.

    Args:
        stage: its name, see :func:`selfalign.stages.open_stage`.
        rows: parent rows (JSON Lines), in one file or several.
        model: entry of `models` in the config with its `name`.
        folder: of the model's weights and manifest.
        settings: of the stage.
        journal, writer: folder of the row journal, and the name of this job in it.
        kept, rejected, counts, usage: output files; `usage` says what was reused, made, and how fast.
        shard: "i-of-n" when `rows` holds all shards' rows.
        prompts: folder of the prompts, when it is not the project's own.
        gpus: how many GPUs the job was given and has to check before it loads anything; 0: no check.
        tasks: file of the tasks that `rows` answer, for stages that show the task too.
        open_engine: makes the backend.
    """
    asking = open_stage(stage, settings, model, folder, Path(prompts) if prompts else PROMPTS)
    job = Job(
        stage=asking,
        settings=settings,
        identity=serving_identity(model, model_revision(model, folder)),
        rows=asking.select(read_rows(rows, shard, settings.get("limit"), tasks)),
    )
    for index, request, _ in job.requests():
        if not job.keys:
            logger.info("first prompt:\n%s", request.prompt)
        job.keys[index, request.sample] = request.key
    spent = Usage(model=model["name"], requests=len(job.keys), engine=model["engine"])
    wanted = set(job.keys.values())
    with Journal(journal, writer, [job.stage.seed_id(row) for row in job.rows]) as store:
        results = store.load(wanted | {too_long_key(key, model["context"]) for key in wanted})
        results = {key.split(":")[0]: result for key, result in results.items()}
        spent.reused = len(results)
        logger.info("%d requests, %d of them in the journal", len(wanted), len(results))
        if len(results) < len(wanted):
            if gpus:
                check_gpus(gpus, folder)
            results |= generate(job, set(results), model, folder, store, spent, open_engine)
    spent.versions = dict(sorted(Counter(results[key]["engine_version"] for key in wanted).items()))
    if differ(spent.versions):
        told = ", ".join(f"{version}: {number}" for version, number in spent.versions.items())
        logger.warning("answers by %d versions of what serves %s: %s", len(spent.versions), model["name"], told)
    with StageWriter(asking.role, kept=kept, rejected=rejected, counts=counts, allow_empty=not job.rows) as out:
        write_rows(job, results, model["name"], out)
    logger.info("%s", funnel(out.counts()))
    say_reuse(spent.requests, spent.reused, spent.made)
    write_json(usage, asdict(spent))


def generate(
    job: Job, found: set[str], model: dict, folder: str | None, store: Journal, spent: Usage, open_engine: Callable
) -> dict[str, dict]:
    """Asks the engine for what is missing; every answer goes to the journal. Returns the results by key."""
    started = time.monotonic()
    engine = open_engine(model, folder)
    spent.engine_start_seconds = round(time.monotonic() - started, 2)
    logger.info("engine %s %s started in %.1f s", engine.name, engine.version, spent.engine_start_seconds)
    results: dict[str, dict] = {}
    progress = Progress(spent, len(set(job.keys.values()) - found))
    try:
        with JournalBatches(store) as batches:
            for request, completion in engine.generate(job.missing(found)):
                result = asdict(completion)
                result["engine_version"] = result.pop("version") or engine.version
                result.pop("cached_tokens")  # depends on what ran before: in usage, not in rows
                long = completion.finish_reason == PROMPT_TOO_LONG
                batches.add(too_long_key(request.key, model["context"]) if long else request.key, result)
                results[request.key] = result
                progress.add(completion)
    finally:
        engine.close()
    spent.engine_version = engine.version
    # An endpoint's GPUs are somebody else's.
    spent.gpus = getattr(engine, "gpus", 0)
    progress.end()
    return results


def write_rows(job: Job, results: dict[str, dict], model_name: str, out: StageWriter) -> None:
    """Parses every answer and writes its row, in the order of rows and samples."""
    names = job.identity.get("parameters", {})
    unsaid = {"stop", *(name for name in names if names[name] is None)}  # not asked for, so not how it was made
    for index, request, prompt in job.requests():
        row, result = job.rows[index], results[request.key]
        fields = {key: value for key, value in result.items() if key != "engine_version"}
        completion = Completion(**{**fields, "text": without_thoughts(fields["text"])})
        sampling = {key: value for key, value in asdict(request.sampling).items() if key not in unsaid}
        generated = {
            "model": model_name,
            "revision": job.identity["revision"],
            "prompt_id": prompt.prompt_id,
            "sampling": sampling,
            "engine": job.identity["engine"],
            "engine_version": result["engine_version"],
        }
        out.read()
        if completion.finish_reason == PROMPT_TOO_LONG and job.stage.name != "completions":
            parsed = Rejected("prompt_too_long", f"{completion.prompt_tokens} tokens")
        else:
            parsed = job.stage.parse(row, request.sample, completion)
        if isinstance(parsed, Rejected):
            answer = {"sample": request.sample, "answer": completion.text, "finish_reason": completion.finish_reason}
            out.reject({**row, **answer, job.stage.made_by: generated}, parsed.reason, parsed.detail)
        else:
            out.keep({**parsed, job.stage.made_by: generated})


if "snakemake" in globals():
    stage = snakemake.params.stage
    name = snakemake.params.model["name"]
    run(
        main,
        snakemake,
        stage=stage,
        rows=list(snakemake.input.rows) if isinstance(snakemake.input.rows, list) else snakemake.input.rows,
        model=snakemake.params.model,
        folder=str(Path(snakemake.input.model).parent),
        settings=snakemake.params.settings,
        # By model and not by generator: generators that share a model share what is the same in their requests.
        journal=f"results/.journal/{stage}/{name}",
        writer="_".join(snakemake.wildcards),
        shard=snakemake.params.get("shard"),
        gpus=wanted_gpus(snakemake.resources),
        tasks=snakemake.input.get("tasks"),
        **{key: snakemake.output[key] for key in ("kept", "rejected", "counts", "usage")},
    )
