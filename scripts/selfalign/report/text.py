"""Text for the page. Model-written text reaches it escaped, and only escaped."""

import re

# What a browser would not show as it is: control characters, marks that reorder or hide the text around them, invisible
# characters (the joiners of emoji and of Indic scripts apart), halves of surrogate pairs.
UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff"
    "\ufff9-\ufffb\U000e0000-\U000e007f]"
)
MOST_CHARACTERS = 20_000
NOTHING = "–"


def visible(text: object, most: int = MOST_CHARACTERS) -> str:
    """Text with invisible characters written out as escapes, cut with a note when it has more than `most` characters."""
    shown = str(text)
    cut = len(shown) - most
    shown = UNSEEN.sub(_escape, shown[:most].replace("\r\n", "\n"))
    return f"{shown}\n[… {cut:,} more characters]" if cut > 0 else shown


def _escape(match: re.Match) -> str:
    number = ord(match.group())
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


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


FILTERS = {"percent": percent, "points": points, "amount": amount, "duration": duration, "megabytes": megabytes}
