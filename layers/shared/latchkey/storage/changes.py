"""Encodes changes as writes that several stores add to their transactions."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from latchkey.domain import changes
from latchkey.domain.account import email_key
from latchkey.domain.clock import to_milliseconds
from latchkey.domain.limits import (
    ENDED_SESSION_RETENTION_DAYS,
    EXTERNAL_SIGN_IN_MAX_DAYS,
    IDEMPOTENCY_RETENTION_HOURS,
    KNOWN_DEVICE_DAYS,
)
from latchkey.storage import keys
from latchkey.storage.fences import NOT_ERASING, not_erasing
from latchkey.storage.networks import address_place
from latchkey.storage.records import to_item
from latchkey.storage.table import (
    ABSENT,
    EXISTS,
    Change,
    Check,
    Compare,
    Delete,
    Lacks,
    Put,
    Update,
    equals,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from latchkey.domain.account import Account
    from latchkey.domain.avatar import AvatarUpload
    from latchkey.domain.changes import AccountChange
    from latchkey.domain.erasure import Deletion
    from latchkey.domain.ids import AccountId, DeviceId
    from latchkey.domain.session import Session
    from latchkey.domain.single_use import SingleUseToken
    from latchkey.storage.table import Condition, Item, Value, Write


def writes_of(decided: Iterable[changes.Change]) -> list[Write]:
    """Encode changes. Cost: 2 WRU each; 3 for a deletion, which is in an index."""
    return [_write_of(change) for change in decided]


def _write_of(change: changes.Change) -> Write:  # noqa: C901, PLR0912 - one case for each change
    match change:
        case changes.TokenRedeemed(token):
            return redeem(token)
        case changes.CodeUsed(code):
            return Delete(keys.mailed_code(code.digest), EXISTS)
        case changes.DeviceSeen(account_id, device_id, at):
            return _device_seen(account_id, device_id, at)
        case changes.DeviceForgotten(account_id, device_id):
            return Delete(keys.device(account_id, device_id))
        case changes.AttemptsForgotten() | changes.AttemptsTakenBack() | changes.AttemptsReduced():
            return attempts_removed(change)
        case changes.UploadUsed(upload, slot):
            return upload_used(upload, slot)
        case changes.KeyUsed():
            return _key_used(change)
        case changes.ConsentDecided(account_id, consent):
            return Put(keys.consent(account_id, consent.id), to_item(consent), ABSENT)
        case changes.DeletionScheduled(deletion):
            return _deletion_scheduled(deletion)
        case changes.DeletionCancelled(account_id):
            return Delete(keys.deletion(account_id))
        case changes.SessionRequired(session):
            return still_active(session)
        case changes.AccountKept(account_id):
            return not_erasing(account_id)
        case changes.IdentitySeen(account_id, identity):
            return Put(keys.identity(account_id, identity.id), to_item(identity))
        case changes.IdentityNotErased(identity_id, authenticated_at):
            return Check(keys.erased_identity(identity_id), signed_in_later(authenticated_at))


def redeem(token: SingleUseToken) -> Delete:
    """Return the write that redeems a token. Only one transaction can commit it."""
    return Delete(keys.single_use_token(token.id), EXISTS)


def still_active(session: Session) -> Check:
    """Return the check that a session has not ended and has the same role."""
    condition = Lacks("ended_at") & equals("role", session.role.value)
    return Check(keys.session(session.account_id, session.id), condition)


def upload_used(upload: AvatarUpload, slot: int) -> Delete:
    """Return the write that frees an upload's slot. Only one transaction can commit it."""
    return Delete(keys.avatar_upload(upload.account_id, slot), equals("id", upload.id))


def _device_seen(account_id: AccountId, device_id: DeviceId, at: datetime) -> Put:
    forgotten_at = at + timedelta(days=KNOWN_DEVICE_DAYS)
    attributes = {"seen_at": to_milliseconds(at), "ttl": int(forgotten_at.timestamp())}
    return Put(keys.device(account_id, device_id), attributes)


def attempts_removed(
    change: changes.AttemptsForgotten | changes.AttemptsTakenBack | changes.AttemptsReduced,
) -> Delete | Update:
    """Return the write that removes attempts from a counter."""
    key = keys.attempts(change.counter.backoff.name, change.counter.subject)
    match change:
        case changes.AttemptsForgotten():
            return Delete(key)
        case changes.AttemptsReduced(_, amount):
            return Update(key, Change(add={"attempts": -amount}), Compare("attempts", ">", amount))
        case changes.AttemptsTakenBack(_, counted, amount, at):
            last = equals("attempts", counted)
            if amount >= counted:
                return Delete(key, last)
            opens_now = {"opens_at": to_milliseconds(at)}
            return Update(key, Change(assign=opens_now, add={"attempts": -amount}), last)


def _key_used(used: changes.KeyUsed) -> Put:
    """Condition: the key is unused, or was used more than IDEMPOTENCY_RETENTION_HOURS ago."""
    expires_at = used.at + timedelta(hours=IDEMPOTENCY_RETENTION_HOURS)
    attributes: Item = {
        "fingerprint": used.key.fingerprint,
        "created": to_item(used.created),
        "expires_at": to_milliseconds(expires_at),
        "ttl": int(expires_at.timestamp()),
    }
    unused = ABSENT | Compare("expires_at", "<=", to_milliseconds(used.at))
    return Put(keys.idempotency(used.owner, used.key.digest), attributes, unused)


# Deletions -----------------------------------------------------------------------------------


