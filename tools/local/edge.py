"""The local CloudFront: one origin for the page and the API, and the headers that prove the way.

Like CloudFront it tells the API who the viewer is, under headers that it never takes from a client:
else anybody could choose the address that their session is listed and rate-limited under.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import threading
import time
from typing import TYPE_CHECKING, Protocol

import aiohttp
from aiohttp import web
from botocore.exceptions import ClientError
from multidict import CIMultiDict
from yarl import URL

from tools.local import mail_page

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from pathlib import Path
    from typing import Any

    from mypy_boto3_s3 import S3Client

    from tools.local.access_log import AccessLog

BODY_MAX_BYTES = 10 * 1024 * 1024
"""As API Gateway, which answers 413 beyond it."""

CONCURRENT_REQUESTS = 32
"""The emulator starts a process for each, and one for its authorizer. Further requests wait."""

# RFC 9110 7.6.1, and what each connection says for itself.
HOP_BY_HOP = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
# As the template's MediaHeaders: a picture is a picture, whatever a browser would make of it.
MEDIA_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
}
VIEWER_PREFIX = "cloudfront-"
EDGE_HEADER = "x-latchkey-edge"

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self' {uploads}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types lit-html"
)
"""The template's PageHeaders has the same; pictures are uploaded straight to the bucket."""

INDEX = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Latchkey on this machine</title>
<style>
  :root { color-scheme: light dark; font: 16px/1.6 system-ui, sans-serif }
  body { max-width: 40rem; margin: 3rem auto; padding: 0 1rem }
</style>
<h1>Latchkey on this machine</h1>
<ul>
  <li><a href="/api/v1/health">/api/v1/health</a>
  <li><a href="/.well-known/jwks.json">/.well-known/jwks.json</a>
  <li><a href="/_dev/mail">/_dev/mail</a>: the mails that would have been sent
