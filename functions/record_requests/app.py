"""Adds reads and refused requests to the audit trail, from the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latchkey.bootstrap import request_trail
from latchkey.http.audit_feeds import record_request_lines

if TYPE_CHECKING:
    from latchkey.http.request import Event


def handler(event: Event, lambda_context: Any = None) -> dict[str, int]:
    """Record a batch of log lines. Raises if that fails, so that it is delivered again."""
    del lambda_context
    return record_request_lines(event, request_trail())
