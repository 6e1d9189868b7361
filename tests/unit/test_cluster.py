"""Site file, folder lock, what stands between the plugin and SLURM, and the check of GPUs: without a SLURM."""

import errno
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import yte
from snakemake.iocontainers import Wildcards
from snakemake.resources import Resource
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

from selfalign import ROOT
from selfalign.cluster import folder_lock, gpu, shim
from selfalign.cluster.earlier import choice
from selfalign.cluster.folder_lock import SILENT_SECONDS, FolderLock
from selfalign.cluster.guard import cancel_all, cap_pauses, fronted
from selfalign.cluster.records import Records, unfinished_runs
from selfalign.cluster.site import DEFAULT, Partition, Site, load_site
from selfalign.errors import UserError

# --- site file


def test_the_site_file_that_is_shipped_states_the_defaults():
    assert load_site(DEFAULT) == Site()
    assert vars(load_site(DEFAULT)).keys() == vars(Site()).keys()
    assert load_site(DEFAULT).earlier_jobs == "wait"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("partition: x", "unknown key partition"),
        ("cpu: {walltime: 3}", "unknown key cpu.walltime"),
        ("jobs: 0", "jobs is 0"),
        ("jobs: many", "jobs is 'many'"),
        ("account: 1234", "account is 1234"),
        ("check_gpu: 1", "check_gpu is 1"),
        ("earlier_jobs: kill", "earlier_jobs is 'kill'"),
        ("[]", "jobs"),
        ("cpu: [", "not YAML"),
    ],
)
def test_a_wrong_site_file_is_refused_with_the_key(tmp_path, text, said):
    path = tmp_path / "site.yaml"
    path.write_text(text)
    if text == "[]":
        assert load_site(path) == Site()
        return
    with pytest.raises(UserError, match=said.replace("'", ".")):
        load_site(path)


def test_a_key_left_out_has_its_own_partitions_value(tmp_path):
    path = tmp_path / "site.yaml"
    path.write_text("gpu: {name: a100}\ncpu: {minutes: 60}")
    site = load_site(path)
    assert (site.gpu.name, site.gpu.threads) == ("a100", Site().gpu.threads)
    assert site.cpu == Partition("cpu", minutes=60)


def test_a_missing_site_file_says_what_to_copy(tmp_path):
    with pytest.raises(UserError, match=r"profiles/slurm/site\.yaml"):
        load_site(tmp_path / "none.yaml")


def test_the_environment_decides_over_the_site_about_earlier_jobs(monkeypatch):
    assert choice(Site()) == "wait"
    monkeypatch.setenv("SELFALIGN_EARLIER_JOBS", "cancel")
    assert choice(Site()) == "cancel"
    monkeypatch.setenv("SELFALIGN_EARLIER_JOBS", "perhaps")
    with pytest.raises(UserError, match="perhaps"):
        choice(None)


# --- one run a folder


def holder(lock: FolderLock, **changes) -> None:
    """Rewrites who holds the lock."""
    lock.path.write_text(json.dumps({**json.loads(lock.path.read_text()), **changes}))


def test_a_living_holder_on_this_machine_keeps_others_out(tmp_path):
    first = FolderLock(tmp_path / "running.json", print)
    first.acquire()
    with pytest.raises(UserError, match=f"process {os.getpid()}"):
        FolderLock(first.path, print).acquire()
    first.release()
    FolderLock(first.path, print).acquire()


@pytest.mark.parametrize("changes", [{"started": "1"}, {"boot": "another"}, {"pid": 2**22 + 1}])
def test_a_dead_holder_is_replaced_and_known(tmp_path, changes):
    """Killed; before a reboot; and a process that has its number by chance."""
    first = FolderLock(tmp_path / "running.json", print)
    first.acquire()
    holder(first, **changes)
    second = FolderLock(first.path, print)
    second.acquire()
    assert second.left_by["token"] == first.token


def test_a_start_that_gives_up_leaves_the_remnant_for_the_next(tmp_path):
    first = FolderLock(tmp_path / "running.json", print)
    first.acquire()
    holder(first, started="1")
    for _ in range(2):
        lock = FolderLock(first.path, print)
        lock.acquire()
        assert lock.left_by["token"] == first.token
        lock.release(as_found=True)


