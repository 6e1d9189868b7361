"""Commits of real repositories: which are instructions, which are not and why, and that none breaks the reader."""

import os
import subprocess

import pytest

from mine_commits import main
from selfalign.errors import EmptyStageError, UserError
from selfalign.io import read_json, read_jsonl
from selfalign.methods.octopack import adopt
from selfalign.mining.commits import VERBS, CommitRules, check_message, clean_message
from selfalign.mining.mined import Dropped
from selfalign.mining.repositories import records
from selfalign.reasons import REASONS

RULES = {"max_characters": 2000, "min_words": 5, "min_tokens": 10, "max_tokens": 200}
LIMITS = {"max_file_bytes": 1_000_000, "max_line_length": 500}
GOOD = "Return the sum of all values"
WHO = {f"GIT_{role}_{what}": "a@b" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
WHEN = {"GIT_AUTHOR_DATE": "@0 +0000", "GIT_COMMITTER_DATE": "@0 +0000"}


class Repo:
    def __init__(self, folder):
        folder.mkdir(parents=True)
        self.folder, self.number = folder, 0
        self.git("init", "-q", "-b", "main")
        self.commit("Add something to begin with here", **{"a.py": self.code()})

    def code(self):
        self.number += 1
        return f"def f(values):\n    total = {self.number}\n    return total + sum(values)\n"

    def git(self, *arguments, **more):
        env = {**os.environ, **WHO, **WHEN}
        return subprocess.run(["git", "-C", self.folder, *arguments], check=True, capture_output=True, env=env, **more)

    def commit(self, message, *more, **files):
        for name, content in files.items():
            data = content if isinstance(content, bytes) else content.encode()
            (self.folder / name).write_bytes(data)
        self.git("add", "-A")
        message = message if isinstance(message, bytes) else message.encode()
        self.git("commit", "-q", "--allow-empty", "--cleanup=verbatim", *more, "-F", "-", input=message)


def mine(tmp_path, path, licence="MIT", revision="HEAD"):
    out = {name: str(tmp_path / name) for name in ("kept", "rejected", "counts")}
    spec = {"kind": "git", "path": str(path), "licence": licence, "revision": revision}
    main("c", spec, ["MIT"], RULES, LIMITS, **out)
    return list(read_jsonl(tmp_path / "kept")), read_json(tmp_path / "counts")


def reasons(tmp_path, repo):
    kept, counts = mine(tmp_path, repo.folder)
    assert counts["in"] == len(kept) + sum(counts["rejected"].values())
    return counts["rejected"]


@pytest.fixture
def repo(tmp_path):
    return Repo(tmp_path / "r")


def test_a_commit_becomes_an_instruction(tmp_path, repo):
    before, after = repo.code(), repo.code()
    repo.commit("Give the file some other content", **{"b.py": before})
    repo.commit(f"[core] {GOOD} [skip ci]\n\nA body.", **{"b.py": after})
    kept, _ = mine(tmp_path, repo.folder)
    assert len(kept) == 3
    row = next(row for row in kept if row["message"] == GOOD)
    assert (row["before"], row["code"], row["licence"]) == (before, after, "MIT")
    assert row["origin"]["path"] == "b.py" and row["origin"]["package"] == "r" and len(row["origin"]["version"]) == 40
    task = adopt(row, {})
    assert task["instruction"] == f"{GOOD}\n\n```python\n{before.strip()}\n```"
    assert task["answer"] == {"text": f"```python\n{after.strip()}\n```", "solution": after.strip()}


def test_code_with_fences_is_put_into_longer_ones(tmp_path, repo):
    repo.commit(GOOD, **{"b.py": repo.code() + '"""\n```\n"""\n'})
    kept, _ = mine(tmp_path, repo.folder)
    row = next(row for row in kept if row["message"] == GOOD)
    assert adopt(row, {})["answer"]["text"].startswith("````python\n")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"x = 1\0\n" * 9, "binary"),
        (b"# caf\xe9\nx = [1, 2, 3, 4, 5, 6]\n", "not_utf8"),
        (b"x = 1\n" * 9000, "too_large"),
        (b"x = 1\n" * 400, "too_large"),
        (b"x = 1\n" * 100, "too_many_tokens"),
        (b"x = 1\n", "too_few_tokens"),
        (b"x = '" + b"y" * 600 + b"'\n", "line_too_long"),
        (b"\n", "empty"),
    ],
)
def test_files_that_cannot_be_shown(tmp_path, repo, content, reason):
    repo.commit(GOOD, **{"b.py": content})
    assert reasons(tmp_path, repo) == {reason: 1}


def test_what_is_more_or_less_than_a_change_of_one_file(tmp_path, repo):
    repo.commit(GOOD)
    repo.commit(GOOD, **{"b.py": repo.code(), "c.py": repo.code()})
    repo.commit(GOOD, **{f"many{number}.py": repo.code() for number in range(40)})
    repo.commit(GOOD, **{"new\nline.txt": "no Python"})
    repo.commit(GOOD, **{"a.py": (repo.folder / "a.py").read_text().replace("    ", "\t")})
    (repo.folder / "c.py").unlink()
    repo.commit(GOOD)
    (repo.folder / "link.py").symlink_to("/etc/passwd")
    repo.commit(GOOD)
    (repo.folder / "b.py").chmod(0o755)
    repo.commit(GOOD)
    repo.git("checkout", "-q", "-b", "side", "HEAD~1")
    repo.commit("Change something on another branch", **{"d.py": repo.code()})
    repo.git("checkout", "-q", "main")
    repo.git("merge", "-q", "--no-edit", "side")
    assert reasons(tmp_path, repo) == {
        "no_change": 3, "several_files": 2, "not_python": 1, "deleted": 1, "not_a_file": 1, "merge": 1,
    }  # fmt: skip


