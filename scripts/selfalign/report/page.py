"""Renders the page from its content and the templates."""

from pathlib import Path

import jinja2
from markupsafe import Markup

from selfalign.report.text import FILTERS, code_styles, visible

TEMPLATES = Path(__file__).parent / "templates"


def render(content: dict, figures: dict[str, str]) -> str:
    """The page as HTML: one file, no script, nothing loaded from anywhere.

    Args:
        content: see :func:`selfalign.report.collect.collect`; every text in it is escaped.
        figures: SVG by name, drawn by this package.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, finalize=shown,
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters.update(FILTERS)
    return environment.get_template("report.html.jinja").render(
        **content,
        figures={name: Markup(drawing) for name, drawing in figures.items()},
        styles=Markup((TEMPLATES / "style.css").read_text(encoding="utf-8")) + code_styles(),
    )


def shown(value: object) -> object:
    """What the page prints for a value: every text that is no markup of this package passes through :func:`visible`."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value
