"""One run a folder at a time: who holds a folder, and whether that process still lives.

Snakemake's own lock is a set of files that a killed process leaves behind for a person to remove. This one says host,
process and time, and its file is touched while the holder lives, so that the next start can tell a run from a remnant,
on this machine and on another login node that shares the file system.
"""

import contextlib
import fcntl
import getpass
import json
import os
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from selfalign.errors import UserError

BEAT_SECONDS = 15.0
SILENT_SECONDS = 75.0
"""Age of the last beat from which a holder on another machine is taken for dead."""


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def started(pid: int) -> str | None:
    """Start time of a process in clock ticks since boot: with its number, what tells it from a later process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def hidden(pid: int) -> bool:
    """Whether this is a living process of another user, of which the machine tells nothing more (hidepid)."""
    if started(pid) is not None:
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return False


class FolderLock:
    """Holds a folder for one run.

    Args:
        path: the lock's file; its folder is made.
        say: takes a line for the user.
    """

    def __init__(self, path: Path, say: Callable[[str], None]):
        self.path, self._say = path, say
        self.token = uuid.uuid4().hex
        self._stop = threading.Event()
        self.left_by: dict | None = None
        """The holder that had died with the lock in its hand, if there was one."""

    def acquire(self) -> None:
        """Takes the folder.

        Raises:
            UserError: another process has it, and the message names it; or the folder can't be written.
        """
        try:
            self._acquire()
        except PermissionError as error:
            raise UserError(
                "this run's folder belongs to another user",
                where=str(error.filename),
                fix="work in a folder of your own (a second clone, or --directory), or let its owner run `chmod -R g+w` on it",
            ) from None
        threading.Thread(target=self._beat, daemon=True).start()

    def _acquire(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._one_at_a_time():
            holder = self._read()
            if holder is not None:
                if self._alive(holder):
                    raise self._taken(holder)
                self.left_by = holder
                self.path.unlink(missing_ok=True)
            self._create()

    def release(self, *, as_found: bool = False) -> None:
        """Gives the folder back; `as_found` leaves the killed holder's remnant for the next start to deal with."""
        self._stop.set()
        holder = self._read()
        if not holder or holder.get("token") != self.token:
            return
        if as_found and self.left_by:
            draft = self.path.with_name(f".{self.path.name}.{self.token}")
            draft.write_text(json.dumps(self.left_by, indent=2) + "\n")
            os.replace(draft, self.path)
        else:
            self.path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        """Two starts at the same moment: one waits. Where the file system has no locks, creating the file decides."""
        with contextlib.ExitStack() as kept:
            with contextlib.suppress(OSError):
                turn = os.open(self.path.with_name(f".{self.path.name}.turn"), os.O_RDWR | os.O_CREAT, 0o666)
                kept.callback(os.close, turn)
                with contextlib.suppress(PermissionError):
                    # Whatever the umask: other users take their turn too.
                    os.fchmod(turn, 0o666)
                fcntl.flock(turn, fcntl.LOCK_EX)
            yield

    def _create(self) -> None:
        me = {
            "token": self.token, "user": getpass.getuser(), "host": socket.gethostname(), "boot": boot_id(),
            "pid": os.getpid(), "started": started(os.getpid()), "since": time.strftime("%Y-%m-%d %H:%M:%S"),
            "command": " ".join(sys.argv),
        }  # fmt: skip
        draft = self.path.with_name(f".{self.path.name}.{self.token}")
        draft.write_text(json.dumps(me, indent=2) + "\n")
        try:
            os.link(draft, self.path)
        except FileExistsError:
            raise self._taken(self._read() or {}) from None
        finally:
            draft.unlink()

    def _read(self) -> dict | None:
        try:
            return json.loads(self.path.read_text())
        except FileNotFoundError:
            return None
        except (ValueError, PermissionError):
            return {}

    def _alive(self, holder: dict) -> bool:
        if holder.get("host") == socket.gethostname() and not hidden(holder["pid"]):
            same = holder.get("boot") == boot_id() and holder.get("started") is not None
            return same and started(holder["pid"]) == holder["started"]
        age = self._age()
        if age < SILENT_SECONDS:
            self._say(
                f"the run of {holder.get('user', 'somebody')} on {holder.get('host', 'another machine')} was alive "
                f"{age:.0f} s ago: waiting up to {SILENT_SECONDS - age:.0f} s for another sign of life"
            )
        while age < SILENT_SECONDS:
            before, _ = age, time.sleep(min(5.0, SILENT_SECONDS))
            age = self._age()
            if age < before:
                return True
        return False

    def _age(self) -> float:
        """Seconds since the last beat by the clock of the file system: those of two machines may differ by minutes."""
        probe = self.path.with_name(f".{self.path.name}.{self.token}.now")
        now = time.time()
        try:
            with contextlib.suppress(PermissionError):
                probe.touch()
                now = probe.stat().st_mtime
            return now - self.path.stat().st_mtime
        except FileNotFoundError:
            return SILENT_SECONDS
        finally:
            probe.unlink(missing_ok=True)

    def _beat(self) -> None:
        while not self._stop.wait(BEAT_SECONDS):
            with contextlib.suppress(OSError):
                os.utime(self.path)

    def _taken(self, holder: dict) -> UserError:
        return UserError(
            f"{holder.get('user', 'somebody')} already runs this workflow in this folder, on "
            f"{holder.get('host', 'some machine')} (process {holder.get('pid', '?')}, since {holder.get('since', '?')})",
            where=str(self.path),
            fix="wait until that run has ended, or work in a folder of your own (a second clone, or --directory)",
        )
