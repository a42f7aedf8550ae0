"""Coming back by the link of the deletion's mail, where the deployment offers it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from latchkey.domain.errors import AccountNotFound, ErasureStarted
from latchkey.domain.single_use import Purpose
from latchkey.flows.links import no_longer_good

if TYPE_CHECKING:
    from latchkey.domain.request import RequestContext
    from latchkey.flows.life_cycle import LifeCycle
    from latchkey.flows.links import Links


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfRestore:
    """The flow, and what it needs.

    offered  whether links work: one that was mailed while they did is void when they no longer do
    """

    life_cycle: LifeCycle
    links: Links
    offered: bool

    def restore(self, token_text: str, context: RequestContext) -> None:
        """Give a deleted account back to whoever reads its mail; they sign in anew.

        Race: of any number that use the link at once one succeeds.

        Raises SingleUseTokenInvalid, whatever the reason: forged, used, too old, not offered, for
        another deletion than the one that it was mailed about, or of an account that is erased.
        """
        if not self.offered:
            raise no_longer_good()
        token = self.links.accept(token_text, context.now, Purpose.RESTORE_ACCOUNT)
        try:
            self.life_cycle.restore_by_link(token, context)
        except (AccountNotFound, ErasureStarted):
            raise no_longer_good() from None
