"""What the stages' parsers share: reasons for dropping an answer, fenced code blocks, comparison of texts."""

import ast
import re
from dataclasses import dataclass

FENCE = "```"
OPENING = re.compile(r"^[ ]{0,3}```+[ \t]*([\w+#.-]*)[ \t]*$")
CLOSING = re.compile(r"^[ ]{0,3}```+[ \t]*$")
PYTHON = ("", "python", "python3", "py")


@dataclass(frozen=True)
class Rejected:
    """An answer that is not kept: a reason of the stage (selfalign/reasons.py) and a detail for the reader."""

    reason: str
    detail: str = ""


@dataclass(frozen=True)
class Block:
    """A fenced code block: language, code without fences, and the lines from its opening to after its closing."""

    language: str
    code: str
    start: int
    end: int
    closed: bool

    @property
    def python(self) -> bool:
        return self.language.lower() in PYTHON


def invalid_unicode(text: str) -> str:
    """Says what in the text is no valid Unicode; "" when all is.

    A replacement mark comes from an engine that decoded broken bytes; UTF-8 can't hold lone surrogates at all.
    """
    for name, pattern in (("a lone surrogate", r"[\ud800-\udfff]"), ("a replacement mark", "\ufffd"), ("NUL", "\0")):
        if match := re.search(pattern, text):
            return f"{name} at character {match.start()}"
    return ""


REFUSAL = re.compile(
    r"\A\W*(?:(?:i'?m|i am|we'?re|we are) (?:very |really |so )?(?:sorry|afraid|unable|not able|not comfortable)\b|sorry\b|"
    r"i apologi[sz]e|my apologies,? but (?:i|we)\b|unfortunately,? (?:i|we)\b|as an? (?:ai|large|language)\b|"
    r"i (?:must|have to|need to) (?:respectfully |politely )?(?:decline|refuse)|i (?:don'?t|do not) feel comfortable|"
    r"i (?:can'?t|cannot|can not|won'?t|will not) "
    r"(?:help|assist|answer|provide|comply|do|write|create|fulfil|be able|in good conscience))",
    re.IGNORECASE,
)
_HERE = r"(?:here(?:['\u2019]s| is| are| it is| you go| you are)|below (?:is|are))\b"
_WISH = r"i(?:['\u2019](?:d|ll|m)| would| will| am)? (?:be )?(?:happy|glad|pleased) to\b[^\n.!:]*[.!:]\s*"
BOILERPLATE = re.compile(
    r"\A\s*(?:"
    # "Sure!", and what is announced after it up to a colon, inside a line or at its end
    r"(?:sure(?: thing)?|certainly|of course|absolutely|okay|ok|great|no problem|gladly)"
    rf"(?:[ ]*[!.,:]+\s+|\s+(?={_HERE}))(?:{_WISH})?(?:{_HERE}(?:[^\n:`]*:\s+|[^\n]*[:!]\s*\n))?|"
    rf"{_WISH}|"
    # "Here is …" by itself may begin a task; it is none if it names one, or announces what begins on the next line
    rf"{_HERE} (?:[\w'-]+ ){{0,4}}(?:exercise|task|problem|prompt|instruction|challenge|question|version|rewrite)\b[^\n:`]*:\s+|"
    rf"{_HERE}[^\n]*[:!]\s*\n)+",
    re.IGNORECASE,
)
CLOSING_WORDS = re.compile(
    r"(?:\n[ \t]*|(?<=[.!?])[ ]+)(?:please )?(?:let me know (?:if|how|whether|when)\b|i hope (?:this|that|it) (?:helps|is helpful)|"
    r"feel free to (?:ask|reach out|let me know)|(?:would you like|do you want|if you would like|if you want) me to\b|"
    r"if you (?:have|need) (?:any |more |further |other )*(?:questions?|help|clarifications?|assistance|changes)\b|"
    r"happy coding|good luck)[^\n]*\s*\Z",
    re.IGNORECASE,
)


def refusal(text: str) -> str:
    """The beginning of an answer that refuses and brings no code; "" for any other."""
    match = REFUSAL.match(text.replace("\u2019", "'"))
    return text.strip()[:80] if match and FENCE not in text else ""


THOUGHTS = re.compile(
    r"\A\s*<(think|thinking)>.*?</\1>\s*|"
    # Where the template opens the tag, the answer begins inside it.
    r"\A(?:(?!<think).)*?^[ \t]*</think(?:ing)?>[ \t]*$\s*",
    re.DOTALL | re.MULTILINE,
)


def without_thoughts(text: str) -> str:
    """An answer without what a reasoning model thought before it, where its server leaves that in the text."""
    return THOUGHTS.sub("", text, count=1) if "</think" in text else text


def without_boilerplate(text: str) -> str:
    """An answer without the pleasantries that chat models begin and end with ("Sure! Here is …", "Let me know if …"), as long
    as more is left."""
    rest = BOILERPLATE.sub("", text, count=1)
    while (shorter := CLOSING_WORDS.sub("", rest)) != rest:
        rest = shorter
    return rest if rest.strip() else text


def python_fence(code: str) -> str:
    """Code in a fence, longer than any in it."""
    fence = max([FENCE, *(run + "`" for run in re.findall(r"`{3,}", code))], key=len)
    text = code.strip("\n")
    return f"{fence}python\n{text}\n{fence}"


def code_blocks(text: str) -> list[Block]:
    """The fenced blocks of a text; the last one is not `closed` when the text ends inside it."""
    blocks: list[Block] = []
    lines = text.split("\n")
    language, start = "", None
    for number, line in enumerate(lines):
        if start is None:
            if match := OPENING.match(line):
                language, start = match[1], number
        elif CLOSING.match(line):
            blocks.append(Block(language, "\n".join(lines[start + 1 : number]), start, number + 1, True))
            start = None
    if start is not None:
        blocks.append(Block(language, "\n".join(lines[start + 1 :]), start, len(lines), False))
    return blocks


def parse_code(code: str) -> ast.Module | None:
    """Syntax tree, or None for what is no Python (text that makes the parser itself give up included)."""
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def is_stub(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a function's body does nothing yet: docstring, `pass`, `...`, a bare not-implemented error."""
    return all(_idle(statement) for statement in node.body)


def _idle(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Pass):
        return True
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    if isinstance(statement, ast.Raise) and statement.exc is not None:
        called = statement.exc.func if isinstance(statement.exc, ast.Call) else statement.exc
        return isinstance(called, ast.Name) and called.id == "NotImplementedError"
    return False


def words(text: str) -> list[str]:
    """Lower-case words and numbers."""
    return re.findall(r"[^\W_]+", text.lower())


def similarity(one: str, other: str, size: int = 3) -> float:
    """Jaccard similarity of two texts' word n-grams, from 0 to 1."""
    first, second = _ngrams(one, size), _ngrams(other, size)
    return len(first & second) / len(first | second) if first | second else 1.0


def _ngrams(text: str, size: int) -> set[tuple[str, ...]]:
    found = words(text)
    if len(found) < size:
        return {tuple(found)} if found else set()
    return {tuple(found[i : i + size]) for i in range(len(found) - size + 1)}
