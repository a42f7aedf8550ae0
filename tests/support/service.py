"""The whole service in one process: handlers behind the authorizer, on the table in memory.

It speaks in requests and answers, as an API Gateway would; time is the test's to turn.
"""

from __future__ import annotations

import base64
import dataclasses
import importlib
import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from latchkey import wiring
from latchkey.config import Config
from latchkey.storage.export_files import MemoryExportFiles
from latchkey.storage.memory import MemoryTable
from latchkey.wiring import Services
from latchkey.wiring.audit import audit_key, audit_public_keys, audit_vault, index_files
from latchkey.wiring.exports import export_files
from latchkey.wiring.mail import mailer, queues
from latchkey.wiring.sign_in import passwords
from latchkey.wiring.storage import clock, table
from latchkey.wiring.tokens import link_peppers, refresh_peppers, signing_key_store
from latchkey.wiring.users import media
from tests.support.audit import MemoryAuditKey, MemoryIndexFiles, MemoryVault
from tests.support.clock import ManualClock
from tests.support.granted_table import GrantedTable, running
from tests.support.keys import MemoryPepperStore, MemorySigningKeyStore
from tests.support.mail import MemoryMailbox
from tests.support.media import MemoryMedia
from tests.support.outbox import MemoryQueues, OutboxPump
from tests.support.passwords import QuickPasswords
from tools.sample_events import IAM
from tools.template import routes

if TYPE_CHECKING:
    from latchkey.storage.table import Table
    from latchkey.wiring import Part
    from tools.template import Route

ENVIRONMENT = {
    "TABLE_NAME": "latchkey-test",
    "AUDIT_TABLE_NAME": "latchkey-test-audit",
    "KEY_PARAMETER_PREFIX": "/latchkey/test",
    "ISSUER": "https://accounts.test",
    "AUDIENCE": "latchkey",
    "PUBLIC_URL": "https://accounts.test",
    "EMAIL_VERIFICATION": "optional",
    "ALLOWED_ORIGINS": "https://accounts.test",
    "ACCESS_TOKEN_SECONDS": "600",
    "SESSION_IDLE_SECONDS": str(14 * 24 * 3600),
    "SESSION_ABSOLUTE_SECONDS": str(90 * 24 * 3600),
    "SESSION_LIMIT": "50",
    "PASSWORD_MIN_LENGTH": "15",
    "MEDIA_URL": "https://media.test",
    "CONSENT_TEXT_VERSION": "2026-01",
    "AUDIT_RETENTION_DAYS": "365",
    "AUDIT_BUCKET": "latchkey-test-audit-vault",
    "AUDIT_INDEX_BUCKET": "latchkey-test-audit-index",
    # Tests stand still in time and come from one address; those about limits say 1.
    "RATE_LIMIT_FACTOR": "100",
    "EDGE_SECRET": "the-edge",
    "DIRECT_ACCESS": "allowed",
    "AUTHORIZER_MODE": "typed",
    "EXPORT_BUCKET": "latchkey-test-exports",
    "EXPORT_DAYS": "7",
    "EXPORTS_PER_DAY": "3",
    "DELETION_GRACE_DAYS": "30",
    "SELF_SERVICE_RESTORE": "off",
    "PUBLIC_PROFILES": "on",
    "QUEUE_URL_PURGE": "https://queues.test/purge",
    "QUEUE_URL_MAIL": "https://queues.test/mail",
    "LINK_BASE": "https://accounts.test",
    "WEB_SOCKET_TOKEN": "header",
    "LAST_ACTIVITY_SECONDS": "60",
    "SERVICE_NAME": "Latchkey",
    "MAIL_SENDER": "accounts@accounts.test",
}
PASSWORD = "plum kettle orbits a quiet lake"
API_HOST = "api.execute-api.eu-west-1.amazonaws.com"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36"
)
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    cookies: list[str]
    body: Any

    @property
    def data(self) -> Any:
        """The envelope's data."""
        return self.body["data"]

    @property
    def code(self) -> str:
        """The envelope's error code."""
        code: str = self.body["error"]["code"]
        return code


