"""Looks up locations in the deployer's MaxMind database. No IP address leaves the function."""

from __future__ import annotations

import ipaddress
from functools import cached_property
from typing import Any

import maxminddb

from latchkey.domain.request import Location
from latchkey.observability import logger


class GeoIpDatabase:
    """The database, opened at the first lookup."""

    def __init__(self, path: str) -> None:
        """Use this file."""
        self._path = path

    def find(self, ip_address: str) -> Location | None:
        """Return the location of an IP address, or None if it is unknown.

        A missing or broken file means unknown locations. It never fails a sign-in.
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
            logger.warning("the GeoIP database can't be opened")
            return None


def _name(record: Any) -> str | None:
    return _text(_part(record, "names", "en"))


def _part(record: Any, *names: str) -> Any:
    for name in names:
        record = record.get(name) if isinstance(record, dict) else None
    return record


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
