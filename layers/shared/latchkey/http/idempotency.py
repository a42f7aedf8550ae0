"""The Idempotency-Key header. Source: draft-ietf-httpapi-idempotency-key-header-07."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from latchkey.domain.errors import InvalidInput, Problem, ProblemCode
from latchkey.domain.idempotency import IdempotencyKey
from latchkey.domain.limits import IDEMPOTENCY_KEY_MAX_CHARACTERS
from latchkey.http.request import read_body

if TYPE_CHECKING:
    from latchkey.http.request import Request

_KEY = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
_QUOTED = re.compile(rf'"({_KEY.pattern})"')


def read_idempotency_key(request: Request[Any]) -> IdempotencyKey | None:
    """Parse the key: a quoted string as in the draft, or a bare one as most clients send it.

    A key is for one operation and one account. Raises InvalidInput.
    """
    header = request.headers.get("idempotency-key")
    if header is None:
        return None
    quoted = _QUOTED.fullmatch(header.strip())
    key = quoted[1] if quoted else header.strip()
    if len(key) > IDEMPOTENCY_KEY_MAX_CHARACTERS or _KEY.fullmatch(key) is None:
        message = f"Send up to {IDEMPOTENCY_KEY_MAX_CHARACTERS} visible characters, such as a UUID."
        raise InvalidInput(Problem("Idempotency-Key", ProblemCode.INVALID, message))
    operation = str(request.event["routeKey"])
    return IdempotencyKey(
        digest=hashlib.sha256(f"{operation}\n{key}".encode()).hexdigest(),
        fingerprint=hashlib.sha256(_plain_body(request)).hexdigest(),
    )


def _plain_body(request: Request[Any]) -> bytes:
    """Return the body without secrets: a fast digest of a password must not be stored."""
    body = request.declared_body
    secrets = getattr(body, "SECRETS", None)
    if not secrets:
        return read_body(request)
    return json.dumps(body.model_dump(mode="json", exclude=secrets), sort_keys=True).encode()
