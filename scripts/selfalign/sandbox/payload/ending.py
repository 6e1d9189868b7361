"""What Python does after a program's last line: waits for threads, runs exit functions, ends helpers. And what it need not do."""

import atexit
import logging
import multiprocessing.process
import multiprocessing.util
import os
import sys
import threading
from collections.abc import Callable


def steps() -> tuple[Callable[[], None], ...]:
    """What a program's end consists of, in this order. Made once, in the worker, when no program has left anything."""
    _register_only_what_is_needed()
    return _thread_waiter(), atexit._run_exitfuncs, _stop_helpers, _flush


def _thread_waiter() -> Callable[[], None]:
    known = len(threading._threading_atexits)

    def wait() -> None:
        """Most programs have started no thread, and to see so takes less than to end none."""
        if threading._shutdown_locks or len(threading._threading_atexits) != known:
            threading._shutdown()

    return wait


def _register_only_what_is_needed() -> None:
    """Of what libraries do at the end, only what this program gave them to do: the rest costs every program a little."""
    children, finalizers, handlers = (
        multiprocessing.process._children,
        multiprocessing.util._finalizer_registry,
        logging._handlerList,
    )
    own_handlers = len(handlers)

    def finish() -> None:
        if children or finalizers:
            multiprocessing.util._exit_function()
        if len(handlers) > own_handlers:
            logging.shutdown()

    atexit._clear()
    atexit.register(finish)


def _stop_helpers() -> None:
    """Ends the process that `multiprocessing` keeps for shared memory, as the interpreter's end would."""
    tracker = getattr(sys.modules.get("multiprocessing.resource_tracker"), "_resource_tracker", None)
    if tracker is not None and getattr(tracker, "_pid", None) is not None:
        os.close(tracker._fd)
        os.waitpid(tracker._pid, 0)
        tracker._fd = tracker._pid = None


def _flush() -> None:
    sys.stdout.flush()