class InProcessService:
    """Latchkey without API Gateway and Lambda."""

    def __init__(self, *, table: Table | None = None, **settings: str) -> None:
        """Build it on a table in memory, or on a given table.

        settings  replace environment variables (`EMAIL_VERIFICATION="required"`)
        """
        self.table = table or MemoryTable()
        self.clock = ManualClock()
        self.keys = MemorySigningKeyStore()
        self.refresh_peppers = MemoryPepperStore("refresh")
        self.link_peppers = MemoryPepperStore("link")
        self.queues = MemoryQueues()
        self.export_files = MemoryExportFiles()
        self.audit_key = MemoryAuditKey()
        self.audit_vault = MemoryVault()
        self.index_files = MemoryIndexFiles()
        self._parts: dict[Part[Any], object] = {
            audit_key: self.audit_key,
            audit_public_keys: self.audit_key,
            audit_vault: self.audit_vault,
            index_files: self.index_files,
        }
        self.media = MemoryMedia()
        self.mailbox = MemoryMailbox()
        self._requests = 0
        self._use(Config.from_env({**ENVIRONMENT, **settings}))

    def request(
        self,
        method: str,
        path: str,
        *,
        json_body: Any = None,
        raw_body: str | bytes | None = None,
        token: str | None = None,
        headers: dict[str, str] | None = None,
        cookies: list[str] | None = None,
        query: dict[str, str] | None = None,
        source_ip: str = "203.0.113.7",
        user_agent: str = CHROME,
        signed: bool = False,
    ) -> Answer:
        """Send one request through the authorizer, if its route has it, to its handler.

        signed  with the signature of a role of AWS that may invoke the route
        """
        self._requests += 1
        route, parameters = find_route(method, path)
        all_headers = {"user-agent": user_agent, **(headers or {})}
        if token is not None:
            all_headers["authorization"] = f"Bearer {token}"
        body = raw_body
        if json_body is not None:
            body = json.dumps(json_body)
        if body is not None:
            all_headers.setdefault("content-type", "application/json")
        event: dict[str, Any] = {
            "version": "2.0",
            "routeKey": f"{method} {route.path}",
            "rawPath": path,
            "headers": all_headers,
            "cookies": cookies or [],
            "queryStringParameters": query,
            "pathParameters": parameters,
            "requestContext": {
                "requestId": f"request-{self._requests}",
                "domainName": API_HOST,
                "http": {"method": method, "path": path, "sourceIp": source_ip},
            },
            # What is no text comes as base 64, as API Gateway has it.
            "body": base64.b64encode(body).decode() if isinstance(body, bytes) else body,
            "isBase64Encoded": isinstance(body, bytes),
        }
        if route.authorized:
            verdict = self._handler("authorizer")({**event, "type": "REQUEST"}, None)
            assert verdict["isAuthorized"] is True
            event["requestContext"]["authorizer"] = {"lambda": verdict["context"]}
        elif route.signed and signed:
            event["requestContext"]["authorizer"] = {"iam": IAM}
        answer = self._handler(route.function)(event, None)
        return Answer(
            answer["statusCode"],
            answer["headers"],
            answer.get("cookies", []),
            json.loads(answer["body"]) if answer["body"] else None,
        )

    def register(self, email: str = "ada@example.com", **fields: Any) -> Answer:
        """Open an account."""
        body = {"email": email, "password": PASSWORD, **fields}
        headers = _origin_of(body)
        return self.request("POST", "/api/v1/auth/register", json_body=body, headers=headers)

    def login(self, email: str = "ada@example.com", **options: Any) -> Answer:
        """Sign a device in."""
        body = {"email": email, "password": PASSWORD, **options.pop("fields", {})}
        options["headers"] = _origin_of(body) | options.get("headers", {})
        return self.request("POST", "/api/v1/auth/login", json_body=body, **options)

    def configure(self, **changes: Any) -> None:
        """Change fields of the configuration from here on."""
        self._use(dataclasses.replace(self.services.config, **changes))

    def put_in_place(self, replacements: dict[Part[Any], object]) -> None:
        """Replace parts of `latchkey.wiring`."""
        self._parts.update(replacements)
        self._use(self.services.config)

    def work(self, *, copies: int = 1) -> list[str]:
        """Let the outbox be relayed and its workers work, until there is nothing left to do.

        copies  how often each message is delivered, as SQS may at any time

        Returns the ids of the messages that their worker did not get done.
        """
        return OutboxPump(self.table, self.queues, self._handler).run(copies=copies)

    def _use(self, config: Config) -> None:
        self.services = Services(
            config,
            {
                table: GrantedTable(self.table),
                clock: self.clock,
                signing_key_store: self.keys,
                refresh_peppers: self.refresh_peppers,
                link_peppers: self.link_peppers,
                queues: self.queues,
                export_files: self.export_files,
                media: self.media,
                mailer: self.mailbox,
                passwords: QuickPasswords(),
                **self._parts,
            },
        )
        wiring.use(self.services)

    def _handler(self, function: str) -> Any:
        handler = importlib.import_module(f"functions.{function}.app").handler

        def under_its_role(event: Any, lambda_context: Any = None) -> Any:
            with running(function):
                return handler(event, lambda_context)

        return under_its_role


@cache
def _by_variables() -> list[Route]:
    """The routes in the order in which API Gateway tries them: fewest variables first."""
    return sorted(routes(), key=lambda route: route.path.count("{"))


def find_route(method: str, path: str) -> tuple[Any, dict[str, str]]:
    """Return the route of a request, and its path parameters. Raises LookupError."""
    for route in _by_variables():
        pattern, parts = route.path.split("/"), path.split("/")
        if route.method != method or len(pattern) != len(parts):
            continue
        found = {
            name[1:-1]: part
            for name, part in zip(pattern, parts, strict=True)
            if name.startswith("{")
        }
        if all(n == p or n.startswith("{") for n, p in zip(pattern, parts, strict=True)):
            return route, found
    msg = f"no route {method} {path}"
    raise LookupError(msg)


def _origin_of(body: dict[str, Any]) -> dict[str, str]:
    """Send the Origin that a browser adds to the requests of our own page."""
    in_browser = body.get("token_transport") == "cookie"
    return {"origin": ENVIRONMENT["ALLOWED_ORIGINS"]} if in_browser else {}
