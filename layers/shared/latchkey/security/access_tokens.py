"""Access tokens: ES256 JWTs of the type `at+jwt` (RFC 9068), valid for minutes."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

from latchkey.security.token_verification import TYPE

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

    from latchkey.domain.session import Session
    from latchkey.domain.signing import KeyRing, SigningKey

    type Claims = dict[str, str | int]
    type Encode = Callable[[Claims, SigningKey, dict[str, str]], str]


class AccessTokenSigner:
    """Issues access tokens."""

    def __init__(
        self,
        key_ring: Callable[[], KeyRing],
        encode: Encode,
        *,
        issuer: str,
        audience: str,
        lifetime: timedelta,
    ) -> None:
        """Sign with the active key of the key ring.

        encode  `jwt_encoding.encode`, or `lean_jwt_encoding.encode` in a hot function
        """
        self._ring = key_ring
        self._encode = encode
        self._issuer = issuer
        self._audience = audience
        self.lifetime = lifetime

    def sign(self, session: Session, now: datetime) -> str:
        """Issue a token for the current generation of the session."""
        key = self._ring().signing_key(now)
        claims: Claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": session.account_id,
            "sid": session.id,
            "jti": base64.urlsafe_b64encode(os.urandom(16)).rstrip(b"=").decode(),
            "iat": int(now.timestamp()),
            "exp": int((now + self.lifetime).timestamp()),
            "auth_time": int(session.authenticated_at.timestamp()),
            "role": session.role.value,
            "gen": session.generation,
        }
        return self._encode(claims, key, {"typ": TYPE, "kid": key.kid})
