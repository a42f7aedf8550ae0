"""Records bounces and complaints of SES, and stops emails to these addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.events.handlers import event_handler
from latchkey.events.mail_events import allow_mail, record_mail_events
from latchkey.wiring.mail import mail_health
from latchkey.wiring.storage import clock

if TYPE_CHECKING:
    from latchkey.domain.clock import Clock
    from latchkey.events import Event
    from latchkey.flows.mail_health import MailHealth


@event_handler(needs=(mail_health, clock))
def handler(event: Event, flow: MailHealth, clock: Clock) -> Event:
    """Record a batch of events. By hand, `{"allow": "ada@example.com"}` allows an address again."""
    if "allow" in event:
        return allow_mail(str(event["allow"]), flow, clock)
    return record_mail_events(event, flow, clock)
