"""The keys of trusted issuers in an authorizer: cached, and asked for when one is unknown."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from latchkey.domain.errors import TemporarilyUnavailable
from latchkey.domain.limits import (
    EXTERNAL_KEYS_ASK_SECONDS,
    EXTERNAL_KEYS_STALE_SECONDS,
    EXTERNAL_KEYS_WAIT_SECONDS,
    UNAVAILABLE_RETRY_AFTER_SECONDS,
)
from latchkey.domain.values import dataclass, field
from latchkey.observability import logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from latchkey.domain.clock import Clock
    from latchkey.domain.issuers import Trust, TrustedIssuer
    from latchkey.storage.issuers import IssuerStore
    from latchkey.storage.parameters import CachedParameter

_PAUSE_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerKeyring:
    """The flow and its parts.

    cache  of what `store` reads
    ask    asks the function that fetches keys, without waiting for it
    """

    store: IssuerStore
    cache: CachedParameter[Trust]
    ask: Callable[[TrustedIssuer], None]
    clock: Clock
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _asked: dict[str, float] = field(default_factory=dict)

    def trust(self) -> Trust:
        """Return the trusted issuers. Raises TemporarilyUnavailable."""
        return self.cache.get()

    def find(self, issuer: TrustedIssuer, kid: str) -> dict[str, str] | None:
        """Return a key of an issuer, or None.

        An unknown key is asked for: by one request of the deployment in EXTERNAL_KEYS_ASK_SECONDS,
        which waits up to EXTERNAL_KEYS_WAIT_SECONDS. All others read the stored keys again, with
        increasing intervals, so that made-up ids cause no flood.

        Raises TemporarilyUnavailable if the keys were never fetched, or are too old.
        """
        known = self.cache.get()
        found = _key(known, issuer, kid)
        if found is None:
            newer = self.cache.get_newer(known)
            found = None if newer is None else _key(newer, issuer, kid)
        if found is None:
            found = self._ask_for(issuer, kid)
        self._require_fresh(issuer)
        return found

    def _require_fresh(self, issuer: TrustedIssuer) -> None:
        stored = self.cache.get().keys.get(issuer.id)
        longest = timedelta(seconds=EXTERNAL_KEYS_STALE_SECONDS)
        if stored is None or self.clock.now() - stored.fetched_at > longest:
            raise TemporarilyUnavailable(
                retry_after_seconds=UNAVAILABLE_RETRY_AFTER_SECONDS, reason="no keys of the issuer"
            )

    def _ask_for(self, issuer: TrustedIssuer, kid: str) -> dict[str, str] | None:
        started = self.monotonic()
        asked = self._asked.get(issuer.id)
        if asked is not None and started - asked < EXTERNAL_KEYS_ASK_SECONDS:
            return None
        self._asked[issuer.id] = started
        if not self.store.may_ask(issuer, self.clock.now()):
            return None
        try:
            self.ask(issuer)
        except TemporarilyUnavailable as error:
            # The schedule fetches it.
            logger.warning("keys not asked for", issuer=issuer.issuer, reason=error.data["reason"])
            return None
        while self.monotonic() - started < EXTERNAL_KEYS_WAIT_SECONDS:
            self.sleep(_PAUSE_SECONDS)
            newest = self.store.read()
            self.cache.accept(newest)
            found = _key(newest, issuer, kid)
            if found is not None:
                return found
        return None


def _key(trust: Trust, issuer: TrustedIssuer, kid: str) -> dict[str, str] | None:
    stored = trust.keys.get(issuer.id)
    return None if stored is None else next((k for k in stored.keys if k["kid"] == kid), None)
