"""Parameters in SSM that a warm function keeps: read seldom, and served while SSM can not answer.

GetParameter has 40 requests a second for an account and region by default, shared by everything in
it. So the age at which a copy is read again differs from one environment to the next, a failed
read is not repeated at once, and a copy is used for KEY_STALE_SECONDS while reading fails: an SSM
that is gone or throttles costs no request as long as there is a copy.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from latchkey.domain.errors import TemporarilyUnavailable
from latchkey.domain.limits import (
    KEY_CACHE_SECONDS,
    KEY_FIRST_READ_SECONDS,
    KEY_MANAGER_ATTEMPTS,
    KEY_REREAD_SECONDS,
    KEY_RETRY_MAX_SECONDS,
    KEY_STALE_SECONDS,
    UNAVAILABLE_RETRY_AFTER_SECONDS,
)
from latchkey.observability import logger
from latchkey.storage.boto_client import aws_client, error_code, unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

_CLIENT_CONFIG = Config(
    connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 1}
)
"""One attempt: whether and when there is another one is decided here, where a copy is at hand."""

NO_KEYS_YET = "no keys yet"
_PERMANENT = {NO_KEYS_YET, "AccessDeniedException", "ParameterNotFound", "ValidationException"}


class ParameterStore:
    """SSM's Parameter Store, one request at a time."""

    def __init__(self, *, sleep: Callable[[float], None] = time.sleep) -> None:
        """Connect with the first request."""
        self._ssm: Any = aws_client("ssm", _CLIENT_CONFIG)
        self._sleep = sleep

    def find(self, name: str, *, attempts: int = 1) -> str | None:
        """Read a parameter; None when there is none. Raises TemporarilyUnavailable."""
        try:
            answer = self._try(
                attempts, lambda: self._ssm.get_parameter(Name=name, WithDecryption=True)
            )
        except TemporarilyUnavailable as error:
            if error.data["reason"] == "ParameterNotFound":
                return None
            raise
        value: str = answer["Parameter"]["Value"]
        return value

    def write(self, name: str, value: str, *, secret: bool) -> None:
        """Create or replace a parameter. Raises TemporarilyUnavailable."""
        kind = "SecureString" if secret else "String"
        self._try(
            KEY_MANAGER_ATTEMPTS,
            lambda: self._ssm.put_parameter(Name=name, Value=value, Type=kind, Overwrite=True),
        )

    def _try(self, attempts: int, request: Callable[[], Any]) -> Any:
        for attempt in range(1, attempts + 1):
            try:
                return request()
            except (ClientError, BotoCoreError) as error:
                if attempt == attempts or error_code(error) in _PERMANENT:
                    raise unavailable(error) from error
                self._sleep(random.uniform(0, 0.5 * 2**attempt))  # noqa: S311 - jitter, no secret
        raise AssertionError


class CachedParameter[Content]:
    """What was read from one parameter, and when it is worth asking for it again."""

    def __init__(
        self,
        read: Callable[[], Content],
        *,
        name: str,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Keep what `read` returns.

        read  raises TemporarilyUnavailable for what can not be read, or must not be used, now
        name  of the parameter, for the log
        """
        self._read = read
        self._name = name
        self._monotonic = monotonic
        self._sleep = sleep
        self._content: Content | None = None
        self._read_at = 0.0
        self._due_at = 0.0
        self._closed_until = 0.0
        self._failures = 0
        self._in_vain = 0

    def get(self) -> Content:
        """Return the content; read it when there is none, or when the copy is due.

        Raises TemporarilyUnavailable when there is no copy, or one older than KEY_STALE_SECONDS,
        and none can be read.
        """
        now = self._monotonic()
        if self._content is None:
            return self._read_first()
        if now >= self._due_at:
            self._refresh()
        if self._monotonic() - self._read_at >= KEY_STALE_SECONDS:
            return self._read_first()
        return self._content

    def get_newer(self, known: Content) -> Content | None:
        """Return what is newer than `known`, for a caller who misses something there.

        None: `known` is fresh, so what was missed does not exist. The intervals at which this reads
        double while nothing new is found, so that a flood of made-up ids is no flood of reads.

        Raises TemporarilyUnavailable when it can not be told.
        """
        if self.get() != known:
            return self._content
        interval = min(KEY_REREAD_SECONDS * 2**self._in_vain, KEY_CACHE_SECONDS)
        if not self._failures and self._monotonic() - self._read_at >= interval:
            self._refresh()
            self._in_vain = 0 if self._content != known else self._in_vain + 1
        if self._failures:
            # The copy may lack what others have: that does not mean that it does not exist.
            raise _unavailable("not read again yet")
        return self._content if self._content != known else None

    def _refresh(self) -> None:
        """Read once; keep the copy and ask later if that fails."""
        try:
            self._keep(self._read())
        except TemporarilyUnavailable as error:
            wait = min(KEY_REREAD_SECONDS * 2**self._failures, KEY_RETRY_MAX_SECONDS)
            self._failures += 1
            self._due_at = self._monotonic() + wait * random.uniform(0.5, 1)  # noqa: S311
            logger.warning(
                "parameter not read, the copy is used",
                parameter=self._name,
                reason=error.data.get("reason"),
                age_seconds=int(self._monotonic() - self._read_at),
            )

    def _read_first(self) -> Content:
        """Read when nothing can be answered without; again, briefly, while that may help."""
        started = self._monotonic()
        if started < self._closed_until:
            raise _unavailable("not read yet")
        attempt = 0
        while True:
            try:
                return self._keep(self._read())
            except TemporarilyUnavailable as error:
                attempt += 1
                now = self._monotonic()
                pause = random.uniform(0, 0.1 * 2**attempt)  # noqa: S311 - jitter, not a secret
                helps = error.data.get("reason") not in _PERMANENT
                if not helps or now + pause >= started + KEY_FIRST_READ_SECONDS:
                    # Those who come next do not start over at once.
                    self._closed_until = now + random.uniform(0.5, 1)  # noqa: S311
                    raise
                self._sleep(pause)

    def _keep(self, content: Content) -> Content:
        self._content = content
        self._failures = 0
        self._read_at = self._monotonic()
        # Environments that started together do not ask together for ever.
        self._due_at = self._read_at + KEY_CACHE_SECONDS * random.uniform(0.5, 1)  # noqa: S311
        return content


def _unavailable(reason: str) -> TemporarilyUnavailable:
    return TemporarilyUnavailable(
        retry_after_seconds=UNAVAILABLE_RETRY_AFTER_SECONDS, reason=reason
    )


def not_yet() -> TemporarilyUnavailable:
    """Say that the deployment is still under way: there is no parameter of its epoch yet."""
    return _unavailable(NO_KEYS_YET)
