"""Generation against a real server: vLLM's own on the loopback interface, with the small model of config.yaml."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from generate import main
from selfalign.errors import UserError
from selfalign.io import read_json, read_jsonl, write_jsonl
from selfalign.rows import row_id

START_SECONDS = 600
WINDOW = 2048
KEY = "sk-loopback"
SETTINGS = {"fewshots": 3, "prefixes": 1, "temperature": 0.7, "top_p": 0.95, "max_tokens": 48, "min": 1, "max": 10}
SEEDS = [
    'def mean(values):\n    """Arithmetic mean."""\n    return sum(values) / len(values)\n',
    'def words(text):\n    """Words of a text, sorted."""\n    return sorted(text.split())\n',
    'def largest(rows, key):\n    """Row with the largest key."""\n    return max(rows, key=key)\n',
]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture(scope="module")
def server(small_model, tmp_path_factory):
    """URL of a server that wants a key."""
    port = free_port()
    # `vllm serve` is the same server, but its command doesn't start in the CPU build, whose package has another name.
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(small_model)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--served-model-name", "small", "--api-key", KEY]
    command += ["--max-model-len", str(WINDOW), "--enable-prompt-tokens-details", "--generation-config", "vllm"]
    # docs/models.md says why.
    command += ["--dtype", "float32", "--enforce-eager", "--no-enable-chunked-prefill"]
    command += ["--max-num-batched-tokens", str(2 * WINDOW), "--block-size", "32"]
    environment = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1", **os.environ}
    log = tmp_path_factory.mktemp("server") / "log"
    with open(log, "wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, env=environment)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not answers(f"http://127.0.0.1:{port}/health"):
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"the server did not start:\n{log.read_text(errors='replace')[-3000:]}", pytrace=False)
            time.sleep(1)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def generate(folder: Path, url: str, **endpoint) -> Path:
    folder.mkdir(exist_ok=True)
    rows = [{"id": row_id("seed", code), "code": code} for code in [*SEEDS, SEEDS[0] + "# and so on\n" * WINDOW]]
    write_jsonl(folder / "rows", rows)
    spec = {"url": url, "model": "small", "revision": "1", "key_env": "LOOPBACK_KEY", "concurrency": 4}
    model = {
        "name": "served",
        "engine": "endpoint",
        "dtype": "float32",
        "context": WINDOW,
        "engine_args": {},
        "endpoint": {**spec, "timeout_seconds": 300, **endpoint},
    }
    paths = {name: str(folder / name) for name in ("rows", "journal", "kept", "rejected", "counts", "usage")}
    main(stage="concepts", model=model, folder=None, settings=SETTINGS, writer="w", **paths)
    return folder


def test_rows_come_from_a_real_server_and_seeds_make_them_the_same_again(server, tmp_path, monkeypatch):
    monkeypatch.setenv("LOOPBACK_KEY", KEY)
    first = generate(tmp_path / "first", server)
    counts, usage = read_json(first / "counts"), read_json(first / "usage")
    assert counts["in"] == 4
    assert counts["rejected"]["prompt_too_long"] == 1
    kept = list(read_jsonl(first / "kept"))
    assert kept and all(row["concepts"] for row in kept)
    assert kept[0]["generated"]["revision"] == "small@1"
    assert usage["made"] == 4
    assert 0 < usage["cached_prompt_tokens"] < usage["prompt_tokens"]
    assert usage["output_tokens"] > 0
    second = generate(tmp_path / "second", server)
    assert [row["concepts"] for row in read_jsonl(second / "kept")] == [row["concepts"] for row in kept]


def test_a_wrong_key_is_refused_and_told_without_it(server, tmp_path, monkeypatch):
    monkeypatch.setenv("LOOPBACK_KEY", "sk-wrong")
    with pytest.raises(UserError, match="status 401") as error:
        generate(tmp_path / "run", server)
    assert "sk-wrong" not in str(error.value)


def test_a_wrong_model_name_is_told(server, tmp_path, monkeypatch):
    monkeypatch.setenv("LOOPBACK_KEY", KEY)
    with pytest.raises(UserError, match="status 404"):
        generate(tmp_path / "run", server, model="large")
