"""Requests in the audit trail: reads and refusals, after they have been answered.

Nothing runs in a Lambda once it has answered, and a write before would hold the answer up. But the
line that every request logs has left the function before the answer does, at no cost of its own.
CloudWatch brings it here; from then on it is a row like any other.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from latchkey.domain.audit import OK, UNKNOWN_ACTOR, Action, AuditRecord
from latchkey.domain.errors import InvalidCredentials
from latchkey.domain.ids import compose_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from latchkey.storage.audit import AuditStore

_SERVER_ERROR = 500


class UnreadableLines(Exception):
    """Some lines are not what a request leaves: their batch is kept until somebody has looked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestTrail:
    """The flow, and what it needs."""

    audit: AuditStore

    def record(self, lines: Iterable[Mapping[str, Any]]) -> int:
        """Record requests from their log lines, each once; return how many were new.

        Raises UnreadableLines once all the others are recorded.
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
    """Make the row of a request. The same line makes the same row, however often it comes."""
    action = _action(line)
    at = datetime.fromtimestamp(line["at"] / 1000, UTC)
    digest = hashlib.sha256(f"{line['operation']}|{line['request_id']}".encode()).digest()
    subject_id = line.get("subject")
    origin = line.get("origin")
    # An attempt to sign in as somebody was not theirs, for all that we know.
    known = subject_id is not None and action is not Action.SIGN_IN_REFUSED
    return AuditRecord(
        # What a person reads in their history is found under the prefix of changes.
        id=compose_id("aud" if action is Action.SIGN_IN_REFUSED else "req", at, digest[:10]),
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
