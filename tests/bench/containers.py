"""A real study on a cluster, every job in the image of its rule: containers.py [PRESET], presets/smoke.yaml by default.

Prints which image each rule's jobs ran in, makes the same study without containers in another folder and says which of the
results differ, and has an endpoint on this machine asked from a container, with a key that must not be left anywhere. Wanted: all images (`make containers`, here ACCELERATOR=cpu) and a cluster
(`setup/slurm.sh start` as root, or SELFALIGN_SITE).
"""

import json
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / path) for path in ("scripts", "tests/cluster", "tests/workflow", "tests/unit")]

import yaml  # noqa: E402
from harness import PYTHON, WORK, Run  # noqa: E402
from model_server import Server  # noqa: E402

from selfalign.images import missing_images  # noqa: E402
from study import FAKE_STUDY, MEASURED, Study  # noqa: E402

SHARED = ("containers", "models", "corpora", "benchmarks", "sandbox")
"""Below resources/: what the study has in common with other runs of this checkout."""


def folder(name: str) -> Path:
    """An empty working folder."""
    made = WORK / name
    shutil.rmtree(made, ignore_errors=True)
    (made / "resources").mkdir(parents=True)
    for shared in SHARED:
        (ROOT / "resources" / shared).mkdir(parents=True, exist_ok=True)
        (made / "resources" / shared).symlink_to(ROOT / "resources" / shared)
    return made


def images_by_rule(place: Path) -> dict[str, set[str]]:
    """Rule -> images that its jobs on the nodes started; none where they started none."""
    found = defaultdict(set)
    for path in (place / ".snakemake" / "slurm_logs").glob("rule_*/**/*.log"):
        rule = next(part for part in path.parts if part.startswith("rule_")).removeprefix("rule_")
        found[rule].update(re.findall(r"Activating singularity image (\S+)", path.read_text(errors="replace")))
    return found


def results(place: Path) -> dict[str, object]:
    """What a run made: rows without what was measured, and of an evaluation every answer and verdict."""
    found = {}
    for path in sorted((place / "results").rglob("*.jsonl")):
        name = path.relative_to(place / "results")
        if name.parts[0] in ("seeds", "generators", "datasets", "evaluation"):
            rows = map(json.loads, path.read_text().splitlines())
            found[str(name)] = [{key: value for key, value in row.items() if key not in MEASURED} for row in rows]
    for path in sorted((place / "results" / "evaluation").glob("*/*.json")):
        scored = json.loads(path.read_text())
        found[str(path.relative_to(place / "results"))] = [scored["pass_at_1"], scored["per_problem"]]
    return found


def ask_endpoint() -> None:
    """Concepts from a server on this machine (so on a cluster of one machine), asked by a job in its container."""
    key, place = "sk-of-the-container-bench", WORK / "bench.endpoint"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    study = Study(place, FAKE_STUDY).set("seeds.shards", 1).set("generators.gen.model", "served")
    for name in ("containers", "benchmarks"):
        (place / "resources" / name).symlink_to(ROOT / "resources" / name)
    answer = {"text": "sorting, filtering lists, counting", "finish_reason": "stop"}
    usage = {"prompt_tokens": 7, "completion_tokens": 3}
    server = Server([(200, json.dumps({"choices": [answer], "usage": usage}), {})] * 100)
    spec = {"url": server.url, "model": "m", "revision": "1", "key_env": "BENCH_KEY"}
    study.set("models.served", {"engine": "endpoint", "context": 4096, "dtype": "float32", "endpoint": spec})
    (place / "config.yaml").write_text(yaml.safe_dump(study.config))
    target = "results/generators/gen/concepts/0-of-1.jsonl"
    Run(
        place, "--configfile", str(place / "config.yaml"), "--sdm", "apptainer", "--slurm-keep-successful-logs", "--", target,
        env={"BENCH_KEY": key},
    ).ok(900)  # fmt: skip
    server.close()
    with_key = sum(headers["Authorization"] == f"Bearer {key}" for _, _, headers in server.seen)
    left = [path for path in place.rglob("*") if path.is_file() and key.encode() in path.read_bytes()]
    rows = len((place / target).read_text().splitlines())
    print(
        f"{rows} rows from an endpoint; {with_key} of {len(server.seen)} requests with its key, which {len(left)} files hold"
    )
    assert rows and with_key == len(server.seen) and not left


def main(preset: str = "presets/smoke.yaml") -> None:
    if missing := missing_images():
        sys.exit(
            f"no image for {', '.join(missing)}\n  do:    make containers, on a machine without a GPU with ACCELERATOR=cpu"
        )
    inside, outside = folder("bench.contained"), folder("bench.plain")
    Run(inside, "--configfile", str(ROOT / preset), "--sdm", "apptainer", "--slurm-keep-successful-logs").ok(7200)
    for rule, images in sorted(images_by_rule(inside).items()):
        print(f"{rule:22} {', '.join(Path(image).stem for image in sorted(images)) or 'on the host'}")
    command = [str(PYTHON), "-m", "snakemake", "--cores", "2", "--directory", str(outside), "--quiet", "all"]
    subprocess.run([*command, "--configfile", str(ROOT / preset)], cwd=ROOT, check=True)
    ours, plain = results(inside), results(outside)
    differing = sorted(name for name in ours.keys() | plain.keys() if ours.get(name) != plain.get(name))
    print(f"{len(ours)} results; those that differ without containers: {', '.join(differing) or 'none'}")
    ask_endpoint()


if __name__ == "__main__":
    main(*sys.argv[1:])
