"""Cached SSM parameters: rarely read, and still used while SSM is unavailable.

By default GetParameter allows 40 requests a second per account and region, shared by all
applications. Therefore environments refresh at different ages, a failed read is not retried
immediately, and a cached value is used for up to KEY_STALE_SECONDS. An outage of SSM fails no
request in an environment with a cached value.
"""

from __future__ import annotations

import random
import time
from functools import cache
from typing import TYPE_CHECKING

from latchkey.config import uses_lean_client
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
from latchkey.storage.aws import AwsError

if TYPE_CHECKING or uses_lean_client():
    from latchkey.storage.lean_client import LeanClient
if TYPE_CHECKING or not uses_lean_client():
    from latchkey.storage.boto_client import ONE_ATTEMPT, BotoClient, aws_client

if TYPE_CHECKING:
    from collections.abc import Callable

    from latchkey.storage.aws import Client, Wire

NO_KEYS_YET = "no keys yet"
_PERMANENT = {NO_KEYS_YET, "AccessDeniedException", "ParameterNotFound", "ValidationException"}


class ParameterStore:
    """SSM's Parameter Store."""

    def __init__(self, *, sleep: Callable[[float], None] = time.sleep) -> None:
        """Connect at the first request."""
        self._client = _lean_client() if uses_lean_client() else _boto_client()
        self._sleep = sleep

    def find(self, name: str, *, attempts: int = 1) -> str | None:
        """Read a parameter, or None. Raises TemporarilyUnavailable."""
        try:
            answer = self._try(attempts, "GetParameter", {"Name": name, "WithDecryption": True})
        except TemporarilyUnavailable as error:
            if error.data["reason"] == "ParameterNotFound":
                return None
            raise
        value: str = answer["Parameter"]["Value"]
        return value

    def write(self, name: str, value: str, *, secret: bool) -> None:
        """Create or replace a parameter. Raises TemporarilyUnavailable."""
        kind = "SecureString" if secret else "String"
        request = {"Name": name, "Value": value, "Type": kind, "Overwrite": True}
        self._try(KEY_MANAGER_ATTEMPTS, "PutParameter", request)

    def _try(self, attempts: int, operation: str, request: Wire) -> Wire:
        attempt = 1
        while True:
            try:
                return self._client.call(operation, request)
            except (AwsError, TemporarilyUnavailable) as error:
                reason = error.code if isinstance(error, AwsError) else str(error.data["reason"])
                if attempt >= attempts or reason in _PERMANENT:
                    raise _unavailable(reason) from error
            self._sleep(random.uniform(0, 0.5 * 2**attempt))  # noqa: S311 - jitter, no secret
            attempt += 1


# One attempt. The caller decides about retries, because it may have a cached value.


def _boto_client() -> Client:
    return BotoClient(aws_client("ssm", ONE_ATTEMPT))


@cache
def _lean_client() -> Client:
    """Return one client, with one connection, for all parameters."""
    return LeanClient("ssm", attempts=1)


class CachedParameter[Content]:
    """The cached content of a parameter, and when to read it again."""

    reads_ahead = True
    """Of this process."""

    def __init__(
        self,
        read: Callable[[], Content],
        *,
        name: str,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Cache the result of `read`.

        read  raises TemporarilyUnavailable if the parameter can't be read or must not be used yet
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
        self._unchanged_reads = 0

    def get(self) -> Content:
        """Return the content. Read it if there is no cached one, or if that is due.

        Raises TemporarilyUnavailable if it can't be read and the cached one is missing or older
        than KEY_STALE_SECONDS.
        """
        now = self._monotonic()
        if self._content is None:
            return self._read_first()
        if now >= self._due_at:
            self._refresh()
        if self._monotonic() - self._read_at >= KEY_STALE_SECONDS:
            return self._read_first()
        return self._content

    def preload(self) -> None:
        """Read the content ahead, once. If that fails, the first request reads it.

        After a failure no other parameter is read ahead: each hanging read takes three seconds, and
        Lambda ends an initialization after ten.
        """
        if not CachedParameter.reads_ahead:
            return
        try:
            self._keep(self._read())
        except TemporarilyUnavailable:
            CachedParameter.reads_ahead = False

    def get_newer(self, known: Content) -> Content | None:
        """Return content that is newer than `known`, for a caller that did not find an id in it.

        None means that `known` is current, so the id does not exist. The intervals of these reads
        double while nothing new is found, so that forged ids do not cause a flood of reads.

        Raises TemporarilyUnavailable if this can't be decided.
        """
        if self.get() != known:
            return self._content
        interval = min(KEY_REREAD_SECONDS * 2**self._unchanged_reads, KEY_CACHE_SECONDS)
        if not self._failures and self._monotonic() - self._read_at >= interval:
            self._refresh()
            self._unchanged_reads = 0 if self._content != known else self._unchanged_reads + 1
        if self._failures:
            # Other environments may have a newer copy, so the id may exist.
            raise _unavailable("not read again yet")
        return self._content if self._content != known else None

    def accept(self, content: Content) -> None:
        """Cache content that was read elsewhere just now."""
        self._keep(content)

    def _refresh(self) -> None:
        """Read once. If it fails, keep the cached copy and retry later."""
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
        """Read without a cached copy. Retry for a short time while that may help."""
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
                    # The next callers do not retry immediately.
                    self._closed_until = now + random.uniform(0.5, 1)  # noqa: S311
                    raise
                self._sleep(pause)

    def _keep(self, content: Content) -> Content:
        self._content = content
        self._failures = 0
        self._read_at = self._monotonic()
        # Spreads the reads of environments that started together.
        self._due_at = self._read_at + KEY_CACHE_SECONDS * random.uniform(0.5, 1)  # noqa: S311
        return content


def _unavailable(reason: str) -> TemporarilyUnavailable:
    return TemporarilyUnavailable(
        retry_after_seconds=UNAVAILABLE_RETRY_AFTER_SECONDS, reason=reason
    )


def not_yet() -> TemporarilyUnavailable:
    """Return the error for a deployment in progress: there is no parameter of its epoch yet."""
    return _unavailable(NO_KEYS_YET)
