"""Fetches the documents that issuers publish: their metadata and their keys."""

from __future__ import annotations

import http.client
import json
import threading
import time
import urllib.parse
from typing import Any

from latchkey.domain.issuers import NotFetchedError, address_problem
from latchkey.domain.limits import (
    EXTERNAL_FETCH_TIMEOUT_SECONDS,
    EXTERNAL_FETCH_TOTAL_SECONDS,
    EXTERNAL_KEYS_MAX_BYTES,
)

_OK = 200
_CHUNK_BYTES = 16 * 1024


class IssuerDocuments:
    """JSON documents at addresses with TLS. Redirects are refused."""

    def __init__(
        self,
        *,
        loopback: bool = False,
        timeout_seconds: float = EXTERNAL_FETCH_TIMEOUT_SECONDS,
        total_seconds: float = EXTERNAL_FETCH_TOTAL_SECONDS,
    ) -> None:
        """Fetch within this time.

        loopback  whether addresses on this machine may be without TLS, for the local stack
        """
        self._loopback = loopback
        self._timeout = timeout_seconds
        self._total = total_seconds

    def fetch(self, address: object) -> dict[str, Any]:
        """Return the document at an address. Raises NotFetchedError.

        The request has its own thread, because a socket's timeout covers neither the DNS lookup nor
        a response that arrives byte by byte.
        """
        if not isinstance(address, str):
            msg = "no address"
            raise NotFetchedError(msg)
        problem = address_problem(address, loopback=self._loopback)
        if problem is not None:
            raise NotFetchedError(problem)
        results: list[bytes | str] = []
        request = threading.Thread(target=self._get, args=(address, results), daemon=True)
        request.start()
        request.join(self._total)
        result = results[0] if results else "no response in time"
        if isinstance(result, str):
            raise NotFetchedError(result)
        try:
            document = json.loads(result)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            msg = "not a JSON object"
            raise NotFetchedError(msg)
        return document

    def _get(self, address: str, results: list[bytes | str]) -> None:
        """Append the body, or a text that says why there is none."""
        deadline = time.monotonic() + self._total
        parts = urllib.parse.urlsplit(address)
        is_secure = parts.scheme == "https"
        kind = http.client.HTTPSConnection if is_secure else http.client.HTTPConnection
        # Redirects are not followed, and proxies of the environment are not used.
        connection = kind(parts.netloc, timeout=self._timeout)
        try:
            headers = {"User-Agent": "latchkey", "Accept": "application/json"}
            connection.request("GET", parts.path or "/", headers=headers)
            response = connection.getresponse()
            if response.status != _OK:
                results.append(f"status {response.status}")
                return
            body = b""
            while chunk := response.read1(_CHUNK_BYTES):
                body += chunk
                if len(body) > EXTERNAL_KEYS_MAX_BYTES:
                    results.append("too large")
                    return
                if time.monotonic() > deadline:
                    return
            results.append(body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            results.append(type(error).__name__)
        finally:
            connection.close()
