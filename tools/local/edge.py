"""The local CloudFront: one origin for the page and the API, like the template's distribution.

Forwarded headers, caching and added headers are read from the template (cloudfront.py). This module
has the sockets, the files and the emails.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import threading
import time
from typing import TYPE_CHECKING, Protocol

import aiohttp
from aiohttp import web
from botocore.exceptions import ClientError
from multidict import CIMultiDict
from yarl import URL

from tools.local import mail_page
from tools.local.cloudfront import Answer, Distribution, Request, Viewer, response_headers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from typing import Any

    from mypy_boto3_s3 import S3Client

    from tools.intrinsics import Resolver
    from tools.local.access_log import AccessLog
    from tools.local.cloudfront import Behavior
    from tools.local.pages import Pages

BODY_MAX_BYTES = 10 * 1024 * 1024
"""API Gateway's limit. It returns 413 above it."""

CONCURRENT_REQUESTS = 32
"""The emulator starts a process for each request and for its authorizer. Others wait."""

# RFC 9110 7.6.1: headers of a connection.
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
    """The captured emails."""

    def mails(self) -> list[dict[str, Any]]:
        """Return the emails, newest first."""
        ...


class Edge:
    """Serves the page at /, the mails at /_dev/mail, and forwards the API's paths to the API."""

    def __init__(
        self,
        *,
        emulator_url: str,
        api_id: str,
        s3: S3Client,
        media_bucket: str,
        template: Resolver,
        pages: Pages,
        mailbox: MailSource,
        access_log: AccessLog,
    ) -> None:
        self._emulator_url = emulator_url
        # The emulator distinguishes its APIs by this host.
        self._api_host = f"{api_id}.execute-api.localhost:{URL(emulator_url).port}"
        # CloudFront signs requests to the bucket with its origin access control.
        self._s3 = s3
        self._media_bucket = media_bucket
        self._distribution = Distribution(template)
        self._media_headers = {
            name: value for name, value, _ in response_headers(template, "MediaHeaders")
        }
        # On AWS uploads go to S3's regional host, here to the emulator.
        self._uploads = template.resolve(
            {"Fn::Sub": "https://${MediaBucket}.s3.${AWS::Region}.${AWS::URLSuffix}"}
        )
        self._kept: dict[tuple[str, ...], tuple[float, Answer]] = {}
        self._pages = pages
        self._mailbox = mailbox
        self._access_log = access_log

    def application(self) -> web.Application:
        """Return the application."""
        app = web.Application(client_max_size=BODY_MAX_BYTES)
        app.cleanup_ctx.append(self._client)
        app.router.add_get("/_dev/mail", self._mail_page)
        app.router.add_get("/_dev/mail/{id}", self._mail_html)
        app.router.add_get("/_dev/mail.json", self._mail_json)
        app.router.add_get(r"/media/avatars/{name:\w+\.webp}", self._avatar)
        app.router.add_route("*", "/{path:.*}", self._serve)
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

    async def _serve(self, received: web.Request) -> web.Response:
        # The target unchanged: encoding it again would hide what clients can send.
        path, _, query = received.rel_url.raw_path_qs.partition("?")
        behavior = self._distribution.behavior(path)
        if received.method not in behavior.methods:
            return web.Response(status=403, text="This distribution does not allow the method.")
        address, port = _peer(received)
        viewer = Viewer(address, port)
        request = Request(path, query, _end_to_end(received.headers))
        request.headers["Host"] = received.headers.get("Host", "")
        self._distribution.enter(behavior, request, viewer)
        key = (received.method, behavior.origin, *behavior.key(request))
        kept_until, answer = self._kept.get(key, (0.0, None))
        hit = answer is not None and time.monotonic() < kept_until
        if answer is None or not hit:
            answer = await self._origin(behavior, request, viewer, received)
            seconds = self._distribution.kept_seconds(behavior, answer)
            if received.method in {"GET", "HEAD"} and seconds:
                self._kept[key] = (time.monotonic() + seconds, answer)
        accepted = received.headers.get("Accept-Encoding", "")
        answer = self._distribution.compressed(behavior, answer, accepted)
        headers = self._distribution.answer_headers(behavior, answer)
        if "Content-Security-Policy" in headers:
            policy = headers["Content-Security-Policy"]
            headers["Content-Security-Policy"] = policy.replace(self._uploads, self._emulator_url)
        headers["X-Cache"] = f"{'Hit' if hit else 'Miss'} from cloudfront"
        return web.Response(status=answer.status, headers=headers, body=answer.body)

    async def _origin(
        self, behavior: Behavior, request: Request, viewer: Viewer, received: web.Request
    ) -> Answer:
        if behavior.origin == "page":
            return await asyncio.to_thread(self._page, request.uri)
        started = time.perf_counter()
        try:
            answer = await self._ask(behavior, request, viewer, received)
        except web.HTTPRequestEntityTooLarge:
            answer = _json_answer(413, "Request Entity Too Large")
        noted = web.Response(status=answer.status, headers=answer.headers)
        self._access_log.note(noted, (time.perf_counter() - started) * 1000)
        return Answer(answer.status, CIMultiDict(noted.headers), answer.body)

    async def _ask(
        self, behavior: Behavior, request: Request, viewer: Viewer, received: web.Request
    ) -> Answer:
        query = f"?{request.query}" if request.query and behavior.query_passed else ""
        target = URL(f"{self._emulator_url}{request.uri}{query}", encoded=True)
        headers = self._distribution.origin_headers(behavior, request, viewer)
        if "Host" in headers:
            # API Gateway selects the API by Host, so the viewer's Host is not forwarded.
            return _json_answer(403, "Forbidden")
        headers["Host"] = self._api_host
        body = await received.read()
        try:
            async with self._api.request(
                received.method,
                target,
                headers=headers,
                # As a file: aiohttp warns about large bytes.
                data=io.BytesIO(body) if body else None,
                allow_redirects=False,
                skip_auto_headers={"Accept", "Accept-Encoding", "Content-Type", "User-Agent"},
            ) as answer:
                return Answer(answer.status, _end_to_end(answer.headers), await answer.read())
        except (aiohttp.ClientError, TimeoutError) as error:
            return _json_answer(502, f"The API did not answer: {error}")

    async def _avatar(self, request: web.Request) -> web.Response:
        # The only folder that the CDN may read. Uploads are in another one.
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
        return web.Response(headers={**headers, **self._media_headers}, body=file["Body"])

    def _read_media(self, key: str) -> dict[str, Any]:
        answer = self._s3.get_object(Bucket=self._media_bucket, Key=key)
        return {**answer, "Body": answer["Body"].read()}

    def _page(self, uri: str) -> Answer:
        """Respond like the page's bucket: 403 for a missing file, because it may not list."""
        if file := self._pages.file(uri.lstrip("/")):
            return Answer(200, CIMultiDict(file.headers), file.body)
        if uri == "/index.html":
            return Answer(200, CIMultiDict({"Content-Type": "text/html"}), INDEX.encode())
        return Answer(403, CIMultiDict({"Content-Type": "text/plain"}), b"AccessDenied")

    async def _mail_page(self, _request: web.Request) -> web.Response:
        mails = await asyncio.to_thread(self._mailbox.mails)
        return web.Response(text=mail_page.render(mails), content_type="text/html")

    async def _mail_html(self, request: web.Request) -> web.Response:
        """Show an email like a mail program, without scripts."""
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
    """Serve from a thread of this process, so that nothing remains when it ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="edge", daemon=True)
    thread.start()
    # Running requests get a second. Idle connections are closed.
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


def _json_answer(status: int, message: str) -> Answer:
    headers = CIMultiDict({"Content-Type": "application/json"})
    return Answer(status, headers, json.dumps({"message": message}).encode())


def _peer(request: web.Request) -> tuple[str, int]:
    if request.transport is None:
        raise web.HTTPBadRequest
    address, port = request.transport.get_extra_info("peername")[:2]
    return address, port
