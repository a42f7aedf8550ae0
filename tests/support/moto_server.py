"""moto behind HTTP: DynamoDB and SSM for clients that moto does not know."""

from __future__ import annotations

import contextlib
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, override

import requests

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

REGION = "eu-west-1"


class MotoServer(BaseHTTPRequestHandler):
    """Forwards to moto, which takes requests of this process. It needs an active `mock_aws`."""

    protocol_version = "HTTP/1.1"
    closing = False
    """Whether the connection is closed after each answer, without notice."""

    def do_POST(self) -> None:
        """Answer one request."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status, content = self.answer(self.headers["X-Amz-Target"], body)
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("x-amzn-RequestId", "A" * 52)
        if not self.headers["X-Amz-Target"].startswith("AmazonSSM"):
            self.send_header("x-amz-crc32", str(zlib.crc32(content)))
        self.end_headers()
        self.wfile.write(content)
        self.close_connection = self.closing

    def answer(self, target: str, body: bytes) -> tuple[int, bytes]:
        """Return moto's status and answer."""
        service = "ssm" if target.startswith("AmazonSSM") else "dynamodb"
        headers = {name: value for name, value in self.headers.items() if name != "Host"}
        answer = requests.post(
            f"https://{service}.{REGION}.amazonaws.com/", body, headers=headers, timeout=60
        )
        return answer.status_code, answer.content

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""


@contextlib.contextmanager
def serving(
    handler: type[BaseHTTPRequestHandler], context: ssl.SSLContext | None = None
) -> Iterator[int]:
    """Serve on a port of the loopback, and return it.

    context  for TLS
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
