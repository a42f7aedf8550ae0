"""Writing mails: one template for each kind and language, laid out as HTML and as plain text.

    templates/<language>/<kind>.j2   what it says, in terms of paragraphs, buttons and facts
    templates/layout.*, ui.*         how these look, once in HTML and once in plain text

A new language is a folder. What the templates are given is escaped in HTML; a name that is missing
is an error, not a gap.
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
"""The first one is for everybody whose own is not among them."""

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
    """Choose the language for somebody who speaks this one (BCP 47)."""
    primary = (tag or "").partition("-")[0].lower()
    return primary if primary in LANGUAGES else LANGUAGES[0]


def write(kind: MailKind, language: str, values: Mapping[str, object]) -> Letter:
    """Write a mail in one of LANGUAGES."""
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


def say(value: object, language: str) -> object:
    """Say instants and days as people do: 2 January 2026, 03:04 UTC. All else is left as it is.

    In UTC, because nobody has told us where the reader is.
    """
    match value:
        case datetime():
            return f"{_day(value, language)}, {value:%H:%M} UTC"
        case date():
            return _day(value, language)
    return value


def unlinked(text: str) -> str:
    """Take from a text that a stranger chose what a mail program would turn into a link."""
    return " ".join(re.sub(r"[^\w\s'()+-]", " ", text).split())


def _day(day: date, language: str) -> str:
    if language == "de":
        return f"{day.day}. {_MONTHS_DE[day.month - 1]} {day.year}"
    return f"{day.day} {_MONTHS_EN[day.month - 1]} {day.year}"


@cache
def _environment(*, html: bool) -> Environment:
    environment = Environment(
        loader=PackageLoader("latchkey.mail"),
        autoescape=html,  # noqa: S701 - and plain text as it is
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["one_line"] = _one_line
    return environment


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    # What a block of a template made has been escaped there, where it was written.
    return Markup(line) if isinstance(text, Markup) else line  # noqa: S704 - see above
