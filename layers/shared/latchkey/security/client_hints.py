"""User-agent client hints: details about the browser's machine that user agents no longer have.

Source: RFC 8941 (structured fields) and the WICG's User-Agent Client Hints. Parsing is strict: a
malformed hint counts as not sent.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from latchkey.domain.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

ACCEPT_CH = "Sec-CH-UA-Platform-Version, Sec-CH-UA-Model"
"""Hints to request beyond the default ones (brands, platform, mobile)."""

_HINT_MAX_CHARACTERS = 256
_STRING = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
_BRANDS = {
    "Brave": "Brave",
    "Microsoft Edge": "Edge",
    "Opera": "Opera",
    "Samsung Internet": "Samsung Internet",
    "Vivaldi": "Vivaldi",
}
"""Browsers with the user agent of Chrome. Only these names are used: browsers add random names
to the list on purpose.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientHints:
    """The parsed hints. None for a missing or malformed one."""

    platform: str | None = None
    platform_version: str | None = None
    model: str | None = None
    mobile: bool | None = None
    browser: str | None = None


def read_client_hints(headers: Mapping[str, str] | None) -> ClientHints:
    """Parse the `Sec-CH-UA-*` headers, with names in lower case."""
    sent = headers or {}
    return ClientHints(
        platform=_string(sent.get("sec-ch-ua-platform")),
        platform_version=_string(sent.get("sec-ch-ua-platform-version")),
        model=_string(sent.get("sec-ch-ua-model")),
        mobile={"?1": True, "?0": False}.get(sent.get("sec-ch-ua-mobile", "").strip()),
        browser=_browser(sent.get("sec-ch-ua")),
    )


def _string(text: str | None) -> str | None:
    if text is None or len(text) > _HINT_MAX_CHARACTERS:
        return None
    match = _STRING.fullmatch(text.strip())
    return re.sub(r"\\(.)", r"\1", match[1]).strip() or None if match else None


def _browser(brands: str | None) -> str | None:
    if brands is None or len(brands) > _HINT_MAX_CHARACTERS:
        return None
    named = (match[1] for match in _STRING.finditer(brands))
    return next((_BRANDS[name] for name in named if name in _BRANDS), None)
