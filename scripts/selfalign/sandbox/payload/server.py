"""First process in the container: preloads modules once, starts the workers, passes requests and results.

Standard input and output are the channel to the host; nothing that a program does can reach them, since workers get
neither. Requests are handed to idle workers; a worker that dies is replaced, and what it was at is reported as lost.
"""

import contextlib
import importlib
import os
import selectors
import signal
import socket
import sys

from . import frames, isolation, worker

PRELOADED = """
    abc argparse array asyncio base64 bisect builtins calendar collections contextlib copy csv ctypes dataclasses
    datetime decimal difflib enum fractions functools gc hashlib heapq html inspect io itertools json keyword
    linecache logging math multiprocessing.pool numbers numpy numpy.random operator pickle pprint queue random re
    secrets select shutil signal socket statistics string struct subprocess tempfile textwrap threading time timeit
    traceback types typing unicodedata unittest unittest.mock uuid warnings weakref zlib
"""


def preload(more: list[str]) -> list[str]:
    """Imports what programs commonly import, and `more`; what the image lacks is passed over and reported."""
    missing = []
    for name in (*PRELOADED.split(), *more):
        try:
            importlib.import_module(name)
        except ImportError:
            missing.append(name)
    return missing


class Hand:
    """A worker as the server sees it: its process, its channel, the id of the request it is at."""

    def __init__(self, settings: dict):
        self.settings = settings
        self.start()

    def start(self) -> None:
        ours, theirs = socket.socketpair()
        self.process = os.fork()
        if self.process == 0:
            status = 1
            try:
                ours.close()
                worker.main(theirs.detach(), self.settings)
                status = 0
            except BaseException:
                sys.excepthook(*sys.exc_info())
            finally:
                os._exit(status)
        theirs.close()
        self.channel = ours
        self.request: int | None = None

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
    missing = preload(settings["preload"])
    isolation.become_nobody(settings["user"])
    isolation.prctl(isolation.PR_SET_NO_NEW_PRIVS, 1)
    hands = [Hand(settings)]
    hello = frames.receive(hands[0].channel.fileno())
    if hello is None:
        raise RuntimeError("the first worker ended before it was ready")
    for _ in range(settings["workers"] - 1):
        hand = Hand(settings)
        if frames.receive(hand.channel.fileno()) is None:
            raise RuntimeError("a worker ended before it was ready")
        hands.append(hand)
    frames.send(results, {"hello": {**hello, "missing": missing, "python": sys.version.split()[0]}})
    serve(requests, results, hands)


def serve(requests: int, results: int, hands: list[Hand]) -> None:
    waiting: list[dict] = []
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
            for hand in hands:
                if hand.request is None and waiting:
                    request = waiting.pop(0)
                    hand.request = request["id"]
                    with contextlib.suppress(OSError):  # a dead worker is found by its closed channel
                        frames.send(hand.channel.fileno(), request)


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
    lost = hand.request
    selector.unregister(hand.channel)
    hand.replace()
    frames.receive(hand.channel.fileno())
    selector.register(hand.channel, selectors.EVENT_READ, hand)
    if lost is not None:
        frames.send(results, {"id": lost, "lost": "the worker in the container died"})
