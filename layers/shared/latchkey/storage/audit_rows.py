"""Encodes audit rows as items. Separate from reading them, which few functions do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.audit import Action, AuditRecord
from latchkey.domain.clock import to_milliseconds
from latchkey.domain.ids import SessionId
from latchkey.storage import keys
from latchkey.storage.records import to_item
from latchkey.storage.table import ABSENT, Key, Put

if TYPE_CHECKING:
    from datetime import timedelta

    from latchkey.storage.table import Item

_IN_NO_INDEX = {Action.REQUEST_SERVED}


def row_put(record: AuditRecord, *, retention: timedelta) -> Put:
    """Return the write of a row, for the transaction of its change.

    Cost  2 WRU in a transaction, for under 1 KiB, and 1 more for each index that the row is in:
          by day, by action, and by session if there is one
    """
    return Put(_key(record), _attributes(record, retention), ABSENT)


def _key(record: AuditRecord) -> Key:
    if record.subject_id is None:
        return Key(keys.audit_request_partition(record.at, record.id), record.id, "audit")
    return keys.audit_row(record.subject_id, record.id)


def _attributes(record: AuditRecord, retention: timedelta) -> Item:
    attributes = {name: value for name, value in to_item(record).items() if value != []}
    del attributes["id"]
    attributes.pop("subject_id", None)
    attributes["ttl"] = to_milliseconds(record.at + retention) // 1000
    if record.action in _IN_NO_INDEX:
        return attributes
    shard = keys.audit_index_shard(record.id)
    day = record.at.date()
    # Without its prefix, so that rows of changes and requests sort by time.
    position = record.id.partition("_")[2]
    attributes["gsi3pk"] = keys.audit_action_partitions(record.action, day)[shard]
    attributes["gsi3sk"] = position
    if record.action is Action.REQUESTS_COUNTED:
        return attributes  # by action only, because a busy service has one in each second
    session_id = _session_of(record)
    if session_id is not None:
        attributes["gsi1pk"] = keys.audit_session_partition(session_id)
        attributes["gsi1sk"] = position
    attributes["gsi2pk"] = keys.audit_day_partitions(day)[shard]
    attributes["gsi2sk"] = position
    return attributes


def _session_of(record: AuditRecord) -> SessionId | None:
    """Return the session that a row is indexed by: the affected one, else the acting one."""
    if len(record.targets) == 1 and record.targets[0].startswith("ses_"):
        return SessionId(record.targets[0])
    return record.session_id
