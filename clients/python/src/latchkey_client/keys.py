"""The public keys of a Latchkey service, kept for five minutes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import httpx2
import jwt

from latchkey_client.verify import Refused

LIFETIME_SECONDS = 300
PAUSE_SECONDS = 30
"""The minimum time between two attempts: tokens with unknown keys cause no load."""


class Keys:
    """Fetches the keys when they are needed. If a fetch fails, the keys that it has stay.

    fetch  returns the key set; by default it gets `jwks_uri`
    """

    def __init__(
        self,
        jwks_uri: str,
        *,
        fetch: Callable[[], Any] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch or (lambda: _get(jwks_uri))
        self._monotonic = monotonic
        self._keys: dict[str, Any] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._lock = threading.Lock()

    def find(self, kid: object) -> Any:
        """Return a key. Raises Refused: TOKEN_INVALID, or 503 if there are no keys at all."""
        self._refresh(missing=kid not in self._keys)
        if not self._keys:
            raise Refused("TEMPORARILY_UNAVAILABLE")
        key = self._keys.get(kid) if isinstance(kid, str) else None
        if key is None:
            raise Refused("TOKEN_INVALID")
        return key

    def _refresh(self, *, missing: bool) -> None:
        with self._lock:
            now = self._monotonic()
            is_old = now - self._fetched_at >= LIFETIME_SECONDS
            if not (is_old or missing) or now - self._tried_at < PAUSE_SECONDS:
                return
            self._tried_at = now
            try:
                found = self._fetch()["keys"]
                self._keys = {each["kid"]: jwt.PyJWK(each).key for each in found}
            except (httpx2.HTTPError, jwt.PyJWTError, KeyError, TypeError, ValueError):
                return
            self._fetched_at = now


def _get(url: str) -> Any:
    answer = httpx2.get(url, timeout=5)
    answer.raise_for_status()
    return answer.json()
