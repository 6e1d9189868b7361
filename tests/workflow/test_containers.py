"""Rules of the workflow in a container of ours, by Snakemake's own `--sdm apptainer`."""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import yte

from selfalign import ROOT
from selfalign.images import built_image


@pytest.fixture
def arguments(monkeypatch) -> str:
    """What the slurm profile has Snakemake tell Apptainer."""
    monkeypatch.chdir(ROOT)
    return yte.process_yaml((ROOT / "profiles" / "slurm" / "profile.yaml").read_text())["apptainer-args"]


@pytest.fixture
def images(study):
    """The images, in the study's folder. `make test` builds the workflow's; the others take longer than all tests."""
    if not (ROOT / built_image("workflow")).is_file():
        pytest.fail("the workflow's image is missing: run `make containers ROLES=workflow` first", pytrace=False)
    (study.folder / "resources" / "containers").symlink_to(ROOT / "resources" / "containers")


def test_seeds_are_the_same_bytes_from_a_container(study, images, arguments, tmp_path_factory):
    study.run("--sdm", "apptainer", "--apptainer-args", arguments, "--", "seeds", "results/run/manifest.json")
    inside = study.data()
    recorded = json.loads((study.folder / "results/run/manifest.json").read_text())["containers"]["workflow"]
    assert recorded == json.loads((ROOT / built_image("workflow")).with_suffix(".json").read_text())
    log = "\n".join(path.read_text() for path in (study.folder / ".snakemake" / "log").iterdir())
    assert log.count("Activating singularity image resources/containers/workflow-") == 3  # two corpora, and gathering
    study.run("--forceall", "--", "seeds")
    assert study.data() == inside
    # Software is no input: results that are there stay, with and without containers.
    assert not {".cache", "root"} & {path.name for path in study.folder.iterdir()}


def test_a_script_in_a_container_finds_the_repository(images, study, arguments):
    """The package itself is imported from where Snakemake binds it, beside nothing that belongs to it."""
    checkout = study.folder / "checkout"
    (checkout / "scripts").mkdir(parents=True)
    probe = checkout / "scripts" / "probe.py"
    probe.write_text("import selfalign\nopen(snakemake.output[0], 'w').write(str(selfalign.ROOT))\n")
    (checkout / "Snakefile").write_text(
        f"import sys\nsys.path.insert(0, {str(ROOT / 'scripts')!r})\n"
        f"rule root:\n    output: 'root'\n    container: {built_image('workflow')!r}\n    script: {str(probe)!r}\n"
    )
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--sdm", "apptainer", "--apptainer-args", arguments]
    done = subprocess.run(
        [*command, "--directory", str(study.folder), "--snakefile", str(checkout / "Snakefile")],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (study.folder / "root").read_text() == str(checkout)


@pytest.fixture
def home():
    """A folder in the user's home: /tmp, where tests work, is open to containers."""
    with tempfile.TemporaryDirectory(dir=Path.home()) as folder:
        yield Path(folder)


def test_a_container_sees_neither_the_hosts_secrets_nor_its_home_nor_its_packages(images, study, arguments, home):
    (home / "token").write_text("secret")
    program = "import json, os, sys; print(json.dumps([dict(os.environ), os.path.exists(sys.argv[1]), sys.path, os.getcwd()]))"
    environment = {**os.environ, "HF_TOKEN": "secret", "PYTHONPATH": "/somewhere", "HOME": str(home)}
    environment["CUDA_VISIBLE_DEVICES"] = "2,3"
    run = study.folder / "run"
    run.mkdir()
    image = ROOT / built_image("workflow")
    # As Snakemake's shell does it.
    line = f"apptainer --quiet exec --home '{run}' {arguments} {image} python -c '{program}' {home}/token"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, cwd=run, env=environment)
    assert done.returncode == 0, done.stderr
    seen, reaches_home, path, folder = json.loads(done.stdout)
    assert "HF_TOKEN" not in seen and "PYTHONPATH" not in seen
    assert seen["CUDA_VISIBLE_DEVICES"] == "2,3" and seen["SELFALIGN_IMAGE"] == "workflow"
    assert not reaches_home and folder == str(run)
    assert not [entry for entry in path if entry.startswith((str(ROOT), sys.prefix))]


def test_a_missing_image_is_told_at_the_start_and_only_where_it_is_needed(study):
    done = study.run("--sdm", "apptainer", "--", "seeds", check=False)
    assert done.returncode and re.search(r"the image resources/containers/workflow-\w+\.sif is missing", done.stderr)
    assert "make containers" in done.stderr
    assert study.planned("seeds")["mine_seeds"] == 2


def test_the_manifest_of_an_image_has_its_digests_and_packages(images):
    manifest = json.loads((ROOT / built_image("workflow")).with_suffix(".json").read_text())
    assert manifest["role"] == "workflow"
    assert re.fullmatch(r"[0-9a-f]{64}", manifest["sif_sha256"]) and re.fullmatch(r"[0-9a-f]{64}", manifest["digest"])
    lock = (ROOT / "envs" / "cluster.lock").read_text()
    for name, version in manifest["packages"].items():
        assert f"\n{name}=={version} " in lock or lock.startswith(f"{name}=={version} ")
    assert {"snakemake", "pyarrow", "tree-sitter"} <= manifest["packages"].keys()
    done = subprocess.run(
        ["sha256sum", str(ROOT / built_image("workflow"))], capture_output=True, text=True, check=True
    )
    assert done.stdout.split()[0] == manifest["sif_sha256"]
