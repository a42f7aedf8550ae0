"""Fetches the keys of trusted issuers, at a deployment, on a schedule and on request."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from latchkey.domain.issuers import InvalidIssuers, NotFetchedError, parse_trusted_issuers
from latchkey.domain.limits import EXTERNAL_KEYS_MAX, EXTERNAL_KEYS_STALE_SECONDS
from latchkey.domain.values import dataclass
from latchkey.observability import logger
from latchkey.security.external_tokens import usable_jwk

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from latchkey.domain.issuers import TrustedIssuer
    from latchkey.storage.issuer_documents import IssuerDocuments
    from latchkey.storage.issuers import IssuerStore


class OutdatedKeysError(Exception):
    """The keys of an issuer could not be fetched for half of the time that they are used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerKeyFetching:
    """The flow and its parts.

    parameter   TrustedIssuers
    loopback    whether issuers on this machine are accepted, for the local stack
    own_issuer  of this service, whose tokens have another path
    """

    parameter: str
    loopback: bool
    own_issuer: str
    store: IssuerStore
    documents: IssuerDocuments

    def deploy(self, now: datetime) -> dict[str, list[str]]:
        """Validate and store the issuers, and fetch their keys.

        An issuer that is down fails no deployment: the schedule fetches its keys later.

        Raises InvalidIssuers.
        """
        issuers = self._issuers()
        if issuers:
            self.store.ensure_salt()
        self.store.replace(issuers)
        return self._fetch(issuers, now)

    def run(self, now: datetime) -> dict[str, list[str]]:
        """Fetch the keys of all issuers. Also repairs what a restored table has lost.

        Raises OutdatedKeysError, for the alarm, if keys will soon be too old to be used.
        """
        fetched = self.deploy(now)
        if fetched["failed"]:
            outdated = self._outdated(fetched["failed"], now)
            if outdated:
                raise OutdatedKeysError(", ".join(outdated))
        return fetched

    def fetch_one(self, name: str, now: datetime) -> dict[str, list[str]]:
        """Fetch the keys of one issuer, for a token with an unknown key."""
        return self._fetch([i for i in self._issuers() if i.issuer == name], now)

    def _issuers(self) -> Sequence[TrustedIssuer]:
        issuers = parse_trusted_issuers(self.parameter, loopback=self.loopback)
        for number, issuer in enumerate(issuers):
            if issuer.issuer == self.own_issuer:
                msg = f"TrustedIssuers[{number}].issuer is this service itself"
                raise InvalidIssuers(msg)
        return issuers

    def _fetch(self, issuers: Sequence[TrustedIssuer], now: datetime) -> dict[str, list[str]]:
        result: dict[str, list[str]] = {"fetched": [], "failed": []}
        for issuer in issuers:
            try:
                found = self._keys_of(issuer)
            except NotFetchedError as error:
                # The stored keys are used until they are too old.
                logger.error(
                    "keys of an issuer not fetched", issuer=issuer.issuer, reason=str(error)
                )
                result["failed"].append(issuer.issuer)
                continue
            self.store.put_keys(issuer, found, now)
            result["fetched"].append(issuer.issuer)
        return result

    def _keys_of(self, issuer: TrustedIssuer) -> list[dict[str, str]]:
        address: object = issuer.keys
        if not address:
            metadata_address = f"{issuer.issuer.rstrip('/')}/.well-known/openid-configuration"
            metadata = self.documents.fetch(metadata_address)
            if metadata.get("issuer") != issuer.issuer:
                msg = "the metadata names another issuer"
                raise NotFetchedError(msg)
            address = metadata.get("jwks_uri")
        published = self.documents.fetch(address).get("keys")
        if not isinstance(published, list):
            msg = "no list of keys"
            raise NotFetchedError(msg)
        usable = [found for found in map(usable_jwk, published) if found is not None]
        if not 0 < len(usable) <= EXTERNAL_KEYS_MAX:
            msg = f"{len(usable)} usable keys"
            raise NotFetchedError(msg)
        if len({key["kid"] for key in usable}) != len(usable):
            msg = "two keys with one id"
            raise NotFetchedError(msg)
        return usable

    def _outdated(self, names: list[str], now: datetime) -> list[str]:
        trust = self.store.read()
        half = timedelta(seconds=EXTERNAL_KEYS_STALE_SECONDS / 2)
        keys = {name: trust.keys.get(trust.issuers[name].id) for name in names}
        return [name for name, k in keys.items() if k is None or now - k.fetched_at > half]
