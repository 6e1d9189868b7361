"""Commits of local git repositories, read with the git command line: nothing is fetched, checked out or written."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from selfalign.errors import InfrastructureError, UserError

# A repository's own settings and the caller's surroundings must neither redirect git nor have it call anybody.
OPTIONS = (
    "--no-replace-objects",
    "-c",
    "protocol.allow=never",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.hooksPath=/dev/null",
)
QUIET = {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}

REGULAR = ("100644", "100755")
MOST_FILES = 2
"""Changed files of a commit that are remembered: whoever has more than one is not looked at."""


@dataclass(frozen=True)
class Change:
    """One file of a commit: status letter, file modes, and the objects before and after."""

    status: str
    path: bytes
    mode_before: str
    mode_after: str
    before: str
    after: str


@dataclass
class Commit:
    """One commit: hash, hashes of its parents, first paragraph of the message as one line, the first changed files."""

    hash: str
    parents: list[str]
    subject: bytes
    changes: list[Change] = field(default_factory=list)
    files: int = 0


def find_repositories(path: Path) -> list[Path]:
    """The repository at a path, or those that are its immediate subfolders, by name."""
    if is_repository(path):
        return [path]
    return [entry for entry in sorted(path.iterdir()) if entry.is_dir() and is_repository(entry)]


def is_repository(path: Path) -> bool:
    return (path / ".git").exists() or ((path / "HEAD").is_file() and (path / "objects").is_dir())


class Repository:
    """A repository; a context manager, since git processes that hand out its objects are kept open.

    Raises:
        UserError: git can't read it.
        InfrastructureError: there is no git.
    """

    def __init__(self, path: Path):
        self.path = path
        self._stack = ExitStack()
        self._git = ("git", *OPTIONS, "-C", str(path))

    def __enter__(self) -> "Repository":
        self._run("rev-parse", "--git-dir")
        self._objects = self._open("cat-file", "--batch", stdin=subprocess.PIPE)
        self._sizes = self._open("cat-file", "--batch-check", stdin=subprocess.PIPE)
        return self

    def __exit__(self, *exc) -> None:
        self._stack.close()

    def commits(self, revision: str) -> Iterator[Commit]:
        """Every commit that `revision` reaches, newest first; none in a repository that has no commit yet."""
        found = self._run("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}", check=False).strip()
        if not found:
            if revision == "HEAD":
                return
            raise UserError(
                f"there is no revision {revision!r} in the repository {self.path}",
                where="seeds.corpora.NAME.revision",
                fix="name a branch, tag or commit that it has; `git -C … log --all` lists them",
            )
        listed = self._open("rev-list", found.decode())
        options = ("--stdin", "-r", "--root", "-z", "--no-renames", "--no-abbrev", "--always")
        diffs = self._open("diff-tree", *options, "--format=commit %H %P%n%s", "--encoding=UTF-8", stdin=listed.stdout)
        listed.stdout.close()  # or rev-list would wait for ever once diff-tree is gone
        yield from parse(records(diffs.stdout))
        for process in (diffs, listed):
            if code := process.wait():
                raise UserError(
                    f"git ended with status {code} while it listed the commits of {self.path}",
                    where=str(self.path),
                    fix="`git fsck` in that folder says what is broken; a fresh clone mends it",
                )

    def size(self, name: str) -> int | None:
        """Bytes of an object; None when the repository lacks it, as shallow and partial clones do."""
        _, kind, *size = self._ask(self._sizes, name)
        return int(size[0]) if kind == "blob" else None

    def content(self, name: str) -> bytes:
        """The bytes of an object that is there; ask for its size first."""
        *_, size = self._ask(self._objects, name)
        data = self._objects.stdout.read(int(size))
        self._objects.stdout.read(1)
        return data

    def _ask(self, process: subprocess.Popen, name: str) -> list[str]:
        process.stdin.write(name.encode() + b"\n")
        process.stdin.flush()
        answer = process.stdout.readline().decode().split()
        if len(answer) < 2:
            raise UserError(
                f"git stopped handing out objects of {self.path}", where=str(self.path), fix="see `git fsck` there"
            )
        return answer

    def _run(self, *arguments: str, check: bool = True) -> bytes:
        try:
            done = subprocess.run([*self._git, *arguments], capture_output=True, env=surroundings(), check=False)
        except FileNotFoundError as error:
            raise InfrastructureError("there is no git", where=str(self.path), fix="install git") from error
        if check and done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip()
            raise UserError(
                f"git cannot read the repository {self.path}: {said}", where=str(self.path), fix="see what git says"
            )
        return done.stdout

    def _open(self, *arguments: str, stdin=subprocess.DEVNULL) -> subprocess.Popen:
        process = subprocess.Popen(
            [*self._git, *arguments], stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=surroundings()
        )
        self._stack.callback(stop, process)
        return process


def surroundings() -> dict[str, str]:
    """The environment without variables that point git to another repository."""
    return {**{name: value for name, value in os.environ.items() if not name.startswith("GIT_")}, **QUIET}


def stop(process: subprocess.Popen) -> None:
    process.kill()
    for stream in (process.stdin, process.stdout):
        if stream and not stream.closed:
            stream.close()
    process.wait()


def records(stream) -> Iterator[bytes]:
    """NUL-terminated pieces of a stream, however long the whole is."""
    rest = b""
    while block := stream.read(1 << 16):
        *whole, rest = (rest + block).split(b"\0")
        yield from whole
    if rest:
        yield rest


def parse(pieces: Iterator[bytes]) -> Iterator[Commit]:
    """Commits from the output of diff-tree; of each only the first changed files, and their number."""
    commit: Commit | None = None
    for piece in pieces:
        piece = piece.removeprefix(b"\n")
        if piece.startswith(b":"):
            path = next(pieces)
            assert commit is not None
            commit.files += 1
            if commit.files <= MOST_FILES:
                mode_before, mode_after, before, after, status = piece[1:].decode().split()
                commit.changes.append(Change(status, path, mode_before, mode_after, before, after))
            continue
        if commit:
            yield commit
        head, _, subject = piece.partition(b"\n")
        _, name, *parents = head.decode().split()
        commit = Commit(name, parents, subject)
    if commit:
        yield commit
