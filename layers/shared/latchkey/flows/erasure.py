"""Erases an account: all data of a person except a receipt.

A saga that any worker can continue. Each step finds remaining items, removes them and counts them
in the same transaction. After a crash another worker continues, and repeated steps have no effect.
Referring items go last: an export's item after its file, the account at the end.
"""

from __future__ import annotations

from functools import partial
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
from latchkey.domain.values import dataclass
from latchkey.flows.life_cycle import erasure_message
from latchkey.flows.steps import Step, run_steps
from latchkey.observability import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from latchkey.domain.account import Account
    from latchkey.domain.ids import AccountId
    from latchkey.flows.steps import Runner
    from latchkey.storage.accounts import AccountStore
    from latchkey.storage.deletions import DeletionStore
    from latchkey.storage.outbox import OutboxStore


class ExternalData(Protocol):
    """Data of a person outside the table, such as files."""

    @property
    def kind(self) -> str:
        """The name in the receipt."""
        ...

    def count(self, account_id: AccountId) -> int:
        """Return the number of items."""
        ...

    def remove_all(self, account_id: AccountId, now: datetime) -> datetime | None:
        """Remove all data. Can be repeated.

        Returns None, or the time until which a running worker may still write more.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """The flow and its parts.

    external_data  data outside the table; a new kind is another entry
    sign           signs the receipt
    run            runs the steps of an erasure
    """

    accounts: AccountStore
    deletions: DeletionStore
    outbox: OutboxStore
    external_data: tuple[ExternalData, ...]
    sign: Callable[[Receipt], str]
    run: Runner = run_steps

    def erase(self, account_id: AccountId, now: datetime) -> None:
        """Erase a due account, starting at the step that the last worker reached.

        Does nothing for a restored or erased account.

        Raises ErasureHeldUp if it has to continue later.
        """
        self.run(_ErasureRun(self, account_id, now).steps())

    def start_due(self, now: datetime) -> int:
        """Send messages for accounts whose grace period is over or whose worker was lost.

        For the schedule. Can run in parallel: one of two sends the message. Returns the number.
        """
        look_at = next_look(now, ERASURE_LOOK_AGAIN_SECONDS)
        return sum(
            self.deletions.postpone_check(
                deletion,
                look_at,
                Effects(outbox=(erasure_message(deletion.account_id, _context(now)),)),
            )
            for deletion in self.deletions.list_due(now)
        )


class _ErasureRun:
    """One worker's erasure of one account."""

    def __init__(self, flow: Erasure, account_id: AccountId, now: datetime) -> None:
        self._flow = flow
        self._account_id = account_id
        self._now = now
        self._account: Account | None = None
        self._receipt: Receipt | None = None
        self._signed = ""
        self._is_held_up = False

    def steps(self) -> Iterator[Step]:
        """Return the steps: files before the items that name them, and the account last."""
        yield Step("claim", self._claim)
        if self._account is None:
            return
        for data in self._flow.external_data:
            yield Step("count", partial(self._count, data))
            yield Step("remove", partial(self._remove, data))
        if self._is_held_up:
            raise ErasureHeldUp
        # Before the identities are erased, because they name the markers.
        yield Step("mark_identities", self._mark_identities)
        yield Step("erase_items", partial(self._flow.deletions.erase_page, self._account_id))
        yield Step("erase_tokens", self._erase_tokens)
        yield Step("erase_messages", partial(self._erase_messages, self._account))
        yield Step("sign", self._sign)
        if self._receipt is not None:
            yield Step("finish", partial(self._finish, self._account, self._receipt))

    def _claim(self) -> None:
        """Read the account, and start its erasure if it is due. Raises ErasureHeldUp."""
        flow, now = self._flow, self._now
        try:
            account = flow.accounts.get(self._account_id)
        except AccountNotFound:
            return
        if account.status is AccountStatus.ERASING:
            self._account = account
            return
        due = account.purge_at is not None and account.purge_at <= now
        if account.status is not AccountStatus.DELETED or not due:
            return
        row = audit_row(
            Action.ACCOUNT_ERASURE_STARTED, account.audit, _context(now), actor=SYSTEM_ACTOR
        )
        look_at = next_look(now, ERASURE_LOOK_AGAIN_SECONDS)
        if not flow.deletions.claim(account, look_at, Effects(audit=(row,))):
            # Restored, or claimed by another worker. The next delivery finds out.
            raise ErasureHeldUp
        try:
            self._account = flow.accounts.get(self._account_id)
        except AccountNotFound:
            return

    def _count(self, data: ExternalData) -> None:
        self._flow.deletions.note(self._account_id, data.kind, data.count(self._account_id))

    def _remove(self, data: ExternalData) -> None:
        if data.remove_all(self._account_id, self._now) is not None:
            self._is_held_up = True

    def _mark_identities(self) -> None:
        """Remember that these identities were erased: their tokens may be valid for hours."""
        self._flow.deletions.mark_identities(self._account_id, self._now)

    def _erase_tokens(self) -> bool:
        tokens = self._flow.deletions.list_tokens(self._account_id)
        self._flow.deletions.erase(self._account_id, tokens)
        return bool(tokens)

    def _erase_messages(self, account: Account) -> bool:
        identifiers = frozenset(filter(None, (account.id, email_key(account.email))))
        keys = list(self._flow.outbox.list_about(identifiers, self._now))
        messages = [(key, "queued_message") for key in keys[:ERASURE_PAGE_ITEMS]]
        self._flow.deletions.erase(account.id, messages)
        return bool(keys)

    def _sign(self) -> None:
        """Create and sign the receipt, unless another worker has finished."""
        deletion = self._flow.deletions.find(self._account_id)
        if deletion is None:
            return
        erased = {kind: count for kind, count in sorted(deletion.erased.items()) if count}
        self._receipt = Receipt(
            id=deletion.receipt_id,
            requested_at=deletion.requested_at,
            erased_at=self._now,
            erased={**erased, "account": 1},
        )
        self._signed = self._flow.sign(self._receipt)

    def _finish(self, account: Account, receipt: Receipt) -> None:
        context = _context(self._now)
        row = audit_row(Action.ACCOUNT_ERASED, account.audit, context, actor=SYSTEM_ACTOR)
        mail = AccountErased(
            address=account.email, language=account.speaking_language, receipt=self._signed
        )
        outbox = (mail.message(context),) if account.email else ()
        effects = Effects(audit=(row,), outbox=outbox)
        if self._flow.deletions.finish(account, receipt, self._signed, effects):
            logger.info("account erased", receipt_id=receipt.id, erased=receipt.erased)
        elif self._flow.deletions.find(account.id) is not None:
            # A claim changed between the read and the write.
            raise ErasureHeldUp


def _context(now: datetime) -> RequestContext:
    return RequestContext(request_id=new_id("job", now), now=now, ip_address="")
