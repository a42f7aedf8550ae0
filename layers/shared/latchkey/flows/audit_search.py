"""Searches of administrators in the audit trail. Every search is a row of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from latchkey.domain.audit import Action, audit_row
from latchkey.domain.effects import Effects
from latchkey.domain.errors import InvalidInput, Problem, ProblemCode
from latchkey.domain.search import Period
from latchkey.domain.values import dataclass
from latchkey.observability import logger
from latchkey.security.origins import read_personal
from latchkey.security.sealing import SealBrokenError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from latchkey.domain.account import Account
    from latchkey.domain.audit import AuditRecord
    from latchkey.domain.ids import AccountId, SessionId
    from latchkey.domain.paging import Slice
    from latchkey.domain.request import Caller, RequestContext
    from latchkey.storage.accounts import AccountStore
    from latchkey.storage.audit import AuditStore
    from latchkey.storage.audit_log import AuditLog
    from latchkey.storage.request_history import RequestHistory


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """A filter: at most one of user, session and action, and a period."""

    user_id: AccountId | None
    session_id: SessionId | None
    action: Action | None
    requests: bool
    since: datetime
    until: datetime

    def require_one(self) -> None:
        """Raise InvalidInput unless the keys support this search."""
        given = [name for name in ("user_id", "session_id", "action") if getattr(self, name)]
        if len(given) > 1:
            message = "Search by one of user_id, session_id and action."
            raise InvalidInput(
                *(Problem(name, ProblemCode.ONE_FILTER_ONLY, message) for name in given)
            )
        if self.requests and self.user_id is None:
            message = "Successful requests are listed only by user_id."
            raise InvalidInput(Problem("kind", ProblemCode.USER_REQUIRED, message))
        if self.since >= self.until:
            message = "The period ends before it begins."
            raise InvalidInput(Problem("until", ProblemCode.EMPTY_PERIOD, message))


class _Paging(TypedDict):
    limit: int
    cursor: str | None
    bound_to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRow:
    """A row, with the administrator's reason if it can be opened."""

    row: AuditRecord
    given_reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPage:
    """A page of rows.

    complete_until  rows after this time may be missing; None: none is
    """

    rows: list[FoundRow]
    next_cursor: str | None
    complete_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSearch:
    """The flow and its parts."""

    accounts: AccountStore
    audit: AuditStore
    requests: RequestHistory
    log: AuditLog
    unseal: Callable[[bytes, bytes, str], bytes]

    def search(
        self,
        caller: Caller,
        context: RequestContext,
        what: AuditFilter,
        *,
        limit: int,
        cursor: str | None,
    ) -> FoundPage:
        """Read a page of the trail, newest first. The search is recorded before.

        The record is about the account that was searched for, whose history shows it, or else about
        the administrator.

        Raises InvalidInput, InvalidCursor, AccountNotFound.
        """
        what.require_one()
        about = self.accounts.get(what.user_id or caller.account_id)
        self._record(caller, context, what, about)
        period = Period(what.since, what.until)
        complete_until = None
        if what.requests:
            found = self.requests.read_page(
                about.audit.id, period, limit=limit, cursor=cursor, bound_to=caller.account_id
            )
            page, complete_until = found.page, found.complete_until
        else:
            paging: _Paging = {"limit": limit, "cursor": cursor, "bound_to": caller.account_id}
            page = self._changes(what, about, period, paging)
        is_about = what.user_id is not None
        rows = [
            FoundRow(row=row, given_reason=self._reason(about, row) if is_about else None)
            for row in page.entries
        ]
        return FoundPage(rows=rows, next_cursor=page.next_cursor, complete_until=complete_until)

    def _changes(
        self, what: AuditFilter, about: Account, period: Period, paging: _Paging
    ) -> Slice[AuditRecord]:
        if what.user_id is not None:
            return self.audit.list_by_subject(about.audit.id, period, **paging)
        if what.session_id is not None:
            return self.audit.list_by_session(what.session_id, period, **paging)
        return self.audit.list_by_time(period, action=what.action, **paging)

    def _reason(self, about: Account, row: AuditRecord) -> str | None:
        """Open the reason of an administrator. Other sealed data is not returned."""
        if row.sealed is None or row.actor == about.audit.id:
            return None
        try:
            plain = self.unseal(about.audit.key, row.sealed, row.place)
        except SealBrokenError:
            logger.warning("a sealed row does not open", row_id=row.id)
            return None
        return read_personal(plain).get("reason")

    def _record(
        self, caller: Caller, context: RequestContext, what: AuditFilter, about: Account
    ) -> None:
        row = audit_row(
            Action.AUDIT_READ_BY_ADMIN,
            about.audit,
            context,
            caller=caller,
            targets=() if what.session_id is None else (what.session_id,),
        )
        self.log.write(Effects(audit=(row,)))
