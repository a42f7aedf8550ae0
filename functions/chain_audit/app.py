"""Chains new rows of the audit trail, from the stream of its table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latchkey.bootstrap import audit_chain
from latchkey.http.audit_feeds import chain_stream_records

if TYPE_CHECKING:
    from latchkey.http.request import Event


def handler(event: Event, lambda_context: Any = None) -> dict[str, int]:
    """Chain a batch. Raises if that fails, so that the stream delivers it again."""
    del lambda_context
    return chain_stream_records(event, audit_chain())
