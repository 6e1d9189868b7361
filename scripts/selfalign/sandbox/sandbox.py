"""The sandbox: one container a shard, several workers in it, results in the order of the programs."""

import logging
import os
import time
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from selfalign.errors import InfrastructureError, UserError
from selfalign.io import read_json
from selfalign.sandbox import engines
from selfalign.sandbox.container import Container, ContainerLost
from selfalign.sandbox.limits import Limits
from selfalign.sandbox.program import Program, static_verdict
from selfalign.sandbox.verdicts import Result, judge

logger = logging.getLogger(__name__)

ATTEMPTS = 3
"""Starts of a container, and tries of one request, before the machine is held to be at fault."""
AHEAD = 2
"""Requests a worker that are under way at once, so that none waits for the host."""
HELD = 10_000
"""Answers that are kept while one before them is still missing."""


@dataclass(frozen=True)
class Policy:
    """What a sandbox shall be and do, beside limits.

    Attributes:
        require: "strict": without every layer of isolation it does not start. "standard": a missing layer is a warning.
        trials: what is tried with a program that passed: `stub` (bool), `mutants` (number).
        second: the second run: in another environment (:data:`engines.SECOND_ENVIRONMENT`), with the share of lines that
            the tests reach.
        preload: modules to import in the container beside the usual ones.
    """

    require: str = "standard"
    trials: dict = field(default_factory=dict)
    second: bool = False
    preload: tuple[str, ...] = ()


