"""Renders the page. Model-written text reaches it escaped, and only escaped."""

import re
from pathlib import Path

import jinja2
from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

# What a browser would not show as it is: control characters, and marks that reorder the text around them.
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
FORMATTER = HtmlFormatter(nowrap=True)


def visible(text: object) -> str:
    """Text with invisible characters written out as escapes."""
    return UNSEEN.sub(lambda match: f"\\u{ord(match.group()):04x}", str(text))


def code(text: object) -> Markup:
    """Highlighted Python; Pygments escapes what it is given."""
    return Markup(highlight(visible(text), PythonLexer(), FORMATTER))


def percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def amount(value: float | None, digits: int = 0) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def render(**content: object) -> str:
    """The page as HTML."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, finalize=lambda value: value if isinstance(value, Markup) or not isinstance(value, str) else visible(value), lstrip_blocks=True,
    )  # fmt: skip
    environment.filters.update(code=code, percent=percent, amount=amount)
    styles = FORMATTER.get_style_defs("pre")
    return environment.get_template("page.html.jinja").render(styles=Markup(styles), **content)
