"""Reads the times of an access token that was verified before."""

from __future__ import annotations

import base64
import json


def read_times(verified: str) -> tuple[int, int]:
    """Return `iat` and `exp` of a token. It must have been verified: this checks nothing."""
    payload = verified.strip().split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return int(claims["iat"]), int(claims["exp"])
