"""A client of DynamoDB and SSM on the standard library, for the functions of most requests.

botocore takes most of a cold start of these functions, and of the processor time of a warm call.
This client has what they need of it: Signature Version 4, a connection that is kept, retries,
correction of the clock, and checks of the answer. It sends the same requests as botocore, with the
same timeouts and numbers of attempts (tests/storage/test_lean_client.py).

It has no proxies, no FIPS and no dual-stack endpoints, and no profiles. An environment that asks
for one gets botocore (`config.uses_lean_client`).
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import random
import ssl
import time
import zlib
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from latchkey.domain.errors import TemporarilyUnavailable
from latchkey.domain.limits import (
    AWS_ATTEMPTS,
    AWS_CONNECT_SECONDS,
    AWS_READ_SECONDS,
    UNAVAILABLE_RETRY_AFTER_SECONDS,
)
from latchkey.storage.aws import AwsError
from latchkey.storage.credentials import CredentialsSource
from latchkey.storage.lean_http import BrokenAnswer, Connection
from latchkey.storage.sigv4 import sign

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from latchkey.storage.aws import Wire
    from latchkey.storage.lean_http import Answer

type Service = Literal["dynamodb", "ssm", "lambda"]

_TARGETS = {"dynamodb": "DynamoDB_20120810", "ssm": "AmazonSSM"}
_CONTENT_TYPES = {"dynamodb": "application/x-amz-json-1.0", "ssm": "application/x-amz-json-1.1"}
_PAUSES = {"dynamodb": 0.025, "ssm": 0.05}
"""Upper bounds of the first pause, in seconds. Each further bound is twice as long."""

_THROTTLE_PAUSE = 1.0
"""The same after a throttle."""

_DNS_SUFFIXES = {
    "cn-": "amazonaws.com.cn",
    "us-iso-": "c2s.ic.gov",
    "us-isob-": "sc2s.sgov.gov",
    "us-isof-": "csp.hci.ic.gov",
    "eu-isoe-": "cloud.adc-e.uk",
    "eusc-": "amazonaws.eu",
}
"""By the start of the region's name. All others end in amazonaws.com."""

_SERVER_ERROR, _TOO_MANY_REQUESTS = 500, 429

_THROTTLES = {
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
}
_PASSING = {"RequestTimeout", "RequestTimeoutException", "PriorRequestNotComplete"}
_WRONG_TIME = {
    "AuthFailure",
    "InvalidSignatureException",
    "RequestExpired",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
}
"""Codes of errors that a wrong clock can cause."""

_SKEW_SECONDS = 240
"""A smaller difference is not the cause. AWS accepts five minutes."""

_RETRY_BUDGET, _RETRY_COST, _THROTTLE_COST = 500, 14, 5
"""How many retries a process may send while hardly any request succeeds, as botocore's quota."""


