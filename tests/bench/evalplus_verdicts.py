"""Whether the scorer gives EvalPlus's verdicts: on every canonical solution of HumanEval+ and MBPP+ and on mutants of them.

PYTHONPATH=scripts:tests python tests/bench/evalplus_verdicts.py [--mutants 3] [--busy 4] [--own-limits]

EvalPlus's side is `evalplus.evaluate.check_correctness` in the same sandbox image, with time limits that a busy machine does
not meet, or with its own ones. `--busy` starts so many processes that do nothing but count beside our side.
"""

import argparse
from collections import Counter

import evalplus_reference as reference
from selfalign import ROOT
from selfalign.benchmarks.scoring import EVALPLUS_MODULES
from selfalign.sandbox import Limits, Sandbox

SHOWN = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image", default=ROOT / "resources" / "sandbox")
    parser.add_argument("--mutants", type=int, default=3, help="of each canonical solution")
    parser.add_argument("--every", type=int, default=1, help="1: all problems, 2: every second one, and so on")
    parser.add_argument("--busy", type=int, default=0)
    parser.add_argument("--own-limits", action="store_true", help="EvalPlus with its own time limits")
    options = parser.parse_args()
    for kind in reference.FILES:
        problems = reference.read_problems(kind, reference.problem_file(kind, ROOT))[:: options.every]
        programs = list(reference.cases(kind, problems, options.mutants))
        with Sandbox.open(options.image, Limits(), preload=EVALPLUS_MODULES) as sandbox:
            with reference.busy(options.busy):
                ours = reference.our_verdicts(sandbox, programs)
            limits = {} if options.own_limits else reference.GENEROUS
            theirs = reference.evalplus_verdicts(sandbox, programs, limits)
        report(kind, programs, ours, theirs)


def report(kind: str, programs: list[reference.Case], ours: list[tuple], theirs: list[tuple]) -> None:
    differing = [index for index, pair in enumerate(zip(ours, theirs, strict=True)) if pair[0] != pair[1]]
    words = Counter("/".join(verdict) for verdict in theirs)
    print(f"{kind}: {len(programs)} programs, EvalPlus's verdicts (base/base and extra) {dict(words)}")
    print(f"{kind}: the same verdict {len(programs) - len(differing)}, another {len(differing)}")
    for index in differing[:SHOWN]:
        print(f"  {programs[index].name}: ours {ours[index]}, EvalPlus {theirs[index]}")
    subtle = [programs[index].name for index, verdict in enumerate(theirs) if verdict == ("pass", "fail")]
    print(f"{kind}: right by the base tests alone: {', '.join(subtle[:SHOWN])}", flush=True)


if __name__ == "__main__":
    main()
