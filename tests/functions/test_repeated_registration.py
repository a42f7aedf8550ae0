"""Repeated registrations with the same Idempotency-Key, after a lost response."""

from __future__ import annotations

import pytest

from latchkey.config import EmailVerification
from tests.support.person import ME, audit_rows
from tests.support.service import PASSWORD, InProcessService

REGISTER = "/api/v1/auth/register"
BODY = {"email": "ada@example.com", "password": PASSWORD}
KEY = {"idempotency-key": "0b2c6a4e-6f0f-4f2b-9d7f-2f6f5f1f0a11"}


@pytest.fixture
def service():
    return InProcessService()


def register(service, body=None, headers=None):
    return service.request("POST", REGISTER, json_body=body or BODY, headers=headers or KEY)


def required():
    service = InProcessService()
    service.configure(email_verification=EmailVerification.REQUIRED)
    return service


def test_repetition_signs_the_same_device_in_to_the_same_account(service):
    first = register(service)
    again = register(service)
    assert (first.status, again.status) == (201, 201)
    assert again.data["user"]["id"] == first.data["user"]["id"]
    assert again.data["device_id"] == first.data["device_id"]
    token = again.data["access_token"]
    listed = service.request("GET", f"{ME}/sessions", token=token).data
    assert listed["total_count"] == 1
    assert len(audit_rows(service, "account.registered")) == 1
    service.work()
    assert len(service.mailbox.sent) == 1


def test_without_a_key_the_address_is_taken(service):
    register(service)
    answer = service.request("POST", REGISTER, json_body=BODY)
    assert (answer.status, answer.code) == (409, "EMAIL_ALREADY_REGISTERED")


@pytest.mark.parametrize(
    "change",
    [
        {"password": "another violet kettle monsoon"},
        {"email": "grace@example.com"},
        {"full_name": "Ada"},
    ],
)
def test_key_of_another_request_is_refused(service, change):
    register(service)
    answer = register(service, {**BODY, **change})
    assert (answer.status, answer.code) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert len(audit_rows(service, "account.registered")) == 1


def test_key_counts_for_a_day(service):
    register(service)
    service.clock.advance(hours=25)
    assert register(service).code == "EMAIL_ALREADY_REGISTERED"


def test_parallel_repetitions_create_one_account(service):
    transact, inner = service.table.transact, []

    def other_first(writes):
        service.table.transact = transact
        inner.append(register(service))
        return transact(writes)

    service.table.transact = other_first
    outer = register(service)
    assert (inner[0].status, outer.status) == (201, 201)
    assert inner[0].data["user"]["id"] == outer.data["user"]["id"]
    assert len(audit_rows(service, "account.registered")) == 1


def test_no_digest_of_the_password_is_stored(service):
    register(service)
    before = [i for i in service.table.all_items() if i["sk"] == "REGISTRATION"]
    other = InProcessService()
    register(other, {**BODY, "password": "another violet kettle monsoon"})
    after = [i for i in other.table.all_items() if i["sk"] == "REGISTRATION"]
    assert before[0]["fingerprint"] == after[0]["fingerprint"]


@pytest.mark.parametrize("taken", [False, True])
def test_verification_required_answers_the_same_and_mails_once(taken):
    service = required()
    if taken:
        register(service, headers={"idempotency-key": "other"})
        service.work()
        service.mailbox.sent.clear()
    answers = [register(service) for _ in range(3)]
    assert [(a.status, a.body) for a in answers] == [(202, answers[0].body)] * 3
    service.work()
    assert len(service.mailbox.sent) == 1


def test_repetition_after_the_erasure_is_refused(service):
    token = register(service).data["access_token"]
    service.request("DELETE", ME, token=token, query={"hard": "true"})
    service.work()
    assert register(service).code in {"IDEMPOTENCY_KEY_REUSED", "ACCOUNT_DELETED"}
