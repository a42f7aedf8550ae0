"""Verifies tokens by introspection (RFC 7662), for backends elsewhere with a role of AWS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import httpx2
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.session import Session

from latchkey_client.verify import Caller, Refused, Verifier, at, bearer_token

TIMEOUT_SECONDS = 5.0
_OK = 200
_FORM = "application/x-www-form-urlencoded"


class IntrospectionVerifier(Verifier):
    """Asks Latchkey about each token. Nothing is cached.

    endpoint     `introspection_endpoint` of the metadata
    region       the region of the stack
    credentials  returns those of a role that may invoke the route; by default boto3's usual ones
    timeout      in seconds; after it the answer is a 503
    transport    of httpx2, for tests
    """

    def __init__(
        self,
        endpoint: str,
        *,
        region: str,
        credentials: Callable[[], Credentials] | None = None,
        timeout: float = TIMEOUT_SECONDS,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._region = region
        self._credentials = credentials or _default_credentials()
        self._http = httpx2.Client(timeout=timeout, transport=transport)

    def verify(self, authorization: str | None) -> Caller:
        """Return the caller. Raises Refused: introspection says no reason, so `TOKEN_INACTIVE`."""
        found = self._introspect(bearer_token(authorization))
        if found.get("active") is not True:
            raise Refused("TOKEN_INACTIVE")
        return Caller(
            account_id=found["sub"],
            session_id=found["sid"],
            role=found["role"],
            authenticated_at=at(found["auth_time"]),
        )

    def _introspect(self, token: str) -> dict[str, Any]:
        body = urlencode({"token": token})
        request = AWSRequest("POST", self._endpoint, headers={"content-type": _FORM}, data=body)
        SigV4Auth(self._credentials(), "execute-api", self._region).add_auth(request)
        try:
            answer = self._http.post(
                self._endpoint, content=body, headers=dict(request.headers.items())
            )
            found = answer.json() if answer.status_code == _OK else None
        except (httpx2.HTTPError, ValueError) as error:
            raise Refused("TEMPORARILY_UNAVAILABLE") from error
        # 403: this backend's role may not ask. Its callers can't do anything about that.
        if not isinstance(found, dict):
            raise Refused("TEMPORARILY_UNAVAILABLE")
        return found


def _default_credentials() -> Callable[[], Credentials]:
    session = Session()

    def find() -> Credentials:
        found = session.get_credentials()
        if found is None:
            raise Refused("TEMPORARILY_UNAVAILABLE")
        frozen = found.get_frozen_credentials()
        if not frozen.access_key or not frozen.secret_key:
            raise Refused("TEMPORARILY_UNAVAILABLE")
        return Credentials(frozen.access_key, frozen.secret_key, frozen.token)

    return find
