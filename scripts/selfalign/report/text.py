"""Text for the page. Model-written text reaches it escaped, and only escaped."""

import re

from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

# What a browser would not show as it is: control characters, marks that reorder or hide the text around them, invisible
# characters (the joiners of emoji and of Indic scripts apart), halves of surrogate pairs.
UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff"
    "\ufff9-\ufffb\U000e0000-\U000e007f]"
)
MOST_CHARACTERS = 20_000
FORMATTER = HtmlFormatter(nowrap=True, style="friendly")
DARK_FORMATTER = HtmlFormatter(nowrap=True, style="github-dark")
NOTHING = "–"


def visible(text: object) -> str:
    """Text with invisible characters written out as escapes, cut with a note when it is very long."""
    shown = str(text)
    cut = len(shown) - MOST_CHARACTERS
    shown = UNSEEN.sub(_escape, shown[:MOST_CHARACTERS].replace("\r\n", "\n"))
    return f"{shown}\n[… {cut:,} more characters]" if cut > 0 else shown


def _escape(match: re.Match) -> str:
    number = ord(match.group())
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def code(text: object) -> Markup:
    """Highlighted Python; Pygments escapes what it is given."""
    return Markup(highlight(visible(text), PythonLexer(stripnl=False), FORMATTER))


def code_styles() -> Markup:
    """Style rules for :func:`code`, light and dark; their backgrounds are the page's."""
    light, dark = (formatter.get_style_defs("pre") for formatter in (FORMATTER, DARK_FORMATTER))
    rules = f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}"
    return Markup("\n".join(line for line in rules.splitlines() if not line.startswith(("pre {", "pre{"))))


def percent(value: float | None) -> str:
    return NOTHING if value is None else f"{100 * value:.1f} %"


def points(value: float) -> str:
    """A difference of shares in percentage points, with its sign."""
    return f"{100 * value:+.1f}".replace("-", "\u2212")


def amount(value: float | None, digits: int = 0) -> str:
    return NOTHING if value is None else f"{value:,.{digits}f}"


def duration(seconds: float | None) -> str:
    """Seconds, minutes or hours, whichever reads best."""
    if seconds is None:
        return NOTHING
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def megabytes(value: float | None) -> str:
    return NOTHING if not value else f"{value:,.0f} MB"


FILTERS = {
    "code": code, "percent": percent, "points": points, "amount": amount, "duration": duration,
    "megabytes": megabytes,
}  # fmt: skip
