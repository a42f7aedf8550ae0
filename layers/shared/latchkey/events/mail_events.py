"""Bounces and complaints of SES, from a queue.

Two shapes: event publishing has `eventType`, an identity's own notifications `notificationType`.
Each is plain, the detail of an EventBridge event, or in an SNS notification.
Source: Amazon SES Developer Guide, "Contents of event data that SES publishes to Amazon SNS".
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from latchkey.domain.ids import new_id
from latchkey.domain.mail_health import MailEvent, SuppressionReason
from latchkey.domain.request import RequestContext
from latchkey.events.batches import process_messages
from latchkey.observability import logger, units

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

    from latchkey.domain.clock import Clock
    from latchkey.events import Event
    from latchkey.flows.mail_health import MailHealth

_NOT_SPAM = "not-spam"
"""The feedback type for an email that was moved out of the spam folder."""


def record_mail_events(event: Event, flow: MailHealth, clock: Clock) -> Event:
    """Record a batch of events. Returns the failed ones, to be delivered again.

    A malformed event fails alone and becomes a dead letter.
    """
    return process_messages(event, lambda record: _record(record, flow, _context(clock)))


def allow_mail(address: str, flow: MailHealth, clock: Clock) -> dict[str, bool]:
    """Allow emails to an address again, for an operator. Raises AccountNotFound."""
    allowed = flow.allow(address, _context(clock))
    logger.info("mail allowed", operation="record_mail_events", changed=allowed)
    return {"changed": allowed}


def _record(record: SQSRecord, flow: MailHealth, context: RequestContext) -> bool:
    units.reset()
    try:
        event = _mail_event(record.json_body)
        stopped = 0 if event is None else flow.record(event, context)
    except Exception:  # noqa: BLE001 - only this event fails
        logger.exception("mail event failed", operation="record_mail_events")
        return False
    logger.info(
        "mail event",
        operation="record_mail_events",
        reason=None if event is None else event.reason.value,
        stopped=stopped,
        read_units=units.read,
        write_units=units.write,
    )
    return True


def _context(clock: Clock) -> RequestContext:
    now = clock.now()
    return RequestContext(request_id=new_id("job", now), now=now, ip_address="")


def _mail_event(content: Any) -> MailEvent | None:
    """Parse an event. None for one that stops no emails."""
    match content:
        case {"detail": {} as detail}:
            return _mail_event(detail)
        case {"Type": "Notification", "Message": str(message)}:
            return _mail_event(json.loads(message))
        case {"eventType": str(kind)} | {"notificationType": str(kind)}:
            return _read(kind, content)
    msg = "not an event of SES"
    raise ValueError(msg)


def _read(kind: str, content: Mapping[str, Any]) -> MailEvent | None:
    if kind == "Bounce":
        bounce = content["bounce"]
        # A transient bounce, such as a full mailbox. SES has retried for hours.
        if bounce["bounceType"] != "Permanent":
            return None
        return _event(SuppressionReason.BOUNCED, bounce, "bouncedRecipients")
    if kind == "Complaint":
        complaint = content["complaint"]
        if complaint.get("complaintFeedbackType") == _NOT_SPAM:
            return None
        return _event(SuppressionReason.REPORTED, complaint, "complainedRecipients")
    return None


def _event(reason: SuppressionReason, report: Mapping[str, Any], recipients: str) -> MailEvent:
    return MailEvent(
        reason=reason,
        addresses=tuple(str(recipient["emailAddress"]) for recipient in report[recipients]),
        at=datetime.fromisoformat(report["timestamp"]),
    )
