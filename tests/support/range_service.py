"""A range service of breached passwords on loopback, which remembers what it was asked."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, override

if TYPE_CHECKING:
    from collections.abc import Iterator


def sha1(password: str) -> str:
    """The digest that range services go by."""
    return hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()


class RangeService:
    """What it knows, how it answers, and which requests came.

    status  of each answer
    body    of each answer; None: the range, padded as the public service pads it
    delay   in seconds, before the answer and between its pieces
    """

    def __init__(self, url: str, *known: str) -> None:
        self.url = url
        self.known = [sha1(password) for password in known]
        self.status = 200
        self.body: bytes | None = None
        self.delay = 0.0
        self.requests: list[tuple[str, dict[str, str], bytes]] = []

    def range(self, prefix: str) -> bytes:
        """Return the lines of a range: what is known, another ending, and padding."""
        known = [f"{digest[5:]}:3" for digest in self.known if digest.startswith(prefix)]
        return "\r\n".join([f"{'0' * 35}:12", *known, f"{'F' * 35}:0"]).encode()


@contextlib.contextmanager
def range_service(*known: str) -> Iterator[RangeService]:
    """Run one that knows these passwords."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            service.requests.append((self.path, dict(self.headers), self.rfile.read(length)))
            body = service.range(self.path.rpartition("/")[2])
            body = body if service.body is None else service.body
            with contextlib.suppress(OSError):
                time.sleep(service.delay)
                self.send_response(service.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                for byte in body[:20]:
                    self.wfile.write(bytes([byte]))
                    time.sleep(service.delay)
                self.wfile.write(body[20:])

        @override
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    service = RangeService(f"http://127.0.0.1:{server.server_port}/base", *known)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
