"""Which commits are instructions: the rules of CommitPackFT (OctoPack, arXiv 2308.07124), each with its reason word.

A commit that is kept changes one Python file, and its message asks for that change.
"""

import re
from dataclasses import dataclass

from selfalign.corpora.base import Limits, source_or_reason
from selfalign.mining.mined import Dropped, Mined, seed_base
from selfalign.mining.repositories import REGULAR, Change, Commit, Repository
from selfalign.rows import draw, row_id
from selfalign.stages.parsing import invalid_unicode

NOTHING = "0" * 40
TOKEN = re.compile(r"\w+|[^\w\s]")

# Verbs that a message which asks for a change begins with.
VERBS = frozenset(
    """
    abort accept accelerate access add adapt adjust adopt advance align allow annotate append apply archive arrange assert
    assign attach automate avoid backport bind boost break bring build bump cache calculate call capture change check choose
    clarify clean clear close collapse collect combine comment compare compile complete compress compute concatenate
    configure connect consolidate convert copy correct count cover create customize cut deal debug declare decode decouple
    decrease deduplicate define delay delegate delete deploy deprecate detach detect determine disable discard display
    divide document downgrade draw drop edit embed emit enable encode encrypt enforce enhance ensure escape establish exclude
    exit expand expose extend extract factor fetch fill filter find fix flatten flush force format gather generate
    generalize get give grant group guard halt handle hide highlight hook ignore implement import improve include increase
    increment indent index infer initialize inline insert install integrate introduce invert isolate iterate join keep kill
    limit link list load localize lock log lower mark match maintain make manage mask measure memoize mend merge migrate
    minimize mock modernize modify monitor move multiply name normalize omit open optimize order organize output override
    package parametrize parse pass patch persist pin polish port prefer prepare prepend preserve prevent print process
    provide prune publish purge put raise randomize read rearrange rebuild record rectify redefine redirect reduce refactor
    reference refine reformat refresh register reimplement reject release relax reload relocate remove rename render reorder
    reorganize repair replace report require reset reshape resolve restore restrict restructure retry return reuse revert
    revise revoke rewrite rework round run sanitize save scale schedule secure select send separate serialize set show
    shorten silence simplify skip solve sort specify speed split stabilize standardize start stop store streamline strip
    structure substitute subtract suppress support swap switch synchronize tag take terminate test throw tidy track
    transform translate treat trim truncate try tune turn tweak unblock undo unify uninstall unlock unwrap update upgrade
    use validate verify warn watch work wrap write
    """.split()  # noqa: SIM905 (a list literal would be two hundred lines)
)  # fmt: skip

REFERENCES = re.compile(r"#|\b[0-9a-f]{40}\b|\b(?:issue|bug|feature)\s*\d+|cherry.picked from", re.IGNORECASE)
ADDRESS = re.compile(r"https?://|//codereview", re.IGNORECASE)
UNFINISHED = re.compile(r"work in progress|\bwip\b", re.IGNORECASE)
TALK = re.compile(r"\bi\b|\bi'(?:m|ve)\b|thanks to|code review|signed-off-by", re.IGNORECASE)
ROUTINE = re.compile(r"auto.?commit|merge (?:branch|pull request)|update (?:contributing|readme)", re.IGNORECASE)
VERSIONS = re.compile(r"(?:bump|set version|update version)\b", re.IGNORECASE)
VERSIONS_KEPT = 0.1
CI = re.compile(r"\[(?:skip ci|ci skip)\]", re.IGNORECASE)


@dataclass(frozen=True)
class CommitRules:
    """Bounds, as in config `seeds.commits`."""

    max_characters: int
    min_words: int
    min_tokens: int
    max_tokens: int


def judge_commit(
    corpus: str, package: str, licence: str, repository: Repository, commit: Commit, rules: CommitRules, limits: Limits
) -> Mined:
    """The seed that a commit is, or the reason why it is none; files are read only where the message is good."""
    change = commit.changes[0] if commit.changes else None
    path = change.path.decode("utf-8", "replace") if change else ""
    message = commit.subject.decode("utf-8", "replace")
    row = {**seed_base(corpus, licence, package, commit.hash, path, 1), "message": message}
    try:
        if not licence:
            raise Dropped("licence", "none stated for this repository, or one that is not allowed")
        changed = _single_file(commit)
        message = clean_message(commit.subject)
        check_message(message, path, rules, commit.hash)
        before = _text(repository, changed.before, rules, limits) if changed.before.strip("0") else ""
        after = _text(repository, changed.after, rules, limits)
        _check_code(before, after, rules)
    except Dropped as drop:
        return Mined({**row, "id": row_id("commit", commit.hash)}, drop.reason, drop.detail)
    key = row_id("seed", message, before, after)
    return Mined({**row, "id": key, "message": message, "before": before, "code": after})


