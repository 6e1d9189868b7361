"""The accelerator benchmark runs on a CPU, where it measures nothing of interest."""

import json
import os
import subprocess
import sys


def test_it_runs_on_a_cpu_and_tells_what_failed(root, tmp_path):
    command = [sys.executable, "tests/bench/gpu.py", "--sizes", "tiny", "--methods", "lora", "--steps", "4"]
    command += [
        "--prompts",
        "2",
        "--new-tokens",
        "4",
        "--engine",
        "transformers",
        "--output",
        str(tmp_path / "out.json"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(root / "scripts"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "out.json").read_text())["results"]
    assert [(r["kind"], r["packing"]) for r in results] == [("train", False), ("train", True), ("generate", False)]
    assert all(result.get("tokens_per_second", 0) > 0 for result in results), results
    assert "| tiny | lora, packed |" in done.stdout

    broken = [
        *command[:2],
        "--sizes",
        "tiny",
        "--methods",
        "lora",
        "--steps",
        "4",
        "--prompts",
        "0",
        "--timeout",
        "0.01",
    ]
    done = subprocess.run(broken, cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert "took more than 0 s" in done.stdout
