"""Prints what a study will cost before anything is submitted: jobs, rows, GPU hours, disk, wall time (docs/plan.md)."""

import argparse
import json
import sys
from pathlib import Path

import yaml

from selfalign.cluster.site import load_site
from selfalign.config import resolve_config
from selfalign.errors import UserError
from selfalign.plan.stages import Machine
from selfalign.plan.study import Planner
from selfalign.plan.table import as_dict, as_text


def machine(site: str | None, gpus: int | None) -> Machine:
    """What can run at once on the cluster of a site file."""
    found = load_site(site)
    return Machine(
        gpus=gpus or found.gpus,
        jobs=found.jobs,
        gpu_minutes=found.gpu.minutes,
        cpu_minutes=found.cpu.minutes,
        cpu_threads=found.cpu.threads,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="config.yaml", help="the study")
    parser.add_argument(
        "--site", help="site file of the cluster (default: $SELFALIGN_SITE or profiles/slurm/site.yaml)"
    )
    parser.add_argument("--gpus", type=int, help="GPUs that all jobs together hold, instead of the site file's")
    parser.add_argument("--seeds", type=int, help="seeds that mining will find, where it is known")
    parser.add_argument("--directory", default=".", help="where earlier results and fetched models are looked for")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    try:
        text = Path(options.config).read_text(encoding="utf-8")
        config = resolve_config(yaml.safe_load(text))
        plan = Planner(config, machine(options.site, options.gpus), Path(options.directory), options.seeds).make()
    except OSError as problem:
        sys.exit(f"the config can't be read: {problem}")
    except (UserError, yaml.YAMLError) as problem:
        sys.exit(str(problem))
    print(json.dumps(as_dict(plan), indent=2) if options.json else as_text(plan))


if __name__ == "__main__":
    main()
