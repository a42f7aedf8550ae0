"""Single-use tokens of emailed links."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from latchkey.domain.values import dataclass

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.domain.ids import AccountId, DeviceId, TokenId


class Purpose(StrEnum):
    """The only use of a token. Values are stored and signed."""

    VERIFY_EMAIL = "verify_email"
    RESET_PASSWORD = "reset_password"  # noqa: S105 - a purpose, not a secret
    CHANGE_EMAIL = "change_email"
    UNDO_EMAIL_CHANGE = "undo_email_change"
    NOT_ME = "not_me"
    RESTORE_ACCOUNT = "restore_account"


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleUseToken:
    """The stored data of a token, without the token.

    subject    the object beside the account: an address or a session's id
    state      a digest of the account's credentials (`security.single_use_tokens.state_of`), for a
               token that a change of them voids
    device_id  of the device that asked for the link, if it has one
    """

    id: TokenId
    purpose: Purpose
    account_id: AccountId
    expires_at: datetime
    subject: str | None = None
    state: str | None = None
    device_id: DeviceId | None = None
