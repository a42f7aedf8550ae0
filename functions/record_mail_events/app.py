"""Records bounces and complaints of SES, and stops emails to these addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latchkey.bootstrap import mail_health
from latchkey.http.mail_events import allow_mail, record_mail_events

if TYPE_CHECKING:
    from latchkey.http.request import Event


def handler(event: Event, lambda_context: Any = None) -> Event:
    """Record a batch of events. By hand, `{"allow": "ada@example.com"}` allows an address again."""
    del lambda_context
    if "allow" in event:
        return allow_mail(str(event["allow"]), mail_health())
    return record_mail_events(event, mail_health())
