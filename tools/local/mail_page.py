"""The page of captured emails."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="5">
<title>Mails</title>
<style>
  :root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }}
  body {{ max-width: 44rem; margin: 2rem auto; padding: 0 1rem }}
  article {{ border: 1px solid #8884; border-radius: .5rem; margin: 1rem 0; padding: 1rem 1.25rem }}
  h2 {{ font-size: 1.05rem; margin: 0 }}
  p {{ margin: 0; opacity: .7; font-size: .875rem }}
  pre {{ white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; margin: .75rem 0 0 }}
</style>
<h1>Mails</h1>
<p>The emulator captures all emails. None is sent.
   The same as <a href="/_dev/mail.json">JSON</a>.</p>
{mails}
</html>
"""

MAIL = """<article>
<h2>{subject}</h2>
<p>to {to} · from {source} · {time} · <a href="/_dev/mail/{id}">as HTML</a></p>
<pre>{text}</pre>
</article>
"""

LINK = re.compile(r"https?://[^\s<>&\"]+(?:&amp;[^\s<>&\"]+)*")


def render(mails: Iterable[Mapping[str, Any]]) -> str:
    """Render the text parts of emails, with links."""
    articles = [_article(mail) for mail in mails]
    return PAGE.format(mails="".join(articles) or "<article>None yet.</article>")


def _article(mail: Mapping[str, Any]) -> str:
    text = html.escape(str(mail["BodyText"]))
    return MAIL.format(
        id=html.escape(str(mail["MessageId"])),
        subject=html.escape(str(mail["Subject"])),
        to=html.escape(", ".join(mail["To"])),
        source=html.escape(str(mail["Source"])),
        time=datetime.fromtimestamp(mail["Timestamp"], UTC).astimezone().strftime("%H:%M:%S"),
        text=LINK.sub(lambda link: f'<a href="{link[0]}">{link[0]}</a>', text),
    )
