"""The viewer's location from CloudFront's headers, if the edge has its secret."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import urllib.parse
from typing import TYPE_CHECKING

from latchkey.domain.limits import NAME_MAX_CHARACTERS
from latchkey.domain.request import Location
from latchkey.domain.text import REPLACEMENT_CHARACTER

if TYPE_CHECKING:
    from collections.abc import Mapping

_CITY_HEADER = "cloudfront-viewer-city"
_REGION_HEADER = "cloudfront-viewer-country-region-name"
_COUNTRY_HEADER = "cloudfront-viewer-country"
_COUNTRY = re.compile(r"[A-Z]{2}")


def viewer_location(ip_address: str, headers: Mapping[str, str]) -> Location | None:
    """Return the location. None for a private address, and without these headers.

    Source: CloudFront Developer Guide, "Headers for determining the viewer's location".
    """
    if not is_public(ip_address):
        return None
    country = headers.get(_COUNTRY_HEADER, "")
    place = Location(
        city=_name(headers.get(_CITY_HEADER, "")),
        region=_name(headers.get(_REGION_HEADER, "")),
        country=country if _COUNTRY.fullmatch(country) else None,
    )
    return None if place == Location() else place


def is_public(ip_address: str) -> bool:
    """Return whether an IP address is public and can have a location."""
    try:
        return ipaddress.ip_address(ip_address.partition("%")[0]).is_global
    except ValueError:
        return False


def _name(text: str) -> str | None:
    """Decode the name of a location: `S%C3%A3o Paulo`, or UTF-8 that was read as Latin-1."""
    name = urllib.parse.unquote(text, errors="replace")
    # Names beyond Latin-1, or with a real ã, stay as they are.
    with contextlib.suppress(UnicodeError):
        name = name.encode("latin-1").decode("utf-8")
    if REPLACEMENT_CHARACTER in name:
        return None
    visible = "".join(c for c in name if c.isprintable())
    return " ".join(visible.split())[:NAME_MAX_CHARACTERS] or None
