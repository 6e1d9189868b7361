"""Container images: which rules have one, how they are named, what their definitions say."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from selfalign import ROOT, images
from selfalign.adapter import HOST_PYTHON, leave_host_python
from selfalign.images import ROLES, built_image, image_path, image_version, let_in, missing_images, outside

sys.path.insert(0, str(ROOT / "setup"))
from lock_difference import difference

ON_THE_HOST = {
    # fetch with the user's own tokens and configuration, which no container gets to see
    "fetch_model", "fetch_corpus", "fetch_benchmark",
    # reads the user's own git repositories, wherever they lie, with the host's git
    "mine_commits",
    # start containers themselves, with other walls than the workflow's own software has
    "build_sandbox", "build_sandbox_with_libraries", "validate_responses", "score_completions",
    # records what the host has
    "write_manifest",
}  # fmt: skip


def test_keys_of_endpoints_and_proxies_get_into_containers_and_nothing_else():
    environment = {
        "MY_KEY": "k",
        "HF_TOKEN": "t",
        "HTTPS_PROXY": "http://proxy:3128",
        "SSL_CERT_FILE": "/ca",
        "PATH": "/bin",
    }
    own = {"engine": "vllm", "endpoint": None}
    teacher = {"engine": "endpoint", "endpoint": {"key_env": "MY_KEY"}}
    assert let_in({"own": own}, environment) == {}
    public = {"APPTAINERENV_HTTPS_PROXY": "http://proxy:3128", "APPTAINERENV_SSL_CERT_FILE": "/ca"}
    assert let_in({"own": own, "teacher": teacher}, environment) == public | {"APPTAINERENV_MY_KEY": "k"}
    keyless = {"engine": "endpoint", "endpoint": {"key_env": None}}
    assert let_in({"keyless": keyless}, environment) == public


def test_what_a_run_has_elsewhere_is_shown_to_containers(tmp_path):
    here, far = tmp_path / "run", tmp_path / "far"
    for name in ("results", "corpora", "cache/blobs", "benchmarks"):
        (far / name).mkdir(parents=True)
    for name in ("resources/models/own", "corpora"):
        (here / name).mkdir(parents=True)
    (here / "results").symlink_to(far / "results")
    (here / "resources/benchmarks").symlink_to(far / "benchmarks")
    (here / "resources/lost").symlink_to(far / "lost")
    (far / "cache/blobs/1").touch()
    (here / "resources/models/own/model.safetensors").symlink_to(far / "cache/blobs/1")
    (far / "ca.pem").symlink_to("cache/blobs/1")
    (far / "linked").symlink_to("corpora")
    corpora = {
        "a": {"path": str(far / "linked")},
        "b": {"path": "corpora"},
        "c": {"packages": []},
        "d": {"path": None},
    }
    config = {"seeds": {"corpora": corpora}, "models": {"own": {"engine": "vllm", "endpoint": None}}}
    environment = {"SSL_CERT_FILE": str(far / "ca.pem"), "SSL_CERT_DIR": str(far / "lost")}
    expected = [str(far / name) for name in ("benchmarks", "cache/blobs", "corpora", "linked", "results")]
    assert outside(config, environment, here) == expected
    config["models"]["teacher"] = {"engine": "endpoint", "endpoint": {"key_env": "MY_KEY"}}
    assert outside(config, environment, here) == sorted([*expected, str(far / "ca.pem")])


def rules() -> dict[str, str]:
    """Text of each rule by its name."""
    found = {}
    for path in (ROOT / "rules").rglob("*.smk"):
        for part in re.split(r"^(?=rule )", path.read_text(), flags=re.M)[1:]:
            found[re.match(r"rule (\w+):", part)[1]] = part
    return found


def test_every_rule_has_an_image_or_a_reason_to_run_on_the_host():
    named = {name: re.findall(r'container:\n\s+image\("(\w+)"\)', text) for name, text in rules().items()}
    assert {name for name, found in named.items() if not found} == ON_THE_HOST
    assert {role for found in named.values() for role in found} == set(ROLES)


@pytest.mark.parametrize("role", ROLES)
def test_a_version_changes_with_everything_that_decides_an_image(role, tmp_path, monkeypatch):
    names = [name.format(accelerator="cpu") for name in (*images.COMMON, f"containers/{role}.def", *ROLES[role])]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("as it was")
    monkeypatch.setattr(images, "ROOT", tmp_path)
    versions = set()
    for name in [None, *names]:
        if name:
            (tmp_path / name).write_text("changed")
        image_version.cache_clear()
        versions.add(image_version(role, "cpu"))
    image_version.cache_clear()
    assert len(versions) == len(names) + 1


def test_the_gpu_image_is_preferred_and_its_path_named_where_there_is_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    gpu, cpu = image_path("train", "gpu"), image_path("train", "cpu")
    assert built_image("train") == str(gpu) and missing_images() == list(ROLES)
    images.FOLDER.mkdir(parents=True)
    cpu.touch()
    assert built_image("train") == str(cpu)
    gpu.touch()
    assert built_image("train") == str(gpu) and "train" not in missing_images()


def test_one_workflow_image_serves_both_builds():
    assert image_path("workflow", "gpu") == image_path("workflow", "cpu")
    assert image_path("generate", "gpu") != image_path("generate", "cpu")


def test_the_builder_learns_names_without_any_environment():
    command = [sys.executable, "-S", "-m", "selfalign.images", "generate", "cpu"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={"PYTHONPATH": str(ROOT / "scripts")}
    )
    assert Path(done.stdout.strip()) == image_path("generate", "cpu")


def test_a_wrong_role_or_accelerator_is_told_before_anything_is_built():
    command = ["bash", str(ROOT / "containers" / "build.sh"), "kitchen"]
    for environment, word in (
        ({"ACCELERATOR": "abacus"}, "ACCELERATOR is cpu or gpu"),
        ({}, "there is no image kitchen"),
    ):
        done = subprocess.run(
            command, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin:/usr/sbin", **environment}
        )
        assert done.returncode and word in done.stderr


@pytest.mark.parametrize("role", ROLES)
def test_definitions_name_no_registry_and_keep_caches_out_of_the_runs_folder(role):
    text = (ROOT / "containers" / f"{role}.def").read_text()
    assert "Bootstrap: localimage" in text and "docker" not in text and "://" not in text
    assert "XDG_CACHE_HOME=/tmp/" in text and "PYTHONNOUSERSITE=1" in text and "%test" in text


def test_the_hosts_packages_are_out_of_reach_in_a_container(monkeypatch):
    monkeypatch.setattr(sys, "path", ["/usr/lib/python3/dist-packages", f"{HOST_PYTHON}/item_0", "/repository/scripts"])
    leave_host_python()
    assert sys.path == ["/usr/lib/python3/dist-packages", "/repository/scripts"]


def test_a_lock_beside_another_holds_only_what_that_lacks():
    base = "torch==2.13.0 \\\n    --hash=sha256:aa\nx==1 \\\n    --hash=sha256:bb \\\n    --hash=sha256:cc\n"
    lock = "deepspeed==1 \\\n    --hash=sha256:dd\n" + base + "hjson==3 \\\n    --hash=sha256:ee\n"
    assert difference(lock, base) == "deepspeed==1 \\\n    --hash=sha256:dd\nhjson==3 \\\n    --hash=sha256:ee\n"


def test_the_repository_is_found_in_one_place():
    """In a container a module's own path leads elsewhere; shim.py runs on the host alone."""
    modules = [path for path in (ROOT / "scripts" / "selfalign").rglob("*.py") if "parents[2]" in path.read_text()]
    names = {str(path.relative_to(ROOT / "scripts" / "selfalign")) for path in modules}
    assert names == {"__init__.py", "cluster/shim.py"}
