"""HTTP/1.1 for the lean client: one POST at a time, over a connection that is kept.

`http.client` sends head and body apart, and parses the headers of an answer as those of an email.
This sends both at once and reads only what AWS sends: a status, headers on one line each, and a
body with a length or in chunks. Everything else is a broken answer, and the connection is closed.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

_RECEIVED_BYTES = 16_384
"""What one call reads at most. A record of TLS has no more. Source: RFC 8446 section 5.1."""

_HEAD_MAX_BYTES = 65_536
_BODY_MAX_BYTES = 64 * 1024 * 1024
"""The largest answer of DynamoDB has 16 MB of items. Source: BatchGetItem."""

_SLOWEST = 2
"""How many times its timeout an answer may take in all, if each part comes in time."""

_SUCCESS, _SERVER_ERROR_END = 200, 600


class BrokenAnswer(Exception):
    """The peer closed the connection too early, or sent something other than one answer."""


class Answer(NamedTuple):
    """An answer. The names of its headers are in lower case."""

    status: int
    headers: dict[str, str]
    content: bytes
    stays_open: bool


class Connection:
    """A connection to one server."""

    def __init__(
        self,
        host: str,
        port: int,
        context: ssl.SSLContext | None,
        *,
        connect_seconds: float,
        read_seconds: float,
    ) -> None:
        """Connect, and verify the server if a context is given. Raises OSError."""
        self._read_seconds = read_seconds
        opened = socket.create_connection((host, port), connect_seconds)
        try:
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context is not None:
                opened = context.wrap_socket(opened, server_hostname=host)
            opened.settimeout(read_seconds)
        except OSError:
            opened.close()
            raise
        self.socket = opened

    def post(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send a request and return its answer.

        Raises BrokenAnswer, OSError, and ValueError for a header with a control character. The
        connection can then only be closed.
        """
        if not "".join(headers.values()).isprintable():
            raise ValueError("header")
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        head = (
            f"POST {path} HTTP/1.1\r\n{lines}"
            f"accept-encoding: identity\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        self.socket.sendall(head.encode("ascii") + body)
        return self._answer()

    def is_closed(self) -> bool:
        """Return whether the server has closed the connection while it was idle.

        What else can be read then are session tickets, which TLS 1.3 sends after the handshake.
        """
        poll = select.poll()
        poll.register(self.socket, select.POLLIN | select.POLLPRI)
        if not poll.poll(0):
            return False
        self.socket.settimeout(0)
        try:
            self.socket.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            self.socket.settimeout(self._read_seconds)
            return False
        except OSError:
            return True
        return True  # its end, or an answer to no request

    def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(OSError):
            self.socket.close()

    # Reading -----------------------------------------------------------------------------------

    def _answer(self) -> Answer:
        self._deadline = time.monotonic() + _SLOWEST * self._read_seconds
        received = bytearray()
        end = self._find(received, b"\r\n\r\n", 0, _HEAD_MAX_BYTES)
        version, status, headers = _head(received[:end].decode("latin-1"))
        coding = headers.get("transfer-encoding")
        if coding is None:
            content = self._body(received, end + 4, headers.get("content-length", ""))
        elif coding.lower() == "chunked" and "content-length" not in headers:
            content = self._chunks(received, end + 4)
        else:
            raise BrokenAnswer("transfer-encoding")
        stays_open = version == "HTTP/1.1" and "close" not in headers.get("connection", "").lower()
        return Answer(status, headers, content, stays_open)

    def _body(self, received: bytearray, start: int, length: str) -> bytes:
        if not (length.isascii() and length.isdigit() and len(length) < len(str(_BODY_MAX_BYTES))):
            raise BrokenAnswer("content-length")
        end = start + int(length)
        self._receive_until(received, end)
        # More than the answer: nobody knows to what request.
        if len(received) > end:
            raise BrokenAnswer("length")
        return bytes(received[start:])

    def _chunks(self, received: bytearray, start: int) -> bytes:
        content = bytearray()
        while True:
            end = self._find(received, b"\r\n", start, start + 64)
            text = received[start:end].partition(b";")[0].strip().decode("latin-1")
            if not text or len(text) > 7 or text.strip("0123456789abcdefABCDEF"):  # noqa: PLR2004
                raise BrokenAnswer("chunk")
            size, start = int(text, 16), end + 2
            end = start + size
            self._receive_until(received, end + 2)
            if received[end : end + 2] != b"\r\n" or len(content) + size > _BODY_MAX_BYTES:
                raise BrokenAnswer("chunk")
            content += received[start:end]
            start = end + 2
            if size == 0:
                break
        # AWS sends no trailers.
        if len(received) > start:
            raise BrokenAnswer("length")
        return bytes(content)

    def _find(self, received: bytearray, mark: bytes, start: int, limit: int) -> int:
        while (found := received.find(mark, start)) < 0:
            if len(received) > limit:
                raise BrokenAnswer("head")
            self._receive(received)
        return found

    def _receive_until(self, received: bytearray, length: int) -> None:
        while len(received) < length:
            self._receive(received)

    def _receive(self, received: bytearray) -> None:
        if time.monotonic() > self._deadline:
            raise TimeoutError
        part = self.socket.recv(_RECEIVED_BYTES)
        if not part:
            raise BrokenAnswer("closed")
        received += part


def _head(text: str) -> tuple[str, int, dict[str, str]]:
    """Parse the status line and the headers. Of a repeated header the first counts."""
    first, *lines = text.split("\r\n")
    version, _, rest = first.partition(" ")
    code = rest[:3]
    if version not in {"HTTP/1.1", "HTTP/1.0"} or not (code.isascii() and code.isdigit()):
        raise BrokenAnswer("status")
    status = int(code)
    if not _SUCCESS <= status < _SERVER_ERROR_END or rest[3:4].strip():
        raise BrokenAnswer("status")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name[0] in " \t":
            raise BrokenAnswer("header")
        name = name.lower()
        if name in {"content-length", "transfer-encoding"} and name in headers:
            raise BrokenAnswer(name)
        headers.setdefault(name, value.strip(" \t"))
    return version, status, headers
