"""Locks and conda files: complete, hashed, in step, and free of index addresses."""

import ast
import re
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ENVS = ROOT / "envs"
LOCKS = sorted(ENVS.glob("*.lock"))
sys.path.insert(0, str(ROOT / "setup"))
import conda_environments  # noqa: E402 (lies beside the set-up scripts, which use no environment)

SOURCES = {
    "uv": ["uv"],
    "local-cpu": ["workflow", "scripts", "model", "model-cpu"],
    "local-gpu": ["workflow", "scripts", "model", "model-gpu"],
    "cluster": ["workflow", "scripts", "cluster"],
    "dev": ["dev"],
    "deepspeed": ["deepspeed"],
    "sandbox": ["sandbox"],
}


def test_every_lock_is_known():
    assert {lock.stem for lock in LOCKS} == set(SOURCES)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_every_requirement_is_pinned_and_hashed(lock):
    lines = [line for line in lock.read_text().splitlines() if line and not line.lstrip().startswith("#")]
    text = "\n".join(lines).replace("\\\n", " ")
    for requirement in text.splitlines():
        assert re.match(r"^[A-Za-z0-9_.-]+==\S+", requirement), requirement
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", requirement), f"no hash: {requirement}"


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_no_lock_holds_an_address_or_a_path_of_a_machine(lock):
    assert not re.search(r"://|--index|--find-links|--extra|\s/\w", lock.read_text())


@pytest.mark.parametrize("name", SOURCES)
def test_locks_hold_what_their_sources_ask_for(name):
    versions = conda_environments.locked_versions(ENVS / f"{name}.lock")
    for source in SOURCES[name]:
        for line in (ENVS / "requirements" / f"{source}.in").read_text().splitlines():
            if not line or line.startswith("#"):
                continue
            requirement, _, pin = line.partition("==")
            locked = versions[conda_environments.normalise(requirement)]
            assert not pin or locked.split("+")[0] == pin, f"{source}.in asks for {line}, {name}.lock has {locked}"


@pytest.mark.parametrize("name", ["local-cpu", "local-gpu"])
def test_tools_of_development_fit_the_local_environment(name):
    local = conda_environments.locked_versions(ENVS / f"{name}.lock")
    dev = conda_environments.locked_versions(ENVS / "dev.lock")
    assert {name for name in dev if name in local and local[name] != dev[name]} == set()


def imported_packages(folder: Path) -> set[str]:
    """Top-level names of what the modules below a folder import, wherever in the file."""
    names = set()
    for path in folder.rglob("*.py"):
        if "payload" in path.parts:  # runs inside the sandbox image
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names.update(alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add(node.module.split(".")[0])
    return names


def test_what_the_scripts_import_is_asked_for_by_name():
    """Not left to come along with some other package, which may drop it."""
    # The interface is Snakemake's own, in its terms of release.
    own = {
        "selfalign",
        "snakemake",
        "snakemake_interface_executor_plugins",
        *(path.stem for path in (ROOT / "scripts").glob("*.py")),
    }
    foreign = imported_packages(ROOT / "scripts") - own - sys.stdlib_module_names
    distribution = {"vl_convert": "vl-convert-python", "yaml": "pyyaml"}
    asked = set(conda_environments.direct_requirements(["scripts", "model", "model-gpu", "model-cpu"]))
    assert {conda_environments.normalise(distribution.get(name, name)) for name in foreign} <= asked


@pytest.mark.parametrize("name", conda_environments.ENVIRONMENTS)
def test_the_conda_form_is_in_step_with_the_lock(name):
    text = (ENVS / f"{name}.yaml").read_text()
    assert text == conda_environments.render(name), "stale: make locks"
    environment = yaml.safe_load(text)
    assert environment["channels"] == ["conda-forge", "nodefaults"]
    assert isinstance(environment["dependencies"][-1]["pip"], list)


def test_every_rule_has_an_environment_that_exists():
    for path in (ROOT / "rules").rglob("*.smk"):
        for name in re.findall(r'"\.\./envs/([\w.-]+)"', path.read_text()):
            assert (ENVS / name).is_file(), f"{path.name} names envs/{name}"
