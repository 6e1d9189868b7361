"""The layers, the attacks and some programs once more, as a user without any right on this machine."""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from test_honest_programs import HONEST, TOUCHED_BY_LOAD
from test_hostile_property import PARTS, mixture

NOBODY = 65534
"""Apptainer wants a user that the machine knows; this one every machine has."""


@pytest.fixture(scope="module")
def reachable(root, sandbox_image):
    """A folder that any user can read, with the package and the image in it."""
    if os.geteuid() != 0:
        yield None  # this folder's other tests are then run by an ordinary user themselves
        return
    with tempfile.TemporaryDirectory(prefix="selfalign-", dir="/var/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copytree(root / "scripts", folder / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
        subprocess.run(["cp", "-a", "--reflink=auto", str(sandbox_image), str(folder / "image")], check=True)
        home = folder / "home"
        home.mkdir()
        os.chown(home, NOBODY, NOBODY)
        subprocess.run(["chmod", "-R", "go+rX", str(folder / "scripts"), str(folder / "image")], check=True)
        yield folder


@pytest.fixture(scope="module")
def as_nobody(reachable):
    """Runs Python with arguments as that user; gives what became of it."""
    if reachable is None:
        return None
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin")
    assert python and Path(python).resolve().is_file(), (
        f"a Python outside the home of root is wanted, not {sys.executable}"
    )
    command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--inh-caps=-all", python, "-B"]
    home = {"HOME": str(reachable / "home"), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}

    def run(*arguments) -> subprocess.CompletedProcess:
        return subprocess.run(
            [*command, *map(str, arguments)], env=home, cwd=reachable, capture_output=True, text=True, timeout=900
        )

    return run


def test_every_layer_is_there_and_every_attack_is_held_for_an_ordinary_user(reachable, as_nobody):
    if os.geteuid() != 0:
        return
    done = as_nobody(reachable / "scripts" / "sandbox_check.py", "--image", reachable / "image")
    unsound = [line for line in done.stdout.splitlines() if "  held  " not in line]
    assert done.returncode == 0, "\n".join(unsound) + done.stderr[-2000:]
    assert done.stdout.count("held") > 100 and "BROKEN" not in done.stdout and " NO " not in done.stdout


RUN = """
import json, sys
from selfalign.sandbox import Sandbox, engines
asked = json.load(open(sys.argv[1]))
told = {}
for engine in engines.candidates("auto"):
    with Sandbox.open(asked["image"], asked["limits"], engine=engine, workers=6) as sandbox:
        results = sandbox.judged(asked["requests"])
        told[engine] = [[result.verdict, result.stub_passed, result.mutants_killed] for result in results]
print(json.dumps(told))
"""


def test_honest_programs_pass_and_hostile_mixtures_do_not_for_an_ordinary_user(reachable, as_nobody):
    """The same programs as root's, with stub and mutants; mixtures of hostile parts between them."""
    if os.geteuid() != 0:
        return
    honest = [
        HONEST[name] for name in (*TOUCHED_BY_LOAD, "unittest.main", "numpy.testing", "pytest class", "parametrize")
    ]
    draw = random.Random(0)
    parts = lambda most: [(draw.choice(PARTS), draw.random() < 0.5) for _ in range(draw.randint(0, most))]  # noqa: E731
    hostile = [mixture(parts(4), parts(2), parts(2)) for _ in range(8)]
    limits = {"cpu_seconds": 1, "wall_seconds": 120, "memory_mb": 512, "processes": 16, "output_kb": 256, "disk_mb": 16}
    requests = [  # hostile ones first: what waits for the clock does so at once
        *({"solution": solution, "tests": tests, "limits": {"wall_seconds": 6}} for solution, tests in hostile),
        *({"solution": solution, "tests": tests, "trials": {"stub": True, "mutants": 2}} for solution, tests in honest),
    ]
    asked, script = reachable / "asked.json", reachable / "scripts" / "run_programs.py"
    asked.write_text(json.dumps({"image": str(reachable / "image"), "limits": limits, "requests": requests}))
    script.write_text(RUN)
    for path in (asked, script):
        path.chmod(0o644)
    done = as_nobody(script, asked)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    assert told
    for engine, results in told.items():
        verdicts = [verdict for verdict, *_ in results]
        assert verdicts[len(hostile) :] == ["passed"] * len(honest), engine
        assert not {"passed", "infrastructure"} & set(verdicts[: len(hostile)]), engine
        tried = results[len(hostile) :]
        assert not any(stub_passed for _, stub_passed, _ in tried) and any(killed for *_, killed in tried)
