"""SES in front of the emulator's own: it can hang, or fail, while the worker waits for it."""

from __future__ import annotations

import contextlib
import threading
from enum import Enum
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, override

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.local.stack import LocalStack

ENDPOINT = "AWS_ENDPOINT_URL_SESV2"
"""What tells an AWS SDK where SES is. Source: botocore, service-specific endpoints."""


class Mood(Enum):
    """How a mail service takes requests."""

    WORKS = "works"
    HANGS = "hangs"
    """It never answers, and sends nothing."""
    FAILS = "fails"


class MailService:
    """What stands between the worker and SES."""

    def __init__(self, behind: str) -> None:
        """Hand on to this URL, when it works."""
        self.mood = Mood.WORKS
        self.request_count = 0
        self.sent = 0
        self._behind = behind
        self._over = threading.Event()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["content-length"]))
                service.take(self, content)

            @override
            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        """Where it answers, or does not."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def take(self, handler: BaseHTTPRequestHandler, content: bytes) -> None:
        """Take one request to send a mail."""
        self.request_count += 1
        if self.mood is Mood.HANGS:
            self._over.wait()
            return
        if self.mood is Mood.FAILS:
            status, answered = int(HTTPStatus.INTERNAL_SERVER_ERROR), b"{}"
        else:
            answer = httpx.post(
                f"{self._behind}{handler.path}", content=content, headers=dict(handler.headers)
            )
            status, answered = answer.status_code, answer.content
            self.sent += 1
        handler.send_response(status)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(answered)))
        handler.end_headers()
        handler.wfile.write(answered)

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """Answer requests."""
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join()


@contextlib.contextmanager
def between(stack: LocalStack) -> Iterator[MailService]:
    """Put a mail service between a stack's worker and its SES."""
    client = stack.client("lambda")
    name = stack.deployment.function_name("send_mail")
    before = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    service = MailService(stack.emulator_url)
    with service.serving():
        changed = {"Variables": {**before, ENDPOINT: service.url}}
        client.update_function_configuration(FunctionName=name, Environment=changed)
        try:
            yield service
        finally:
            client.update_function_configuration(
                FunctionName=name, Environment={"Variables": before}
            )
