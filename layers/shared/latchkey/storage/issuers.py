"""The trusted issuers, their public keys, and the salt of external ids: one partition."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from typing import TYPE_CHECKING

from latchkey.domain.clock import from_milliseconds, to_milliseconds
from latchkey.domain.errors import TemporarilyUnavailable
from latchkey.domain.issuers import IssuerKeys, Trust, dump_issuers, load_issuers
from latchkey.domain.limits import EXTERNAL_KEYS_ASK_SECONDS, UNAVAILABLE_RETRY_AFTER_SECONDS
from latchkey.storage import keys
from latchkey.storage.table import (
    ABSENT,
    Change,
    Compare,
    ConditionFailed,
    Delete,
    Key,
    Lacks,
    Put,
    Query,
    Update,
    read_all,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from latchkey.domain.issuers import TrustedIssuer
    from latchkey.storage.table import Item, Table

_SALT_BYTES = 32


class IssuerStore:
    """The issuers of one deployment."""

    def __init__(self, table: Table) -> None:
        """Use this table."""
        self._table = table

    def read(self) -> Trust:
        """Read everything that the authorizer needs.

        Pattern      I1, at the start of an environment and every few minutes
        Request      Query
        Consistency  strong
        Cost         1 RRU per 4 KiB; two issuers with three keys each are 1
        Bounds       TRUSTED_ISSUERS_MAX issuers with EXTERNAL_KEYS_MAX keys
        Raises       TemporarilyUnavailable before the first deployment has stored the issuers
        """
        found = {
            str(item["sk"]): item for item in read_all(self._table, Query(partition=keys.ISSUERS))
        }
        config = found.get(keys.trusted_issuers().sk)
        salt = found.get(keys.external_salt().sk, {}).get("salt")
        if config is None or not isinstance(salt, bytes):
            raise TemporarilyUnavailable(
                retry_after_seconds=UNAVAILABLE_RETRY_AFTER_SECONDS, reason="no issuers yet"
            )
        issuers = load_issuers(str(config["document"]))
        return Trust(
            issuers={issuer.issuer: issuer for issuer in issuers},
            keys={
                issuer.id: _issuer_keys(item)
                for issuer in issuers
                if (item := found.get(keys.issuer_keys(issuer.id).sk)) is not None
                # Keys of another address are not trusted anymore.
                and item.get("address") == issuer.keys
            },
            salt=salt,
        )

    def replace(self, issuers: Sequence[TrustedIssuer]) -> None:
        """Store which issuers are trusted, and forget the keys of all others.

        Pattern      I2, a deployment, and the schedule
        Request      Query, PutItem, DeleteItem
        Cost         1 RRU, 1 WRU; 1 WRU for each issuer that is no longer trusted
        """
        trusted = tuple(issuers)
        self._table.put(Put(keys.trusted_issuers(), {"document": dump_issuers(trusted)}))
        kept = {keys.issuer_keys(issuer.id).sk for issuer in trusted}
        query = Query(partition=keys.ISSUERS, prefix=keys.ISSUER_KEYS_PREFIX)
        for item in list(read_all(self._table, query)):
            if item["sk"] not in kept:
                self._table.delete(Delete(Key(str(item["pk"]), str(item["sk"]))))

    def ensure_salt(self) -> None:
        """Create the salt once. It never changes: every external id depends on it.

        Pattern      I3, a deployment, and the schedule
        Request      PutItem
        Cost         1 WRU
        Condition    there is none
        """
        try:
            self._table.put(Put(keys.external_salt(), {"salt": os.urandom(_SALT_BYTES)}, ABSENT))
        except ConditionFailed:
            return

    def put_keys(self, issuer: TrustedIssuer, jwks: Sequence[dict[str, str]], at: datetime) -> None:
        """Store the keys of an issuer.

        Pattern      I4, keys were fetched
        Request      PutItem
        Cost         1 WRU per KiB
        """
        attributes: Item = {
            "issuer": issuer.issuer,
            "address": issuer.keys,
            "keys": json.dumps(list(jwks)),
            "fetched_at": to_milliseconds(at),
        }
        self._table.put(Put(keys.issuer_keys(issuer.id), attributes))

    def may_ask(self, issuer: TrustedIssuer, now: datetime) -> bool:
        """Return whether this request may ask for an unknown key of an issuer.

        Pattern      I5, a token with an unknown key
        Request      UpdateItem
        Cost         1 WRU
        Condition    nobody has asked for EXTERNAL_KEYS_ASK_SECONDS
        Race         of parallel callers, one gets True
        """
        until = now + timedelta(seconds=EXTERNAL_KEYS_ASK_SECONDS)
        free = Lacks("until") | Compare("until", "<=", to_milliseconds(now))
        change = Change(assign={"until": to_milliseconds(until), "ttl": int(until.timestamp())})
        try:
            self._table.update(Update(keys.keys_asked(issuer.id), change, free))
        except ConditionFailed:
            return False
        return True


def _issuer_keys(item: Item) -> IssuerKeys:
    return IssuerKeys(
        keys=tuple(json.loads(str(item["keys"]))),
        fetched_at=from_milliseconds(int(str(item["fetched_at"]))),
    )
