"""Accounts, and the claims that keep addresses and usernames unique."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from latchkey.domain.account import Account, email_key, username_key
from latchkey.domain.changes import ChangeRefused
from latchkey.domain.clock import to_milliseconds
from latchkey.domain.errors import (
    AccountNotFound,
    EmailAlreadyRegistered,
    IdempotencyKeyReused,
    UsernameTaken,
)
from latchkey.domain.ids import AccountId
from latchkey.domain.limits import OBJECTION_DAYS
from latchkey.domain.values import replace
from latchkey.storage import keys
from latchkey.storage.changes import account_changed, begin, index_attributes, redeem, writes_of
from latchkey.storage.reads import AccountReader
from latchkey.storage.records import from_item, to_item
from latchkey.storage.table import (
    ABSENT,
    EXISTS,
    Change,
    Check,
    Compare,
    ConditionFailed,
    Delete,
    Lacks,
    Put,
    Update,
    equals,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from latchkey.domain.changes import AccountChange
    from latchkey.domain.changes import Change as Decided
    from latchkey.domain.effects import Effects
    from latchkey.domain.session import Session
    from latchkey.domain.single_use import SingleUseToken
    from latchkey.storage.effects import EffectWriter
    from latchkey.storage.table import Condition, Item, Key, Table, Value, Write

RESERVED_UNTIL = "reserved_until"
"""On the claim of a former address: until this time only its former owner can use it."""

_NOBODY: Item = {
    "id": "",
    "email": "",
    "password_hash": "",
    "audit": {"id": "", "key": b""},
    "created_at": 0,
    "updated_at": 0,
}
"""Decoded in place of a missing account, so that the time does not reveal that it is missing."""


class AccountStore(AccountReader):
    """The accounts of one deployment."""

    def __init__(self, table: Table, effects: EffectWriter) -> None:
        """Use this table."""
        super().__init__(table)
        self._effects = effects

    def find_by_email(self, address_key: str) -> Account | None:
        """Find the account of an address.

        Pattern      A2, an emailed link or code
        Request      GetItem, GetItem
        Consistency  strong: a new account can get a link immediately
        Cost         2 RRU, also if there is none: the time must not reveal it
        """
        return self._owner(keys.email_claim(address_key))

    def find_by_username(self, name_key: str) -> Account | None:
        """Find the account of a username.

        Pattern      A3, an emailed code
        Request      GetItem, GetItem
        Consistency  strong
        Cost         2 RRU, also if there is none: the time must not reveal it
        """
        return self._owner(keys.username_claim(name_key))

    def _owner(self, claim: Key) -> Account | None:
        owner = _owner_of(self._table.get(claim))
        # Timing: a second read, even if there is no claim.
        account = decode_account(self._table.get(keys.account(owner or AccountId("nobody"))))
        return None if owner is None else account

    def owner_of_email(self, address_key: str) -> AccountId | None:
        """Return the id of the account with an address.

        Pattern      A11, sign-in by email
        Request      GetItem
        Consistency  strong: a new account can sign in immediately
        Cost         1 RRU
        """
        return _owner_of(self._table.get(keys.email_claim(address_key)))

    def owner_of_username(self, name_key: str) -> AccountId | None:
        """Return the id of the account with a username.

        Pattern      A12, sign-in by username
        Request      GetItem
        Consistency  strong
        Cost         1 RRU
        """
        return _owner_of(self._table.get(keys.username_claim(name_key)))

    def find_owners(
        self, address_key: str, name_key: str | None
    ) -> tuple[AccountId | None, AccountId | None]:
        """Find the accounts of an address and a username. Returns account ids, or None.

        Pattern      A9, before a registration
        Request      BatchGetItem
        Consistency  strong
        Cost         1 RRU, and 1 more with a username
        """
        address = keys.email_claim(address_key)
        claims = [address] if name_key is None else [address, keys.username_claim(name_key)]
        owners: dict[object, AccountId | None] = {address.pk: None}
        for item in self._table.get_many(claims):
            owners[item["pk"]] = _owner_of(item)
        return owners.pop(address.pk), next(iter(owners.values()), None)

    def put_new(
        self,
        account: Account,
        effects: Effects,
        *,
        session: Session | None = None,
        also: Sequence[Decided] = (),
    ) -> None:
        """Create an account together with its claims.

        session  the first session (`flows.sign_in.FirstSession`); None to start without one
        also     the claim of an idempotency key, and the device of the session

        Pattern      A4, registration
        Request      TransactWriteItems
        Cost         8 WRU: account, email claim and audit row at 2 each, 2 more for a username;
                     and 1 for each of the account's two indexes. A first session adds 8: session,
                     device and audit row at 2 each, and 1 for each of the session's two indexes
        Bounds       9 of 100 items, and less than 10 KiB of 4 MiB
        Condition    neither claim exists; an address with an expired reservation is free
        Race         of two transactions with the same address or name, one is cancelled
        Raises       EmailAlreadyRegistered, UsernameTaken, IdempotencyKeyReused
        """
        owner = {"account_id": account.id}
        free = ABSENT | _reservation_is_over(account.created_at)
        email_claim = Put(keys.email_claim(email_key(account.email)), owner, free)
        writes: list[Write] = [
            Put(
                keys.account(account.id), {**to_item(account), **index_attributes(account)}, ABSENT
            ),
            email_claim,
        ]
        if account.username is not None:
            writes.append(Put(keys.username_claim(username_key(account.username)), owner, ABSENT))
        if session is not None:
            writes.append(begin(session))
        further = writes_of(also)
        try:
            self._table.transact([*writes, *further, *self._effects.writes(effects)])
        except ConditionFailed as failed:
            if failed.write == email_claim:
                raise EmailAlreadyRegistered from failed
            if failed.write in further:
                raise IdempotencyKeyReused from failed
            raise UsernameTaken from failed

    def reactivate(
        self, change: AccountChange, effects: Effects, *, also: Sequence[Decided] = ()
    ) -> bool:
        """Restore or unsuspend an account. No session has to end.

        Pattern      A10, restore and unsuspend
        Request      TransactWriteItems
        Cost         4 WRU: account and audit row; and as `changes.account_changed`
        Condition    the account's status and sessions are unchanged since it was read
        Race         False if they have changed: read again, decide again
        """
        writes = [*account_changed(change), *writes_of(also), *self._effects.writes(effects)]
        try:
            self._table.transact(writes)
        except ConditionFailed:
            return False
        return True

    def update(
        self, old: Account, new: Account, effects: Effects, *, also: Sequence[Decided] = ()
    ) -> bool:
        """Write the fields that differ between `old` and `new`, and no others.

        new   has the next version. A new username replaces the old claim. A new avatar loses its
              orphan marker, and the old one gets a marker
        also  further changes

        Pattern      A5, change a profile
        Request      TransactWriteItems
        Cost         4 WRU: account and audit row; 4 more to replace a username, and 4 more to
                     replace an avatar
        Condition    the account is still the version that was read
        Race         False if it is not: read again, decide again. A concurrent sign-in is no
                     conflict: it increments session_version, which this does not write
        Raises       UsernameTaken; ChangeRefused if a change of `also` was refused
        """
        account_write = _account_update(old, new)
        claims = _username_claims(old, new)
        writes = [
            account_write,
            *claims,
            *_orphan_markers(old, new),
            *writes_of(also),
            *self._effects.writes(effects),
        ]
        try:
            self._table.transact(writes)
        except ConditionFailed as failed:
            if failed.write == account_write:
                return False
            if failed.write in claims:
                raise UsernameTaken from failed
            raise ChangeRefused from failed
        return True

    def record(self, effects: Effects, *, also: Sequence[Decided] = ()) -> None:
        """Write the effects of a request that changes no account.

        also  the claim of an idempotency key, and AccountKept if an effect names an account

        Pattern      A6, "forgot", "resend", registration of an address that is taken
        Request      TransactWriteItems
        Cost         2 WRU for each row and message. A transaction even for one write, so that it
                     takes as long as a request that changes something
        Raises       IdempotencyKeyReused, AccountNotFound if the account is being erased
        """
        try:
            self._table.transact([*writes_of(also), *self._effects.writes(effects)])
        except ConditionFailed as failed:
            if isinstance(failed.write, Check):
                raise AccountNotFound from failed
            raise IdempotencyKeyReused from failed

    def verify_email(
        self, account: Account, token: SingleUseToken, at: datetime, effects: Effects
    ) -> bool:
        """Mark the account's address as verified, and redeem the token.

        Pattern      A7, the link of an email
        Request      TransactWriteItems
        Cost         6 WRU: account, token and audit row
        Condition    the token was not redeemed, and the address, password and status are unchanged
        Race         of two calls with the same token one gets True
        """
        verified = Update(
            keys.account(account.id),
            Change(
                assign={"is_verified": True, "updated_at": to_milliseconds(at)}, add={"version": 1}
            ),
            _is_unchanged(account),
        )
        try:
            self._table.transact([redeem(token), verified, *self._effects.writes(effects)])
        except ConditionFailed:
            return False
        return True

    def change_email(
        self,
        account: Account,
        address: str,
        token: SingleUseToken,
        at: datetime,
        effects: Effects,
    ) -> bool:
        """Change the account's address to a verified one.

        The current one is reserved for OBJECTION_DAYS, so that the change can be undone. Only one
        address is reserved at a time: a thief who changes the address twice does not get the second
        one reserved.

        Pattern      A8, the emailed link to the new address
        Request      TransactWriteItems
        Cost         12 WRU: account, two claims, token, audit row and mail; and 1 for the index of
                     addresses
        Condition    the token was not redeemed; no other account has the new address; the address,
                     password and status are unchanged since the account was read, and the
                     password is not void
        Race         of two calls with the same token one gets True
        Raises       EmailAlreadyRegistered
        """
        owner = {"account_id": account.id}
        claim = Put(
            keys.email_claim(email_key(address)),
            owner,
            ABSENT | _reservation_is_over(at) | equals("account_id", account.id),
        )
        writes: list[Write] = [
            redeem(token),
            claim,
            *_replace_address(account, address, at),
            *self._effects.writes(effects),
        ]
        try:
            self._table.transact(writes)
        except ConditionFailed as failed:
            if failed.write == claim:
                raise EmailAlreadyRegistered from failed
            return False
        return True


def _owner_of(claim: Item | None) -> AccountId | None:
    if claim is None or RESERVED_UNTIL in claim:
        return None
    return AccountId(str(claim["account_id"]))


def decode_account(item: Item | None) -> Account | None:
    """Return a stored account. A missing one takes the same time to decode."""
    account = from_item(Account, item or _NOBODY)
    return None if item is None else account


def _account_update(old: Account, new: Account) -> Update:
    before, after = to_item(old) | index_attributes(old), to_item(new) | index_attributes(new)
    change = Change(
        assign={name: value for name, value in after.items() if before.get(name) != value},
        drop=[name for name in before if name not in after],
    )
    return Update(keys.account(old.id), change, EXISTS & equals("version", old.version))


def _username_claims(old: Account, new: Account) -> list[Write]:
    before, after = (
        None if account.username is None else keys.username_claim(username_key(account.username))
        for account in (old, new)
    )
    if before == after:
        return []
    claims: list[Write] = []
    if after is not None:
        claims.append(Put(after, {"account_id": old.id}, ABSENT))
    if before is not None:
        claims.append(Delete(before, equals("account_id", old.id)))
    return claims


def _orphan_markers(old: Account, new: Account) -> list[Write]:
    if old.avatar_id == new.avatar_id:
        return []
    markers: list[Write] = []
    if new.avatar_id is not None:
        markers.append(Delete(keys.orphaned_avatar(new.avatar_id)))
    if old.avatar_id is not None:
        markers.append(Put(keys.orphaned_avatar(old.avatar_id), {}))
    return markers


def _replace_address(account: Account, address: str, at: datetime) -> list[Write]:
    """Change the account's address, and reserve or release the claim of the current one."""
    current_claim = keys.email_claim(email_key(account.email))
    own = equals("account_id", account.id)
    assign: dict[str, Value] = {
        "email": address,
        "is_verified": True,
        "updated_at": to_milliseconds(at),
        **index_attributes(replace(account, email=address)),
    }
    if account.has_former_email(at):
        claim_write: Write = Delete(current_claim, own)
        if email_key(address) == email_key(account.former_email or ""):
            assign |= {"former_email": None, "former_email_until": None}
    else:
        until = at + timedelta(days=OBJECTION_DAYS)
        reserved: Item = {
            "account_id": account.id,
            RESERVED_UNTIL: to_milliseconds(until),
            "ttl": int(until.timestamp()),
        }
        claim_write = Put(current_claim, reserved, own)
        assign |= {"former_email": account.email, "former_email_until": to_milliseconds(until)}
    has_valid_password = Lacks("must_reset_password") | equals("must_reset_password", False)
    change = Update(
        keys.account(account.id),
        # session_version: cancels concurrent changes that depend on the address, such as a reset.
        Change(assign=assign, add={"version": 1, "session_version": 1}),
        _is_unchanged(account) & has_valid_password,
    )
    return [claim_write, change]


def _is_unchanged(account: Account) -> Condition:
    return (
        equals("email", account.email)
        & equals("password_hash", account.password_hash)
        & equals("status", account.status.value)
    )


def _reservation_is_over(at: datetime) -> Condition:
    return Compare(RESERVED_UNTIL, "<=", to_milliseconds(at))
