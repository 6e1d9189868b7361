"""What this machine grants a sandbox, and how it fares against attacks: `make sandbox-check`.

python scripts/sandbox_check.py [--image FOLDER]
"""

from collections.abc import Iterator
from pathlib import Path

from selfalign.sandbox import Limits, Sandbox
from selfalign.sandbox.attacks import ATTACKS, HONEST
from selfalign.sandbox.engines import candidates

LIMITS = Limits(cpu_seconds=1, wall_seconds=20, memory_mb=512, processes=16, output_kb=256, disk_mb=16)
LAYERS = {
    "namespaces": "own user, process, mount, network, IPC and host name namespaces",
    "own_proc": "own, read-only /proc",
    "limits_processes": "limit on processes",
    "own_task_count": "limit on processes counted for each program",
    "seccomp": "filter of system calls",
}


def layer_rows(layers: dict) -> Iterator[tuple[str, str, str]]:
    """(layer, "yes", or why not) of a running sandbox."""
    for name, meaning in LAYERS.items():
        granted = layers[name]
        why = layers["missing"].get(name, "" if granted else "the kernel is older than the layer")
        yield meaning, "yes" if granted else "NO", str(granted) if name == "seccomp" and granted else why


def attack_rows(sandbox: Sandbox) -> Iterator[tuple[str, str, bool]]:
    """(attack, what came of it, whether that is right) for every attack, each beside an honest program."""
    for name, attack in ATTACKS.items():
        container = sandbox._container
        result, neighbour = sandbox.run([attack.program, HONEST])
        unharmed = neighbour.passed and sandbox._container is container
        held = result.verdict in attack.verdicts and unharmed
        yield name, result.verdict + ("" if unharmed else ", and harmed others"), held


def check(image: Path, engine: str = "auto") -> bool:
    """Prints the tables for each engine that is installed; whether every layer is there and every attack was held."""
    sound = True
    for name in candidates(engine):
        with Sandbox.open(image, LIMITS, engine=name, workers=2) as sandbox:
            print(f"\n{name}\n{'-' * len(name)}")
            for layer, granted, note in layer_rows(sandbox.layers):
                print(f"  {granted:4} {layer}" + (f" ({note})" if note else ""))
            sound &= not sandbox.layers["missing"]
            for attack, outcome, held in attack_rows(sandbox):
                sound &= held
                print(f"  {'held' if held else 'BROKEN':7} {attack}: {outcome}")
    print(
        "\nEvery layer is there and every attack was held." if sound else "\nNOT everything holds: see docs/sandbox.md."
    )
    return sound