def judge_row(
    corpus: str, place: str, row: dict, problem: str, licence: str, rules: CommitRules, limits: Limits
) -> Mined:
    """The seed that a row of a table of commits is, or the reason why it is none; the rules are those for repositories.

    Args:
        place, row, problem: see :func:`selfalign.corpora.commit_table.read`.
        licence: the row's, "" for one that is not allowed.
    """
    version, path = str(row.get("commit") or ""), str(row.get("path") or "")
    message = row.get("message")
    seed = {**seed_base(corpus, licence, row.get("repository", ""), version, path or place, 1), "message": message}
    try:
        texts = [row.get(key) if row.get(key) is not None else "" for key in ("message", "before", "after")]
        if problem or not all(isinstance(text, str) for text in texts):
            raise Dropped("unreadable", problem or "message, before or after is no text")
        if not licence:
            raise Dropped("licence", f"{row['licence'] or 'none'} is stated")
        if path and not path.endswith(".py"):
            raise Dropped("not_python")
        if invalid := invalid_unicode(texts[0]):
            raise Dropped("message_not_utf8", invalid)
        message = clean_message(texts[0].encode())
        check_message(message, path, rules, version or place)
        before, after = (_bounded(text, rules, limits) for text in texts[1:])
        _check_code(before, after, rules)
    except Dropped as drop:
        return Mined({**seed, "id": row_id("commit", corpus, version, place)}, drop.reason, drop.detail)
    key = row_id("seed", message, before, after)
    return Mined({**seed, "id": key, "message": message, "before": before, "code": after})


def _single_file(commit: Commit) -> Change:
    if len(commit.parents) > 1:
        raise Dropped("merge", f"{len(commit.parents)} parents")
    if not commit.files:
        raise Dropped("no_change", "no file is changed")
    if commit.files > 1:
        raise Dropped("several_files", f"{commit.files} files")
    change = commit.changes[0]
    if not change.path.endswith(b".py"):
        raise Dropped("not_python")
    if change.status == "D":
        raise Dropped("deleted")
    if change.mode_after not in REGULAR or (change.status != "A" and change.mode_before not in REGULAR):
        raise Dropped("not_a_file", f"mode {change.mode_after}")
    if change.before == change.after:
        raise Dropped("no_change", "the mode alone")
    return change


def clean_message(subject: bytes) -> str:
    """A message without marks for robots, without a leading `[topic]` or `topic:`, and without a trailing `[mark]`."""
    try:
        text = subject.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Dropped("message_not_utf8", f"{error.reason} at byte {error.start}") from error
    words = CI.sub("", text).split()
    if words and words[0].startswith("[") and words[0].endswith("]"):
        words = words[1:]
    if words and words[0].endswith(":"):
        words = words[1:]
    if words and words[-1].startswith("[") and words[-1].endswith("]"):
        words = words[:-1]
    return " ".join(words)


def check_message(message: str, path: str, rules: CommitRules, commit: str) -> None:
    """Raises Dropped for a message that asks for nothing, or for more than the code can show."""
    if len(message) <= 10 or len(message.split()) < rules.min_words:
        raise Dropped("message_too_short", message)
    if len(message) >= 1000:
        raise Dropped("message_too_long", f"{len(message)} characters")
    for reason, pattern in (
        ("reference", REFERENCES), ("address", ADDRESS), ("unfinished", UNFINISHED), ("talk", TALK), ("routine", ROUTINE),
    ):  # fmt: skip
        if match := pattern.search(message):
            raise Dropped(reason, match[0])
    # As published, nine of ten changes of a version number are left out; the draw is the commit's own.
    if VERSIONS.match(message) and draw(commit, "version") >= VERSIONS_KEPT:
        raise Dropped("routine", "a version number")
    if not message[0].isupper():
        raise Dropped("not_capitalised", message.split()[0])
    verb = message.split()[0].lower().strip(".,:;!")
    if verb not in VERBS:
        raise Dropped("not_imperative", verb)
    stem = path.rsplit("/", 1)[-1].removesuffix(".py")
    if stem and re.search(rf"\b{re.escape(stem)}\b", message):
        raise Dropped("names_file", stem)


def _text(repository: Repository, name: str, rules: CommitRules, limits: Limits) -> str:
    size = repository.size(name)
    if size is None:
        raise Dropped("unreadable", f"object {name} is not in the repository")
    # A character has at most four bytes: what is larger is not even read.
    if size > 4 * rules.max_characters:
        raise Dropped("too_large", f"{size} bytes")
    return _bounded(repository.content(name), rules, limits)


def _bounded(content: bytes | str, rules: CommitRules, limits: Limits) -> str:
    text, reason, detail = source_or_reason(content, limits)
    if text is None:
        raise Dropped(reason, detail)
    if len(text) >= rules.max_characters:
        raise Dropped("too_large", f"{len(text)} characters")
    return text


def _check_code(before: str, after: str, rules: CommitRules) -> None:
    if not after.strip():
        raise Dropped("empty")
    if before.split() == after.split():
        raise Dropped("no_change", "white space alone")
    count = len(TOKEN.findall(before)) + len(TOKEN.findall(after))
    if count < rules.min_tokens:
        raise Dropped("too_few_tokens", str(count))
    if count > rules.max_tokens:
        raise Dropped("too_many_tokens", str(count))
