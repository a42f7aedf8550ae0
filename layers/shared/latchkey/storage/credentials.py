"""The credentials of a Lambda function: its variables, or the endpoint that SnapStart uses instead.

Source: Lambda Developer Guide, "Defined runtime environment variables" and "SnapStart"; AWS SDKs
and Tools Reference Guide, "Container credential provider".
"""

from __future__ import annotations

import json
import os
import time
from datetime import datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from latchkey.domain.errors import TemporarilyUnavailable
from latchkey.domain.limits import UNAVAILABLE_RETRY_AFTER_SECONDS
from latchkey.storage.sigv4 import Credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ENDPOINT = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
_TIMEOUT_SECONDS = 2
_LOCAL_HOSTS = {"localhost", "127.0.0.1", "::1", "169.254.170.2", "169.254.170.23", "fd00:ec2::23"}
"""Hosts that may be asked without TLS. The authorization token is sent to no other host."""

_RENEW_SECONDS = 15 * 60
"""Credentials are renewed this long before they expire. If that fails, they are used to the end."""

_RETRY_SECONDS = 10
"""The pause after a failed renewal while there are valid credentials."""


_BROKEN = (
    HTTPException,
    KeyError,
    OSError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What an answer can raise that is late, cut or of another form."""


class CredentialsSource:
    """Returns valid credentials for each request."""

    def __init__(
        self, env: Mapping[str, str] = os.environ, *, now: Callable[[], float] = time.time
    ) -> None:
        """Read these variables at each request."""
        self._env = env
        self._now = now
        self._renewed: Credentials | None = None
        self._expires_at = 0.0
        self._renew_at = 0.0

    def get(self) -> Credentials:
        """Return the credentials of the environment, or those of the endpoint.

        Raises TemporarilyUnavailable if there are none.
        """
        access_key = self._env.get("AWS_ACCESS_KEY_ID")
        secret_key = self._env.get("AWS_SECRET_ACCESS_KEY")
        if access_key and secret_key:
            return Credentials(access_key, secret_key, self._env.get("AWS_SESSION_TOKEN", ""))
        now = self._now()
        if self._renewed is None or now >= self._renew_at:
            try:
                self._renew()
            except _BROKEN as error:
                if self._renewed is None or now >= self._expires_at:
                    raise TemporarilyUnavailable(
                        retry_after_seconds=UNAVAILABLE_RETRY_AFTER_SECONDS, reason="credentials"
                    ) from error
                self._renew_at = now + _RETRY_SECONDS
        assert self._renewed is not None  # noqa: S101 - _renew sets it or raises
        return self._renewed

    def _renew(self) -> None:
        address = urlsplit(self._env[_ENDPOINT])
        if address.scheme not in {"http", "https"} or address.hostname is None:
            raise ValueError(_ENDPOINT)
        if address.scheme == "http" and address.hostname not in _LOCAL_HOSTS:
            raise ValueError(_ENDPOINT)
        connect = HTTPConnection if address.scheme == "http" else HTTPSConnection
        connection = connect(address.hostname, address.port, timeout=_TIMEOUT_SECONDS)
        try:
            path = (
                f"{address.path or '/'}?{address.query}" if address.query else address.path or "/"
            )
            connection.request("GET", path, headers=self._authorization())
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        if answer.status != 200:  # noqa: PLR2004 - OK
            raise ValueError(answer.status)
        document = json.loads(body)
        expires_at = datetime.fromisoformat(document["Expiration"]).timestamp()
        parts = document["AccessKeyId"], document["SecretAccessKey"], document["Token"]
        if not all(isinstance(part, str) and part.isprintable() for part in parts):
            raise ValueError(_ENDPOINT)
        self._renewed = Credentials(*parts)
        self._expires_at = expires_at
        self._renew_at = expires_at - _RENEW_SECONDS

    def _authorization(self) -> dict[str, str]:
        path = self._env.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
        if path:
            # Without pathlib, which a cold start would load for nothing else.
            with open(path, encoding="utf-8") as file:  # noqa: PTH123
                token = file.read()
        else:
            token = self._env.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")
        return {"Authorization": token} if token else {}
