"""Where a pair of a dataset came from, and what came of a seed, a package, a corpus or a licence.

lineage.py --pair ID          seed, concepts, task, all samples with their verdicts, and the pair
lineage.py --licence MIT      every pair whose seed has the licence; --seed ID, --package NAME, --corpus NAME likewise
"""

import argparse
import json
import os
import sys
from textwrap import indent

from selfalign.errors import UserError
from selfalign.lineage import Run
from selfalign.sandbox.verdicts import printable

KINDS = ("seed", "package", "corpus", "licence")


def described(datasets: list[str], path: dict) -> str:
    """A pair's path for a reader, oldest first. Texts of the model show without control characters."""
    pair, seed = path["pair"], path["seed"]
    lineage = pair["lineage"]
    origin = ", ".join(f"{key} {value}" for key, value in lineage["origin"].items())
    parts = [
        (f"seed {lineage['seed_id']} ({lineage['licence']}; {origin})", seed["code"] if seed else "its file is gone"),
        (f"concepts {lineage.get('concepts_id')}", ", ".join(lineage.get("concepts") or ["none"])),
        (f"task {lineage['task_id']} ({lineage.get('category')}, {lineage.get('difficulty')})", pair["instruction"]),
    ]
    for sample in path["samples"]:
        row, verdict = sample["response"], sample["verdict"] or {"verdict": "no verdict", "reason": ""}
        said = f"{verdict['verdict']}{': ' if verdict['reason'] else ''}{verdict['reason']}"
        chosen = ", the pair's" if sample["chosen"] else ""
        parts.append((f"sample {row['sample']} {row['id']}{chosen} [{said}]", row["solution"] + "\n\n" + row["tests"]))
    parts.append((f"pair {pair['id']} in {', '.join(datasets)}; model {lineage['model']}", pair["response"]))
    return "\n\n".join(f"{title}\n{indent(clean(text), '    ')}" for title, text in parts)


def clean(text: str) -> str:
    return printable(text, limit=1 << 20)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("--pair", metavar="ID", help="id of a pair, or its first characters")
    for kind in KINDS:
        group.add_argument(f"--{kind}", metavar="ID" if kind == "seed" else "NAME", help=f"all pairs of a {kind}")
    parser.add_argument("--results", default="results", help="the run's results (default: results)")
    parser.add_argument("--json", action="store_true", help="JSON: one object, or a line a pair")
    options = parser.parse_args()
    try:
        run = Run(options.results)
        if options.pair:
            datasets, pair = run.pair(options.pair)
            path = run.path(pair)
            print(json.dumps(path | {"datasets": datasets}, indent=2) if options.json else described(datasets, path))
            return
        wanted = {kind: getattr(options, kind) for kind in KINDS if getattr(options, kind)}
        number = 0
        for dataset, part, pair in run.descendants(**wanted):
            number += 1
            line = {"dataset": dataset, "part": part, "pair": pair["id"], "seed": pair["lineage"]["seed_id"]}
            print(json.dumps(line) if options.json else "  ".join(line.values()))
        if not options.json:
            print(f"{number} pairs", file=sys.stderr)
    except UserError as error:
        sys.exit(str(error))
    except BrokenPipeError:  # piped into `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
