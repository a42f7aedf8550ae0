"""The key ring in SSM: private keys in a SecureString, public ones in a plain parameter.

Both are read at most once in KEY_CACHE_SECONDS by a warm function. Writers go public first, so
that a signature never appears before the key that verifies it; and one at a time, which is up to
them. What is of an earlier epoch than the deployment's is not used: it is a moment's 503 until the
deployment has made new keys.
"""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from latchkey.domain.errors import TemporarilyUnavailable
from latchkey.domain.limits import KEY_CACHE_SECONDS, UNAVAILABLE_RETRY_AFTER_SECONDS
from latchkey.domain.signing import KeyRing, SigningKey
from latchkey.storage.boto_client import aws_client, error_code, unavailable
from latchkey.storage.records import from_item, to_item

if TYPE_CHECKING:
    from collections.abc import Callable

type Jwk = dict[str, str]


class _Cached[Content]:
    """A value that is read again when it is older than KEY_CACHE_SECONDS."""

    def __init__(self, read: Callable[[], Content]) -> None:
        self._read = read
        self._content: Content | None = None
        self._read_at = 0.0

    def get(self, *, newer_than_seconds: float = KEY_CACHE_SECONDS) -> Content:
        age = time.monotonic() - self._read_at
        if self._content is None or age >= newer_than_seconds:
            self._content = self._read()
            self._read_at = time.monotonic()
        return self._content


class SigningKeyStore:
    """The keys of one deployment."""

    def __init__(self, prefix: str, *, epoch: int) -> None:
        """Keep them under this SSM path; use none of an earlier epoch."""
        self._epoch = epoch
        self._private_name = f"{prefix}/signing-keys"
        self._public_name = f"{prefix}/public-keys"
        self._ssm = aws_client("ssm")
        self._ring = _Cached(self._read_ring)
        self._public = _Cached(self._read_public)

    def ring(self) -> KeyRing:
        """Return the private ring. Raises TemporarilyUnavailable."""
        return self._ring.get()

    def public_jwks(self) -> list[Jwk]:
        """Return every live public key. Raises TemporarilyUnavailable."""
        return self._public.get()

    def find_public(self, kid: str) -> Jwk | None:
        """Look a public key up by its id.

        An unknown id reads the keys again, at most every REREAD_SECONDS, so that neither a key
        that is newer than our cache fails a request nor a flood of made-up ids becomes a flood of
        reads.
        """
        for age in (KEY_CACHE_SECONDS, REREAD_SECONDS):
            for jwk in self._public.get(newer_than_seconds=age):
                if jwk["kid"] == kid:
                    return jwk
        return None

    def replace(self, ring: KeyRing) -> None:
        """Store a ring: what verifies first, what signs second."""
        self.publish(ring)
        self._write(self._private_name, _dump_ring(ring), secret=True)

    def publish(self, ring: KeyRing) -> None:
        """Store the ring's public half."""
        keys = [key.public_jwk for key in ring.keys]
        document = json.dumps({"keys": keys, "epoch": ring.epoch})
        self._write(self._public_name, document, secret=False)

    def read_now(self) -> KeyRing | None:
        """Read the ring past every cache; None before the first one is created."""
        text = self._find(self._private_name)
        return None if text is None else _load_ring(text)

    def _read_ring(self) -> KeyRing:
        return _load_ring(self._read(self._private_name))

    def _read_public(self) -> list[Jwk]:
        keys: list[Jwk] = json.loads(self._read(self._public_name))["keys"]
        return keys

    def _read(self, name: str) -> str:
        text = self._find(name)
        if text is None or json.loads(text).get("epoch", 1) < self._epoch:
            # The deployment is still under way.
            raise TemporarilyUnavailable(
                retry_after_seconds=UNAVAILABLE_RETRY_AFTER_SECONDS, reason="no keys yet"
            )
        return text

    def _find(self, name: str) -> str | None:
        try:
            answer = self._ssm.get_parameter(Name=name, WithDecryption=True)
        except (ClientError, BotoCoreError) as error:
            if error_code(error) == "ParameterNotFound":
                return None
            raise unavailable(error) from error
        value: str = answer["Parameter"]["Value"]
        return value

    def _write(self, name: str, value: str, *, secret: bool) -> None:
        kind = "SecureString" if secret else "String"
        self._ssm.put_parameter(Name=name, Value=value, Type=kind, Overwrite=True)


REREAD_SECONDS = 30


def _dump_ring(ring: KeyRing) -> str:
    return json.dumps(
        {
            "keys": [to_item(key) for key in ring.keys],
            "refresh_pepper": base64.b64encode(ring.refresh_pepper).decode(),
            "epoch": ring.epoch,
        }
    )


def _load_ring(text: str) -> KeyRing:
    content = json.loads(text)
    return KeyRing(
        keys=tuple(from_item(SigningKey, key) for key in content["keys"]),
        refresh_pepper=base64.b64decode(content["refresh_pepper"]),
        epoch=content.get("epoch", 1),
    )
