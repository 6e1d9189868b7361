"""The benchmark of executions works, and counts what it says (tests/bench/execution.py); no figure is judged here."""

import gzip
import json
import subprocess
import sys

import pytest

BURN = "import time\nwhile time.process_time() < 0.3: pass"
SOLUTIONS = {
    "add": ("def add(a, b):\n    return a + b\n", "assert add(1, 2) == 3\nassert add(-1, 1) == 0"),
    "last": ("def last(items):\n    return items[len(items) - 1]\n", "assert last([1, 2, 3]) == 3"),
    "count": (
        "def count(text):\n    found = 0\n    for c in text:\n        if c == 'a':\n            found += 1\n    return found\n",
        "assert count('banana') == 3\nassert count('') == 0",
    ),
    "fact": (
        "def fact(n):\n    if n < 2:\n        return 1\n    return n * fact(n - 1)\n",
        "assert fact(5) == 120 and fact(1) == 1",
    ),
}


@pytest.fixture
def bench(root, monkeypatch):
    monkeypatch.syspath_prepend(str(root / "tests" / "bench"))
    import execution

    return execution


@pytest.fixture
def arguments(tmp_path, sandbox_image, engine) -> list[str]:
    """Two of the problems in each benchmark's own form."""
    humaneval, mbpp = tmp_path / "humaneval.jsonl", tmp_path / "mbpp.jsonl.gz"
    rows = [
        {"prompt": solution.partition("\n")[0] + "\n", "canonical_solution": solution.partition("\n")[2], "entry_point": name,
         "test": "def check(candidate):\n    " + tests.replace("\n", "\n    ")}
        for name, (solution, tests) in list(SOLUTIONS.items())[:2]
    ]  # fmt: skip
    humaneval.write_text("".join(json.dumps(row) + "\n" for row in rows))
    rows = [{"canonical_solution": solution, "assertion": tests} for solution, tests in list(SOLUTIONS.values())[2:]]
    mbpp.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    files = ["--humaneval", str(humaneval), "--mbpp", str(mbpp), "--image", str(sandbox_image), "--engine", engine]
    return [*files, "--require", "standard", "--items", "10", "--rounds", "1", "--chunk", "5", "--seconds", "1"]


def test_all_schemes_run_the_same_programs_and_the_sandbox_is_right_about_each(bench, arguments, capsys):
    result = bench.main(arguments)
    assert result["mix"] == {"pass": 5, "fail": 4, "loop": 1}
    assert len(result["schemes"]) == 7 and len(result["loops"]) == 6
    for name, figures in result["schemes"].items():
        assert figures["executions"] == 9 and figures["cpu_ms"] > 0, name
        assert figures["false_passes"] == 0, name
        assert figures["false_rejections"] == 0 or "reference" in name or "same" in name, name
    for figures in result["loops"].values():
        assert figures["executions"] == 1 and figures["false_passes"] == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == result


def test_other_modes_run(bench, arguments):
    rows = bench.main([*arguments, "--memory", "20"])["memory"]
    assert all(row["host_mb"] > 5 and row["server_mb"] > 5 and row["workers_mb"] > 5 for row in rows.values())
    shard = bench.main([*arguments, "--items", "20", "--loops"])
    assert shard["loops"] == shard["loops_timed_out"] == 1 and 0 <= shard["idle_share"] < 1
    variants = bench.main([*arguments, "--variants", "--mutants", "2"])["variants"]
    assert all(figures["executions"] == 5 and figures["cpu_ms"] > 0 for figures in variants.values())


def test_processes_that_have_ended_are_counted(bench):
    child = (
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BURN!r}]); print('done', flush=True); input()"
    )
    with subprocess.Popen([sys.executable, "-c", child], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert bench.tree_seconds(process.pid)[0] >= 0.29
        process.stdin.close()


def test_a_baseline_that_fails_is_no_figure(bench, arguments, sandbox_image, engine):
    options = type("Options", (), {"engine": engine, "image": str(sandbox_image)})
    with pytest.raises(RuntimeError, match="a baseline failed: KeyError"):
        bench.Baseline(options, {"scheme": "no such scheme"})
