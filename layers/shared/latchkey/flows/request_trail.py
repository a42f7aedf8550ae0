"""Adds requests to the audit trail: as rows, lines of packs, or counts.

A Lambda function can't run after its response, and a write before would delay it. The log line of
each request leaves the function before the response at no extra cost. CloudWatch delivers it here.

    request of a known subject, successful          a line of a pack
    request of a known subject, refused or failed   a row
    any other request, successful or refused        counted
    any other request, failed                       a row
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from latchkey.domain.audit import OK, OTHER, UNKNOWN_ACTOR, Action, AuditRecord, RequestCount
from latchkey.domain.clock import LAST_YEAR
from latchkey.domain.errors import InvalidCredentials
from latchkey.domain.ids import RowId, SessionId, SubjectId, compose_id
from latchkey.domain.limits import AUDIT_COUNTS_MAX
from latchkey.domain.packed_requests import line_of, request_row_id
from latchkey.domain.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from latchkey.storage.audit import AuditStore
    from latchkey.storage.request_packs import RequestPackStore

_SERVER_ERROR = 500
_TEXT_MAX_CHARACTERS = 200
"""More than any id, code, operation or route of ours has."""
_ORIGIN_MAX_CHARACTERS = 4096
"""A sealed origin has 90 to 1,000."""

GATEWAY = "gateway"
"""The operation of a response of API Gateway itself."""

COUNTED = "counted"
"""The operation of a row of counts."""

type _Group = tuple[datetime, str, str, str | None]
"""Minute, operation, outcome and network."""


class UnreadableLines(Exception):
    """Some lines are malformed. Their batch is kept as a dead letter."""


@dataclass(slots=True)
class _Batch:
    """The requests of a delivery, by the form in which they are stored."""

    rows: list[AuditRecord] = field(default_factory=list)
    packed: list[bytes] = field(default_factory=list)
    counted: list[tuple[AuditRecord, _Group]] = field(default_factory=list)

    def add(self, line: Mapping[str, Any]) -> None:
        """Add a request. Raises KeyError, OverflowError, TypeError, ValueError."""
        record = record_of(line)
        if record.subject_id is None and record.action is not Action.REQUEST_FAILED:
            self.counted.append((record, _group(record, line)))
        elif record.action is Action.REQUEST_SERVED:
            self.packed.append(line_of(record))
        else:
            self.rows.append(record)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestTrail:
    """The flow and its parts."""

    audit: AuditStore
    packs: RequestPackStore

    def record(self, lines: Iterable[Mapping[str, Any]], now: datetime) -> int:
        """Record requests from their log lines. A repeated delivery adds nothing.

        Returns the number of new items: rows, packs, and the counts. Raises UnreadableLines after
        all valid lines are recorded.
        """
        batch, unreadable = _Batch(), 0
        for line in lines:
            try:
                batch.add(line)
            except (KeyError, OverflowError, TypeError, ValueError):
                unreadable += 1
        recorded = self.packs.add(batch.packed, now)
        recorded += sum(self.audit.add_request(record) for record in batch.rows)
        if batch.counted:
            recorded += self.audit.add_request(counts_of(batch.counted))
        if unreadable:
            raise UnreadableLines(recorded, unreadable)
        return recorded


def record_of(line: Mapping[str, Any]) -> AuditRecord:
    """Return the row of a request. The same line gives the same row."""
    action = _action(line)
    at = datetime.fromtimestamp(line["at"] / 1000, UTC)
    if at.year > LAST_YEAR:
        raise ValueError(at)
    subject_id, session_id = _text(line, "subject"), _text(line, "session_id")
    operation, request_id = _required(line, "operation"), _required(line, "request_id")
    origin = line.get("origin")
    # A refused request without a session may be by anybody, such as a sign-in with a wrong password
    # or too many attempts. So it has no actor.
    known = action is Action.REQUEST_SERVED or (
        action is not Action.SIGN_IN_REFUSED and session_id is not None
    )
    # A person's history has the key prefix of changes.
    prefix = "aud" if action is Action.SIGN_IN_REFUSED else "req"
    return AuditRecord(
        id=request_row_id(prefix, at, operation, request_id),
        at=at,
        action=action,
        subject_id=None if subject_id is None else SubjectId(subject_id),
        actor=subject_id if subject_id is not None and known else UNKNOWN_ACTOR,
        request_id=request_id,
        outcome=_required(line, "outcome"),
        reason=_text(line, "reason"),
        operation=operation,
        session_id=None if session_id is None else SessionId(session_id),
        sealed=None if origin is None else _sealed(origin),
    )


def _text(line: Mapping[str, Any], name: str) -> str | None:
    text = line.get(name)
    if text is None:
        return None
    if isinstance(text, str) and len(text) <= _TEXT_MAX_CHARACTERS:
        text.encode()  # UnicodeEncodeError, a ValueError, for a lone surrogate
        return text
    raise ValueError(name)


def _sealed(origin: str) -> bytes:
    if len(origin) > _ORIGIN_MAX_CHARACTERS:
        raise ValueError(len(origin))
    return base64.b64decode(origin)


def _required(line: Mapping[str, Any], name: str) -> str:
    text = _text(line, name)
    if not text:
        raise ValueError(name)
    return text


def _action(line: Mapping[str, Any]) -> Action:
    if line["outcome"] == OK:
        return Action.REQUEST_SERVED
    if line["outcome"] == InvalidCredentials.code and line.get("subject") is not None:
        return Action.SIGN_IN_REFUSED
    if line["status"] >= _SERVER_ERROR:
        return Action.REQUEST_FAILED
    return Action.REQUEST_REFUSED


def _group(record: AuditRecord, line: Mapping[str, Any]) -> _Group:
    route = _text(line, "route")
    by_gateway = record.operation == GATEWAY and route is not None
    operation = f"{GATEWAY} {route}" if by_gateway else _required(line, "operation")
    minute = record.at.replace(second=0, microsecond=0)
    return minute, operation, record.outcome, _text(line, "network")


def counts_of(requests: Iterable[tuple[AuditRecord, _Group]]) -> AuditRecord:
    """Return one row with the numbers of requests. The same requests give the same row."""
    # A line that is twice in a batch is one request.
    once = {record.id: (record, group) for record, group in requests}
    last = max((record for record, _ in once.values()), key=lambda record: (record.at, record.id))
    groups = Counter(group for _, group in once.values())
    digest = hashlib.sha256("|".join(sorted(once)).encode()).digest()
    return AuditRecord(
        id=RowId(compose_id("req", last.at, digest[:10])),
        at=last.at,
        action=Action.REQUESTS_COUNTED,
        actor=UNKNOWN_ACTOR,
        request_id=last.request_id,
        operation=COUNTED,
        counts=tuple(
            RequestCount(
                minute=minute, operation=operation, outcome=outcome, network=network, count=count
            )
            for (minute, operation, outcome, network), count in _largest(groups)
        ),
    )


def _largest(groups: Counter[_Group]) -> list[tuple[_Group, int]]:
    """Keep the largest groups, and add up the rest: by network, then all together."""
    if len(groups) <= AUDIT_COUNTS_MAX:
        return _sorted(groups)
    half = AUDIT_COUNTS_MAX // 2
    kept, rest = _cut(groups, half)
    others: Counter[_Group] = Counter()
    for (minute, operation, outcome, _), count in rest.items():
        others[minute, operation, outcome, OTHER] += count
    largest, remainder = _cut(others, half - 1)
    kept.update(largest)
    if remainder:
        first = min(minute for minute, *_ in remainder)
        kept[first, OTHER, OTHER, OTHER] += remainder.total()
    return _sorted(kept)


def _cut(groups: Counter[_Group], size: int) -> tuple[Counter[_Group], Counter[_Group]]:
    by_size = sorted(groups.items(), key=lambda entry: (-entry[1], _order(entry[0])))
    return Counter(dict(islice(by_size, size))), Counter(dict(islice(by_size, size, None)))


def _sorted(groups: Counter[_Group]) -> list[tuple[_Group, int]]:
    return sorted(groups.items(), key=lambda entry: _order(entry[0]))


def _order(group: _Group) -> tuple[datetime, str, str, str]:
    minute, operation, outcome, network = group
    return minute, operation, outcome, network or ""
