"""Renders the page from its content, the templates, and the libraries that it carries."""

import base64
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import altair
import jinja2
from markupsafe import Markup

from selfalign.report import figures, words
from selfalign.report.packing import clean
from selfalign.report.text import FILTERS, visible

HERE = Path(__file__).parent
TEMPLATES, VENDOR = HERE / "templates", HERE / "vendor"
SCRIPTS = ("data.js", "charts.js", "tables.js", "problems.js", "explorer.js", "dropped.js", "start.js")
"""Scripts of the page in the order in which they run; each begins where the one before it ended."""


def render(content: dict, charts: dict[str, altair.TopLevelMixin | str], data: dict[str, str], carried: dict) -> str:
    """The page as HTML: one file that loads nothing. Only scripts whose hashes its policy names can run.

    Args:
        content: see :func:`selfalign.report.collect.collect`; every text in it is escaped.
        charts: by name, or the sentence that says why there is none.
        data: packed JSON by name.
        carried: what of it there is.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, finalize=shown,
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters.update({**FILTERS, "anchor": words.anchor})
    environment.globals.update(glossary=words.WORDS, hints=words.HINTS)
    scripts = [Markup(text) for text in script_texts(charts)]
    return environment.get_template("report.html.jinja").render(
        **content,
        carried=carried,
        charts={name: chart if isinstance(chart, str) else "" for name, chart in charts.items()},
        data={name: Markup(text) for name, text in data.items()},
        scripts=scripts,
        policy=policy(scripts),
        styles=Markup(read(VENDOR / "tabulator.min.css") + read(TEMPLATES / "style.css")),
    )


def script_texts(charts: dict[str, altair.TopLevelMixin | str]) -> list[str]:
    """The libraries, the specifications of the charts, and the page's own scripts."""
    specifications = {
        name: clean(figures.specification(chart)) for name, chart in charts.items() if not isinstance(chart, str)
    }
    # "<" never ends the element that holds the text: neither in a name from the config nor anywhere else.
    drawn = json.dumps(specifications, ensure_ascii=True).replace("<", "\\u003c")
    own = "".join(read(TEMPLATES / name) for name in SCRIPTS)
    texts = [read(VENDOR / "tabulator.min.js"), read(VENDOR / "highlight.min.js"), figures.library()]
    return [*(harmless(text) for text in texts), f'"use strict";\nconst CHARTS = {drawn};\n{harmless(own)}']


def harmless(script: str) -> str:
    """A script in which no string ends or opens a script element."""
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def policy(scripts: Iterable[str]) -> str:
    """The content security policy: nothing is loaded, and only these scripts run."""
    hashes = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts)
    allowed = " ".join(f"'sha256-{text}'" for text in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def shown(value: object) -> object:
    """What the page prints for a value: every text that is no markup of this package passes through :func:`visible`."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value
