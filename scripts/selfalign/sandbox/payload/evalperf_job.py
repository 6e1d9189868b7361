"""CPU time of reference solutions and completions on one input, measured in turns inside one program.

EvalPerf counts instructions by the processor's counters (`perf_event_open`, through the package cirron). The sandbox's
filter forbids that call, many kernels keep it from ordinary users, and virtual machines often have no counters, so CPU
time stands in: every solution runs in a process of its own, all of them one after the other and that for several rounds,
so that a machine that grows slower does so for all; the least time of each counts.
"""

import copy
import os
import resource
import select
import signal
import struct
import time

SECONDS = struct.Struct("d")
SHORT_SECONDS = 0.02
TICKS_SECONDS = 0.02
"""By how much a process's clock may be ahead of its only thread's, for want of a tick."""


def measure_all(request: dict, counters: dict, told: dict) -> None:
    """Tells the least CPU seconds of each text; None where it failed or took too long.

    Args:
        request: `task_id`, `entry_point`, `input` (arguments as in EvalPerf's file), `references` and `solutions` (texts),
            `rounds`, `short_rounds` (for texts that take less than SHORT_SECONDS), `run_seconds` (CPU limit of one run).
    """
    arguments = request["input"]
    if request["task_id"].startswith("Mbpp/"):
        from evalplus.data.mbpp import mbpp_deserialize_inputs

        arguments = mbpp_deserialize_inputs(request["task_id"], arguments)
    least: dict[str, float | None] = dict.fromkeys([*request["references"], *request["solutions"]], float("inf"))
    for number in range(max(request["rounds"], request["short_rounds"])):
        for text, known in least.items():
            if known is not None and (number < request["rounds"] or known < SHORT_SECONDS):
                seconds = _one_run(text, request["entry_point"], arguments[0], request["run_seconds"])
                least[text] = None if seconds is None else min(known, seconds)
    for part in ("references", "solutions"):
        told[part] = [least[text] for text in request[part]]
    next(counters["status"])


def _one_run(text: str, entry_point: str, arguments: list, run_seconds: float) -> float | None:
    """CPU seconds of one call in a process of its own, or None."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(read)
            os.write(write, SECONDS.pack(_call(text, entry_point, arguments, run_seconds)))
        finally:
            os._exit(0)
    os.close(write)
    try:
        # The limit is of CPU time, and the kernel's; a program that only waits is cut off by the clock.
        ready, _, _ = select.select([read], [], [], 4 * run_seconds)
        data = os.read(read, SECONDS.size) if ready else b""
    finally:
        os.close(read)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return SECONDS.unpack(data)[0] if len(data) == SECONDS.size else None


def _call(text: str, entry_point: str, arguments: list, run_seconds: float) -> float:
    """The call itself, with the threads and processes that it starts; the clock begins after the text was executed.

    Under a limit of CPU time (`RLIMIT_CPU`) Linux brings a process's clock up to date at ticks alone, that of a thread always
    (kernel/time/posix-cpu-timers.c, `cpu_clock_sample_group`), so the thread's counts, unless others have clearly worked too.
    """
    thread, process = time.thread_time, time.process_time
    usage, children = resource.getrusage, resource.RUSAGE_CHILDREN
    for descriptor in (1, 2):
        os.dup2(os.open("/dev/null", os.O_WRONLY), descriptor)
    namespace: dict = {"__name__": "candidate"}
    exec(compile(text, "candidate.py", "exec"), namespace)
    function, own = namespace[entry_point], copy.deepcopy(arguments)
    limit = int(process() + run_seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))
    before = usage(children)
    start = (thread(), process())
    function(*own)
    seconds, whole = thread() - start[0], process() - start[1]
    if whole > seconds + TICKS_SECONDS:
        seconds = whole
    after = usage(children)
    return seconds + (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)
