"""Adds reads and refused requests to the audit trail.

A Lambda function can't run after its response, and a write before would delay it. The log line of
each request leaves the function before the response at no extra cost. CloudWatch delivers it here.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from latchkey.domain.audit import OK, UNKNOWN_ACTOR, Action, AuditRecord
from latchkey.domain.errors import InvalidCredentials
from latchkey.domain.ids import RowId, compose_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from latchkey.storage.audit import AuditStore

_SERVER_ERROR = 500


class UnreadableLines(Exception):
    """Some lines are malformed. Their batch is kept as a dead letter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestTrail:
    """The flow and its parts."""

    audit: AuditStore

    def record(self, lines: Iterable[Mapping[str, Any]]) -> int:
        """Record requests from their log lines, each once. Returns the number of new rows.

        Raises UnreadableLines after all valid lines are recorded.
        """
        recorded = unreadable = 0
        for line in lines:
            try:
                record = record_of(line)
            except (KeyError, OverflowError, TypeError, ValueError):
                unreadable += 1
            else:
                recorded += self.audit.add_request(record)
        if unreadable:
            raise UnreadableLines(recorded, unreadable)
        return recorded


def record_of(line: Mapping[str, Any]) -> AuditRecord:
    """Return the row of a request. The same line gives the same row."""
    action = _action(line)
    at = datetime.fromtimestamp(line["at"] / 1000, UTC)
    digest = hashlib.sha256(f"{line['operation']}|{line['request_id']}".encode()).digest()
    subject_id = line.get("subject")
    origin = line.get("origin")
    # A failed sign-in may be by anybody, so it has no actor.
    known = subject_id is not None and action is not Action.SIGN_IN_REFUSED
    return AuditRecord(
        # A person's history has the key prefix of changes.
        id=RowId(compose_id("aud" if action is Action.SIGN_IN_REFUSED else "req", at, digest[:10])),
        at=at,
        action=action,
        subject_id=subject_id,
        actor=str(subject_id) if known else UNKNOWN_ACTOR,
        request_id=line["request_id"],
        outcome=line["outcome"],
        reason=line.get("reason"),
        operation=line["operation"],
        session_id=line.get("session_id"),
        sealed=None if origin is None else base64.b64decode(origin),
    )


def _action(line: Mapping[str, Any]) -> Action:
    if line["outcome"] == OK:
        return Action.REQUEST_SERVED
    if line["outcome"] == InvalidCredentials.code and line.get("subject") is not None:
        return Action.SIGN_IN_REFUSED
    if line["status"] >= _SERVER_ERROR:
        return Action.REQUEST_FAILED
    return Action.REQUEST_REFUSED
