"""What a flow decides to change, beside its audit rows and messages (`domain.effects`).

A flow hands these to a store, which writes all of them in one transaction or none. Attribute names
and encodings are storage's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.domain.account import Account
    from latchkey.domain.avatar import AvatarUpload
    from latchkey.domain.consent import Consent
    from latchkey.domain.erasure import Deletion
    from latchkey.domain.idempotency import IdempotencyKey
    from latchkey.domain.mailed_code import MailedCode
    from latchkey.domain.session import Session
    from latchkey.domain.single_use import SingleUseToken


@dataclass(frozen=True, slots=True)
class AccountChange:
    """An account as it was read, and as it will be; fields that are equal are not written.

    Its counters (`version`, `session_version`, `sign_in_epoch`) are storage's to raise. An email
    address that changes takes its claim along; the number of administrators follows.
    """

    before: Account
    after: Account


@dataclass(frozen=True, slots=True)
class TokenRedeemed:
    """A single-use token is used up. Refused if it is used already."""

    token: SingleUseToken


@dataclass(frozen=True, slots=True)
class CodeUsed:
    """A mailed code is used up. Refused if it is used already."""

    code: MailedCode


@dataclass(frozen=True, slots=True)
class DeviceSeen:
    """A device is known to an account from now on."""

    account_id: str
    device_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class DeviceForgotten:
    """A device is new to an account again."""

    account_id: str
    device_id: str


@dataclass(frozen=True, slots=True)
class UploadUsed:
    """An upload became the avatar, or no picture. Refused if its slot has another upload."""

    upload: AvatarUpload
    slot: int


@dataclass(frozen=True, slots=True)
class KeyUsed:
    """An idempotency key is tied to what its request created. Refused if it is used already.

    owner    an account id; None for a registration, where nobody is signed in
    created  a dataclass with its id and plain facts; never a credential
    """

    owner: str | None
    key: IdempotencyKey
    created: object
    at: datetime


@dataclass(frozen=True, slots=True)
class ConsentDecided:
    """A decision is added to the history of consents."""

    account_id: str
    consent: Consent


@dataclass(frozen=True, slots=True)
class DeletionScheduled:
    """An account will be erased."""

    deletion: Deletion


@dataclass(frozen=True, slots=True)
class DeletionCancelled:
    """An account will not be erased."""

    account_id: str


@dataclass(frozen=True, slots=True)
class SessionRequired:
    """Nothing of the session changes, but it must not have ended, nor lost its role."""

    session: Session


@dataclass(frozen=True, slots=True)
class AccountKept:
    """Nothing of the account changes, but its erasure must not have begun.

    It belongs to each transaction that writes something for an account and changes neither the
    account nor one of its sessions.

    account_id  None for nobody: never refused, at the same cost
    """

    account_id: str | None


type Change = (
    TokenRedeemed
    | CodeUsed
    | DeviceSeen
    | DeviceForgotten
    | UploadUsed
    | KeyUsed
    | ConsentDecided
    | DeletionScheduled
    | DeletionCancelled
    | SessionRequired
    | AccountKept
)


class ChangeRefused(Exception):
    """A condition of one of the changes did not hold, and none of them was written."""
