"""Renders emails: one template per kind and language, as HTML and as plain text.

    templates/<language>/<kind>.j2   the text, with macros for paragraphs, buttons and facts
    templates/layout.*, ui.*         the layout of the macros, for HTML and for plain text

A new language is a folder. Values are escaped in HTML. A missing value is an error.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from functools import cache
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from latchkey.domain.mail import Letter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from latchkey.domain.mail import MailKind

LANGUAGES = ("en", "de")
"""The first language is the default."""

_MONTHS_DE = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
]
_MONTHS_EN = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


def language_for(tag: str | None) -> str:
    """Return the supported language for a BCP 47 tag."""
    primary = (tag or "").partition("-")[0].lower()
    return primary if primary in LANGUAGES else LANGUAGES[0]


def write(kind: MailKind, language: str, values: Mapping[str, object]) -> Letter:
    """Render an email in one of LANGUAGES."""
    name = f"{language}/{kind.value}.j2"
    everything = {"language": language, **values}
    as_text = _environment(html=False).get_template(name)
    as_html = _environment(html=True).get_template(name)
    text = as_text.render(everything, layout="layout.txt", ui="ui.txt")
    context = as_text.new_context({**everything, "layout": "layout.txt", "ui": "ui.txt"})
    return Letter(
        subject=" ".join("".join(as_text.blocks["subject"](context)).split()),
        html=as_html.render(everything, layout="layout.html", ui="ui.html"),
        text=re.sub(r"\n{3,}", "\n\n", text).strip() + "\n",
    )


def format_value(value: object, language: str) -> object:
    """Format times and days for people, such as 2 January 2026, 03:04 UTC. Keep other values.

    In UTC, because the reader's time zone is unknown.
    """
    match value:
        case datetime():
            return f"{_day(value, language)}, {value:%H:%M} UTC"
        case date():
            return _day(value, language)
    return value


def unlinked(text: str) -> str:
    """Remove parts of a user's text that a mail program would turn into a link."""
    return " ".join(re.sub(r"[^\w\s'()+-]", " ", text).split())


def _day(day: date, language: str) -> str:
    if language == "de":
        return f"{day.day}. {_MONTHS_DE[day.month - 1]} {day.year}"
    return f"{day.day} {_MONTHS_EN[day.month - 1]} {day.year}"


@cache
def _environment(*, html: bool) -> Environment:
    environment = Environment(
        loader=PackageLoader("latchkey.mail"),
        autoescape=html,  # noqa: S701 - plain text needs no escaping
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["one_line"] = _one_line
    return environment


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    # The blocks of a template are already escaped.
    return Markup(line) if isinstance(text, Markup) else line  # noqa: S704 - see above
