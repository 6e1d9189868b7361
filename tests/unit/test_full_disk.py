"""Generation on a real full disk: a file system of its own, in a mount namespace of its own."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

GENERATE = """
import os, sys
from pathlib import Path

from generation import Run, prompts_folder, tasks
from selfalign.errors import InfrastructureError

small, roomy = map(Path, sys.argv[1:])
for folder in (small, roomy):
    prompts_folder(folder)
run = Run(small, "responses", tasks(60))
ballast = small / "ballast"
disk = os.statvfs(small)
ballast.write_bytes(bytes(disk.f_bavail * disk.f_frsize - 96 * 1024))
try:
    run()
except InfrastructureError as error:
    print(error)
ballast.unlink()
run()
unbroken = Run(roomy, "responses", tasks(60))()
print("same bytes:", run.bytes() == unbroken.bytes())
print("reused:", run.usage["reused"])
print("left:", [path.name for path in small.rglob("*.tmp")])
"""


def test_a_disk_that_fills_up_under_the_journal_costs_a_batch_and_is_named(tmp_path, root):
    small, roomy = tmp_path / "small", tmp_path / "roomy"
    small.mkdir(), roomy.mkdir()
    script = 'mount -t tmpfs -o size=2m none "$1" && PYTHONPATH="$3/scripts:$3/tests/unit" "$4" -c "$5" "$1" "$2"'
    done = subprocess.run(
        [
            "unshare",
            "--map-root-user",
            "--mount",
            "sh",
            "-euc",
            script,
            "sh",
            small,
            roomy,
            root,
            sys.executable,
            GENERATE,
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "no space left while writing" in done.stdout and "/journal/" in done.stdout and "goes on" in done.stdout
    assert "same bytes: True" in done.stdout and "left: []" in done.stdout
    reused = int(done.stdout.split("reused: ")[1].split()[0])
    assert reused >= 32, "what was in the journal before the disk was full is not asked for again"


def test_with_a_full_temporary_folder_jobs_start_all_the_same(root):
    """On the login node and, since each job there is a Snakemake of its own, on the nodes."""
    (root / ".test").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root / ".test") as name:  # pytest's own folder is in the one that is full
        work, small = Path(name), Path(name, "small")
        small.mkdir()
        (work / "Snakefile").write_text(
            "rule all:\n    input: 'a', 'b'\nrule one:\n    output: '{x}'\n    script: 'one.py'\n"
        )
        (work / "one.py").write_text("open(snakemake.output[0], 'w').write('made')")
        full = 'mount -t tmpfs -o size=4k none "$1"; echo full >"$1/full"; mount --bind "$1" /var/tmp; mount --bind "$1" /tmp; shift'
        start = [sys.executable, "-m", "snakemake", "--cores", "1", "--profile", root / "profiles" / "default"]
        done = subprocess.run(
            ["unshare", "--map-root-user", "--mount", "sh", "-euc", f'{full}; exec "$@"', "sh", small, *start],
            capture_output=True, text=True, cwd=work, env={**os.environ, "TMPDIR": str(small)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert (work / "a").read_text() == (work / "b").read_text() == "made"
