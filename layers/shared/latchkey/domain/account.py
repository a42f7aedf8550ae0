"""A person's account: profile, credentials and status."""

from __future__ import annotations

import unicodedata
from enum import StrEnum
from typing import TYPE_CHECKING

from latchkey.domain.errors import NoPassword, PasswordResetRequired
from latchkey.domain.values import dataclass, field_names

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.domain.audit import AuditSubject
    from latchkey.domain.ids import AccountId, AvatarId


class AccountStatus(StrEnum):
    """The status of an account. Only an ACTIVE account has sessions.

    ERASING is final: the account can't be restored.
    """

    ACTIVE = "active"
    SUSPENDED = "suspended"
    DELETED = "deleted"
    ERASING = "erasing"


class Role(StrEnum):
    """The rights of an account beyond its own data."""

    USER = "user"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileFields:
    """What people say about themselves. The view, the export and the page have each of them."""

    username: str | None = None
    full_name: str | None = None
    display_name: str | None = None
    speaking_language: str | None = None
    listening_language: str | None = None
    age: int | None = None
    occupation: str | None = None
    location: str | None = None


PROFILE_FIELDS = field_names(ProfileFields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account(ProfileFields):
    """One account. Fields that are None were never set, or were cleared by their owner.

    session_version counts changes to the set of the account's sessions. A sign-in, and every change
    that ends all sessions, is conditional on it, so that neither can miss the other.

    sign_in_epoch counts the events that end the account's sessions: a new password, a suspension,
    "sign out everywhere". A sign-in that was verified in an earlier epoch starts no session.

    signed_out_at is when they were last ended. A sign-in at another issuer that is older starts no
    session.

    version counts the changes to the rest. It is the account's ETag, so every change that the owner
    can see increments it.

    suspended_at is set while the account is suspended, also while it is deleted: a restored account
    is still suspended.

    avatar_id is the id of the avatar, and its name in `storage.media`.

    former_email is reserved for its owner until former_email_until, to undo a change of address.
    Nobody else can register it until then.

    email and password_hash are empty for a person who signs in at another issuer. Nothing that
    needs a password or sends an email is possible.

    must_reset_password is set when the owner has reported a sign-in. Somebody else knows the
    password, so it stops working until it is reset by email.
    """

    id: AccountId
    email: str
    password_hash: str
    audit: AuditSubject
    created_at: datetime
    updated_at: datetime
    avatar_id: AvatarId | None = None
    transactional_consent: bool = False
    marketing_consent: bool = False
    is_verified: bool = False
    role: Role = Role.USER
    status: AccountStatus = AccountStatus.ACTIVE
    must_reset_password: bool = False
    session_version: int = 0
    sign_in_epoch: int = 0
    signed_out_at: datetime | None = None
    version: int = 0
    former_email: str | None = None
    former_email_until: datetime | None = None
    suspended_at: datetime | None = None
    deleted_at: datetime | None = None
    purge_at: datetime | None = None

    @property
    def shown_name(self) -> str | None:
        """The name that others see."""
        return self.display_name or self.full_name

    @property
    def is_working_admin(self) -> bool:
        """Whether this account counts as an administrator. There must always be one."""
        return self.role is Role.ADMIN and self.status is AccountStatus.ACTIVE

    def require_password(self) -> None:
        """Raise NoPassword if the person signs in at another issuer only."""
        if not self.password_hash:
            raise NoPassword

    def require_good_password(self) -> None:
        """Raise PasswordResetRequired if the password was voided."""
        if self.must_reset_password:
            raise PasswordResetRequired

    def has_former_email(self, now: datetime) -> bool:
        """Return whether the former address is reserved for undoing a change."""
        return self.former_email_until is not None and now < self.former_email_until


def email_key(address: str) -> str:
    """Return the unique key of an address that `security.addresses` has validated.

    The local part is ASCII and the domain Punycode, so lower case is sufficient.
    """
    return address.lower()


def username_key(username: str) -> str:
    """Return the unique key of a username. Source: UAX 15, NFKC."""
    return unicodedata.normalize("NFKC", username).casefold()
