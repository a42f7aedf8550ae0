"""The actor of an audit row: the account's owner, or an administrator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.audit import audit_row

if TYPE_CHECKING:
    from latchkey.domain.account import Account
    from latchkey.domain.audit import Action, AuditRow
    from latchkey.domain.request import Caller, RequestContext


def row_by(
    caller: Caller,
    account: Account,
    context: RequestContext,
    *,
    own: Action,
    by_admin: Action,
    targets: tuple[str, ...] = (),
    changed: tuple[str, ...] = (),
) -> AuditRow:
    """Return the audit row of a change of an account. Its subject is the owner."""
    return audit_row(
        own if caller.account_id == account.id else by_admin,
        account.audit,
        context,
        caller=caller,
        targets=targets,
        changed=changed,
    )
