"""Serves the in-process service over HTTP, with a page and optionally a CDN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, override
from urllib.parse import parse_qsl

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.service import InProcessService

PAGE = '<html><script src="/assets/page.js"></script><latchkey-page></latchkey-page></html>'
PAGE_HEADERS = {
    "content-type": "text/html",
    "cache-control": "no-cache",
    "content-security-policy": "default-src 'none'; script-src 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "strict-transport-security": "max-age=31536000",
}
CDN_HEADERS = {"x-cache": "Miss from cloudfront"}

type Change = Callable[[httpx.Request, httpx.Response], httpx.Response | None]


class OverHttp(httpx.BaseTransport):
    """A transport for httpx. `change` may spoil an answer; None leaves it as it is."""

    def __init__(
        self, service: InProcessService, *, cdn: bool = True, change: Change | None = None
    ) -> None:
        """Serve this service."""
        self._service, self._cdn, self._change = service, cdn, change

    @override
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.scheme == "http":
            return httpx.Response(301, headers={"location": f"https://{request.url.host}/"})
        if request.url.host == "api.test":
            return httpx.Response(404, json={"message": "Not Found"})
        answer = self._answer(request)
        answer.headers.setdefault("strict-transport-security", "max-age=31536000")
        if self._cdn:
            answer.headers.update(CDN_HEADERS)
        answer.request = request
        changed = None if self._change is None else self._change(request, answer)
        return changed or answer

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if not path.startswith(("/api/", "/.well-known/")):
            return self._page(path)
        if request.method == "OPTIONS":
            return httpx.Response(204)
        headers = dict(request.headers)
        try:
            answer = self._service.request(
                request.method,
                path,
                raw_body=request.read().decode() or None,
                headers=headers,
                cookies=headers.pop("cookie", "").split("; "),
                query=dict(parse_qsl(request.url.query.decode())) or None,
            )
        except LookupError:
            return httpx.Response(404, json={"message": "Not Found"})
        pairs: list[tuple[str, str]] = [*answer.headers.items()]
        pairs += [("set-cookie", cookie) for cookie in answer.cookies]
        return httpx.Response(answer.status, headers=pairs, json=answer.body)

    def _page(self, path: str) -> httpx.Response:
        if "." not in path:
            return httpx.Response(200, headers=PAGE_HEADERS, text=PAGE)
        if path != "/assets/page.js":
            return httpx.Response(403)
        kind: dict[str, Any] = {"content-type": "text/javascript", "content-encoding": "gzip"}
        return httpx.Response(200, headers=kind, content=EMPTY_GZIP)


EMPTY_GZIP = bytes.fromhex("1f8b08000000000002ff030000000000000000 00".replace(" ", ""))
