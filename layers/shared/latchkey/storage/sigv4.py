"""Signature Version 4 for the JSON protocols of AWS: POST, without a query.

Source: IAM User Guide, "Create a signed AWS API request". The tests compare every request with
botocore's.
"""

from __future__ import annotations

import hmac
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

_ALGORITHM = "AWS4-HMAC-SHA256"


class Credentials(NamedTuple):
    """What requests are signed with. The token is empty for a user's own keys."""

    access_key: str
    secret_key: str
    token: str


def sign(
    headers: dict[str, str],
    body: bytes,
    *,
    credentials: Credentials,
    at: str,
    region: str,
    service: str,
    path: str = "/",
) -> dict[str, str]:
    """Return these headers and those of the signature.

    headers  all headers to sign, with lower-case names; `host` is one of them
    at       the time, as 20260102T030405Z
    path     of characters that need no encoding
    """
    signed = {**headers, "x-amz-date": at}
    if credentials.token:
        signed["x-amz-security-token"] = credentials.token
    names = sorted(signed)
    canonical = "\n".join(
        (
            "POST",
            path,
            "",
            *(f"{name}:{signed[name]}" for name in names),
            "",
            ";".join(names),
            sha256(body).hexdigest(),
        )
    )
    scope = f"{at[:8]}/{region}/{service}/aws4_request"
    text = f"{_ALGORITHM}\n{at}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
    key = _signing_key(credentials.secret_key, scope)
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    signed["authorization"] = (
        f"{_ALGORITHM} Credential={credentials.access_key}/{scope}, "
        f"SignedHeaders={';'.join(names)}, Signature={signature}"
    )
    return signed


@lru_cache(maxsize=4)
def _signing_key(secret_key: str, scope: str) -> bytes:
    """Derive the key of a day, a region and a service."""
    key = f"AWS4{secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
