"""Erasing an account: everything that is stored of a person, until only a receipt is left.

A saga that anybody may continue. Each step finds what is still there, removes it and counts it in
the same transaction; so a worker that dies anywhere is followed by one that goes on, and what is
done twice is done once. What names something else goes after it: an export's item after its file,
the account last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from latchkey.domain.account import AccountStatus, email_key
from latchkey.domain.audit import SYSTEM_ACTOR, Action, audit_row
from latchkey.domain.effects import Effects
from latchkey.domain.erasure import ErasureHeldUp, Receipt, next_look
from latchkey.domain.errors import AccountNotFound
from latchkey.domain.ids import new_id
from latchkey.domain.limits import ERASURE_LOOK_AGAIN_SECONDS, ERASURE_PAGE_ITEMS
from latchkey.domain.mail import AccountErased
from latchkey.domain.request import RequestContext
from latchkey.flows.life_cycle import erasure_message
from latchkey.observability import logger

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from latchkey.domain.account import Account
    from latchkey.storage.accounts import AccountStore
    from latchkey.storage.deletions import DeletionStore
    from latchkey.storage.outbox import OutboxStore


class Elsewhere(Protocol):
    """Something of a person that lies outside the table, such as files."""

    @property
    def kind(self) -> str:
        """What it is called in the receipt."""
        ...

    def count(self, account_id: str) -> int:
        """Say how much of it there is."""
        ...

    def remove_all(self, account_id: str, now: datetime) -> datetime | None:
        """Remove it all; removing it twice is no error.

        Returns None, or until when somebody may still be alive who could write more of it.
        """
        ...


def _unwatched(_point: str) -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """The flows, and what they need.

    elsewhere  what lies outside the table; a new kind is one more here
    sign       makes the receipt's proof
    passing    is told the name of each point that the work passes; nobody listens but tests that
               kill a worker there, as with `flows.export_worker`
    """

    accounts: AccountStore
    deletions: DeletionStore
    outbox: OutboxStore
    elsewhere: tuple[Elsewhere, ...]
    sign: Callable[[Receipt], str]
    passing: Callable[[str], None] = _unwatched

    def erase(self, account_id: str, now: datetime) -> None:
        """Erase an account that is due, from wherever the last worker has come to.

        Nothing happens to an account that was restored, or that is gone.

        Raises ErasureHeldUp when it has to be continued later.
        """
        self.passing("received")
        try:
            account = self._claimed(account_id, now)
        except AccountNotFound:
            return
        if account is None:
            return
        self.passing("claimed")
        self._erase_elsewhere(account, now)
        while self.deletions.erase_page(account_id):
            self.passing("page_erased")
        while tokens := self.deletions.list_tokens(account_id):
            self.deletions.erase(account_id, tokens)
            self.passing("tokens_erased")
        words = frozenset({account_id, email_key(account.email)})
        while keys := list(self.outbox.list_about(words, now)):
            messages = [(key, "queued_message") for key in keys[:ERASURE_PAGE_ITEMS]]
            self.deletions.erase(account_id, messages)
            self.passing("messages_erased")
        self._finish(account, now)
        self.passing("finished")

    def start_due(self, now: datetime) -> int:
        """Have every account erased whose grace is over, or whose worker was lost; say how many.

        For the schedule. It may run any number of times at once: of two, one sends the message.
        """
        look_at = next_look(now, ERASURE_LOOK_AGAIN_SECONDS)
        return sum(
            self.deletions.look_later(
                deletion,
                look_at,
                Effects(outbox=(erasure_message(deletion.account_id, _context(now)),)),
            )
            for deletion in self.deletions.list_due(now)
        )

    def _claimed(self, account_id: str, now: datetime) -> Account | None:
        account = self.accounts.get(account_id)
        if account.status is AccountStatus.ERASING:
            return account
        due = account.purge_at is not None and account.purge_at <= now
        if account.status is not AccountStatus.DELETED or not due:
            return None
        context = _context(now)
        row = audit_row(Action.ACCOUNT_ERASURE_STARTED, account.audit, context, actor=SYSTEM_ACTOR)
        look_at = next_look(now, ERASURE_LOOK_AGAIN_SECONDS)
        if not self.deletions.claim(account, look_at, Effects(audit=(row,))):
            # Restored, or claimed by another worker: the next delivery knows.
            raise ErasureHeldUp
        return self.accounts.get(account_id)

    def _erase_elsewhere(self, account: Account, now: datetime) -> None:
        waiting = []
        for place in self.elsewhere:
            self.deletions.note(account.id, place.kind, place.count(account.id))
            self.passing("counted")
            waiting.append(place.remove_all(account.id, now))
            self.passing("removed")
        if any(waiting):
            raise ErasureHeldUp

    def _finish(self, account: Account, now: datetime) -> None:
        deletion = self.deletions.find(account.id)
        if deletion is None:
            return
        erased = {kind: count for kind, count in sorted(deletion.erased.items()) if count}
        receipt = Receipt(
            id=deletion.receipt_id,
            requested_at=deletion.requested_at,
            erased_at=now,
            erased={**erased, "account": 1},
        )
        signed = self.sign(receipt)
        self.passing("signed")
        context = _context(now)
        row = audit_row(Action.ACCOUNT_ERASED, account.audit, context, actor=SYSTEM_ACTOR)
        mail = AccountErased(
            address=account.email, language=account.speaking_language, receipt=signed
        )
        effects = Effects(audit=(row,), outbox=(mail.message(context),))
        if self.deletions.finish(account, receipt, signed, effects):
            logger.info("account erased", receipt_id=receipt.id, erased=receipt.erased)
        elif self.deletions.find(account.id) is not None:
            # Not another worker: a claim has changed hands since it was read.
            raise ErasureHeldUp


def _context(now: datetime) -> RequestContext:
    return RequestContext(request_id=new_id("job", now), now=now, ip_address="")
