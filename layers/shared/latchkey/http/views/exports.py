"""Exports as their owner sees them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from latchkey.domain.errors import ReauthenticationRequired
from latchkey.domain.export import FailureReason
from latchkey.domain.limits import EXPORT_POLL_SECONDS
from latchkey.domain.values import dataclass
from latchkey.http.response import export_path

if TYPE_CHECKING:
    from latchkey.domain.export import Export
    from latchkey.flows.exports import Found, Link


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFailureView:
    """Why an export failed, and what to do."""

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
    """Progress in percent. It never decreases."""
    step: str
    """The current step: `waiting`, the name of the part being collected, `packing` or `done`."""
    created_at: datetime
    ready_at: datetime | None
    expires_at: datetime | None
    """When the file is deleted."""
    size_bytes: int | None
    sha256: str | None
    """Of the file, in hexadecimal."""
    failure: ExportFailureView | None
    download_url: str | None
    """A download link for a ready export. Requires a recent authentication."""
    download_url_expires_at: datetime | None
    """When the link expires, at most five minutes from now. Read the export again for a new link.
    """
    download_blocked_by: str | None
    """`REAUTHENTICATION_REQUIRED` if the link needs a newer authentication. Null otherwise."""

    @classmethod
    def of(
        cls, export: Export, now: datetime, *, link: Link | None = None, blocked: bool = False
    ) -> ExportView:
        """Return the view of an export, with its link if there is one."""
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
    """The caller's exports, newest first."""

    exports: list[ExportView]
    total_count: int

    @classmethod
    def of(cls, found: list[Found], now: datetime) -> ExportListView:
        """Return the view of all exports."""
        views = [ExportView.of(f.export, now, link=f.link, blocked=f.blocked) for f in found]
        return cls(exports=views, total_count=len(views))


def headers(export: Export) -> dict[str, str]:
    """Return the headers of an export: its location and, while it runs, when to ask again."""
    location = {"location": export_path(export.id)}
    return location | ({"retry-after": str(EXPORT_POLL_SECONDS)} if export.is_open else {})


_FAILURES = {
    FailureReason.INTERRUPTED: (
        "The export was interrupted several times. Your data is not affected. Request another "
        "export, and contact us if it fails too."
    ),
    FailureReason.TOO_LARGE: (
        "Your data does not fit into one file. Contact us to receive it in another way."
    ),
    FailureReason.ACCOUNT_CLOSED: "The account was closed before the export was finished.",
}


def _failure(reason: FailureReason | None) -> ExportFailureView | None:
    if reason is None:
        return None
    return ExportFailureView(code=reason.value.upper(), message=_FAILURES[reason])
