"""What each requirement of `validation` costs in yield, on the responses of a finished study.

PYTHONPATH=scripts python tests/bench/verdicts.py results/generators/self-align/responses/*-of-*.jsonl
PYTHONPATH=scripts python tests/bench/verdicts.py HumanEval.jsonl MbppPlus.jsonl

Of files of problems it takes the canonical solutions: right programs, which no requirement should cost.
"""

import argparse
import statistics
from collections import Counter

from selfalign import ROOT
from selfalign.io import read_jsonl
from selfalign.sandbox import Limits, Program, Sandbox

KILLED = (0.25, 0.5, 0.75, 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("responses", nargs="+")
    parser.add_argument("--image", default=ROOT / "resources" / "sandbox")
    parser.add_argument("--mutants", type=int, default=6)
    options = parser.parse_args()
    rows = [row for path in options.responses if ".rejected" not in path for row in read_jsonl(path)]
    programs = [program_of(row) for row in rows]
    trials = {"stub": True, "mutants": options.mutants}
    with Sandbox.open(options.image, Limits(), trials=trials) as sandbox:
        first = sandbox.run(programs)
        cpu = sandbox.cpu_seconds
    passed = [(program, result) for program, result in zip(programs, first, strict=True) if result.passed]
    with Sandbox.open(options.image, Limits(), second=True) as sandbox:
        second = sandbox.run([program for program, _ in passed])
    print(
        f"{len(rows)} responses, {cpu:.1f} CPU seconds in programs: {dict(Counter(result.verdict for result in first))}"
    )
    line("the tests' own success", len(passed), len(passed))
    line("stub fails", sum(result.stub_passed is False for _, result in passed), len(passed))
    line("second run passes", sum(result.passed for result in second), len(passed))
    line("at least one mutant noticed", sum(r.mutants_killed > 0 or not r.mutants for _, r in passed), len(passed))
    for share in KILLED:
        kept = sum(result.mutants_killed >= share * result.mutants for _, result in passed)
        line(f"at least {share:.0%} of mutants noticed", kept, len(passed))
    for share in (0.5, 0.8, 1.0):
        line(f"at least {share:.0%} of lines reached", sum((r.coverage or 0) >= share for r in second), len(passed))
    killed = [result.mutants_killed / result.mutants for _, result in passed if result.mutants]
    print(f"mean share of mutants noticed {statistics.mean(killed):.2f}")


def program_of(row: dict) -> Program:
    """Of a response, or of a problem of HumanEval's or MBPP+'s."""
    if "canonical_solution" not in row:
        return Program(row["solution"], row["tests"])
    if "assertion" in row:  # Mbpp/120's uses math, which its solution does not import
        return Program(row["canonical_solution"], "import math\n" + row["assertion"])
    return Program(row["prompt"] + row["canonical_solution"], f"{row['test']}\ncheck({row['entry_point']})")


def line(requirement: str, kept: int, passed: int) -> None:
    print(f"| {requirement} | {kept} | {kept / passed:.1%} |")


if __name__ == "__main__":
    main()
