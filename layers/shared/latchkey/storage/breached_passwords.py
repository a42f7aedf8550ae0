"""A range service of breached passwords, asked by the prefix of a digest.

The service gets the first 5 of the 40 hexadecimal characters of a password's SHA-1 digest and
answers with all known endings. It learns neither the password nor whether it is among them.
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
    """The passwords that a range service knows."""

    def __init__(self, url: str, *, timeout_seconds: float = BREACH_RANGE_TIMEOUT_SECONDS) -> None:
        """Ask the service at this base URL: `<url>/range/<prefix>`."""
        parts = urllib.parse.urlsplit(url.rstrip("/"))
        self._is_secure = parts.scheme == "https"
        self._host = parts.netloc
        self._path = parts.path
        self._timeout = timeout_seconds

    def __contains__(self, password: str) -> bool:
        """Return whether the service knows this password; False if it doesn't answer in time.

        A thread asks, because a socket's timeout covers neither the look-up of the host's name nor
        an answer that arrives a byte at a time.
        """
        digest = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()
        prefix = digest[:BREACH_RANGE_PREFIX_CHARACTERS]
        answers: list[bytes] = []
        asking = threading.Thread(target=self._ask, args=(prefix, answers), daemon=True)
        asking.start()
        asking.join(self._timeout)
        ending = digest[BREACH_RANGE_PREFIX_CHARACTERS:].encode()
        return any(_is_among(ending, answer) for answer in answers)

    def _ask(self, prefix: str, answers: list[bytes]) -> None:
        deadline = time.monotonic() + self._timeout
        kind = http.client.HTTPSConnection if self._is_secure else http.client.HTTPConnection
        # Redirects are not followed, and proxies of the environment are not used.
        connection = kind(self._host, timeout=self._timeout)
        try:
            # Padding makes answers of one length, so that it does not tell the prefix.
            headers = {"Add-Padding": "true", "User-Agent": "latchkey", "Accept": "text/plain"}
            connection.request("GET", f"{self._path}/range/{prefix}", headers=headers)
            answer = connection.getresponse()
            if answer.status != _OK:
                return
            body = b""
            while chunk := answer.read1(_CHUNK_BYTES):
                body += chunk
                if len(body) > BREACH_RANGE_MAX_BYTES or time.monotonic() > deadline:
                    return
            answers.append(body)
        except (OSError, http.client.HTTPException, ValueError):
            # The service is down: the other rules decide alone.
            return
        finally:
            connection.close()


def _is_among(ending: bytes, answer: bytes) -> bool:
    """Return whether a line says that this ending was seen; padding says 0 times."""
    for line in answer.splitlines():
        found, _, count = line.strip().partition(b":")
        if found.upper() == ending and count.isdigit():
            return int(count) > 0
    return False
