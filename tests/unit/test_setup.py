"""The set-up scripts, with stand-ins for the programs that download and install."""

import importlib.util
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted([*ROOT.glob("setup/*.sh"), *ROOT.glob("containers/*.sh"), ROOT / ".ci" / "run"])

# Answers like uv, notes how it was called, makes just enough of an environment; fails at `pip` while ./broken exists.
FAKE_UV = """#!/bin/sh
if [ "$1" = --version ]; then echo "uv ${FAKE_UV_VERSION:-0.13.8} (stand-in)"; exit; fi
echo "$@" >>"$CALLS"
for last; do :; done
if [ "$1" = venv ]; then mkdir -p "$last/bin"; ln -sf /bin/true "$last/bin/python"; fi
if [ "$1" = pip ] && [ -e broken ]; then echo "no such package" >&2; exit 2; fi
"""


class Copy:
    """A copy of the set-up scripts with a folder of stand-ins that comes first on the path."""

    def __init__(self, root: Path):
        self.root, self.bin, self.calls = root, root / "bin", root / "calls"
        self.bin.mkdir()
        for folder in ("setup", "containers", "envs"):
            shutil.copytree(ROOT / folder, root / folder)
        self.calls.touch()
        self.program("uv", FAKE_UV)

    def program(self, name: str, text: str) -> None:
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def run(self, *command: str | Path, **env: str) -> subprocess.CompletedProcess:
        env = {**os.environ, "PIP_FIND_LINKS": "", "PATH": f"{self.bin}:/usr/bin:/bin", "CALLS": str(self.calls), **env}
        return subprocess.run(command, cwd=self.root, env=env, capture_output=True, text=True, timeout=60)

    def function(self, call: str, **env: str) -> subprocess.CompletedProcess:
        return self.run("bash", "-c", f"set -euo pipefail; . setup/common.sh; {call}", **env)

    def only(self, *programs: str) -> str:
        """A search path that has the stand-ins and these programs of the machine, nothing else."""
        folder = self.root / "few"
        folder.mkdir()
        for name in ("bash", "sh", "dirname", "env", *programs):
            (folder / name).symlink_to(shutil.which(name))
        return f"{self.bin}:{folder}"


@pytest.fixture
def copy(tmp_path) -> Copy:
    return Copy(tmp_path)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_well_formed_and_can_be_run(script):
    assert subprocess.run(["bash", "-n", script]).returncode == 0
    assert script.name in ("common.sh", "image.sh") or script.stat().st_mode & stat.S_IXUSR


def test_an_environment_is_installed_once(copy):
    first = copy.run("setup/environment.sh", ".venv", "local-cpu", "dev")
    assert first.returncode == 0, first.stderr
    calls = copy.calls.read_text()
    assert "--require-hashes" in calls and calls.rstrip().endswith("envs/local-cpu.lock envs/dev.lock")
    second = copy.run("setup/environment.sh", ".venv", "local-cpu", "dev")
    assert second.returncode == 0 and second.stdout == "" and copy.calls.read_text() == calls


def test_another_lock_or_a_lost_python_installs_again(copy):
    def installs() -> int:
        assert copy.run("setup/environment.sh", ".venv", "dev").returncode == 0
        return copy.calls.read_text().count("pip sync")

    assert installs() == 1
    with (copy.root / "envs" / "dev.lock").open("a") as lock:
        lock.write("# changed\n")
    assert installs() == 2
    (copy.root / ".venv" / "bin" / "python").unlink()
    assert installs() == 3


def test_a_failed_installation_is_told_and_taken_up_again(copy):
    (copy.root / "broken").touch()
    failed = copy.run("setup/environment.sh", ".venv", "dev")
    assert failed.returncode == 1
    assert "no such package" in failed.stderr and "do: check network" in failed.stderr
    (copy.root / "broken").unlink()
    assert copy.run("setup/environment.sh", ".venv", "dev").returncode == 0
    assert copy.calls.read_text().count("pip sync") == 2


def test_an_unknown_accelerator_is_refused(copy):
    done = copy.run("setup/environment.sh", ".venv", "local-tpu")
    assert done.returncode == 1 and "ACCELERATOR is cpu or gpu" in done.stderr
    assert copy.calls.read_text() == ""


