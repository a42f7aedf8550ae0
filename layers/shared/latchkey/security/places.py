"""Places from a database that the deployer brings, in MaxMind's format: no address leaves us."""

from __future__ import annotations

import ipaddress
from functools import cached_property
from typing import Any

import maxminddb

from latchkey.domain.request import Location
from latchkey.observability import logger


class Places:
    """The database, opened when it is first asked."""

    def __init__(self, path: str) -> None:
        """Look places up in this file."""
        self._path = path

    def find(self, ip_address: str) -> Location | None:
        """Find an address's place; None when it has none, or when the database can't tell.

        A file that is missing or broken costs places, never a sign-in.
        """
        try:
            address = ipaddress.ip_address(ip_address.partition("%")[0])
            record = self._reader.get(address) if self._reader and address.is_global else None
        except (ValueError, maxminddb.InvalidDatabaseError):
            return None
        if not isinstance(record, dict):
            return None
        regions = record.get("subdivisions")
        place = Location(
            city=_name(record.get("city")),
            region=_name(regions[0]) if isinstance(regions, list) and regions else None,
            country=_text(_part(record, "country", "iso_code")),
        )
        return None if place == Location() else place

    @cached_property
    def _reader(self) -> maxminddb.Reader | None:
        try:
            return maxminddb.open_database(self._path)
        except (OSError, ValueError, maxminddb.InvalidDatabaseError):
            logger.warning("the database of places can't be opened")
            return None


def _name(record: Any) -> str | None:
    return _text(_part(record, "names", "en"))


def _part(record: Any, *names: str) -> Any:
    for name in names:
        record = record.get(name) if isinstance(record, dict) else None
    return record


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