</ul>
</html>
"""


class MailSource(Protocol):
    """What holds the captured mails."""

    def mails(self) -> list[dict[str, Any]]:
        """Return them, newest first."""
        ...


class Edge:
    """Serves `web/dist` at /, the mails at /_dev/mail, and forwards the API's paths to the API."""

    def __init__(
        self,
        *,
        emulator_url: str,
        api_id: str,
        s3: S3Client,
        media_bucket: str,
        secret: str,
        pages: Path,
        mailbox: MailSource,
        access_log: AccessLog,
    ) -> None:
        self._emulator_url = emulator_url
        # How one emulator on one address tells its APIs apart.
        self._api_host = f"{api_id}.execute-api.localhost:{URL(emulator_url).port}"
        # As CloudFront by its origin access control, it signs what it asks the bucket for.
        self._s3 = s3
        self._media_bucket = media_bucket
        self._secret = secret
        self._pages = pages
        self._mailbox = mailbox
        self._access_log = access_log

    def application(self) -> web.Application:
        """Put the routes together."""
        app = web.Application(client_max_size=BODY_MAX_BYTES)
        app.cleanup_ctx.append(self._client)
        app.router.add_get("/_dev/mail", self._mail_page)
        app.router.add_get("/_dev/mail/{id}", self._mail_html)
        app.router.add_get("/_dev/mail.json", self._mail_json)
        app.router.add_route("*", "/api/{path:.*}", self._forward)
        app.router.add_route("*", "/.well-known/{path:.*}", self._forward)
        app.router.add_get(r"/media/avatars/{name:\w+\.webp}", self._avatar)
        app.router.add_get("/{path:.*}", self._page)
        return app

    async def _client(self, _app: web.Application) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONCURRENT_REQUESTS),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_read=30),  # API Gateway's own limit
        ) as client:
            self._api = client
            yield

    async def _forward(self, request: web.Request) -> web.Response:
        started = time.perf_counter()
        try:
            answer = await self._ask(request)
        except web.HTTPRequestEntityTooLarge:
            answer = web.json_response({"message": "Request Entity Too Large"}, status=413)
        self._access_log.note(answer, (time.perf_counter() - started) * 1000)
        return answer

    async def _ask(self, request: web.Request) -> web.Response:
        # The target as it came: decoding and encoding it again would hide what a client can send.
        target = URL(self._emulator_url + request.rel_url.raw_path_qs, encoded=True)
        body = await request.read()
        try:
            async with self._api.request(
                request.method,
                target,
                headers=self._viewer_headers(request),
                # As a file: aiohttp warns of large bytes, which are written in one go.
                data=io.BytesIO(body) if body else None,
                allow_redirects=False,
                skip_auto_headers={"Accept", "Accept-Encoding", "Content-Type", "User-Agent"},
            ) as answer:
                return web.Response(
                    status=answer.status,
                    headers=_end_to_end(answer.headers),
                    body=await answer.read(),
                )
        except (aiohttp.ClientError, TimeoutError) as error:
            return web.json_response({"message": f"The API did not answer: {error}"}, status=502)

    def _viewer_headers(self, request: web.Request) -> CIMultiDict[str]:
        headers = _end_to_end(request.headers)
        for name in {name for name in headers if name.lower().startswith(VIEWER_PREFIX)}:
            del headers[name]
        address, port = _peer(request)
        forwarded_for = [*headers.popall("X-Forwarded-For", []), address]
        headers["X-Forwarded-For"] = ", ".join(forwarded_for)
        headers["CloudFront-Viewer-Address"] = f"{address}:{port}"
        headers[EDGE_HEADER] = self._secret  # assignment replaces every one that the client sent
        headers["Host"] = self._api_host
        return headers

    async def _avatar(self, request: web.Request) -> web.Response:
        # The one folder that the CDN may read; what people upload is in another.
        key = f"media/avatars/{request.match_info['name']}"
        try:
            file = await asyncio.to_thread(self._read_media, key)
        except ClientError as error:
            raise web.HTTPNotFound from error
        headers = {
            "Content-Type": file["ContentType"],
            "Cache-Control": file["CacheControl"],
            "ETag": file["ETag"],
        }
        return web.Response(headers={**headers, **MEDIA_HEADERS}, body=file["Body"])

    def _read_media(self, key: str) -> dict[str, Any]:
        answer = self._s3.get_object(Bucket=self._media_bucket, Key=key)
        return {**answer, "Body": answer["Body"].read()}

    async def _page(self, request: web.Request) -> web.StreamResponse:
        path = (self._pages / request.match_info["path"]).resolve()
        if not path.is_relative_to(self._pages):
            raise web.HTTPNotFound
        if not path.suffix:
            # A door of the page, such as /reset-password: it reads its address itself.
            path = self._pages / "index.html"
        if path.is_file():
            return web.FileResponse(path, headers=self._page_headers())
        if request.match_info["path"] == "":
            return web.Response(text=INDEX, content_type="text/html")
        raise web.HTTPNotFound

    def _page_headers(self) -> dict[str, str]:
        return {
            "Cache-Control": "no-cache",
            "Content-Security-Policy": CONTENT_SECURITY_POLICY.format(uploads=self._emulator_url),
            "Cross-Origin-Opener-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }

    async def _mail_page(self, _request: web.Request) -> web.Response:
        mails = await asyncio.to_thread(self._mailbox.mails)
        return web.Response(text=mail_page.render(mails), content_type="text/html")

    async def _mail_html(self, request: web.Request) -> web.Response:
        """Show one mail as a mail program does: no script of it runs."""
        for mail in await asyncio.to_thread(self._mailbox.mails):
            if mail["MessageId"] == request.match_info["id"]:
                headers = {"Content-Security-Policy": "sandbox allow-popups allow-top-navigation"}
                body = str(mail["BodyHtml"])
                return web.Response(text=body, content_type="text/html", headers=headers)
        raise web.HTTPNotFound

    async def _mail_json(self, _request: web.Request) -> web.Response:
        return web.json_response({"mails": await asyncio.to_thread(self._mailbox.mails)})


@contextlib.contextmanager
def serving(edge: Edge, port: int) -> Iterator[None]:
    """Serve from a thread of this process, so that nothing is left when it ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="edge", daemon=True)
    thread.start()
    # Requests that are under way get a second; a browser's idle connections get nothing.
    runner = web.AppRunner(edge.application(), access_log=None, shutdown_timeout=1)
    try:
        asyncio.run_coroutine_threadsafe(_listen(runner, port), loop).result()
        yield
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _listen(runner: web.AppRunner, port: int) -> None:
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()


def _end_to_end(headers: Mapping[str, str]) -> CIMultiDict[str]:
    kept = CIMultiDict[str]()
    for name, value in headers.items():
        if name.lower() not in HOP_BY_HOP:
            kept.add(name, value)
    return kept


def _peer(request: web.Request) -> tuple[str, int]:
    if request.transport is None:
        raise web.HTTPBadRequest
    address, port = request.transport.get_extra_info("peername")[:2]
    return address, port
