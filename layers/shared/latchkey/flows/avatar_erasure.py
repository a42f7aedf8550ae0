"""Erases the uploads and the avatar of a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from latchkey.domain.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from latchkey.domain.ids import AccountId
    from latchkey.flows.avatars import Media
    from latchkey.storage.accounts import AccountStore


@dataclass(frozen=True, slots=True, kw_only=True)
class AvatarErasure:
    """The flow and its parts. Implements `flows.erasure.ExternalData`.

    The owner can still send an upload form that was signed minutes before. The file can't be used,
    and the bucket deletes it within a day.
    """

    accounts: AccountStore
    media: Callable[[], Media]

    kind: ClassVar[str] = "picture"

    def count(self, account_id: AccountId) -> int:
        """Return the number of pictures of a person."""
        has_avatar = self.accounts.get(account_id).avatar_id is not None
        return has_avatar + len(self.media().list_uploads(account_id))

    def remove_all(self, account_id: AccountId, now: datetime) -> datetime | None:
        """Remove them. The account, which names the avatar, is removed later."""
        del now
        avatar_id = self.accounts.get(account_id).avatar_id
        if avatar_id is not None:
            self.media().delete_avatar(avatar_id)
        self.media().delete_uploads(account_id)
        return None
