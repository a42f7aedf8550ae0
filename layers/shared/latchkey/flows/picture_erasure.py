"""Erasing somebody's pictures: what they uploaded, and what was shown of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from latchkey.flows.avatars import Media
    from latchkey.storage.accounts import AccountStore


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureErasure:
    """The flow, and what it needs: it is one `flows.erasure.Elsewhere`.

    A form to upload with that was handed out minutes before can still be sent by its owner. What
    comes then is nobody's: nothing can show it, and the bucket's rule removes it within a day.
    """

    accounts: AccountStore
    media: Callable[[], Media]

    kind: ClassVar[str] = "picture"

    def count(self, account_id: str) -> int:
        """Say how many pictures there are of a person."""
        shown = self.accounts.get(account_id).avatar_id is not None
        return shown + len(self.media().list_uploads(account_id))

    def remove_all(self, account_id: str, now: datetime) -> datetime | None:
        """Remove them; the account that shows one goes after it, so that a successor finds it."""
        del now
        avatar_id = self.accounts.get(account_id).avatar_id
        if avatar_id is not None:
            self.media().delete_avatar(avatar_id)
        self.media().delete_uploads(account_id)
        return None
