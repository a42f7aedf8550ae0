"""The key ring in SSM: private keys in a SecureString, public keys in a plain parameter.

Public keys are written first, so that a signature never exists before the key that verifies it.
Only one writer may run at a time. Keys of an earlier epoch are not used: requests get a 503 for a
moment, until the deployment has created new keys.
"""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING

from latchkey.domain.limits import KEY_MANAGER_ATTEMPTS
from latchkey.domain.signing import KeyRing, SigningKey
from latchkey.storage.parameters import CachedParameter, ParameterStore, not_yet
from latchkey.storage.records import from_item, to_item

if TYPE_CHECKING:
    from collections.abc import Callable

type Jwk = dict[str, str]


class SigningKeyStore:
    """The keys of one deployment."""

    def __init__(
        self,
        prefix: str,
        *,
        epoch: int,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Use this SSM path, and no keys of an earlier epoch."""
        self._epoch = epoch
        self._private_name = f"{prefix}/signing-keys"
        self._public_name = f"{prefix}/public-keys"
        self._parameters = ParameterStore()
        self._ring = CachedParameter(
            self._read_ring, name=self._private_name, monotonic=monotonic, sleep=sleep
        )
        self._public = CachedParameter(
            self._read_public, name=self._public_name, monotonic=monotonic, sleep=sleep
        )

    def key_ring(self) -> KeyRing:
        """Return the private key ring. Raises TemporarilyUnavailable."""
        return self._ring.get()

    def public_jwks(self) -> list[Jwk]:
        """Return every live public key. Raises TemporarilyUnavailable."""
        return self._public.get()

    def preload(self, *, private: bool) -> None:
        """Read the private key ring or the public keys ahead. Errors are ignored."""
        (self._ring if private else self._public).preload()

    def find_public(self, kid: str) -> Jwk | None:
        """Return a public key by its id, or None for an unknown id.

        An unknown id reads the keys again, at most every KEY_REREAD_SECONDS and with increasing
        intervals. A key newer than the cache therefore works, and a flood of made-up ids causes no
        flood of reads.

        Raises TemporarilyUnavailable for an unknown id while the keys can't be read, because it may
        be newer than the cache.
        """
        known = self._public.get()
        found = _by_id(known, kid)
        if found is None:
            newer = self._public.get_newer(known)
            found = None if newer is None else _by_id(newer, kid)
        return found

    def replace(self, key_ring: KeyRing) -> None:
        """Store a key ring: public keys first, then private ones."""
        self.publish(key_ring)
        self._parameters.write(self._private_name, _dump_ring(key_ring), secret=True)

    def publish(self, key_ring: KeyRing) -> None:
        """Store the public keys."""
        keys = [key.public_jwk for key in key_ring.keys]
        document = json.dumps({"keys": keys, "epoch": key_ring.epoch})
        self._parameters.write(self._public_name, document, secret=False)

    def read_now(self) -> KeyRing | None:
        """Read the key ring without a cache. None before it exists."""
        text = self._parameters.find(self._private_name, attempts=KEY_MANAGER_ATTEMPTS)
        return None if text is None else _load_ring(text)

    def unnamed_pepper(self) -> bytes | None:
        """Read the pepper that older deployments stored with the keys. None after it was moved.

        `replace` writes the keys without it.
        """
        text = self._parameters.find(self._private_name, attempts=KEY_MANAGER_ATTEMPTS)
        encoded = None if text is None else json.loads(text).get("refresh_pepper")
        return None if encoded is None else base64.b64decode(encoded)

    def _read_ring(self) -> KeyRing:
        return _load_ring(self._read(self._private_name))

    def _read_public(self) -> list[Jwk]:
        keys: list[Jwk] = json.loads(self._read(self._public_name))["keys"]
        return keys

    def _read(self, name: str) -> str:
        text = self._parameters.find(name)
        if text is None or json.loads(text).get("epoch", 1) < self._epoch:
            raise not_yet()
        return text


def _by_id(jwks: list[Jwk], kid: str) -> Jwk | None:
    return next((jwk for jwk in jwks if jwk["kid"] == kid), None)


def _dump_ring(key_ring: KeyRing) -> str:
    return json.dumps({"keys": [to_item(key) for key in key_ring.keys], "epoch": key_ring.epoch})


def _load_ring(text: str) -> KeyRing:
    content = json.loads(text)
    return KeyRing(
        keys=tuple(from_item(SigningKey, key) for key in content["keys"]),
        epoch=content.get("epoch", 1),
    )
