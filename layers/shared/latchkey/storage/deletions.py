"""Orders of deletion, and the erasure itself, one transaction at a time."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import batched
from typing import TYPE_CHECKING

from latchkey.domain.account import AccountStatus, email_key, username_key
from latchkey.domain.clock import to_milliseconds
from latchkey.domain.erasure import Deletion
from latchkey.domain.ids import IdentityId
from latchkey.domain.limits import ERASURE_PAGE_ITEMS, EXTERNAL_SIGN_IN_MAX_DAYS
from latchkey.storage import keys
from latchkey.storage.changes import look_at as _look_at
from latchkey.storage.records import from_item, to_item
from latchkey.storage.table import (
    EXISTS,
    Change,
    ConditionFailed,
    Delete,
    Key,
    Lacks,
    Put,
    Query,
    Update,
    equals,
    read_all,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from latchkey.domain.account import Account
    from latchkey.domain.effects import Effects
    from latchkey.domain.erasure import Receipt
    from latchkey.domain.ids import AccountId, ReceiptId
    from latchkey.storage.effects import EffectWriter
    from latchkey.storage.table import Item, Table, Write

_COUNT = "erased_"
"""The prefix of counting attributes. They are top-level, because only those support ADD."""


class DeletionStore:
    """Pending deletions, and receipts of completed ones."""

    def __init__(self, table: Table, effects: EffectWriter) -> None:
        """Use this table."""
        self._table = table
        self._effects = effects

    def find(self, account_id: AccountId) -> Deletion | None:
        """Read the deletion of an account and its progress.

        Pattern      R1, the worker
        Request      GetItem
        Consistency  strong
        Cost         1 RRU
        """
        item = self._table.get(keys.deletion(account_id))
        return None if item is None else _deletion(item)

    def list_due(self, now: datetime) -> Iterator[Deletion]:
        """List overdue deletions, oldest first.

        Pattern      R2, the schedule
        Request      Query, GetItem
        Consistency  eventual, then strong for each one found, because the index may be outdated
        Cost         0.5 RRU when nothing is due, and 1 RRU for each that is
        """
        # Keys sort as text, and "~" sorts after every id.
        bounds = ("0", keys.due(to_milliseconds(now), "~"))
        query = Query(partition=keys.PURGE_DUE, between=bounds, limit=100, index="gsi1")
        for found in list(read_all(self._table, query)):
            item = self._table.get(Key(str(found["pk"]), str(found["sk"])))
            if item is not None and _deletion(item).look_at <= now:
                yield _deletion(item)

    def postpone_check(self, deletion: Deletion, look_at: datetime, effects: Effects) -> bool:
        """Postpone the check of a deletion, and send its message.

        Pattern      R3, the schedule
        Request      TransactWriteItems
        Cost         5 WRU: deletion, its place in the index, message
        Condition    unchanged since it was read
        Race         of parallel runs of the schedule, one sends the message
        """
        update = Update(
            keys.deletion(deletion.account_id),
            Change(assign=_look_at(look_at, deletion.account_id)),
            equals("look_at", to_milliseconds(deletion.look_at)),
        )
        return self._try([update, *self._effects.writes(effects)])

    def claim(self, account: Account, look_at: datetime, effects: Effects) -> bool:
        """Claim a deleted account for erasure. This is final.

        Pattern      R4, the worker
        Request      TransactWriteItems
        Cost         7 WRU: account, deletion and its place in the index, audit row
        Condition    it is still deleted, and unchanged since it was read
        Race         against a restore: one of the two transactions is cancelled
        """
        status = AccountStatus.ERASING.value
        claimed = Update(
            keys.account(account.id),
            Change(
                assign={
                    "status": status,
                    "gsi1pk": keys.accounts_partition(status, account.id),
                },
                add={"session_version": 1, "version": 1},
            ),
            equals("status", AccountStatus.DELETED.value)
            & equals("session_version", account.session_version),
        )
        deletion = Update(
            keys.deletion(account.id), Change(assign=_look_at(look_at, account.id)), EXISTS
        )
        return self._try([claimed, deletion, *self._effects.writes(effects)])

    def note(self, account_id: AccountId, kind: str, count: int) -> None:
        """Record the number of items outside the table once, before they are removed.

        Pattern      R5, the worker, for files
        Request      UpdateItem
        Cost         1 WRU
        Condition    it was not recorded before; a second worker would find fewer
        """
        noted = Update(
            keys.deletion(account_id),
            Change(assign={f"{_COUNT}{kind}": count}),
            EXISTS & Lacks(f"{_COUNT}{kind}"),
        )
        try:
            self._table.update(noted)
        except ConditionFailed as failed:
            if failed.item is None:
                raise

    def erase_page(self, account_id: AccountId) -> bool:
        """Erase some items of the person's partition. False if nothing is left.

        The account and the deletion itself stay, so that another worker can continue
        after a crash.

        Pattern      R6, the worker
        Request      Query, TransactWriteItems
        Consistency  strong
        Cost         1 RRU per 4 KiB; 2 WRU per KiB of each item, its places in indexes, and 2 for
                     the count. A transaction, so that counts are exact after a crash
        Bounds       ERASURE_PAGE_ITEMS items and the count: 100 actions
        Race         an item that is removed in between cancels it, and the next call reads again
        """
        query = Query(
            partition=keys.account_partition(account_id), limit=ERASURE_PAGE_ITEMS + _KEPT
        )
        stay = {keys.account(account_id).sk, keys.deletion(account_id).sk}
        items = [item for item in self._table.query(query).items if item["sk"] not in stay]
        found = [(Key(str(i["pk"]), str(i["sk"])), _kind(i)) for i in items[:ERASURE_PAGE_ITEMS]]
        self.erase(account_id, found)
        return bool(found)

    def mark_identities(self, account_id: AccountId, at: datetime) -> None:
        """Refuse every earlier sign-in of the account's identities at other issuers.

        A token there can be valid, and be refreshed, after the account is erased. The marker has
        only a keyed digest, and is removed when such a sign-in is too old to be accepted.

        Pattern      R11, the worker
        Request      Query, PutItem
        Consistency  strong; the account is being erased, so no identity is added
        Cost         1 RRU; 1 WRU for each identity
        """
        until = at + timedelta(days=EXTERNAL_SIGN_IN_MAX_DAYS)
        attributes: Item = {"erased_at": to_milliseconds(at), "ttl": int(until.timestamp())}
        query = Query(partition=keys.account_partition(account_id), prefix=keys.IDENTITY_PREFIX)
        for item in read_all(self._table, query):
            identity_id = IdentityId(str(item["id"]))
            self._table.put(Put(keys.erased_identity(identity_id), attributes))

    def erase(self, account_id: AccountId, found: Sequence[tuple[Key, str]]) -> None:
        """Erase these items, and count them by kind.

        Pattern      R7, the worker, also for items in other partitions
        Request      TransactWriteItems
        Cost         as `erase_page`
        Bounds       ERASURE_PAGE_ITEMS
        Race         if one of them is gone, nothing is erased: read again
        """
        if not found:
            return
        counts = Counter(f"{_COUNT}{kind}" for _, kind in found)
        count = Update(keys.deletion(account_id), Change(add=dict(counts)), EXISTS)
        try:
            self._table.transact([*(Delete(key, EXISTS) for key, _ in found), count])
        except ConditionFailed as failed:
            if failed.write == count:
                raise

    def list_tokens(self, account_id: AccountId) -> list[tuple[Key, str]]:
        """List some of the emailed tokens of an account.

        Pattern      R8, the worker
        Request      Query, BatchGetItem
        Consistency  eventual: a token of this second may be missed, and TTL removes it. The found
                     ones are read again, because the index may still list erased tokens
        Cost         0.5 RRU, and 1 RRU for each
        """
        partition = keys.account_tokens_partition(account_id)
        query = Query(partition=partition, limit=ERASURE_PAGE_ITEMS, index="gsi1")
        seen = (Key(str(i["pk"]), str(i["sk"])) for i in read_all(self._table, query))
        for listed in batched(seen, ERASURE_PAGE_ITEMS, strict=False):
            if items := self._table.get_many(listed):
                return [(Key(str(i["pk"]), str(i["sk"])), "single_use_token") for i in items]
        return []

    def finish(self, account: Account, receipt: Receipt, signed: str, effects: Effects) -> bool:
        """Remove the rest of an account and store the receipt. Its address is free again.

        Pattern      R9, the worker
        Request      BatchGetItem, TransactWriteItems
        Consistency  strong
        Cost         1 RRU each claim; 2 WRU each for account, deletion, claims, receipt, audit row
                     and mail, and their places in indexes
        Condition    it is being erased, and the claims belong to it
        Race         False for the second of two
        """
        own = equals("account_id", account.id)
        erasing = equals("status", AccountStatus.ERASING.value)
        avatars = [] if account.avatar_id is None else [account.avatar_id]
        writes: list[Write] = [
            Delete(keys.account(account.id), erasing),
            Delete(keys.deletion(account.id), EXISTS),
            *(Delete(key, own) for key in self._own_claims(account)),
            # Its file is swept like any unused avatar.
            *(Put(keys.orphaned_avatar(avatar_id), {}) for avatar_id in avatars),
            Put(keys.receipt(receipt.id), {**to_item(receipt), "jws": signed}),
        ]
        return self._try([*writes, *self._effects.writes(effects)])

    def find_receipt(self, receipt_id: ReceiptId) -> str | None:
        """Read a receipt, signed.

        Pattern      R10, an operator is asked for proof
        Request      GetItem
        Cost         1 RRU
        """
        item = self._table.get(keys.receipt(receipt_id))
        return None if item is None else str(item["jws"])

    def _own_claims(self, account: Account) -> list[Key]:
        # Another account may have a former address by now.
        found = self._table.get_many(claims(account))
        return [
            Key(str(item["pk"]), str(item["sk"]))
            for item in found
            if item["account_id"] == account.id
        ]

    def _try(self, writes: list[Write]) -> bool:
        try:
            self._table.transact(writes)
        except ConditionFailed:
            return False
        return True


_KEPT = 2
"""Items of the partition that `erase_page` skips: the account and the deletion."""


def claims(account: Account) -> list[Key]:
    """Return the keys of every claim that an account may have."""
    addresses = {email_key(account.email)} - {""}
    if account.former_email is not None:
        addresses.add(email_key(account.former_email))
    found = [keys.email_claim(address) for address in sorted(addresses)]
    if account.username is not None:
        found.append(keys.username_claim(username_key(account.username)))
    return found


def _deletion(item: Item) -> Deletion:
    erased = {
        name.removeprefix(_COUNT): int(str(value))
        for name, value in item.items()
        if name.startswith(_COUNT)
    }
    return from_item(Deletion, {**item, "erased": dict(erased)})


def _kind(item: Item) -> str:
    """Return the name of an item's kind in the receipt, such as `session` for `SESSION#`."""
    return str(item["sk"]).partition("#")[0].lower()
