"""Chains the audit trail's new rows, as its table's stream tells of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latchkey.bootstrap import audit_chain
from latchkey.http.audit_feeds import chain_stream_records

if TYPE_CHECKING:
    from latchkey.http.request import Event


def handler(event: Event, lambda_context: Any = None) -> dict[str, int]:
    """Chain a batch; raise, so that it comes again, when that could not be done."""
    del lambda_context
    return chain_stream_records(event, audit_chain())