def test_the_cpu_build_of_torch_comes_from_a_configured_folder_or_the_cpu_index(copy):
    wheels = copy.root / "wheels"
    wheels.mkdir()
    ask = "torch_source 2.13.0 | tr '\\n' ' '"
    copy.program("python3", "#!/bin/sh\nexit 1\n")
    assert copy.function(ask, PIP_FIND_LINKS=str(wheels)).stdout == "--torch-backend cpu "
    (wheels / "torch-2.12.0+cpu-cp311-cp311-linux_x86_64.whl").touch()
    (wheels / "torch-2.13.0-cp311-cp311-linux_x86_64.whl").touch()
    assert copy.function(ask, PIP_FIND_LINKS=str(wheels)).stdout == "--torch-backend cpu "
    (wheels / "torch-2.13.0+cpu-cp311-cp311-linux_x86_64.whl").touch()
    assert copy.function(ask, PIP_FIND_LINKS=str(wheels)).stdout == f"--find-links {wheels} "


def test_a_uv_that_is_too_old_is_not_used(copy):
    assert copy.function("find_uv").stdout.strip() == str(copy.bin / "uv")
    copy.program("python3", "#!/bin/sh\nexit 1\n")
    copy.program("id", "#!/bin/sh\necho 1000\n")
    refused = copy.function("find_uv", FAKE_UV_VERSION="0.7.22")
    assert refused.returncode == 1 and "installing uv into .venv-uv" in refused.stderr
    assert "apt-get install --no-install-recommends python3 python3-venv" in refused.stderr


def test_without_root_missing_programs_are_named_with_the_command(copy):
    copy.program("id", "#!/bin/sh\necho 1000\n")
    copy.program("bwrap", "#!/bin/sh\nexit 0\n")
    done = copy.run("setup/system.sh", PATH=copy.only("id", "uname"))
    assert done.returncode == 1
    assert "to build the sandbox's image: mmdebstrap uidmap" in done.stderr
    assert "copy resources/sandbox" in done.stderr
    assert "apt-get install --no-install-recommends mmdebstrap uidmap" in done.stderr


BUILDER = ("mktemp", "chmod", "rm", "tail", "tr", "df", "hostname", "awk", "realpath", "stat")


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ((), "user namespaces are not allowed on "),
        (("unshare",), "newuidmap is missing (Debian: apt-get install uidmap)"),
        (("unshare", "newuidmap"), "/etc/subuid gives you no user ids (as root: usermod --add-subuids "),
        (("fakechroot", "fakeroot"), None),
    ],
)
def test_what_an_image_built_without_root_lacks_is_said_first(copy, there, said):
    copy.program("id", '#!/bin/sh\n[ "$1" = -un ] && echo "nobody has this name" || echo 4000000000\n')
    for name in there:
        copy.program(name, "#!/bin/sh\nexit 0\n")
    done = copy.run("containers/can_build.sh", "sandbox", TMPDIR="/tmp", PATH=copy.only(*BUILDER))
    assert done.returncode == (1 if said else 0), done.stderr
    if said:
        assert said in done.stderr and "copy resources/containers and resources/sandbox" in done.stderr


def test_a_temporary_folder_that_no_image_can_be_built_in_is_named(copy):
    private = copy.root / "private" / "tmp"
    private.mkdir(parents=True)
    private.chmod(0o755)
    copy.program("id", "#!/bin/sh\necho 0\n")

    def asked(role: str, **env: str) -> subprocess.CompletedProcess:
        return copy.run("containers/can_build.sh", role, **{"TMPDIR": str(private), **env})

    assert f"no file can be made in the temporary folder {private}x" in asked("sandbox", TMPDIR=f"{private}x").stderr
    copy.program("df", "#!/bin/sh\necho Avail\necho 2999\n")
    assert asked("sandbox").returncode == 0, "root reaches every folder"
    (copy.root / "scripts").symlink_to(ROOT / "scripts")
    for accelerator, needed in (("cpu", 3000), ("gpu", 20000)):
        few = asked("train", ACCELERATOR=accelerator)
        assert few.returncode == 1 and f"{private} has 2999 MB free, the build takes {needed} MB there" in few.stderr
        assert "do: TMPDIR=/another/folder make containers" in few.stderr
    for name, script in (("id", "echo 1000"), ("unshare", ""), ("newuidmap", ""), ("awk", "")):
        copy.program(name, f"#!/bin/sh\n{script}\n")
    private.parent.chmod(0o700)
    done = asked("sandbox")
    assert done.returncode == 1 and f"only you can enter {private.parent}, so the user ids" in done.stderr