def test_a_holder_on_another_machine_lives_by_its_heartbeat(tmp_path, monkeypatch):
    first = FolderLock(tmp_path / "running.json", print)
    first.acquire()
    holder(first, host="login2")
    said = []
    second = FolderLock(first.path, said.append)
    beats = iter([0, 10])
    # Another sign of life while the start waits: time passes at once, and the other machine touches the file.
    monkeypatch.setattr(time, "sleep", lambda _: os.utime(first.path, (time.time() + next(beats),) * 2))
    with pytest.raises(UserError, match="login2"):
        second.acquire()
    assert "login2" in said[0]
    os.utime(first.path, (time.time() - SILENT_SECONDS - 5,) * 2)
    second.acquire()


def second_user(path: Path) -> str:
    """What a start in the folder says to another user of the machine, with the usual umask."""
    reading, writing = os.pipe()
    if not (child := os.fork()):
        try:
            if os.geteuid() == 0:
                os.setresuid(65534, 65534, 65534)
            FolderLock(path, print).acquire()
            os.write(writing, b"taken")
        except BaseException as error:
            os.write(writing, f"{type(error).__name__}: {error}".encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with open(reading) as said:
        return said.read()


@pytest.mark.parametrize("mode", [0o2777, 0o2755])
def test_a_second_user_is_refused_politely(mode):
    # Not below tmp_path, which lets nobody else in.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(mode)
        first = FolderLock(Path(folder) / "running.json", print)
        first.acquire()
        assert f"process {os.getpid()}" in second_user(first.path)
        first.release()
        said = second_user(first.path)
        assert said == "taken" if mode & 2 or os.geteuid() else "belongs to another user" in said


def test_where_processes_of_others_are_hidden_the_heartbeat_counts(tmp_path, monkeypatch):
    first = FolderLock(tmp_path / "running.json", print)
    first.acquire()

    def kill(pid, number):
        raise PermissionError

    monkeypatch.setattr(folder_lock, "started", lambda pid: None)
    monkeypatch.setattr(os, "kill", kill)
    monkeypatch.setattr(time, "sleep", lambda _: os.utime(first.path, (time.time() + 10,) * 2))
    with pytest.raises(UserError, match=f"process {os.getpid()}"):
        FolderLock(first.path, print).acquire()
    os.utime(first.path, (time.time() - SILENT_SECONDS - 5,) * 2)
    FolderLock(first.path, print).acquire()


# --- between the plugin and SLURM


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """A PATH whose SLURM commands print the file of their name, or fail with its text if that starts with "!"."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sbatch", "squeue", "scancel", "sacct"):
        command = folder / name
        command.write_text(
            f"#!{sys.executable}\nimport pathlib, sys\np = pathlib.Path({str(tmp_path)!r})\n"
            f"open(p / 'calls', 'a').write('{name} ' + ' '.join(sys.argv[1:]) + '\\n')\n"
            f"lines = (p / '{name}').read_text().split('---\\n') if (p / '{name}').exists() else ['']\n"
            f"(p / '{name}').write_text('---\\n'.join(lines[1:] or lines))\n"
            "text = lines[0]\n"
            "sys.exit(text[1:]) if text.startswith('!') else print(text, end='')\n"
        )
        command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{shim.BIN}{os.pathsep}{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("SELFALIGN_SHIM_PYTHON", sys.executable)
    monkeypatch.setenv(shim.FOLDER, str(tmp_path / "records"))
    return tmp_path


def query() -> str:
    command = ["squeue", "--format=%i|%T", "--states=all", "--noheader", "--name", "run-1"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def submit(*more: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["sbatch", "--job-name", "run-1", "--comment", "rule_a", *more, "--wrap=x"], capture_output=True, text=True
    )


def known_for(slurm: Path, seconds: float) -> None:
    """Makes the records so much older."""
    path = slurm / "records" / "run-1.jsonl"
    events = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps({**event, "time": event["time"] - seconds}) + "\n" for event in events))


def test_the_run_is_on_record_before_slurm_has_the_job_and_a_dead_controller_is_asked_again(slurm):
    (slurm / "sbatch").write_text("!sbatch: error: Unable to contact slurm controller (connect failure)---\n7\n")
    (slurm / "squeue").write_text("")
    done = submit()
    assert (done.returncode, done.stdout) == (0, "7\n")
    events = [event["event"] for event in Records(slurm / "records", "run-1").events()]
    assert events == ["submitting", "job"]
    log = (slurm / "records" / "cluster.log").read_text()
    assert "trying again" in log and "submitted as job 7" in log


def test_a_job_whose_number_was_lost_on_the_way_is_not_submitted_twice(slurm):
    (slurm / "sbatch").write_text("!sbatch: error: Socket timed out on send/recv operation")
    (slurm / "squeue").write_text("8|rule_b\n9|rule_a\n")
    assert submit().stdout == "9\n"
    assert (slurm / "calls").read_text().count("sbatch") == 1


def test_a_lost_submission_is_repeated_only_when_slurm_has_said_that_it_has_none(slurm):
    """Its job may have ended meanwhile, and a controller that does not answer has said nothing."""
    (slurm / "sbatch").write_text("!sbatch: error: Socket timed out on send/recv operation---\n7\n")
    (slurm / "squeue").write_text("!slurm_load_jobs error: Unable to contact slurm controller---\n9|rule_a\n")
    assert submit().stdout == "9\n"
    calls = (slurm / "calls").read_text().splitlines()
    assert [call.split()[0] for call in calls] == ["sbatch", "squeue", "squeue"]
    assert all("--states=all" in call for call in calls[1:]), calls


def test_a_disk_too_full_to_note_a_submission_is_named_and_nothing_submitted(slurm, monkeypatch, capsys):
    def full(*arguments, **values):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shim.Records, "add", full)
    monkeypatch.setenv(shim.FOLDER, str(slurm / "records"))
    assert shim.main("sbatch", ["--job-name=run-1", "--comment=rule_x"]) == 1
    assert f"no space left in {slurm / 'records'} (No space left on device)" in capsys.readouterr().err


def test_a_refused_submission_is_refused_at_once(slurm):
    (slurm / "sbatch").write_text("!sbatch: error: invalid partition specified: gpuu")
    done = submit()
    assert done.returncode == 1 and "gpuu" in done.stderr
    assert (slurm / "calls").read_text().count("sbatch") == 1


@pytest.mark.parametrize(
    ("accounting", "told"), [("COMPLETED\n", "COMPLETED"), ("", "FAILED"), ("!no database", "FAILED")]
)
def test_a_job_that_slurm_forgot_does_not_run_for_ever(slurm, accounting, told):
    (slurm / "sbatch").write_text("7\n")
    submit()
    (slurm / "squeue").write_text("")
    (slurm / "sacct").write_text(accounting)
    assert query() == "", "a job may take a moment to show up"
    known_for(slurm, 60)
    assert query() == query() == f"7|{told}\n"
    assert (slurm / "calls").read_text().count("sacct") == 1


@pytest.mark.parametrize(
    ("row", "first", "later"),
    [
        ("7|PREEMPTED|None", "PENDING", "FAILED"),
        ("7|NODE_FAIL|NodeDown", "FAILED", "FAILED"),
        ("7|PENDING|PartitionTimeLimit", "PENDING", "FAILED"),
        ("7|PENDING|launch failed requeued held", "PENDING", "FAILED"),
        ("7|PENDING|QOSMaxMemoryPerJob", "PENDING", "FAILED"),
        ("7|PENDING|QOSMaxGRESPerNode", "PENDING", "FAILED"),
        ("7|PENDING|AssocMaxCpuPerNode", "PENDING", "FAILED"),
        ("7|PENDING|QOSMinGRES", "PENDING", "FAILED"),
        ("7|PENDING|JobHoldMaxRequeue", "PENDING", "FAILED"),
        ("7|PENDING|MaxMemPerLimit", "PENDING", "FAILED"),
        ("7|RESV_DEL_HOLD|None", "PENDING", "FAILED"),
        ("7|REQUEUE_HOLD|JobHoldMaxRequeue", "PENDING", "FAILED"),
        ("7|REQUEUE_HOLD|None", "PENDING", "PENDING"),
        ("7|PENDING|job requeued in held state", "PENDING", "PENDING"),
        ("7|PENDING|Priority", "PENDING", "PENDING"),
        ("7|PENDING|ReqNodeNotAvail, UnavailableNodes:gn1", "PENDING", "PENDING"),
        ("7|PENDING|JobHeldUser", "PENDING", "PENDING"),
        ("7|PENDING|QOSMaxJobsPerUserLimit", "PENDING", "PENDING"),
        ("7|PENDING|AssocGrpGRES", "PENDING", "PENDING"),
        ("7|RUNNING|None", "RUNNING", "RUNNING"),
        ("7|TIMEOUT|TimeLimit", "TIMEOUT", "TIMEOUT"),
    ],
)
def test_states_that_never_end_end_and_waiting_stays_waiting(slurm, row, first, later):
    (slurm / "sbatch").write_text("7\n")
    submit()
    (slurm / "squeue").write_text(row + "\n")
    assert query() == f"7|{first}\n"
    known_for(slurm, 60)
    assert query() == f"7|{later}\n"


def test_the_log_of_the_run_says_why_a_job_failed(slurm):
    (slurm / "sbatch").write_text("7\n")
    submit("--output", str(slurm / "%j.log"))
    (slurm / "7.log").write_text(
        "Select jobs to execute...\n2026-01-01 00:00:00,000 ERROR selfalign: no space left\n  where: /scratch\n"
        "  do:    free some\nElapsed time: 0:00:07\nsrun: error: n1: task 0: Out Of Memory\n"
    )
    (slurm / "squeue").write_text("7|FAILED|None\n")
    assert query() == query() == "7|FAILED\n"
    said = [line[20:] for line in (slurm / "records" / "cluster.log").read_text().splitlines()]
    assert said == [
        "job 7 (rule_a) ended: FAILED",
        "job 7: 2026-01-01 00:00:00,000 ERROR selfalign: no space left",
        "job 7: where: /scratch",
        "job 7: do:    free some",
        "job 7: srun: error: n1: task 0: Out Of Memory",
    ]


@pytest.mark.parametrize(("row", "told"), [("COMPLETED|None", "COMPLETED"), ("CANCELLED|None", "CANCELLED")])
def test_the_plugin_may_ask_sacct_on_a_cluster_without_accounting(slurm, row, told):
    """It does whenever `scontrol show config` fails or is slow, with these words."""
    (slurm / "sbatch").write_text("7\n")
    submit()
    (slurm / "sacct").write_text("!Slurm accounting storage is disabled")
    (slurm / "squeue").write_text(f"7|{row}\n")
    words = [
        "sacct",
        "-X",
        "--parsable2",
        "--clusters",
        "all",
        "--noheader",
        "--format=JobIdRaw,State",
        "--name",
        "run-1",
    ]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == f"7|{told}\n"
    known_for(slurm, 60)
    (slurm / "squeue").write_text("7|PREEMPTED|None\n")
    subprocess.run(words, check=True)
    known_for(slurm, 60)
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == "7|FAILED\n"
    assert "sacct" not in (slurm / "calls").read_text()


def test_other_questions_to_sacct_are_its_own_to_answer(slurm):
    (slurm / "sacct").write_text("7|00:01:00\n")
    done = subprocess.run(["sacct", "--name", "run-1", "--format=JobIdRaw,Elapsed"], capture_output=True, text=True)
    assert done.stdout == "7|00:01:00\n"


def test_the_sites_account_reaches_sbatch_without_being_looked_up(slurm, monkeypatch):
    monkeypatch.setenv("SBATCH_ACCOUNT", "mine")
    monkeypatch.setenv("SELFALIGN_SITE", str(slurm / "site.yaml"))
    monkeypatch.chdir(ROOT)
    (slurm / "site.yaml").write_text("account: paying")
    profile = yte.process_yaml((ROOT / "profiles" / "slurm" / "profile.yaml").read_text())
    assert "slurm_account" not in profile["default-resources"]
    with fronted(slurm / "records", load_site().account):
        assert shim.own_environment()["SBATCH_ACCOUNT"] == "paying"


def test_jobs_do_not_see_what_stands_in_front_of_slurm(slurm):
    assert str(shim.BIN) not in shim.own_environment()["PATH"]


def test_what_stood_in_front_of_slurm_is_gone_after_a_failed_run_too(slurm):
    before = os.environ["PATH"]
    with pytest.raises(KeyboardInterrupt), fronted(slurm / "records", None):
        assert os.environ["PATH"].startswith(str(shim.BIN))
        raise KeyboardInterrupt
    assert os.environ["PATH"] == before


def test_runs_are_over_when_that_was_written_last(tmp_path):
    run = Records(tmp_path, "a")
    run.add("submitting", comment="x")
    assert [found.run for found in unfinished_runs(tmp_path)] == ["a"]
    run.add("over")
    with open(run.path, "a") as stream:
        stream.write('{"event": "torn')
    assert unfinished_runs(tmp_path) == []


# --- GPUs


@pytest.fixture
def nvidia(tmp_path, monkeypatch):
    """Puts an nvidia-smi in front that reports these sizes in MiB, and a torch built for CUDA."""
    import torch

    def install(*sizes: int) -> None:
        command = tmp_path / "nvidia-smi"
        command.write_text("#!/bin/sh\n" + "".join(f"echo {size}\n" for size in sizes))
        command.chmod(0o755)

    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(torch.version, "cuda", "12.9")
    return install


def test_a_gpu_that_is_missing_or_too_small_is_named(tmp_path, nvidia):
    with open(tmp_path / "model.safetensors", "wb") as weights:
        weights.truncate(3 << 30)
    nvidia(4096)
    gpu.check_gpus(1, tmp_path)
    with pytest.raises(UserError, match=r"given 2 GPU\(s\), but 1 of them"):
        gpu.check_gpus(2, tmp_path)
    nvidia(2048)
    with pytest.raises(UserError, match=r"3\.0 GiB.* don't fit"):
        gpu.check_gpus(1, tmp_path)
    nvidia(2048, 2048)
    gpu.check_gpus(2, tmp_path)


def test_weights_fit_where_each_gpu_holds_them_whole_or_gpus_of_several_nodes_share_them(tmp_path, nvidia):
    with open(tmp_path / "model.safetensors", "wb") as weights:
        weights.truncate(3 << 30)
    nvidia(2048, 2048)
    with pytest.raises(UserError, match=r"memory of 1 GPU\(s\) \(2\.0 GiB\)"):
        gpu.check_gpus(2, tmp_path, sharing=1)
    nvidia(1024, 1024)
    with pytest.raises(UserError, match=r"memory of 2 GPU\(s\) \(2\.0 GiB\)"):
        gpu.check_gpus(2, tmp_path)
    gpu.check_gpus(2, tmp_path, sharing=4)


def test_gpus_are_checked_where_the_profile_says_so():
    assert gpu.wanted_gpus({"gpu": 2, "check_gpu": 1}) == 2
    assert gpu.wanted_gpus({"gpu": 2, "check_gpu": 0}) == gpu.wanted_gpus({"gpu": 2}) == gpu.wanted_gpus({}) == 0


@pytest.mark.parametrize(
    ("name", "gpu", "cpu"), [("slurm_partition", "gpu", "cpu"), ("mem_mb", 64000, 4000), ("runtime", 720, 720)]
)
def test_jobs_whose_model_is_an_endpoint_go_to_the_cpu_partition(name, gpu, cpu, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("SELFALIGN_SITE", raising=False)
    profile = yte.process_yaml((ROOT / "profiles" / "slurm" / "profile.yaml").read_text())
    resource = Resource.from_cli_expression(name, str(profile["set-resources"]["generate_tasks"][name]))

    def asked(**wildcards):
        wildcards = Wildcards(fromdict=wildcards)
        return resource.evaluate(wildcards, input=[], attempt=1, threads=1, rulename="", async_run=None).value

    assert asked(generator="one", shard="0-of-2") == gpu
    monkeypatch.setenv("SELFALIGN_WITHOUT_GPU", "generator=two candidate=one")
    assert asked(generator="one", shard="0-of-2") == gpu
    assert asked(generator="two", shard="0-of-2") == asked(candidate="one") == cpu


def test_every_rule_that_holds_a_gpu_goes_to_the_gpu_partition(monkeypatch):
    """Rules say `gpu`, the profile says where: a rule that it does not know would wait on the CPU partition for ever."""
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("SELFALIGN_SITE", raising=False)
    monkeypatch.delenv("SELFALIGN_WITHOUT_GPU", raising=False)
    profile = yte.process_yaml((ROOT / "profiles" / "slurm" / "profile.yaml").read_text())
    holding = set()
    for path in (ROOT / "rules").glob("*.smk"):
        for text in re.split(r"^rule ", path.read_text(), flags=re.MULTILINE)[1:]:
            holding |= {text.split(":")[0]} if re.search(r"^ +gpu=", text, flags=re.MULTILINE) else set()
    assert {"generate_concepts", "train_checkpoint"} < holding
    for rule in holding:
        wanted = Resource.from_cli_expression("slurm_partition", profile["set-resources"][rule]["slurm_partition"])
        found = wanted.evaluate(Wildcards(), input=[], attempt=1, threads=1, rulename="", async_run=None).value
        assert found == "gpu" and rule in profile["set-threads"], rule
        # SLURM spreads the GPUs of a job over nodes where none has enough free, and the job's step sees those of one.
        assert rule == "train_checkpoint" or profile["set-resources"][rule]["nodes"] == 1


def test_jobs_that_run_programs_have_memory_for_one_on_each_thread(monkeypatch):
    monkeypatch.chdir(ROOT)
    profile = yte.process_yaml((ROOT / "profiles" / "slurm" / "profile.yaml").read_text())
    program = re.search(r"memory_mb: {.*?default: (\d+)", (ROOT / "schemas/config.schema.yaml").read_text())
    for rule in ("validate_responses", "score_completions"):
        asked = Resource.from_cli_expression("mem_mb", str(profile["set-resources"][rule]["mem_mb"]))
        found = asked.evaluate(Wildcards(), input=[], attempt=1, threads=1, rulename="", async_run=None).value
        assert found >= 0.95 * profile["set-threads"][rule] * int(program[1]), rule


def test_the_pause_between_two_looks_at_the_queue_has_an_end():
    class Executor(RemoteExecutor):
        def __init__(self):
            self._next_seconds_between_status_checks = None

        def run_job(self, job): ...
        def cancel_jobs(self, active_jobs): ...
        async def check_active_jobs(self, active_jobs): ...

    cap_pauses(Executor, 30)
    executor = Executor()
    for pause, told in ((20, 20), (30, 30), (40, 30), (180, 30)):
        executor.next_seconds_between_status_checks = pause
        assert executor.next_seconds_between_status_checks == told
    assert RemoteExecutor.next_seconds_between_status_checks.fget(executor) == 180


@pytest.mark.parametrize("status", [0, 1])
def test_an_interrupted_executor_cancels_what_it_has_no_list_of(status, tmp_path, monkeypatch):
    (tmp_path / "scancel").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/called\necho refused >&2\nexit {status}\n')
    (tmp_path / "scancel").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    said = []
    monkeypatch.setattr("selfalign.cluster.guard.logger.warning", said.append)

    class Executor:
        run_uuid, cancelled = "a-run", None

        def cancel_jobs(self, active_jobs):
            self.cancelled = active_jobs

    cancel_all(Executor)
    executor = Executor()
    executor.cancel_jobs(["job"])
    assert executor.cancelled == ["job"]
    assert (tmp_path / "called").read_text() == "--name=a-run\n"
    assert [("refused" in text, "squeue --name=a-run" in text) for text in said] == [(True, True)] * status
