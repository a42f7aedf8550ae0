"""The changes that a flow decides, beside audit rows and messages (`domain.effects`).

A store writes all changes of a flow in one transaction, or none. It knows the attribute names and
encodings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.values import dataclass

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.domain.account import Account
    from latchkey.domain.avatar import AvatarUpload
    from latchkey.domain.consent import Consent
    from latchkey.domain.erasure import Deletion
    from latchkey.domain.idempotency import IdempotencyKey
    from latchkey.domain.identity import Identity
    from latchkey.domain.ids import AccountId, DeviceId, IdentityId
    from latchkey.domain.mailed_code import MailedCode
    from latchkey.domain.session import Session
    from latchkey.domain.single_use import SingleUseToken
    from latchkey.domain.throttle import Counter


@dataclass(frozen=True, slots=True)
class AccountChange:
    """An account before and after a change. Unchanged fields are not written.

    Storage increments its counters (`version`, `session_version`, `sign_in_epoch`). A changed
    address moves its claim, and the number of administrators is updated.
    """

    before: Account
    after: Account


@dataclass(frozen=True, slots=True)
class TokenRedeemed:
    """A single-use token is redeemed. Refused if it is already used."""

    token: SingleUseToken


@dataclass(frozen=True, slots=True)
class CodeUsed:
    """An emailed code is redeemed. Refused if it is already used."""

    code: MailedCode


@dataclass(frozen=True, slots=True)
class DeviceSeen:
    """A device becomes a known device of an account."""

    account_id: AccountId
    device_id: DeviceId
    at: datetime


@dataclass(frozen=True, slots=True)
class DeviceForgotten:
    """A device becomes unknown to an account."""

    account_id: AccountId
    device_id: DeviceId


@dataclass(frozen=True, slots=True)
class AttemptsForgotten:
    """The failed attempts of a counter are forgotten."""

    counter: Counter


@dataclass(frozen=True, slots=True)
class AttemptsTakenBack:
    """Attempts that a success has shown to be the owner's are removed, and the wait after them.

    Refused if there was another attempt since.

    counted  the number that the successful attempt got
    amount   the number to remove, including that one
    """

    counter: Counter
    counted: int
    amount: int
    at: datetime


@dataclass(frozen=True, slots=True)
class AttemptsReduced:
    """Attempts of the owner are removed, and others' are kept, with the wait after them.

    Refused if there are not more.
    """

    counter: Counter
    amount: int


@dataclass(frozen=True, slots=True)
class UploadUsed:
    """An upload became the avatar, or was unusable. Refused if its slot has another upload."""

    upload: AvatarUpload
    slot: int


@dataclass(frozen=True, slots=True)
class KeyUsed:
    """An idempotency key is claimed for the result of its request. Refused if it is already used.

    owner    an account id; None for a registration
    created  a dataclass with the result's id and plain facts; never a credential
    """

    owner: AccountId | None
    key: IdempotencyKey
    created: object
    at: datetime


@dataclass(frozen=True, slots=True)
class ConsentDecided:
    """A consent is added to the history."""

    account_id: AccountId
    consent: Consent


@dataclass(frozen=True, slots=True)
class DeletionScheduled:
    """The erasure of an account is ordered."""

    deletion: Deletion


@dataclass(frozen=True, slots=True)
class DeletionCancelled:
    """The erasure of an account is cancelled."""

    account_id: AccountId


@dataclass(frozen=True, slots=True)
class SessionRequired:
    """The session is unchanged, but must not have ended or lost its role."""

    session: Session


@dataclass(frozen=True, slots=True)
class AccountKept:
    """The account is unchanged, but its erasure must not have begun.

    Add it to each transaction that writes something for an account and changes neither the account
    nor one of its sessions.

    account_id  None without an account: never refused, at the same cost
    """

    account_id: AccountId | None


@dataclass(frozen=True, slots=True)
class IdentitySeen:
    """An identity of an account has the claims of its newest sign-in."""

    account_id: AccountId
    identity: Identity


@dataclass(frozen=True, slots=True)
class IdentityNotErased:
    """The identity is unchanged, but must not have been erased since this sign-in."""

    identity_id: IdentityId
    authenticated_at: datetime


type Change = (
    TokenRedeemed
    | CodeUsed
    | DeviceSeen
    | DeviceForgotten
    | AttemptsForgotten
    | AttemptsTakenBack
    | AttemptsReduced
    | UploadUsed
    | KeyUsed
    | ConsentDecided
    | DeletionScheduled
    | DeletionCancelled
    | SessionRequired
    | AccountKept
    | IdentitySeen
    | IdentityNotErased
)


class ChangeRefused(Exception):
    """The condition of a change did not hold. None of the changes was written."""
