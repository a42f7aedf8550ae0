"""Preferences: read, replaced or reset by their owner or an administrator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latchkey.domain.audit import Action, audit_row
from latchkey.domain.effects import Effects
from latchkey.domain.errors import PreconditionFailed
from latchkey.domain.preferences import Preferences
from latchkey.domain.values import dataclass
from latchkey.flows.acting import row_by
from latchkey.flows.conflicts import CONFLICT, Conflict, retry_on_conflict

if TYPE_CHECKING:
    from latchkey.domain.ids import AccountId
    from latchkey.domain.request import Caller, RequestContext
    from latchkey.storage.accounts import AccountStore
    from latchkey.storage.preferences import PreferenceStore


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferenceFlows:
    """The flow and its parts."""

    accounts: AccountStore
    store: PreferenceStore

    def read(self, account_id: AccountId, caller: Caller, context: RequestContext) -> Preferences:
        """Return the preferences, or version 0 and an empty document.

        A read by an administrator is recorded first.

        Raises AccountNotFound.
        """
        if caller.account_id != account_id:
            subject = self.accounts.get(account_id).audit
            row = audit_row(Action.PREFERENCES_READ_BY_ADMIN, subject, context, caller=caller)
            self.accounts.record(Effects(audit=(row,)))
        preferences = self.store.find(account_id)
        if preferences is None:
            account = self.accounts.get(account_id)
            return Preferences(document={}, updated_at=account.created_at, version=0)
        return preferences

    def replace(
        self,
        account_id: AccountId,
        document: dict[str, Any],
        caller: Caller,
        context: RequestContext,
        *,
        expected_versions: frozenset[int] | None = None,
    ) -> Preferences:
        """Replace all preferences. An absent key is removed.

        expected_versions  that the client has read; None: any

        Raises AccountNotFound, PreconditionFailed.
        """
        return self._put(
            account_id,
            document,
            caller,
            context,
            expected_versions=expected_versions,
            actions=(Action.PREFERENCES_CHANGED, Action.PREFERENCES_CHANGED_BY_ADMIN),
        )

    def reset(
        self,
        account_id: AccountId,
        caller: Caller,
        context: RequestContext,
        *,
        expected_versions: frozenset[int] | None = None,
    ) -> Preferences:
        """Delete all preferences. Raises AccountNotFound, PreconditionFailed."""
        return self._put(
            account_id,
            {},
            caller,
            context,
            expected_versions=expected_versions,
            actions=(Action.PREFERENCES_RESET, Action.PREFERENCES_RESET_BY_ADMIN),
        )

    def _put(
        self,
        account_id: AccountId,
        document: dict[str, Any],
        caller: Caller,
        context: RequestContext,
        *,
        expected_versions: frozenset[int] | None,
        actions: tuple[Action, Action],
    ) -> Preferences:
        account = self.accounts.get(account_id)
        own, by_admin = actions
        row = row_by(caller, account, context, own=own, by_admin=by_admin)

        def attempt() -> Preferences | Conflict:
            before = self.store.find(account_id)
            version = 0 if before is None else before.version
            if expected_versions is not None and version not in expected_versions:
                raise PreconditionFailed
            new = Preferences(document=document, updated_at=context.now, version=version + 1)
            done = self.store.put(account_id, new, Effects(audit=(row,)))
            return new if done else CONFLICT

        return retry_on_conflict(attempt, reason="preferences contention")
