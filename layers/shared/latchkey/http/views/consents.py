"""Consents as their owner sees them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from latchkey.domain.values import dataclass

if TYPE_CHECKING:
    from latchkey.domain.consent import Consent
    from latchkey.domain.paging import Slice


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentView:
    """One decision."""

    __pydantic_config__ = {"use_attribute_docstrings": True}  # noqa: RUF012 - for the contract

    id: str
    consent: str
    """The subject: `transactional` or `marketing`."""
    decision: str
    """`given` or `withdrawn`."""
    decided_at: datetime
    session_id: str
    """The device that was used."""
    text_version: str
    """The version of the wording that the person saw."""

    @classmethod
    def of(cls, consent: Consent) -> ConsentView:
        """Return the view of a decision."""
        return cls(
            id=consent.id,
            consent=consent.kind.value,
            decision="given" if consent.given else "withdrawn",
            decided_at=consent.decided_at,
            session_id=consent.session_id,
            text_version=consent.text_version,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentListView:
    """A page of decisions, newest first."""

    __pydantic_config__ = {"use_attribute_docstrings": True}  # noqa: RUF012 - for the contract

    consents: list[ConsentView]
    next_cursor: str | None
    """The cursor of the next page. Null on the last page."""

    @classmethod
    def of(cls, page: Slice[Consent]) -> ConsentListView:
        """Return the view of a page."""
        views = [ConsentView.of(consent) for consent in page.entries]
        return cls(consents=views, next_cursor=page.next_cursor)
