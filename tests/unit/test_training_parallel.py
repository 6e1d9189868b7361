"""Command lines of training on several devices, as accelerate itself reads them, and what of the config they come from."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from accelerate.commands.launch import _validate_launch_command, launch_command_parser

from selfalign import ROOT
from selfalign.config import resolve_config
from selfalign.errors import InfrastructureError, UserError
from selfalign.training import parallel as parallel_module
from selfalign.training.parallel import CONFIGS, SHARDINGS, Parallel, check_startable, launch_command, step_environment
from selfalign.training.sharded import check_sharding

SLURM = {"SLURM_JOB_ID": "41234", "SLURM_JOB_NODELIST": "gpu[07-08]", "SLURM_NODEID": "0", "SLURM_NTASKS": "1"}


def read_by_accelerate(command: list[str]):
    """The arguments as `accelerate launch` understands them, with what its config file adds."""
    assert command[1:3] == ["-m", "accelerate.commands.launch"]
    arguments, _, _ = _validate_launch_command(launch_command_parser().parse_args(command[3:]))
    return arguments


@pytest.fixture
def two_nodes(monkeypatch):
    monkeypatch.setattr(parallel_module, "first_node", lambda job: "gpu07")
    return SLURM


@pytest.mark.parametrize("sharding", SHARDINGS)
def test_one_node_is_one_launch_with_a_process_a_device(sharding):
    found = read_by_accelerate(launch_command(Parallel(4, 1, sharding), "job.json"))
    assert (found.num_processes, found.num_machines, found.module) == (4, 1, True)
    assert (found.training_script, found.training_script_args) == ("selfalign.training.run", ["job.json"])
    kinds = {"none": found.multi_gpu, "fsdp2": found.use_fsdp, "zero3": found.use_deepspeed}
    assert {kind for kind, used in kinds.items() if used} == {sharding}


def test_fsdp2_is_the_second_version_with_parts_in_resumable_checkpoints():
    found = read_by_accelerate(launch_command(Parallel(2, 1, "fsdp2"), "job.json"))
    assert (found.fsdp_version, found.fsdp_state_dict_type) == (2, "SHARDED_STATE_DICT")
    assert str(found.fsdp_reshard_after_forward).lower() == "true"


def test_zero3_gathers_the_model_for_saving_and_needs_no_ssh():
    found = read_by_accelerate(launch_command(Parallel(2, 1, "zero3"), "job.json"))
    assert (found.zero_stage, found.zero3_save_16bit_model) == (3, True)
    assert found.deepspeed_multinode_launcher == "standard"


@pytest.mark.parametrize("name", SHARDINGS.values())
def test_every_key_of_the_launch_recipes_is_one_that_accelerate_knows(name):
    """It takes unknown keys of a section without a word."""
    known = set(vars(launch_command_parser().parse_args(["x"])))
    recipe = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())
    for section in ("fsdp_config", "deepspeed_config"):
        assert set(recipe.get(section, {})) <= known


@pytest.mark.parametrize("sharding", SHARDINGS)
def test_several_nodes_are_one_step_of_the_job_with_a_launch_on_each(sharding, two_nodes):
    command = launch_command(Parallel(4, 2, sharding), "job.json", threads=16, environment=two_nodes)
    assert command[:-3] == [
        "srun", "--overlap", "--kill-on-bad-exit=1", "--nodes=2", "--ntasks=2", "--ntasks-per-node=1",
        "--cpus-per-task=16", "--cpu-bind=none",
    ]  # fmt: skip
    assert command[-3:-1] == ["sh", "-c"]
    for rank in "01":  # a shell on each node fills in its rank
        line = command[-1].removeprefix("exec ").replace("$SLURM_NODEID", rank)
        found = read_by_accelerate(shlex.split(line))
        assert (found.num_processes, found.num_machines, int(found.machine_rank)) == (8, 2, int(rank))
        assert (found.main_process_ip, found.main_process_port) == ("gpu07", 20000 + 1234)
        assert found.training_script_args == ["job.json"]


def test_processes_meet_where_slurm_itself_reaches_the_first_node(tmp_path, monkeypatch):
    """Snakemake's jobstep takes the list of nodes out of the environment: the job's number has to do."""
    command = tmp_path / "scontrol"
    command.write_text(
        '#!/bin/sh\ncase "$*" in\n'
        '"show job 7") echo "   NodeList=gn[1-2]\n   BatchHost=gn1" ;;\n'
        '"show node gn1") echo "NodeName=gn1\n   NodeAddr=10.0.0.3 NodeHostName=gn1" ;;\n'
        "*) exit 1 ;;\nesac\n"
    )
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert parallel_module.first_node("7") == "10.0.0.3"
    with pytest.raises(InfrastructureError, match="first node"):
        parallel_module.first_node("8")


def test_a_step_over_several_nodes_forgets_the_step_around_it():
    environment = step_environment(
        Parallel(4, 2), {**SLURM, "SLURM_GPUS": "1", "SRUN_CPUS_PER_TASK": "1", "HOME": "/h"}
    )
    assert {name for name in environment if name.startswith(("SLURM", "SRUN"))} == {
        "SLURM_JOB_ID",
        "SLURM_JOB_NODELIST",
    }
    assert environment["HOME"] == "/h" and str(ROOT / "scripts") in environment["PYTHONPATH"]


def test_several_nodes_without_slurm_or_inside_a_container_are_refused():
    with pytest.raises(UserError, match="needs a SLURM job"):
        launch_command(Parallel(4, 2), "job.json", environment={})
    with pytest.raises(UserError, match="a container does not have"):
        launch_command(Parallel(4, 2), "job.json", environment={**SLURM, "SELFALIGN_IMAGE": "train"})


def test_a_training_that_can_not_start_is_refused_before_anything_is_generated():
    one, more = {"nodes": 1, "sharding": "zero3"}, {"nodes": 2, "sharding": "fsdp2"}
    with pytest.raises(UserError, match="needs DeepSpeed"):
        check_startable(one, "tuned", contained=False)
    check_startable(one, "tuned", contained=True)
    with pytest.raises(UserError, match=r"which a container does not have\n.*checkpoints.tuned.recipe.parallel"):
        check_startable(more, "tuned", contained=True)
    check_startable(more, "tuned", contained=False)


def test_one_device_needs_no_launcher_unless_it_is_to_shard():
    assert Parallel().in_this_process
    assert not Parallel(sharding="fsdp2").in_this_process and not Parallel(gpus=2).in_this_process


def test_the_dry_run_prints_the_command_and_starts_nothing():
    command = [sys.executable, "-m", "selfalign.training.parallel", "--gpus", "4", "--sharding", "fsdp2", "--dry-run"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={"PYTHONPATH": str(ROOT / "scripts")}
    )
    assert read_by_accelerate(shlex.split(done.stdout)).num_processes == 4


def test_the_dry_run_for_several_nodes_needs_no_job():
    command = [sys.executable, "-m", "selfalign.training.parallel", "--gpus", "4", "--nodes", "2", "--dry-run"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={"PYTHONPATH": str(ROOT / "scripts")}
    )
    line = shlex.split(done.stdout)
    assert line[0] == "srun" and "--nodes=2" in line
    assert "--main_process_ip FIRST-NODE" in line[-1] and "--num_processes 8" in line[-1]


def test_sharding_that_accelerate_did_not_set_up_is_a_fault():
    """It falls back to whole models without a word, for example on CPUs."""

    class Whole:
        class distributed_type:
            value = "MULTI_CPU"

    check_sharding("none", Whole)
    with pytest.raises(InfrastructureError, match="accelerate set up MULTI_CPU"):
        check_sharding("fsdp2", Whole)


def config(**recipe) -> dict:
    study = yaml.safe_load(Path(ROOT / "config.yaml").read_text())
    study["checkpoints"]["tuned"]["recipe"] = {"optimizer": "adamw", "batch_size": 16, **recipe}
    return study


@pytest.mark.parametrize(
    ("recipe", "problem"),
    [
        ({"parallel": {"nodes": 2}}, "parallel.gpus is missing"),
        ({"parallel": {"sharding": "fsdp2"}, "optimizer": "adafactor"}, "adamw is wanted"),
        ({"parallel": {"sharding": "zero3"}, "packing": True}, "packing can't be checked"),
        ({"parallel": {"gpus": 3}}, "not a multiple of micro_batch_size 1 on 3 devices"),
    ],
)
def test_a_config_that_its_devices_can_not_do_is_refused(recipe, problem):
    with pytest.raises(UserError, match=problem):
        resolve_config(config(**recipe))
    resolve_config(config(parallel={"gpus": 4, "nodes": 2, "sharding": "fsdp2"}))