def _deletion_scheduled(deletion: Deletion) -> Put:
    attributes = {name: v for name, v in to_item(deletion).items() if name != "erased"}
    listed = look_at(deletion.look_at, deletion.account_id)
    return Put(keys.deletion(deletion.account_id), {**attributes, **listed})


def look_at(at: datetime, account_id: AccountId) -> Item:
    """Return the attributes by which the schedule finds a deletion that is due at a time."""
    return {
        "look_at": to_milliseconds(at),
        "gsi1pk": keys.PURGE_DUE,
        "gsi1sk": keys.due(to_milliseconds(at), account_id),
    }


# Accounts ------------------------------------------------------------------------------------


def account_changed(change: AccountChange, *, ended_at: datetime | None = None) -> list[Write]:
    """Return the account's writes of a transaction that changes its status or its sessions.

    ended_at  when the transaction ends sessions. Then sign-ins in flight start no session

    Cost       2 WRU; 2 more for the number of administrators, and 4 for an address that changes
    Condition  the set of the account's sessions is unchanged since the account was read;
               its erasure has not begun; an administrator remains; the account owns the claims
               of both addresses
    Race       a concurrent sign-in cancels the transaction: read again and decide again
    """
    return [
        sessions_changing(change.before, _difference(change), ended_at=ended_at),
        *admin_count_update(change.before, change.after),
        *_addresses_swapped(change),
    ]


def sessions_changing(
    account: Account, assign: Item | None = None, *, ended_at: datetime | None = None
) -> Update:
    """Update an account whose sessions change; see `account_changed`."""
    add = {"session_version": 1}
    if assign:
        add["version"] = 1
    changed = dict(assign or {})
    if ended_at is not None:
        add["sign_in_epoch"] = 1
        changed["signed_out_at"] = to_milliseconds(ended_at)
    return Update(
        keys.account(account.id),
        Change(assign=changed, add=add),
        NOT_ERASING & equals("session_version", account.session_version),
    )


def index_attributes(account: Account) -> dict[str, Value]:
    """Return the index attributes of an account: by status and by address.

    Cost  1 WRU for each index, where it changes
    """
    attributes: dict[str, Value] = {
        "gsi1pk": keys.accounts_partition(account.status.value, account.id),
        "gsi1sk": keys.due(to_milliseconds(account.created_at), account.id),
    }
    if account.email:
        address = email_key(account.email)
        attributes["gsi2pk"] = keys.addresses_partition(address)
        attributes["gsi2sk"] = f"{address}#{account.id}"
    return attributes


def admin_count_update(before: Account, after: Account) -> list[Write]:
    """Return the write that updates the number of active administrators.

    Cost       2 WRU; nothing if the number does not change
    Condition  at least one remains
    Race       of two administrators who remove each other, one transaction is cancelled
    """
    change = after.is_working_admin - before.is_working_admin
    if not change:
        return []
    condition = Compare("working", ">", 1) if change < 0 else None
    return [Update(keys.administrators(), Change(add={"working": change}), condition)]


def _difference(change: AccountChange) -> Item:
    """Return the attributes that differ. A cleared field becomes null."""
    old = to_item(change.before) | index_attributes(change.before)
    new = to_item(change.after) | index_attributes(change.after)
    return {name: new.get(name) for name in {**old, **new} if old.get(name) != new.get(name)}


def _addresses_swapped(change: AccountChange) -> list[Write]:
    """Return the writes that restore a reserved address and free the current one."""
    current_key, restored_key = email_key(change.before.email), email_key(change.after.email)
    if current_key == restored_key:
        return []
    own = equals("account_id", change.before.id)
    return [
        Put(keys.email_claim(restored_key), {"account_id": change.before.id}, own),
        Delete(keys.email_claim(current_key), own),
    ]


# Sessions ------------------------------------------------------------------------------------


def begin(session: Session) -> Put:
    """Return the write that starts a session, also for the transaction of a registration.

    Cost  2 WRU, and 1 for each of its two indexes
    """
    attributes = {
        **to_item(session),
        **_session_index(session),
        "ttl": session_ttl(session.expires_at),
    }
    return Put(keys.session(session.account_id, session.id), attributes, ABSENT)


def _session_index(session: Session) -> dict[str, Value]:
    """Return the index attributes of a session, which never change."""
    attributes: dict[str, Value] = {
        "gsi1pk": keys.sessions_partition(session.id),
        "gsi1sk": keys.due(to_milliseconds(session.created_at), session.id),
    }
    place = address_place(session.ip_address)
    if place is not None:
        attributes |= {"gsi2pk": place[0], "gsi2sk": f"{place[1]}#{session.id}"}
    return attributes


def signed_in_later(authenticated_at: datetime) -> Condition:
    """Return the condition that an identity was not erased after a sign-in."""
    return ABSENT | Compare("erased_at", "<", to_milliseconds(authenticated_at))


def ended_session_ttl(session: Session, at: datetime) -> int:
    """Return when DynamoDB may remove a session that was ended at this time.

    One of another issuer stays for as long as a token of its sign-in could start it again.
    """
    if session.identity_id is None:
        return session_ttl(at)
    return int((at + timedelta(days=EXTERNAL_SIGN_IN_MAX_DAYS)).timestamp())


def session_ttl(ended_at: datetime) -> int:
    """Return when DynamoDB may remove a session that ends at this instant."""
    kept = timedelta(days=ENDED_SESSION_RETENTION_DAYS)
    return int((ended_at + kept).timestamp())
