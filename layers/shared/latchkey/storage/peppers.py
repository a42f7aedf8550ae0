"""Peppers in SSM: a SecureString for each group of functions that needs one.

`refresh-peppers` is for the functions that issue refresh tokens, `link-peppers` for those that make
and accept emailed links. Neither can read the other, nor the signing keys.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Literal

from latchkey.domain.limits import KEY_MANAGER_ATTEMPTS
from latchkey.domain.peppers import Pepper, PepperRing
from latchkey.storage.parameters import CachedParameter, ParameterStore, not_yet
from latchkey.storage.records import from_item, to_item

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from latchkey.storage.table import Item

type PepperKind = Literal["refresh", "link"]


class PepperStore:
    """The peppers of one kind."""

    def __init__(
        self,
        prefix: str,
        kind: PepperKind,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Use this SSM path."""
        self.kind = kind
        self._name = f"{prefix}/{kind}-peppers"
        self._parameters = ParameterStore()
        self._ring = CachedParameter(self._read, name=self._name, monotonic=monotonic, sleep=sleep)

    def preload(self) -> None:
        """Read the peppers ahead. Errors are ignored."""
        self._ring.preload()

    def current(self, now: datetime) -> Pepper:
        """Return the pepper that makes new codes. Raises TemporarilyUnavailable."""
        return self._ring.get().current(now)

    def find(self, pepper_id: str) -> Pepper | None:
        """Return a pepper by its id, or None if its codes are not accepted.

        An unknown id reads the peppers again, as rarely as an unknown key id. Raises
        TemporarilyUnavailable.
        """
        known = self._ring.get()
        found = known.find(pepper_id)
        if found is None:
            newer = self._ring.get_newer(known)
            found = None if newer is None else newer.find(pepper_id)
        return found

    def read_now(self) -> PepperRing | None:
        """Read the peppers without a cache. None before the first one exists."""
        text = self._parameters.find(self._name, attempts=KEY_MANAGER_ATTEMPTS)
        return None if text is None else _load(text)

    def replace(self, pepper_ring: PepperRing) -> None:
        """Replace the peppers."""
        document = json.dumps({"peppers": [_dump(pepper) for pepper in pepper_ring.peppers]})
        self._parameters.write(self._name, document, secret=True)

    def _read(self) -> PepperRing:
        text = self._parameters.find(self._name)
        if text is None:
            raise not_yet()
        return _load(text)


def _dump(pepper: Pepper) -> Item:
    return {**to_item(pepper), "secret": pepper.secret.hex()}


def _load(text: str) -> PepperRing:
    items = json.loads(text)["peppers"]
    loaded = ({**item, "secret": bytes.fromhex(item["secret"])} for item in items)
    return PepperRing(tuple(from_item(Pepper, item) for item in loaded))
