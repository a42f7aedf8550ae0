"""Exports as their owner sees them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from latchkey.domain.errors import ReauthenticationRequired
from latchkey.domain.export import FailureReason
from latchkey.domain.limits import EXPORT_POLL_SECONDS
from latchkey.http.response import export_path

if TYPE_CHECKING:
    from latchkey.domain.export import Export
    from latchkey.flows.exports import Found, Link


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFailureView:
    """Why there is no file, and what to do about it."""

    code: str
    """INTERRUPTED, TOO_LARGE or ACCOUNT_CLOSED."""
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportView:
    """An export of a person's data."""

    __pydantic_config__ = {"use_attribute_docstrings": True}  # noqa: RUF012 - for the contract

    id: str
    status: str
    """queued, running, ready, failed or expired."""
    progress: int
    """Per cent; it never goes back."""
    step: str
    """What is being done: waiting, the part that is being collected, packing, done."""
    created_at: datetime
    ready_at: datetime | None
    expires_at: datetime | None
    """When the file goes."""
    size_bytes: int | None
    sha256: str | None
    """Of the file, in hex."""
    failure: ExportFailureView | None
    download_url: str | None
    """Made for this request, for an export that is ready. Requires recent authentication."""
    download_url_expires_at: datetime | None
    """At most five minutes away. Ask again for another one."""
    download_blocked_by: str | None
    """REAUTHENTICATION_REQUIRED: reauthenticate, then ask again. Null when nothing is in the
    way."""

    @classmethod
    def of(
        cls, export: Export, now: datetime, *, link: Link | None = None, blocked: bool = False
    ) -> ExportView:
        """Show an export, with a link if there is one."""
        status = export.status_at(now)
        return cls(
            id=export.id,
            status=status.value,
            progress=export.progress,
            step=export.step,
            created_at=export.created_at,
            ready_at=export.ready_at,
            expires_at=export.expires_at,
            size_bytes=export.size_bytes,
            sha256=export.sha256,
            failure=_failure(export.failure),
            download_url=None if link is None else link.url,
            download_url_expires_at=None if link is None else link.expires_at,
            download_blocked_by=ReauthenticationRequired.code if blocked else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportListView:
    """A person's exports, newest first."""

    exports: list[ExportView]
    total_count: int

    @classmethod
    def of(cls, found: list[Found], now: datetime) -> ExportListView:
        """Show all of them."""
        views = [ExportView.of(f.export, now, link=f.link, blocked=f.blocked) for f in found]
        return cls(exports=views, total_count=len(views))


def headers(export: Export) -> dict[str, str]:
    """Say where an export is, and when to ask again while it is being made."""
    location = {"location": export_path(export.id)}
    return location | ({"retry-after": str(EXPORT_POLL_SECONDS)} if export.is_open else {})


_FAILURES = {
    FailureReason.INTERRUPTED: (
        "Something on our side stopped it several times. Your data is unharmed: ask for another "
        "export, and tell us if that one fails too."
    ),
    FailureReason.TOO_LARGE: (
        "There is more than we can pack into one file. Contact us, and we will hand it over in "
        "another way."
    ),
    FailureReason.ACCOUNT_CLOSED: "The account was closed before the export was done.",
}


def _failure(reason: FailureReason | None) -> ExportFailureView | None:
    if reason is None:
        return None
    return ExportFailureView(code=reason.value.upper(), message=_FAILURES[reason])
