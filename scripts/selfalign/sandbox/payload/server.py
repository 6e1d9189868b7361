"""First process in the container: preloads modules once, starts the workers, passes requests and results.

Standard input and output are the channel to the host; nothing that a program does can reach them, since workers get
neither. Requests are handed to idle workers; a worker that dies is replaced, and what it was at is reported as lost.
"""

import contextlib
import gc
import importlib
import os
import re
import selectors
import signal
import socket
import sys
from collections import deque
from collections.abc import Iterable

from . import execution, frames, isolation, worker

PRELOADED = """
    abc argparse array asyncio base64 bisect builtins calendar collections contextlib copy csv ctypes dataclasses
    datetime decimal difflib doctest enum fractions functools gc hashlib heapq html inspect io itertools json keyword
    linecache logging math multiprocessing.pool numbers operator pickle pprint queue random re
    secrets select shutil signal socket statistics string struct subprocess tempfile textwrap threading time timeit
    traceback types typing unicodedata unittest unittest.mock uuid warnings weakref zlib
"""
LIBRARIES = ("numpy", "numpy.random", "numpy.testing", "pandas", "pandas.testing", "pytest")
"""Large, and used by few programs: imported by workers of their own, since a process costs the more to fork the larger it
is. A program whose text names none of them and that imports one all the same gets it later, and slower."""
_NAMES_LIBRARY = re.compile(r"\b(numpy|pandas|pytest|capsys|capfd|caplog|monkeypatch|recwarn|tmpdir)\b")


def preload(names: Iterable[str]) -> list[str]:
    """Imports what programs commonly import; what the image lacks is passed over and reported."""
    missing = []
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError:
            missing.append(name)
    return missing


def wants_libraries(request: dict) -> bool:
    texts = (request.get("solution", ""), request.get("tests", ""))
    named = bool(request.get("kind")) or request.get("libraries", False)
    return named or any(map(_NAMES_LIBRARY.search, texts))


class Hand:
    """A worker as the server sees it: its process, its channel, the id of the request it is at.

    Args:
        libraries: what it imports before it takes requests.
    """

    def __init__(self, settings: dict, libraries: Iterable[str] = ()):
        self.settings, self.libraries = settings, tuple(libraries)
        self.start()

    def start(self) -> None:
        ours, theirs = socket.socketpair()
        self.board = worker.Board()
        self.process = os.fork()
        if self.process == 0:
            status = 1
            try:
                ours.close()
                preload(self.libraries)
                worker.main(theirs.detach(), self.settings, self.board)
                status = 0
            except BaseException:
                sys.excepthook(*sys.exc_info())
            finally:
                os._exit(status)
        theirs.close()
        self.channel = ours
        self.request: int | None = None
        self.hello = frames.receive(self.channel.fileno())
        if self.hello is None:
            raise RuntimeError("a worker ended before it was ready")

    def replace(self) -> None:
        self.channel.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)
        self.start()


def main() -> None:
    """Serves until the host closes standard input."""
    results = os.dup(1)
    requests = os.dup(0)
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(2, 1)
    settings = frames.receive(requests)
    if settings is None:
        return
    missing = preload(PRELOADED.split())
    isolation.become_nobody(settings["user"])
    isolation.prctl(isolation.PR_SET_NO_NEW_PRIVS, 1)
    gc.collect()
    gc.freeze()
    hands = [Hand(settings) for _ in range(settings["workers"])]
    hello = {**hands[0].hello, "missing": missing, "python": sys.version.split()[0]}
    frames.send(results, {"hello": hello})
    serve(requests, results, hands, settings)


def serve(requests: int, results: int, hands: list[Hand], settings: dict) -> None:
    """Hands requests to idle workers, at most `workers` at once; workers with libraries are made when first wanted."""
    waiting: deque[dict] = deque()
    with selectors.DefaultSelector() as selector:
        selector.register(requests, selectors.EVENT_READ, None)
        for hand in hands:
            selector.register(hand.channel, selectors.EVENT_READ, hand)
        while True:
            for key, _ in selector.select():
                if key.data is None:
                    request = frames.receive(requests)
                    if request is None:
                        return
                    waiting.append(request)
                else:
                    _collect(key.data, selector, results)
            while waiting and sum(hand.request is not None for hand in hands) < settings["workers"]:
                request = waiting.popleft()
                hand = _idle(hands, wants_libraries(request))
                if hand is None:
                    hand = Hand(settings, (*LIBRARIES, *settings["preload"]))
                    hands.append(hand)
                    selector.register(hand.channel, selectors.EVENT_READ, hand)
                hand.request = request["id"]
                with contextlib.suppress(OSError):  # a dead worker is found by its closed channel
                    frames.send(hand.channel.fileno(), request)


def _idle(hands: list[Hand], libraries: bool) -> Hand | None:
    return next((hand for hand in hands if hand.request is None and bool(hand.libraries) == libraries), None)


def _collect(hand: Hand, selector: selectors.BaseSelector, results: int) -> None:
    """Passes a worker's result on, or replaces a worker that died."""
    try:
        result = frames.receive(hand.channel.fileno())
    except (frames.BrokenChannelError, OSError):
        result = None
    if result is not None:
        hand.request = None
        frames.send(results, result)
        return
    lost, compiled = hand.request, hand.board.compiled
    selector.unregister(hand.channel)
    hand.replace()
    selector.register(hand.channel, selectors.EVENT_READ, hand)
    if lost is not None and compiled:
        frames.send(results, {"id": lost, "lost": "the worker in the container died"})
    elif lost is not None:
        crash = {"state": "raised", "phase": "compile", "type": "SyntaxError", "bases": ["SyntaxError"], "line": ""}
        crash["message"] = "the interpreter did not survive compiling it"
        frames.send(results, {"id": lost, **execution.nothing_ran(crash)})
