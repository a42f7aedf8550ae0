"""Restores a deleted account with the link of the deletion email, if enabled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import AccountNotFound, ErasureStarted
from latchkey.domain.single_use import Purpose
from latchkey.domain.values import dataclass
from latchkey.flows.links import invalid_link

if TYPE_CHECKING:
    from latchkey.domain.request import RequestContext
    from latchkey.flows.life_cycle import LifeCycle
    from latchkey.flows.links import Links


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfRestore:
    """The flow and its parts.

    is_enabled  whether links work. Disabling it voids emailed links
    """

    life_cycle: LifeCycle
    links: Links
    is_enabled: bool

    def restore(self, token_text: str, context: RequestContext) -> None:
        """Restore a deleted account with an emailed link. Its owner signs in again.

        Race: of parallel uses of the link one succeeds.

        Raises SingleUseTokenInvalid if the link is forged, used, expired or disabled, is for
        another deletion, or if the erasure has begun.
        """
        if not self.is_enabled:
            raise invalid_link()
        token = self.links.accept(token_text, context.now, Purpose.RESTORE_ACCOUNT)
        try:
            self.life_cycle.restore_by_link(token, context)
        except (AccountNotFound, ErasureStarted):
            raise invalid_link() from None
