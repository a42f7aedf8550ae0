"""An export: a person's own data as one file, from the request until the file is gone.

    queued ──► running ──► ready ──► expired
       ▲        │  │
       └────────┘  └─────► failed ──► queued   (an operator's redrive)

A worker has a lease. The export returns to `queued` when it continues in another message, and
another worker may take over `running` after the lease has expired. Every arrow is one conditional
write (`storage/exports.py`), so only one of two parallel transitions succeeds.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from latchkey.domain.effects import OutboxMessage, Queue
from latchkey.domain.ids import MessageId, new_id
from latchkey.domain.values import dataclass

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.domain.ids import AccountId, ExportId, LeaseId


class ExportBusy(Exception):
    """Another worker has the export. The message must be delivered again."""


class ExportLeaseLost(Exception):
    """This worker has lost its lease, or the export was stopped."""


class ExportStatus(StrEnum):
    """The status of an export. Values are stored and shown: add, never rename."""

    QUEUED = "queued"
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"
    EXPIRED = "expired"


class FailureReason(StrEnum):
    """Why an export failed. Values are stored and shown: add, never rename."""

    INTERRUPTED = "interrupted"
    TOO_LARGE = "too_large"
    ACCOUNT_CLOSED = "account_closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Some rows of one part of the archive, staged until all rows are collected.

    name  of the staged object. It contains the lease: a worker that has lost its lease can't
          overwrite current data
    """

    part: str
    name: str
    rows: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One export.

    progress      in percent; it never decreases
    step          the current step: the name of a part, or one of the steps below
    attempts      claims since the last progress
    links_issued  the number of download links

    The checkpoint, from which another worker continues:
    collected     the complete parts
    after         the last row of the next part, which is the first one not in `collected`
    segments      the staged segments, in the archive's order
    packed_at     when everything was staged. From then on the archive depends only on this record:
                  every packing writes the same bytes
    """

    id: ExportId
    account_id: AccountId
    created_at: datetime
    status: ExportStatus = ExportStatus.QUEUED
    progress: int = 0
    step: str = "waiting"
    attempts: int = 0
    links_issued: int = 0
    lease_id: LeaseId | None = None
    lease_until: datetime | None = None
    collected: tuple[str, ...] = ()
    after: str | None = None
    segments: tuple[Segment, ...] = ()
    packed_at: datetime | None = None
    ready_at: datetime | None = None
    failed_at: datetime | None = None
    expires_at: datetime | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    failure: FailureReason | None = None

    def status_at(self, now: datetime) -> ExportStatus:
        """Return the status. A file past its time is expired, even if it was not removed yet."""
        if self.status is ExportStatus.READY and self.expires_at and now >= self.expires_at:
            return ExportStatus.EXPIRED
        return self.status

    @property
    def is_open(self) -> bool:
        """Whether the export is unfinished."""
        return self.status in {ExportStatus.QUEUED, ExportStatus.RUNNING}


WAITING_STEP = "waiting"
PACKING_STEP = "packing"
DONE_STEP = "done"
"""Steps that are not the name of a part."""


def export_message(export: Export, now: datetime) -> OutboxMessage:
    """Return the message that starts or continues an export."""
    body: dict[str, str | int | bool | None] = {
        "account_id": export.account_id,
        "export_id": export.id,
    }
    return OutboxMessage(id=MessageId(new_id("out", now)), queue=Queue.EXPORT, body=body)
