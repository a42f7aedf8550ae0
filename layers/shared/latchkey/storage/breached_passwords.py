"""A range service of breached passwords: a request has only the prefix of a digest.

The service gets the first 5 of the 40 hexadecimal characters of a password's SHA-1 digest and
returns all known suffixes. It learns neither the password nor whether it knows it.
Source: https://haveibeenpwned.com/API/v3#PwnedPasswords
"""

from __future__ import annotations

import hashlib
import http.client
import threading
import time
import urllib.parse

from latchkey.domain.limits import (
    BREACH_RANGE_MAX_BYTES,
    BREACH_RANGE_PREFIX_CHARACTERS,
    BREACH_RANGE_TIMEOUT_SECONDS,
)

_OK = 200
_CHUNK_BYTES = 16 * 1024


class BreachedPasswords:
    """The passwords that a range service knows, as a set."""

    def __init__(self, url: str, *, timeout_seconds: float = BREACH_RANGE_TIMEOUT_SECONDS) -> None:
        """Use the service at this base URL: `<url>/range/<prefix>`."""
        parts = urllib.parse.urlsplit(url.rstrip("/"))
        self._is_secure = parts.scheme == "https"
        self._host = parts.netloc
        self._path = parts.path
        self._timeout = timeout_seconds

    def __contains__(self, password: str) -> bool:
        """Return whether the service knows this password. False without a response in time.

        The request has its own thread, because a socket's timeout covers neither the DNS lookup nor
        a response that arrives byte by byte.
        """
        digest = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()
        prefix = digest[:BREACH_RANGE_PREFIX_CHARACTERS]
        responses: list[bytes] = []
        request = threading.Thread(target=self._fetch, args=(prefix, responses), daemon=True)
        request.start()
        request.join(self._timeout)
        suffix = digest[BREACH_RANGE_PREFIX_CHARACTERS:].encode()
        return any(_has_suffix(suffix, response) for response in responses)

    def _fetch(self, prefix: str, responses: list[bytes]) -> None:
        deadline = time.monotonic() + self._timeout
        kind = http.client.HTTPSConnection if self._is_secure else http.client.HTTPConnection
        # Redirects are not followed, and proxies of the environment are not used.
        connection = kind(self._host, timeout=self._timeout)
        try:
            # With padding, the length of a response does not reveal the prefix.
            headers = {"Add-Padding": "true", "User-Agent": "latchkey", "Accept": "text/plain"}
            connection.request("GET", f"{self._path}/range/{prefix}", headers=headers)
            response = connection.getresponse()
            if response.status != _OK:
                return
            body = b""
            while chunk := response.read1(_CHUNK_BYTES):
                body += chunk
                if len(body) > BREACH_RANGE_MAX_BYTES or time.monotonic() > deadline:
                    return
            responses.append(body)
        except (OSError, http.client.HTTPException, ValueError):
            # The service is down. Only the other rules of the policy apply.
            return
        finally:
            connection.close()


def _has_suffix(suffix: bytes, response: bytes) -> bool:
    """Return whether a line has this suffix with a count. Padding has the count 0."""
    for line in response.splitlines():
        found, _, count = line.strip().partition(b":")
        if found.upper() == suffix and count.isdigit():
            return int(count) > 0
    return False
