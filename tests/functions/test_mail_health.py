"""Bounces and complaints stop emails to an address, and its owner can see it."""

from __future__ import annotations

import copy
import importlib
import json

import pytest

from latchkey.domain.audit import Action
from latchkey.domain.errors import AccountNotFound
from latchkey.flows.export_parts import PARTS
from latchkey.storage.table import ConditionFailed
from latchkey.wiring.exports import export_sources
from latchkey.wiring.mail import mail_suppression_store
from latchkey.wiring.storage import account_store
from tests.support.person import Person
from tests.support.service import PASSWORD, InProcessService
from tools.template import ROOT

ADA = "ada@example.com"
FORGOT = "/api/v1/auth/password/forgot"
ACTIVITY = "/api/v1/users/me/activity"
CHANGE = "/api/v1/users/me/email"


@pytest.fixture
def service():
    service = InProcessService()
    service.ada = Person(service, ADA)
    service.work()
    service.mailbox.sent.clear()
    return service


def happened(service, kind="Bounce", address=ADA, **details):
    """Return what event publishing says of a mail to this address."""
    at = service.clock.now().isoformat().replace("+00:00", "Z")
    recipients = [{"emailAddress": address}]
    if kind == "Bounce":
        details_of_report = {
            "bounceType": "Permanent",
            "bounceSubType": "General",
            "timestamp": at,
            **details,
        }
        return {
            "eventType": kind,
            "bounce": {**details_of_report, "bouncedRecipients": recipients},
            "mail": {},
        }
    details_of_report = {"complaintFeedbackType": "abuse", "timestamp": at, **details}
    return {
        "eventType": kind,
        "complaint": {**details_of_report, "complainedRecipients": recipients},
    }


def deliver(service, *contents):
    """Deliver a batch. Returns the numbers of those that have to come again."""
    records = [
        {"messageId": str(number), "body": c if isinstance(c, str) else json.dumps(c)}
        for number, c in enumerate(contents)
    ]
    answer = handler()({"Records": records}, None)
    return [int(entry["itemIdentifier"]) for entry in answer["batchItemFailures"]]


def handler():
    return importlib.import_module("functions.record_mail_events.app").handler


def mailed(service, address=ADA):
    """Request an email and return whether it was sent."""
    service.mailbox.sent.clear()
    service.request("POST", FORGOT, json_body={"email": address})
    assert service.work() == []
    return bool(service.mailbox.to(address))


def rows(service, *actions):
    found = [item["action"] for item in service.table.all_items() if "action" in item]
    return [Action(action) for action in found if action in {a.value for a in actions}]


def by_notification(event):
    old = {"notificationType" if name == "eventType" else name: v for name, v in event.items()}
    return {"Type": "Notification", "MessageId": "1", "Message": json.dumps(old)}


SHAPES = {
    "event publishing": lambda event: event,
    "an identity's notification": lambda event: {
        "notificationType" if name == "eventType" else name: value for name, value in event.items()
    },
    "EventBridge": lambda event: {"source": "aws.ses", "detail-type": "x", "detail": event},
    "SNS": lambda event: {"Type": "Notification", "Message": json.dumps(event)},
    "SNS, an identity's notification": by_notification,
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["Bounce", "Complaint"])
def test_bounced_or_complained_address_gets_no_more_emails(service, kind, shape):
    assert mailed(service)
    assert deliver(service, SHAPES[shape](happened(service, kind))) == []
    assert not mailed(service)


def test_sample_event_is_valid(service):
    event = json.loads((ROOT / "events" / "record_mail_events.json").read_text())
    assert handler()(event, None) == {"batchItemFailures": []}
    assert not mailed(service)


@pytest.mark.parametrize(
    ("kind", "details"),
    [
        ("Bounce", {"bounceType": "Transient", "bounceSubType": "MailboxFull"}),
        ("Bounce", {"bounceType": "Undetermined"}),
        ("Complaint", {"complaintFeedbackType": "not-spam"}),
    ],
)
def test_transient_bounce_stops_nothing(service, kind, details):
    assert deliver(service, happened(service, kind, **details)) == []
    assert mailed(service)


@pytest.mark.parametrize("kind", ["Delivery", "Send", "Open", "DeliveryDelay", "Subscription"])
def test_other_events_of_ses_are_ignored(service, kind):
    assert deliver(service, {"eventType": kind, "mail": {}}) == []
    assert mailed(service)


POISON = [
    "no JSON",
    "[]",
    "{}",
    '{"eventType": 7}',
    '{"eventType": "Bounce"}',
    '{"eventType": "Bounce", "bounce": {"bounceType": "Permanent"}}',
    '{"Type": "Notification", "Message": "no JSON"}',
    '{"eventType": "Complaint", "complaint": {"timestamp": "?", "complainedRecipients": []}}',
]


def test_malformed_event_fails_without_the_rest_of_its_batch(service):
    assert deliver(service, *POISON, happened(service)) == list(range(len(POISON)))
    assert not mailed(service)


