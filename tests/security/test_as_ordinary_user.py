"""The layers and the attacks once more, as a user without any right on this machine."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

NOBODY = 65534
"""Apptainer wants a user that the machine knows; this one every machine has."""


@pytest.fixture
def reachable(root, sandbox_image):
    """A folder that any user can read, with the package and the image in it."""
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


def test_every_layer_is_there_and_every_attack_is_held_for_an_ordinary_user(reachable):
    if os.geteuid() != 0:
        return  # this folder's other tests are then run by an ordinary user themselves
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin")
    assert python and Path(python).resolve().is_file(), (
        f"a Python outside the home of root is wanted, not {sys.executable}"
    )
    command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--inh-caps=-all", python, "-B"]
    done = subprocess.run(
        [*command, str(reachable / "scripts" / "sandbox_check.py"), "--image", str(reachable / "image")],
        env={"HOME": str(reachable / "home"), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
        cwd=reachable,
        capture_output=True,
        text=True,
        timeout=900,
    )
    unsound = [line for line in done.stdout.splitlines() if "  held  " not in line]
    assert done.returncode == 0, "\n".join(unsound) + done.stderr[-2000:]
    assert done.stdout.count("held") > 100 and "BROKEN" not in done.stdout and " NO " not in done.stdout