class Sandbox:
    """Runs programs in a container. Made by :meth:`open`; use as a context manager."""

    def __init__(self, image: Path, manifest: dict, limits: Limits, engine: str, workers: int, policy: Policy):
        self.image, self.limits, self.workers, self.policy = image, limits, workers, policy
        self.digest: str = manifest["digest"]
        self.executed = 0
        self.cpu_seconds = 0.0
        self._engines = engines.candidates(engine)
        self._container: Container | None = None
        self._start()

    @classmethod
    def open(
        cls,
        image_folder: str | Path,
        limits: Limits | dict,
        engine: str = "auto",
        workers: int | None = None,
        **policy,
    ) -> "Sandbox":
        """Starts a container.

        Args:
            image_folder: folder with `rootfs/` and `image.json` (made by containers/build_sandbox.sh).
            limits: of each program.
            engine: "apptainer", "bubblewrap", or "auto" for the first of them that works here.
            workers: programs that run at the same time; the number of cores when None.
            policy: see :class:`Policy`.

        Raises:
            UserError: no image, or no engine is installed.
            InfrastructureError: the container does not start, or the machine lacks a layer that is required.
        """
        folder = Path(image_folder).resolve()
        if not (folder / "image.json").is_file() or not (folder / "rootfs").is_dir():
            raise UserError(
                "the sandbox image is missing or incomplete", where=str(folder), fix="build it with `make containers`"
            )
        limits = limits if isinstance(limits, Limits) else Limits(**limits)
        workers = workers or len(os.sched_getaffinity(0))
        return cls(folder, read_json(folder / "image.json"), limits, engine, workers, Policy(**policy))

    @property
    def engine(self) -> str:
        """The engine in use."""
        return self._container.engine

    @property
    def layers(self) -> dict:
        """Which layers of isolation the kernel granted to the workers."""
        return self._container.hello["layers"]

    def run(self, programs: Iterable[Program | tuple[str, str]]) -> list[Result]:
        """Results of the programs, in their order."""
        return list(self.stream(programs))

    def stream(self, programs: Iterable[Program | tuple[str, str]], trials: dict | None = None) -> Iterator[Result]:
        """Results in the order of the programs, each as soon as it and those before it are known.

        Args:
            trials: what is tried with those that pass: `stub` (bool), `mutants` (number); the policy's when None.
        """
        programs = [program if isinstance(program, Program) else Program(*program) for program in programs]
        known = {index: verdict for index, program in enumerate(programs) if (verdict := static_verdict(program))}
        pending = [index for index in range(len(programs)) if index not in known]
        results = self.judged(
            {
                "solution": programs[index].solution,
                "tests": programs[index].tests,
                "trials": self.policy.trials if trials is None else trials,
                "lines": self.policy.second,
            }
            for index in pending
        )
        for index in range(len(programs)):
            yield known[index] if index in known else next(results)

    def judged(self, requests: Iterable[dict]) -> Iterator[Result]:
        """Verdicts on requests that are run as they are, without a look at their texts first.

        Args:
            requests: `solution`, `tests`, and, where they differ from the usual, `module` (the name that the text runs
                under, for `__main__`), `limits` (some of them), `libraries` (True for a worker that has the large
                libraries and :attr:`Policy.preload`, whatever the texts name).
        """
        limits: deque[dict] = deque()
        answers = self.exchange(_noting(requests, limits))
        return (judge(answer, {**self.limits.as_dict(), **limits.popleft()}) for answer in answers)

    def exchange(self, requests: Iterable[dict], at_once: int | None = None) -> Iterator[dict]:
        """Sends requests to the workers and gives the facts about them in the order of the requests.

        A request whose worker or container was lost is sent again; after :data:`ATTEMPTS` tries the machine is held to
        be at fault.

        Args:
            at_once: requests under way at the same time; all workers are kept busy when None.
        """
        most = at_once or AHEAD * self.workers
        waiting: deque[tuple[int, dict]] = deque()
        source = enumerate(requests)
        under_way: dict[int, dict] = {}
        tries: dict[int, int] = {}
        answers: dict[int, dict] = {}
        due = 0
        exhausted = False
        while True:
            while not exhausted and len(under_way) + len(waiting) < most and len(answers) < HELD:
                item = next(source, None)
                exhausted = item is None
                if item:
                    waiting.append(item)
            if not waiting and not under_way:
                return
            try:
                while waiting:
                    number, request = waiting[0]
                    self._container.send({**request, "id": number})
                    under_way[number] = request
                    waiting.popleft()
                answer = self._container.receive(self._patience(under_way.values()))
            except ContainerLost as error:
                logger.warning("the sandbox was lost, starting it again: %s", error)
                for number in sorted(under_way, reverse=True):
                    waiting.appendleft((number, under_way.pop(number)))
                    self._count_try(tries, number, str(error))
                self._start()
                continue
            number = answer.pop("id")
            request = under_way.pop(number)
            if self._must_repeat(answer):
                self._count_try(tries, number, self._fault(answer))
                waiting.appendleft((number, request))
                continue
            self.executed += 1
            self.cpu_seconds += answer["cpu_seconds"]
            answers[number] = answer
            while due in answers:
                yield answers.pop(due)
                due += 1

    def _must_repeat(self, answer: dict) -> bool:
        return bool(self._fault(answer))

    @staticmethod
    def _fault(answer: dict) -> str:
        """The machine's fault that an answer tells of, or an empty string."""
        return answer.get("lost") or answer["fault"]

    @staticmethod
    def _count_try(tries: dict[int, int], number: int, fault: str) -> None:
        tries[number] = tries.get(number, 0) + 1
        if tries[number] >= ATTEMPTS:
            raise InfrastructureError(
                f"request {number + 1} could not be executed in {ATTEMPTS} tries: {fault}",
                where="sandbox",
                fix="look at the machine's memory and at the log above, then run the same command again",
            )

    def _patience(self, requests: Collection[dict]) -> float:
        """Seconds after which a silent container is held to hang: every limit is enforced inside long before."""
        longest = max(request.get("limits", {}).get("wall_seconds", self.limits.wall_seconds) for request in requests)
        mutants = max(request.get("trials", {}).get("mutants", 0) for request in requests)
        return AHEAD * (2 + mutants) * longest + 120  # the program, its stub

    def _start(self) -> None:
        """Starts the container: the first engine that works; each of them is tried again once more."""
        self.close()
        settings = {
            "limits": self.limits.as_dict(),
            "workers": self.workers,
            "user": engines.UNPRIVILEGED,
            "user_tasks": _tasks_of_user(),
            "preload": list(self.policy.preload),
            "clock_shift_s": engines.SECOND_CLOCK_SHIFT_S if self.policy.second else 0,
        }
        environment = engines.SECOND_ENVIRONMENT if self.policy.second else engines.ENVIRONMENT
        faults = []
        for attempt in range(2):
            for engine in self._engines:
                try:
                    self._container = Container(engine, self.image, settings, environment)
                except InfrastructureError as error:
                    logger.warning("attempt %d: %s", attempt + 1, error)
                    faults.append(error.what)
                    continue
                self._engines = [engine]
                self._check_layers()
                return
            time.sleep(1)
        raise InfrastructureError(
            "no sandbox could be started:\n" + "\n".join(f"  - {fault}" for fault in dict.fromkeys(faults)),
            where=str(self.image),
            fix="docs/sandbox.md says what each engine needs; without a sandbox nothing is executed",
        )

    def _check_layers(self) -> None:
        missing = self.layers["missing"]
        if not self.layers["limits_processes"]:
            self.close()
            raise UserError(
                "the kernel does not keep programs to a limit of processes here, so one of them could take the machine",
                where=os.uname().nodename,
                fix="run as an ordinary user, or as a root that no user namespace is around; see `make sandbox-check`",
            )
        logger.info("sandbox: %s, %d workers, layers %s", self.engine, self.workers, self.layers)
        if missing and self.policy.require == "strict":
            self.close()
            raise UserError(
                "this machine does not grant programs "
                + ", ".join(f"{name} ({why})" for name, why in missing.items())
                + ", and sandbox.require is strict",
                where=os.uname().nodename,
                fix="see what this machine can do with `make sandbox-check`; docs/sandbox.md says what each layer needs "
                "and what `sandbox.require: standard` gives up",
            )
        for name, why in missing.items():
            logger.warning("sandbox: this machine does not grant %s to programs (%s); see docs/sandbox.md", name, why)

    def close(self) -> None:
        if self._container is not None:
            self._container.stop()
            self._container = None

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *exc) -> None:
        self.close()


def _noting(requests: Iterable[dict], limits: deque[dict]) -> Iterator[dict]:
    """The requests; what limits of its own each has is kept, in order."""
    for request in requests:
        limits.append(request.get("limits", {}))
        yield request


def _tasks_of_user() -> int:
    """Processes and threads of the user that programs run as, for kernels that count them all together."""
    user = os.geteuid() or engines.UNPRIVILEGED
    count = 0
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and process.stat().st_uid == user:
                count += sum(1 for _ in (process / "task").iterdir())
        except OSError:
            continue
    return count
