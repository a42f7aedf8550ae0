"""Stops emails to addresses that bounce or complain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.account import AccountStatus, email_key
from latchkey.domain.audit import SYSTEM_ACTOR, Action, audit_row
from latchkey.domain.effects import Effects
from latchkey.domain.errors import AccountNotFound, InvalidInput
from latchkey.domain.mail_health import MailSuppression, SuppressionReason
from latchkey.domain.values import dataclass
from latchkey.observability import logger
from latchkey.security.addresses import normalise_email

if TYPE_CHECKING:
    from latchkey.domain.account import Account
    from latchkey.domain.mail_health import MailEvent
    from latchkey.domain.request import RequestContext
    from latchkey.storage.accounts import AccountStore
    from latchkey.storage.mail_suppressions import MailSuppressionStore

_ACTIONS = {
    SuppressionReason.BOUNCED: Action.MAIL_BOUNCED,
    SuppressionReason.REPORTED: Action.MAIL_REPORTED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MailHealth:
    """The flow and its parts."""

    accounts: AccountStore
    suppressions: MailSuppressionStore

    def record(self, event: MailEvent, context: RequestContext) -> int:
        """Stop emails to each address of an event. Returns the number of stopped ones.

        An address without an account is ignored: it gets no emails anyway, and no data of an erased
        person may be stored. The suppression list of SES has it.
        """
        stopped = 0
        for address in event.addresses:
            account = self._owner(address)
            if account is None or account.status is AccountStatus.ERASING:
                logger.info("mail event of no account", reason=event.reason.value)
                continue
            suppression = MailSuppression(
                address=normalise_email(address), reason=event.reason, since=event.at
            )
            row = audit_row(_ACTIONS[event.reason], account.audit, context, actor=SYSTEM_ACTOR)
            stopped += self.suppressions.suppress(account, suppression, Effects(audit=(row,)))
        return stopped

    def allow(self, address: str, context: RequestContext) -> bool:
        """Allow emails to an address again. IAM authorizes the caller of the function.

        Returns False if they were not stopped. Raises AccountNotFound.
        """
        account = self._owner(address)
        if account is None:
            raise AccountNotFound
        row = audit_row(Action.MAIL_ALLOWED_BY_OPERATOR, account.audit, context, actor=SYSTEM_ACTOR)
        effects = Effects(audit=(row,))
        return self.suppressions.allow(account.id, normalise_email(address), context.now, effects)

    def _owner(self, address: str) -> Account | None:
        try:
            return self.accounts.find_by_email(email_key(normalise_email(address)))
        except InvalidInput:
            return None
