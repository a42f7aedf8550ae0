"""Encodes Effects as writes of the change's transaction."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from latchkey.domain.audit import AuditRecord, row_place
from latchkey.domain.ids import minted_at
from latchkey.domain.limits import AUDIT_RETENTION_DEFAULT_DAYS, OUTBOX_RETENTION_DAYS
from latchkey.storage import keys
from latchkey.storage.audit_rows import row_put
from latchkey.storage.records import to_value
from latchkey.storage.table import ABSENT, Put

if TYPE_CHECKING:
    from collections.abc import Callable

    from latchkey.domain.audit import AuditRow
    from latchkey.domain.effects import Effects, OutboxMessage
    from latchkey.storage.table import Item, Write

type Seal = Callable[[bytes, bytes, str], bytes]
"""Encrypts (key, plaintext, place) with the subject's key."""


_RETENTION = timedelta(days=AUDIT_RETENTION_DEFAULT_DAYS)


class EffectWriter:
    """Converts Effects into writes."""

    def __init__(self, seal: Seal, *, retention: timedelta = _RETENTION) -> None:
        """Seal personal data with this function, and keep rows in the table for this time."""
        self._seal = seal
        self._retention = retention

    def writes(self, effects: Effects) -> list[Write]:
        """Cost: 2 write units per message, and 2 per row, with 2 or 3 more for its indexes."""
        return [
            *(self._audit_put(row) for row in effects.audit),
            *(_outbox_put(message) for message in effects.outbox),
        ]

    def _audit_put(self, row: AuditRow) -> Put:
        sealed = None
        if row.personal and row.subject is not None:
            plain = json.dumps(row.personal, ensure_ascii=False, separators=(",", ":")).encode()
            sealed = self._seal(row.subject.key, plain, row_place(row.subject.id, row.id))
        record = AuditRecord(
            id=row.id,
            at=row.at,
            action=row.action,
            subject_id=None if row.subject is None else row.subject.id,
            actor=row.actor,
            request_id=row.request_id,
            outcome=row.outcome,
            reason=row.reason,
            targets=row.targets,
            session_id=row.session_id,
            changed=row.changed,
            sealed=sealed,
        )
        return row_put(record, retention=self._retention)


def _outbox_put(message: OutboxMessage) -> Put:
    expires_at = minted_at(message.id) + timedelta(days=OUTBOX_RETENTION_DAYS)
    attributes: Item = {"body": to_value(message.body), "ttl": int(expires_at.timestamp())}
    return Put(keys.outbox(message.queue, message.id), attributes, ABSENT)