class _Failure(Exception):
    """An attempt that may be repeated."""

    def __init__(self, reason: str, *, throttled: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.throttled = throttled


class _WrongTimeError(AwsError):
    """The signature was refused, and the clock of AWS is another."""


class LeanClient:
    """`aws.Client` for one service. Its connections are kept: one, or one for each thread."""

    def __init__(
        self,
        service: Service = "dynamodb",
        *,
        attempts: int = AWS_ATTEMPTS,
        credentials: CredentialsSource | None = None,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Use the endpoint and the region of the environment. It connects at the first request."""
        self._service = service
        self._attempts = attempts
        self._credentials = credentials or CredentialsSource()
        self._sleep = sleep
        self._now = now
        self._region = os.environ.get("AWS_REGION") or os.environ["AWS_DEFAULT_REGION"]
        self._address = urlsplit(endpoint(service, self._region))
        self._path = self._address.path or "/"
        self._offset = 0.0
        self._budget = _RETRY_BUDGET
        self._idle: list[Connection] = []

    def call(self, operation: str, request: Wire) -> Wire:
        """See aws.Client.call."""
        body = _encode(request).encode()
        headers = {
            "content-type": _CONTENT_TYPES[self._service],
            "host": self._address.netloc,
            "x-amz-target": f"{_TARGETS[self._service]}.{operation}",
        }
        attempt, cost, corrected = 1, 0, False
        while True:
            try:
                answer = self._try(headers, body)
            except _Failure as failure:
                cost = _THROTTLE_COST if failure.throttled else _RETRY_COST
                if attempt == self._attempts or cost > self._budget:
                    raise TemporarilyUnavailable(
                        retry_after_seconds=UNAVAILABLE_RETRY_AFTER_SECONDS, reason=failure.reason
                    ) from failure
                self._budget -= cost
                bound = _THROTTLE_PAUSE if failure.throttled else _PAUSES[self._service]
                self._sleep(random.uniform(0, bound * 2 ** (attempt - 1)))  # noqa: S311 - jitter
                attempt += 1
            except _WrongTimeError as error:
                if corrected:
                    raise AwsError(error.code, error.body) from error
                corrected = True
            else:
                self._budget = min(_RETRY_BUDGET, self._budget + (cost or 1))
                return answer

    def connect(self) -> None:
        """Open a connection now, so that the first request does not wait. Errors are ignored."""
        with contextlib.suppress(OSError):
            self._idle.append(self._open())

    def close(self) -> None:
        """Close the connections. The next request opens another one."""
        while self._idle:
            self._idle.pop().close()

    def _try(self, headers: dict[str, str], body: bytes) -> Wire:
        """Send one request. Raises AwsError, _Failure or _WrongTimeError."""
        signed = sign(
            headers,
            body,
            credentials=self._credentials.get(),
            at=time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._now() + self._offset)),
            region=self._region,
            service=self._service,
        )
        connection = None
        try:
            connection = self._take()
            answer = connection.post(self._path, signed, body)
        except (BrokenAnswer, OSError, ValueError) as error:
            # Nothing may read the rest of a response that ended early, came too late or is broken.
            if connection is not None:
                connection.close()
            raise _Failure(type(error).__name__) from error
        if answer.stays_open:
            self._idle.append(connection)
        else:
            connection.close()
        checksum = answer.headers.get("x-amz-crc32")
        if checksum is not None and checksum != str(zlib.crc32(answer.content)):
            raise _Failure("checksum")
        if answer.status == 200:  # noqa: PLR2004 - OK
            parsed = _parse(answer.content)
            # An error must not count as "there is no such item", or as a successful write.
            if "__type" not in parsed:
                return parsed
        return self._refused(answer)

    def _refused(self, answer: Answer) -> Wire:
        """Raise what an error response means."""
        try:
            body = _parse(answer.content)
        except _Failure:
            body = {}
        code = str(body.get("__type") or answer.status).rpartition("#")[2]
        throttled = code in _THROTTLES or answer.status == _TOO_MANY_REQUESTS
        if throttled or code in _PASSING or answer.status >= _SERVER_ERROR:
            raise _Failure(code, throttled=throttled)
        if code in _WRONG_TIME and self._is_clock_corrected(answer.headers.get("date")):
            raise _WrongTimeError(code, body)
        raise AwsError(code, body)

    def _is_clock_corrected(self, date: str | None) -> bool:
        """Take over the clock of AWS. Return whether it differs enough to be the cause."""
        from email.utils import parsedate_to_datetime  # noqa: PLC0415 - rarely needed

        try:
            there = parsedate_to_datetime(date or "").timestamp()
        except (OverflowError, ValueError):
            return False
        here = self._now()
        if abs(there - (here + self._offset)) < _SKEW_SECONDS:
            return False
        self._offset = there - here
        return True

    # Connections -------------------------------------------------------------------------------

    def _take(self) -> Connection:
        """Return an idle connection that AWS has not closed, or a new one."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
            connection.close()
        return self._open()

    def _open(self) -> Connection:
        is_secure = self._address.scheme != "http"
        return Connection(
            self._address.hostname or "",
            self._address.port or (443 if is_secure else 80),
            tls_context() if is_secure else None,
            connect_seconds=AWS_CONNECT_SECONDS,
            read_seconds=AWS_READ_SECONDS,
        )


def endpoint(service: Service, region: str, env: Mapping[str, str] = os.environ) -> str:
    """Return the address of a service."""
    if env.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() != "true":
        configured = env.get(f"AWS_ENDPOINT_URL_{service.upper()}") or env.get("AWS_ENDPOINT_URL")
        if configured:
            return configured
    suffixes = (suffix for start, suffix in _DNS_SUFFIXES.items() if region.startswith(start))
    return f"https://{service}.{region}.{next(suffixes, 'amazonaws.com')}"


@cache
def tls_context() -> ssl.SSLContext:
    """Return the context of all connections: it verifies names and certificates.

    The roots are those of botocore, which the layer's build reduces to AWS's own. botocore itself
    is not imported.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(os.environ.get("AWS_CA_BUNDLE") or _installed_roots())
    return context


def _installed_roots() -> str:
    spec = find_spec("botocore")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("botocore")
    return spec.origin.removesuffix("__init__.py") + "cacert.pem"


def _parse(content: bytes) -> Wire:
    try:
        body = json.loads(content)
    except (RecursionError, ValueError) as error:
        raise _Failure("answer") from error
    if not isinstance(body, dict):
        raise _Failure("answer")
    return body


def _base64(value: Any) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(type(value).__name__)


_encode = json.JSONEncoder(default=_base64).encode