@pytest.mark.parametrize(
    ("environments", "large"), [([".venv-cluster"], False), ([".venv-cluster", ".venv"], True), ([], True)]
)
def test_images_are_built_with_the_small_environment_where_there_is_no_other(tmp_path, environments, large):
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in environments:
        python = tmp_path / name / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.touch()
    done = subprocess.run(["make", "-n", "containers"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ("setup/environment.sh .venv " in done.stdout) == large
    assert ("\n.venv-cluster/bin/python -m snakemake" in f"\n{done.stdout}") == (not large)


def test_without_any_sandbox_set_up_stops(copy):
    copy.program("id", "#!/bin/sh\necho 1000\n")
    copy.program("bwrap", "#!/bin/sh\nexit 1\n")
    done = copy.run("setup/system.sh", PATH=copy.only("uname"))
    assert done.returncode == 1
    assert "no sandbox for model-written code" in done.stderr and "install Apptainer" in done.stderr


def test_another_kind_of_machine_is_refused(copy):
    copy.program("uname", "#!/bin/sh\necho Darwin arm64\n")
    done = copy.run("setup/system.sh")
    assert done.returncode == 1 and "this is Darwin arm64" in done.stderr


def test_a_failed_image_build_leaves_the_old_image_and_nothing_else(copy):
    image = copy.root / "resources" / "sandbox"
    image.mkdir(parents=True)
    (image / "image.json").write_text("{}")
    copy.program("mmdebstrap", "#!/bin/sh\necho 'E: no network' >&2\nexit 1\n")
    done = copy.run("containers/build_sandbox.sh", "resources/sandbox")
    assert done.returncode != 0 and "E: no network" in done.stderr and "do: " in done.stderr
    assert (image / "image.json").read_text() == "{}"
    assert [path.name for path in image.parent.iterdir() if not path.name.startswith(".")] == ["sandbox"]


def test_the_image_is_packed_only_where_the_tools_are(copy):
    path = copy.only("realpath", "basename")
    refused = copy.run("containers/pack_sandbox.sh", "x.sif", PATH=path)
    assert refused.returncode == 1 and "do: run make containers" in refused.stderr
    (copy.root / "resources" / "sandbox").mkdir(parents=True)
    (copy.root / "resources" / "sandbox" / "image.json").write_text("{}")
    left = copy.run("containers/pack_sandbox.sh", "x.sif", PATH=path)
    assert left.returncode == 0 and "no apptainer here: x.sif is not packed" in left.stdout
    assert not (copy.root / "x.sif").exists()


def test_an_environment_for_gpus_stays_one_on_a_machine_without(tmp_path):
    """Such as a login node, on which any later make would have put the other build in its place."""
    shutil.copy(ROOT / "Makefile", tmp_path)

    def installs(*arguments: str) -> str:
        return subprocess.run(["make", "-n", "setup", *arguments], cwd=tmp_path, capture_output=True, text=True).stdout

    (tmp_path / ".venv").mkdir()
    for kind in ("gpu", "cpu"):
        (tmp_path / ".venv/.locks").write_text(f"0a1b  envs/local-{kind}.lock\n2c3d  envs/dev.lock\n")
        assert f"setup/environment.sh .venv local-{kind} dev" in installs()
    assert "setup/environment.sh .venv local-gpu dev" in installs("ACCELERATOR=gpu")


def load_stand_in(name: str):
    spec = importlib.util.spec_from_file_location(name, ROOT / "containers" / "evalplus_offline.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_only_evalplus_sees_the_stand_ins_for_its_downloads(monkeypatch):
    monkeypatch.delitem(sys.modules, "evalplus", raising=False)
    with pytest.raises(ModuleNotFoundError, match="No module named 'wget'"):
        load_stand_in("wget")
    monkeypatch.setitem(sys.modules, "evalplus", object())
    module = load_stand_in("wget")
    with pytest.raises(RuntimeError, match="inside the sandbox"):
        module.download("anything")
    assert not hasattr(module, "__path__")