@pytest.mark.parametrize("address", ["nobody@example.com", "no address", "", "ada@exämple..com"])
def test_event_of_an_unknown_address_stores_nothing(service, address):
    before = copy.deepcopy(service.table.all_items())
    assert deliver(service, happened(service, address=address)) == []
    assert service.table.all_items() == before


def test_event_matches_any_spelling_of_the_address(service):
    assert deliver(service, happened(service, address="ADA@Example.COM")) == []
    assert not mailed(service)


def test_repeated_event_is_one_row(service):
    event = happened(service)
    assert deliver(service, *[event] * 5) == []
    assert rows(service, Action.MAIL_BOUNCED) == [Action.MAIL_BOUNCED]


def test_complaint_replaces_a_bounce_but_not_the_reverse(service):
    deliver(service, happened(service), happened(service, "Complaint"), happened(service))
    assert rows(service, *Action).count(Action.MAIL_BOUNCED) == 1
    assert rows(service, *Action).count(Action.MAIL_REPORTED) == 1
    (found,) = service.services[mail_suppression_store].list_by_account(service.ada.id)
    assert found.reason.value == "reported"


def test_person_sees_why_emails_stopped(service):
    deliver(service, happened(service))
    entries = service.request("GET", ACTIVITY, token=service.ada.token).data
    assert "Stopped sending email" in json.dumps(entries)


def test_other_addresses_of_the_domain_still_get_emails(service):
    Person(service, "grace@example.com")
    deliver(service, happened(service))
    assert mailed(service, "grace@example.com")


def test_operator_allows_emails_again_and_a_late_event_is_ignored(service):
    late = happened(service, "Complaint")
    deliver(service, late)
    service.clock.advance(minutes=5)
    assert handler()({"allow": "Ada@example.com"}, None) == {"changed": True}
    assert handler()({"allow": ADA}, None) == {"changed": False}
    assert deliver(service, late) == []
    assert mailed(service)
    assert rows(service, Action.MAIL_ALLOWED_BY_OPERATOR) == [Action.MAIL_ALLOWED_BY_OPERATOR]
    service.clock.advance(minutes=5)
    deliver(service, happened(service, "Complaint"))
    assert not mailed(service)


def test_only_the_address_of_an_account_can_be_allowed(service):
    with pytest.raises(AccountNotFound):
        handler()({"allow": "nobody@example.com"}, None)


def test_new_address_of_the_same_person_gets_emails(service):
    deliver(service, happened(service))
    body = {"email": "ada.king@example.com"}
    answer = service.request(
        "POST", "/api/v1/users/me/email", json_body=body, token=service.ada.token
    )
    assert answer.status == 202
    assert service.work() == []
    assert service.mailbox.to("ada.king@example.com")


def test_export_lists_the_addresses_that_get_no_emails(service):
    deliver(service, happened(service))
    second = "ada.king@example.com"
    assert service.ada.request("POST", CHANGE, json_body={"email": second}).status == 202
    service.work()
    confirmation = {"token": service.mailbox.last(second).token, "password": PASSWORD}
    verified = service.request("POST", "/api/v1/auth/email/verify", json_body=confirmation)
    assert verified.status == 200
    deliver(service, happened(service, "Complaint", second))
    (part,) = [part for part in PARTS if part.name == "suppressed-mail"]
    account = service.services[account_store].get(service.ada.id)
    sources = service.services[export_sources]
    rows = list(part.rows(sources, account, None))
    assert [(row.content["address"], row.content["reason"]) for row in rows] == [
        (second, "reported"),
        (ADA, "bounced"),
    ]
    # A worker that continues does not repeat any.
    for number, row in enumerate(rows, start=1):
        assert list(part.rows(sources, account, row.cursor)) == rows[number:]


def test_erasure_removes_the_suppression(service):
    deliver(service, happened(service))
    assert service.services[mail_suppression_store].list_by_account(service.ada.id)
    service.ada.request("DELETE", "/api/v1/users/me")
    service.clock.advance(days=31)
    importlib.import_module("functions.cleanup.app").handler({}, None)
    service.work()
    assert not [i for i in service.table.all_items() if "MAIL_SUPPRESSION" in str(i["sk"])]
    before = len(service.table.all_items())
    assert deliver(service, happened(service)) == []
    assert len(service.table.all_items()) == before


def test_event_is_retried_after_a_concurrent_change(service, monkeypatch):
    """The account is deleted during the processing: the event is delivered again."""
    transact = service.table.transact

    def deleted_first(writes):
        monkeypatch.setattr(service.table, "transact", transact)
        service.ada.request("DELETE", "/api/v1/users/me")
        transact(writes)

    monkeypatch.setattr(service.table, "transact", deleted_first)
    assert deliver(service, happened(service)) == [0]
    assert deliver(service, happened(service)) == []
    assert rows(service, Action.MAIL_BOUNCED) == [Action.MAIL_BOUNCED]


def test_suppression_and_its_audit_row_are_one_transaction(service, monkeypatch):
    def fails(writes):
        raise ConditionFailed(writes[1], None)

    monkeypatch.setattr(service.table, "transact", fails)
    assert deliver(service, happened(service)) == [0]
    assert service.services[mail_suppression_store].list_by_account(service.ada.id) == []
