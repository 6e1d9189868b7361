"""One running container as the host sees it: started, spoken to, stopped."""

import contextlib
import logging
import os
import queue
import signal
import subprocess
import tempfile
import threading
from pathlib import Path

from selfalign.errors import InfrastructureError
from selfalign.sandbox import engines
from selfalign.sandbox.payload import frames
from selfalign.sandbox.verdicts import printable

logger = logging.getLogger(__name__)

START_SECONDS = 180
STOP_SECONDS = 10


class ContainerLost(Exception):
    """The container ended or fell silent; its text says what it wrote last."""


class Container:
    """A container with its server.

    Args:
        engine: "apptainer" or "bubblewrap".
        image: folder with `rootfs/`.
        settings: what the server is told at the start (limits, number of workers ...).
        environment: of the programs.
    """

    def __init__(self, engine: str, image: Path, settings: dict, environment: dict[str, str]):
        self.engine = engine
        self._messages: queue.SimpleQueue = queue.SimpleQueue()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed by stop)
        self._process = subprocess.Popen(
            engines.command(engine, image, environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=engines.host_environment(),
            cwd="/",
            start_new_session=True,
        )
        threading.Thread(target=self._listen, daemon=True).start()
        try:
            self.send(settings)
            self.hello = self.receive(START_SECONDS)["hello"]
        except (ContainerLost, KeyError) as error:
            self.stop()
            raise InfrastructureError(f"{engine} could not start the sandbox: {error}", where=str(image)) from error
        except BaseException:
            self.stop()
            raise

    def _listen(self) -> None:
        descriptor = self._process.stdout.fileno()
        try:
            while (message := frames.receive(descriptor)) is not None:
                self._messages.put(message)
        except (frames.BrokenChannelError, OSError, ValueError) as error:
            logger.warning("the channel to the sandbox broke: %s", error)
        self._messages.put(None)

    def send(self, message: dict) -> None:
        try:
            frames.send(self._process.stdin.fileno(), message)
        except OSError as error:
            raise ContainerLost(self._last_words()) from error

    def receive(self, seconds: float) -> dict:
        """The next message; raises :class:`ContainerLost` when there is none within so many seconds."""
        try:
            message = self._messages.get(timeout=seconds)
        except queue.Empty:
            raise ContainerLost(f"silent for {seconds:.0f} seconds; {self._last_words()}") from None
        if message is None:
            raise ContainerLost(self._last_words())
        return message

    def _last_words(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        length = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, length - 2000))
        text = printable(self._errors.read().decode("utf-8", "replace")).strip()
        return f"status {self._process.poll()}, it said: {text or '(nothing)'}"

    def stop(self) -> None:
        """Ends the container and everything in it."""
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            logger.warning("the sandbox did not end by itself, killing it")
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._errors.close()
