"""DynamoDB for deployed functions that can be paused before a transaction is written."""

from __future__ import annotations

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, override

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TRANSACTION = "DynamoDB_20120810.TransactWriteItems"
BEAT_SECONDS = 0.5
"""Between two interim responses, which keep the client from timing out and trying again."""
CONTINUE = 100


class PausedWrites:
    """A proxy of DynamoDB.

    url      of the proxy
    waiting  how many transactions have arrived since the pause began, and are not written
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.waiting = 0
        self._written = threading.Event()
        self._written.set()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Pause every transaction that arrives, and write all of them at the end."""
        self.waiting = 0
        self._written.clear()
        try:
            yield
        finally:
            self._written.set()

    def wait(self, beat: Callable[[], None]) -> None:
        """Wait until the pause ends, and call `beat` in between."""
        if self._written.is_set():
            return
        with self._lock:
            self.waiting += 1
        while not self._written.wait(BEAT_SECONDS):
            beat()


@contextlib.contextmanager
def pausing_proxy(upstream: str) -> Iterator[PausedWrites]:
    """Run a proxy of an emulator's DynamoDB."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers["X-Amz-Target"] == TRANSACTION:
                writes.wait(self._beat)
            # The signature covers the host's name.
            answer = client.post("/", headers=dict(self.headers), content=body)
            self.send_response(answer.status_code)
            for name in ("Content-Type", "x-amzn-RequestId", "x-amz-crc32"):
                if name in answer.headers:
                    self.send_header(name, answer.headers[name])
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def _beat(self) -> None:
            self.send_response_only(CONTINUE)
            self.end_headers()

        @override
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    writes = PausedWrites(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    with httpx.Client(base_url=upstream, timeout=30) as client:
        try:
            yield writes
        finally:
            server.shutdown()
            server.server_close()
