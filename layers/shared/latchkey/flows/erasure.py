"""Erases an account: all data of a person except a receipt.

A saga that any worker can continue. Each step finds remaining items, removes them and counts them
in the same transaction. After a crash another worker continues, and repeated steps have no effect.
Referring items go last: an export's item after its file, the account at the end.
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
    from latchkey.domain.ids import AccountId
    from latchkey.storage.accounts import AccountStore
    from latchkey.storage.deletions import DeletionStore
    from latchkey.storage.outbox import OutboxStore


class Elsewhere(Protocol):
    """Data of a person outside the table, such as files."""

    @property
    def kind(self) -> str:
        """The name in the receipt."""
        ...

    def count(self, account_id: AccountId) -> int:
        """Return the number of items."""
        ...

    def remove_all(self, account_id: AccountId, now: datetime) -> datetime | None:
        """Remove all of it. Can be repeated.

        Returns None, or until when a running worker may still write more.
        """
        ...


def _unwatched(_point: str) -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """The flow and its parts.

    elsewhere  data outside the table; a new kind is another entry
    sign       signs the receipt
    on_checkpoint  is called with the name of each step. Only tests use it, to kill the worker there
    """

    accounts: AccountStore
    deletions: DeletionStore
    outbox: OutboxStore
    elsewhere: tuple[Elsewhere, ...]
    sign: Callable[[Receipt], str]
    on_checkpoint: Callable[[str], None] = _unwatched

    def erase(self, account_id: AccountId, now: datetime) -> None:
        """Erase a due account, starting at the step that the last worker reached.

        Does nothing for a restored or erased account.

        Raises ErasureHeldUp if it has to continue later.
        """
        self.on_checkpoint("received")
        try:
            account = self._claimed(account_id, now)
        except AccountNotFound:
            return
        if account is None:
            return
        self.on_checkpoint("claimed")
        self._erase_elsewhere(account, now)
        while self.deletions.erase_page(account_id):
            self.on_checkpoint("page_erased")
        while tokens := self.deletions.list_tokens(account_id):
            self.deletions.erase(account_id, tokens)
            self.on_checkpoint("tokens_erased")
        words = frozenset({account_id, email_key(account.email)})
        while keys := list(self.outbox.list_about(words, now)):
            messages = [(key, "queued_message") for key in keys[:ERASURE_PAGE_ITEMS]]
            self.deletions.erase(account_id, messages)
            self.on_checkpoint("messages_erased")
        self._finish(account, now)
        self.on_checkpoint("finished")

    def start_due(self, now: datetime) -> int:
        """Send messages for accounts whose grace period is over or whose worker was lost.

        For the schedule. Can run in parallel: one of two sends the message. Returns the number.
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

    def _claimed(self, account_id: AccountId, now: datetime) -> Account | None:
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
            # Restored, or claimed by another worker. The next delivery finds out.
            raise ErasureHeldUp
        return self.accounts.get(account_id)

    def _erase_elsewhere(self, account: Account, now: datetime) -> None:
        waiting = []
        for place in self.elsewhere:
            self.deletions.note(account.id, place.kind, place.count(account.id))
            self.on_checkpoint("counted")
            waiting.append(place.remove_all(account.id, now))
            self.on_checkpoint("removed")
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
        self.on_checkpoint("signed")
        context = _context(now)
        row = audit_row(Action.ACCOUNT_ERASED, account.audit, context, actor=SYSTEM_ACTOR)
        mail = AccountErased(
            address=account.email, language=account.speaking_language, receipt=signed
        )
        effects = Effects(audit=(row,), outbox=(mail.message(context),))
        if self.deletions.finish(account, receipt, signed, effects):
            logger.info("account erased", receipt_id=receipt.id, erased=receipt.erased)
        elif self.deletions.find(account.id) is not None:
            # A claim has changed its owner since it was read.
            raise ErasureHeldUp


def _context(now: datetime) -> RequestContext:
    return RequestContext(request_id=new_id("job", now), now=now, ip_address="")
