"""The profile of an account, and the history of its consents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latchkey.domain.account import AccountStatus
from latchkey.domain.audit import Action, audit_row
from latchkey.domain.changes import ConsentDecided
from latchkey.domain.consent import Consent, ConsentKind
from latchkey.domain.effects import Effects
from latchkey.domain.errors import (
    AccountNotFound,
    PreconditionFailed,
)
from latchkey.domain.ids import ConsentId
from latchkey.domain.values import dataclass, replace
from latchkey.flows.acting import row_by
from latchkey.flows.conflicts import CONFLICT, Conflict, retry_on_conflict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from latchkey.domain.account import Account
    from latchkey.domain.changes import Change
    from latchkey.domain.ids import AccountId
    from latchkey.domain.paging import Slice
    from latchkey.domain.request import Caller, RequestContext
    from latchkey.storage.accounts import AccountStore
    from latchkey.storage.consents import ConsentStore

_SHOWN_AS = {"avatar_id": "avatar_url"}
"""Public names of fields that differ from the account's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The flow and its parts."""

    accounts: AccountStore
    consents: ConsentStore
    consent_text_version: str

    def read(self, account_id: AccountId, caller: Caller, context: RequestContext) -> Account:
        """Return an account. A read by an administrator is recorded first.

        Raises AccountNotFound.
        """
        account = self.accounts.get(account_id)
        if caller.account_id != account_id:
            row = audit_row(Action.PROFILE_READ_BY_ADMIN, account.audit, context, caller=caller)
            self.accounts.record(Effects(audit=(row,)))
        return account

    def change(
        self,
        account_id: AccountId,
        changes: Mapping[str, Any],
        caller: Caller,
        context: RequestContext,
        *,
        expected_versions: frozenset[int] | None = None,
        also: Sequence[Change] = (),
    ) -> Account:
        """Change the given fields of an account.

        changes  by the account's field names, validated; None clears a field
        expected_versions  that the client has read; None: any
        also     further changes

        Writes nothing if no value changes.

        Raises AccountNotFound, PreconditionFailed, UsernameTaken.
        """

        def attempt() -> Account | Conflict:
            account = self.accounts.get(account_id)
            if account.status is AccountStatus.ERASING:
                # A claim taken now would remain after the erasure.
                raise AccountNotFound
            if expected_versions is not None and account.version not in expected_versions:
                raise PreconditionFailed
            changed = {n: value for n, value in changes.items() if getattr(account, n) != value}
            if not changed and not also:
                return self.read(account_id, caller, context)
            new = replace(account, **changed, version=account.version + 1, updated_at=context.now)
            names = tuple(sorted(_SHOWN_AS.get(name, name) for name in changed))
            row = row_by(
                caller,
                account,
                context,
                own=Action.PROFILE_CHANGED,
                by_admin=Action.PROFILE_CHANGED_BY_ADMIN,
                changed=names,
            )
            decisions = self._decisions(new, changed, caller, context)
            decided = [ConsentDecided(account_id, decision) for decision in decisions]
            done = self.accounts.update(account, new, Effects(audit=(row,)), also=[*decided, *also])
            return new if done else CONFLICT

        return retry_on_conflict(attempt, reason="profile contention")

    def list_consents(
        self, caller: Caller, *, limit: int, cursor: str | None = None
    ) -> Slice[Consent]:
        """List the caller's consents, newest first. Raises InvalidCursor."""
        return self.consents.page(caller.account_id, limit=limit, cursor=cursor)

    def _decisions(
        self, new: Account, changed: Mapping[str, Any], caller: Caller, context: RequestContext
    ) -> list[Consent]:
        return [
            Consent(
                id=ConsentId(context.new_id("con")),
                kind=kind,
                given=getattr(new, kind.field),
                decided_at=context.now,
                session_id=caller.session_id,
                text_version=self.consent_text_version,
            )
            for kind in ConsentKind
            if kind.field in changed
        ]
