"""A person's preferences: read, replaced, reset; by themselves or by an administrator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from latchkey.domain.audit import Action, audit_row
from latchkey.domain.effects import Effects
from latchkey.domain.preferences import Preferences
from latchkey.flows.acting import row_by

if TYPE_CHECKING:
    from latchkey.domain.request import Caller, RequestContext
    from latchkey.storage.accounts import AccountStore
    from latchkey.storage.preferences import PreferenceStore


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferenceFlows:
    """The flows, and what they need."""

    accounts: AccountStore
    store: PreferenceStore

    def read(self, account_id: str, caller: Caller, context: RequestContext) -> dict[str, Any]:
        """Return what was set; empty when nothing was. That somebody else looks is noted first.

        Raises AccountNotFound.
        """
        if caller.account_id != account_id:
            subject = self.accounts.get(account_id).audit
            row = audit_row(Action.PREFERENCES_READ_BY_ADMIN, subject, context, caller=caller)
            self.accounts.record(Effects(audit=(row,)))
        preferences = self.store.find(account_id)
        if preferences is None:
            self.accounts.get(account_id)  # nothing was set, or nobody is there
            return {}
        return preferences.document

    def replace(
        self, account_id: str, document: dict[str, Any], caller: Caller, context: RequestContext
    ) -> None:
        """Set all of them: what the document lacks is no longer set. Raises AccountNotFound."""
        effects = self._effects(
            account_id,
            caller,
            context,
            own=Action.PREFERENCES_CHANGED,
            by_admin=Action.PREFERENCES_CHANGED_BY_ADMIN,
        )
        preferences = Preferences(document=document, updated_at=context.now)
        self.store.put(account_id, preferences, effects)

    def reset(self, account_id: str, caller: Caller, context: RequestContext) -> None:
        """Forget all of them. Raises AccountNotFound."""
        effects = self._effects(
            account_id,
            caller,
            context,
            own=Action.PREFERENCES_RESET,
            by_admin=Action.PREFERENCES_RESET_BY_ADMIN,
        )
        self.store.delete(account_id, effects)

    def _effects(
        self,
        account_id: str,
        caller: Caller,
        context: RequestContext,
        *,
        own: Action,
        by_admin: Action,
    ) -> Effects:
        account = self.accounts.get(account_id)
        row = row_by(caller, account, context, own=own, by_admin=by_admin)
        return Effects(audit=(row,))
