"""Effects as writes: the part of a transaction that every change has in common."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from latchkey.domain.ids import minted_at
from latchkey.domain.limits import OUTBOX_RETENTION_DAYS
from latchkey.storage import keys
from latchkey.storage.records import to_milliseconds, to_value
from latchkey.storage.table import ABSENT, Put

if TYPE_CHECKING:
    from collections.abc import Callable

    from latchkey.domain.audit import AuditRow
    from latchkey.domain.effects import Effects, OutboxMessage
    from latchkey.storage.table import Item, Write

type Seal = Callable[[bytes, bytes], bytes]
"""Encrypts (key, plain text); the key is the subject's own."""


class EffectWriter:
    """Turns effects into the writes that go into the change's transaction."""

    def __init__(self, seal: Seal) -> None:
        """Seal what is personal with this function."""
        self._seal = seal

    def writes(self, effects: Effects) -> list[Write]:
        """Cost: one put of under 1 KiB each, so 2 write units in a transaction."""
        return [
            *(self._audit_put(row) for row in effects.audit),
            *(_outbox_put(message) for message in effects.outbox),
        ]

    def _audit_put(self, row: AuditRow) -> Put:
        attributes: Item = {
            "at": to_milliseconds(row.at),
            "action": row.action.value,
            "actor": row.actor,
            "request_id": row.request_id,
        }
        if row.targets:
            attributes["targets"] = list(row.targets)
        if row.session_id:
            attributes["session_id"] = row.session_id
        if row.changed:
            attributes["changed"] = list(row.changed)
        if row.personal:
            plain = json.dumps(row.personal, ensure_ascii=False, separators=(",", ":")).encode()
            attributes["sealed"] = self._seal(row.subject.key, plain)
        return Put(keys.audit_row(row.subject.id, row.id), attributes, ABSENT)


def _outbox_put(message: OutboxMessage) -> Put:
    expires_at = minted_at(message.id) + timedelta(days=OUTBOX_RETENTION_DAYS)
    attributes: Item = {"body": to_value(message.body), "ttl": int(expires_at.timestamp())}
    return Put(keys.outbox(message.queue, message.id), attributes, ABSENT)
