"""The caller's exports: request, progress, download."""

from __future__ import annotations

import math
from datetime import timedelta
from itertools import batched
from typing import TYPE_CHECKING

from latchkey.domain.audit import Action, audit_row
from latchkey.domain.changes import KeyUsed
from latchkey.domain.effects import Effects
from latchkey.domain.errors import (
    ExportAlreadyRunning,
    ExportNotFound,
    TooManyAttempts,
)
from latchkey.domain.export import Export, ExportStatus, export_message
from latchkey.domain.idempotency import CreatedExport
from latchkey.domain.ids import ExportId, is_id
from latchkey.domain.limits import (
    EXPORT_LINKS_PER_TRANSACTION,
    EXPORTS_PER_ACCOUNT,
    RECENT_AUTHENTICATION_SECONDS,
)
from latchkey.domain.throttle import RateLimitStatus
from latchkey.domain.values import dataclass, replace
from latchkey.flows.conflicts import CONFLICT, Conflict, retry_on_conflict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from latchkey.domain.account import Account
    from latchkey.domain.idempotency import IdempotencyKey
    from latchkey.domain.ids import AccountId
    from latchkey.domain.request import Caller, RequestContext
    from latchkey.storage.accounts import AccountStore
    from latchkey.storage.export_files import ExportFiles
    from latchkey.storage.exports import ExportStore
    from latchkey.storage.idempotency import IdempotencyStore

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A download link, for a short time."""

    url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An export, and its link if the caller may have one.

    blocked  the link needs a newer authentication
    """

    export: Export
    link: Link | None = None
    blocked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Exports:
    """The flow and its parts."""

    accounts: AccountStore
    store: ExportStore
    keys: IdempotencyStore
    files: ExportFiles
    daily_limit: int

    def request(
        self, caller: Caller, key: IdempotencyKey | None, context: RequestContext
    ) -> Export:
        """Start an export. A repeated key returns its export.

        Raises ExportAlreadyRunning, TooManyAttempts, AccountNotFound, IdempotencyKeyReused.
        """
        account = self.accounts.get(caller.account_id)

        def attempt() -> Export | Conflict:
            created = self._already_created(caller, key, context)
            if created is not None:
                return created
            try:
                return self._create(account, caller, key, context)
            except (ExportAlreadyRunning, TooManyAttempts):
                # The running export may be the result of this key.
                created = self._already_created(caller, key, context)
                if created is None:
                    raise
                return created

        return retry_on_conflict(attempt, reason="export contention")

    def _create(
        self, account: Account, caller: Caller, key: IdempotencyKey | None, context: RequestContext
    ) -> Export | Conflict:
        """Create an export, unless a concurrent request has created one."""
        version = self.store.ledger_version(account.id)
        self._require_below_limit(account.id, context.now)
        export = Export(
            id=ExportId(context.new_id("exp")), account_id=account.id, created_at=context.now
        )
        row = audit_row(
            Action.EXPORT_REQUESTED, account.audit, context, caller=caller, targets=(export.id,)
        )
        created = CreatedExport(export_id=export.id)
        claims = [] if key is None else [KeyUsed(account.id, key, created, context.now)]
        effects = Effects(audit=(row,), outbox=(export_message(export, context.now),))
        if self.store.put_new(export, ledger_version=version, effects=effects, also=claims):
            return export
        return CONFLICT

    def _already_created(
        self, caller: Caller, key: IdempotencyKey | None, context: RequestContext
    ) -> Export | None:
        if key is None:
            return None
        created = self.keys.find(CreatedExport, caller.account_id, key, context.now)
        return None if created is None else self.store.find(caller.account_id, created.export_id)

    def list_all(self, caller: Caller, context: RequestContext) -> list[Found]:
        """List the caller's exports, newest first, each as in `read`."""
        exports = self.store.list_by_account(caller.account_id)
        ready = [e for e in exports if e.status_at(context.now) is ExportStatus.READY]
        recent = _is_recent(caller, context.now)
        links: dict[ExportId, Link] = {}
        if recent:
            for part in batched(ready, EXPORT_LINKS_PER_TRANSACTION, strict=False):
                links |= self._links(part, caller, context)
        return [
            Found(export=e, link=links.get(e.id), blocked=e in ready and not recent)
            for e in exports
        ]

    def read(self, caller: Caller, export_id: ExportId, context: RequestContext) -> Found:
        """Return an export, with a link if it has a file and the caller may have it.

        The link requires a recent authentication, because it works for anybody who has it. Each
        link is recorded before it is returned.

        Raises ExportNotFound if the export does not exist or is another person's.
        """
        export = None
        if is_id("exp", export_id):
            export = self.store.find(caller.account_id, export_id)
        if export is None:
            raise ExportNotFound
        if export.status_at(context.now) is not ExportStatus.READY:
            return Found(export=export)
        if not _is_recent(caller, context.now):
            return Found(export=export, blocked=True)
        links = self._links([export], caller, context)
        return Found(export=export, link=links.get(export.id))

    def _links(
        self, exports: Sequence[Export], caller: Caller, context: RequestContext
    ) -> dict[ExportId, Link]:
        """Create a link for each file, or none if a file is gone. One audit row names them."""
        account = self.accounts.get(caller.account_id)
        row = audit_row(
            Action.EXPORT_LINK_ISSUED,
            account.audit,
            context,
            caller=caller,
            targets=tuple(export.id for export in exports),
        )
        links = {}
        for export in exports:
            name = f"your-data-{export.created_at:%Y-%m-%d}.zip"
            url, seconds = self.files.link(export.id, file_name=name, now=context.now)
            links[export.id] = Link(url=url, expires_at=context.now + timedelta(seconds=seconds))
        recorded = self.store.record_links(exports, context.now, Effects(audit=(row,)))
        return links if recorded else {}

    def _require_below_limit(self, account_id: AccountId, now: datetime) -> None:
        """Count the exports of the last day, without failed ones."""
        recent = [
            export.created_at
            for export in self.store.list_by_account(account_id)
            if now - export.created_at < _DAY and export.status is not ExportStatus.FAILED
        ]
        if len(recent) >= self.daily_limit:
            wait = sorted(recent)[-self.daily_limit] + _DAY - now
            seconds = max(1, math.ceil(wait.total_seconds()))
            quota = replace(EXPORTS_PER_ACCOUNT, amount=self.daily_limit)
            raise TooManyAttempts(
                retry_after_seconds=seconds,
                limit_status=RateLimitStatus(limit=quota, remaining=0, reset_seconds=seconds),
                reason=quota.name,
            )


def _is_recent(caller: Caller, now: datetime) -> bool:
    return now - caller.authenticated_at <= timedelta(seconds=RECENT_AUTHENTICATION_SECONDS)
