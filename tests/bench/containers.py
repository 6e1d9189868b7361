"""A real study on a cluster, every job in the image of its rule: containers.py [PRESET], presets/smoke.yaml by default.

Prints which image each rule's jobs ran in and how long they took, then makes the same study without containers in another
folder and says which of the results differ. Wanted: all images (`make containers`, here ACCELERATOR=cpu) and a cluster
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
sys.path[:0] = [str(ROOT / path) for path in ("scripts", "tests/cluster", "tests/workflow")]

from harness import PYTHON, WORK, Run  # noqa: E402

from selfalign.images import missing_images  # noqa: E402
from study import MEASURED  # noqa: E402

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


if __name__ == "__main__":
    main(*sys.argv[1:])