def test_messages_of_any_bytes(tmp_path, repo):
    # What git would take for Latin-1 and convert, unless it is told of an encoding that it does not know.
    repo.git("config", "i18n.commitEncoding", "unknown")
    for message in (b"Return caf\xe9 with all the values", b":000000 100644 a b A\nfile", b"commit 0 1\nx", b""):
        extra = () if message else ("--allow-empty-message",)
        repo.commit(message, *extra, **{"b.py": repo.code()})
    assert reasons(tmp_path, repo) == {"message_not_utf8": 1, "message_too_short": 2, "not_capitalised": 1}


def test_a_message_in_an_encoding_that_it_states_is_converted(tmp_path, repo):
    repo.git("config", "i18n.commitEncoding", "latin1")
    repo.commit(b"Return caf\xe9 with all the values", **{"b.py": repo.code()})
    assert "Return café with all the values" in [row["message"] for row in mine(tmp_path, repo.folder)[0]]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (GOOD, ""),
        ("Fix the debugging of bugs when closing", ""),
        ("Fix it now", "message_too_short"),
        ("Add " + "very " * 300 + "much", "message_too_long"),
        ("Fix the crash of issue 12 here", "reference"),
        ("Fix the crash that (#12) is about", "reference"),
        ("Revert " + "a" * 40 + " for a good while", "reference"),
        ("Use https://example.org to load the data", "address"),
        ("Add half of it, still WIP today", "unfinished"),
        ("Add the thing that I forgot yesterday", "talk"),
        ("Merge branch main into the other one", "routine"),
        ("return the sum of all values", "not_capitalised"),
        ("Values are returned as a sum now", "not_imperative"),
        ("Rename helpers of module to something else", "names_file"),
    ],
)
def test_messages_that_ask_for_a_change_and_others(message, reason):
    try:
        check_message(message, "pkg/helpers.py", CommitRules(**RULES), "0" * 40)
        found = ""
    except Dropped as drop:
        found = drop.reason
    assert found == reason and (not found or found in REASONS["commits"])


def test_one_of_ten_new_version_numbers_is_kept_and_always_the_same():
    def kept(number):
        try:
            check_message("Bump the version to a newer one", "x/y.py", CommitRules(**RULES), f"{number:040x}")
        except Dropped as drop:
            assert drop.reason == "routine"
            return False
        return True

    first = [kept(number) for number in range(300)]
    assert 10 < sum(first) < 60 and first == [kept(number) for number in range(300)]


def test_marks_are_cut_off_a_message():
    assert clean_message(b"[api] Add the [x] mark [ci skip] [fix]") == "Add the [x] mark"
    assert clean_message(b"core/x: Add the mark") == "Add the mark"
    assert all(verb.islower() for verb in VERBS)


def test_the_licence_is_that_of_each_repository(tmp_path):
    for name in ("free", "closed", "unknown"):
        Repo(tmp_path / "all" / name)
    (tmp_path / "all" / "empty").mkdir()
    subprocess.run(["git", "init", "-q", tmp_path / "all" / "empty"], check=True)
    kept, counts = mine(tmp_path, tmp_path / "all", licence={"free": "MIT", "closed": "Proprietary"})
    assert {row["origin"]["package"] for row in kept} == {"free"} and counts["rejected"] == {"licence": 2}


def test_a_bare_repository_gives_the_same_rows(tmp_path, repo):
    repo.commit(GOOD, **{"b.py": repo.code()})
    subprocess.run(["git", "clone", "-q", "--bare", repo.folder, tmp_path / "bare" / "r"], check=True)
    assert mine(tmp_path, repo.folder)[0] == mine(tmp_path, tmp_path / "bare" / "r")[0]


def test_a_shallow_clone_shows_what_it_has(tmp_path, repo):
    repo.commit(GOOD, **{"b.py": repo.code()})
    subprocess.run(
        ["git", "clone", "-q", "--depth=1", "--filter=blob:none", f"file://{repo.folder}", tmp_path / "shallow"],
        check=True, capture_output=True,
    )  # fmt: skip
    with pytest.raises(EmptyStageError, match=r"several_files|unreadable"):
        mine(tmp_path, tmp_path / "shallow")


def test_a_revision_names_the_history(tmp_path, repo):
    repo.commit(GOOD, **{"b.py": repo.code()})
    assert len(mine(tmp_path, repo.folder, revision="HEAD~1")[0]) == 1
    with pytest.raises(UserError, match="no revision 'nowhere'"):
        mine(tmp_path, repo.folder, revision="nowhere")


def test_a_folder_without_repositories_is_a_clear_error(tmp_path):
    (tmp_path / "plain").mkdir()
    for path in (tmp_path / "plain", tmp_path / "missing"):
        with pytest.raises(UserError, match="neither a git repository"):
            mine(tmp_path, path)


def test_a_repositorys_own_settings_run_nothing(tmp_path, repo):
    script = tmp_path / "evil.sh"
    script.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    script.chmod(0o755)
    for key in ("core.fsmonitor", "diff.external", "core.pager", "core.sshCommand"):
        repo.git("config", key, str(script))
    mine(tmp_path, repo.folder)
    assert not (tmp_path / "ran").exists()


def test_pieces_are_read_across_blocks():
    class Slow:
        def __init__(self, data):
            self.data = data

        def read(self, size):
            block, self.data = self.data[:3], self.data[3:]
            return block

    assert list(records(Slow(b"abcdef\0g\0\0hi"))) == [b"abcdef", b"g", b"", b"hi"]
