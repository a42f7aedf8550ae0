"""Restoring an account with the link of the deletion email, if enabled."""

from __future__ import annotations

import pytest

from latchkey.wiring.upkeep import erasure
from tests.support.person import ME, Person, audit_rows
from tests.support.service import InProcessService

ADA = "ada@example.com"
GONE = (400, "SINGLE_USE_TOKEN_INVALID")


@pytest.fixture
def service():
    return InProcessService(SELF_SERVICE_RESTORE="on")


@pytest.fixture
def ada(service):
    return Person(service)


def restore(service, token):
    return service.request("POST", "/api/v1/auth/restore", json_body={"token": token})


def leave(service, person, **options):
    """Delete the account. Returns the token of the mail's link."""
    assert person.request("DELETE", ME, **options).status == 200
    service.work()
    return service.mailbox.last(person.email).token


def refused(answer):
    return answer.status, answer.code


def test_link_restores_the_account_once(service, ada):
    token = leave(service, ada)
    mail = service.mailbox.last(ADA).letter
    assert "https://accounts.test/restore-account#token=" in mail.text
    assert service.login().code == "ACCOUNT_DELETED"
    answer = restore(service, token)
    assert (answer.status, answer.cookies) == (200, [])
    assert service.login().status == 200
    assert refused(restore(service, token)) == GONE
    (row,) = audit_rows(service, "account.restored.by_link")
    assert row["actor"] == row["pk"].removeprefix("SUBJECT#")
    service.clock.advance(days=40)
    assert service.services[erasure].start_due(service.clock.now()) == 0


def test_parallel_uses_of_the_restore_link_succeed_once(service, ada):
    token = leave(service, ada)
    transact, answers = service.table.transact, []

    def overtaken(writes):
        if not answers:
            answers.append(None)
            answers.append(restore(service, token))
        transact(writes)

    service.table.transact = overtaken
    assert refused(restore(service, token)) == GONE
    assert answers[1].status == 200
    assert len(audit_rows(service, "account.restored.by_link")) == 1


def test_link_works_until_the_erasure(service, ada):
    token = leave(service, ada)
    service.clock.advance(days=30)
    assert refused(restore(service, token)) == GONE


def test_link_restores_only_its_own_deletion(service, ada):
    first = leave(service, ada)
    boss = Person(service, "boss@example.com")
    boss.become_admin()
    assert boss.request("POST", f"/api/v1/users/{ada.id}/restore").status == 200
    assert refused(restore(service, first)) == GONE
    service.clock.advance(minutes=1)
    ada.token = service.login().data["access_token"]
    second = leave(service, ada)
    assert refused(restore(service, first)) == GONE
    assert restore(service, second).status == 200


def test_link_does_not_restore_a_deletion_by_an_administrator(service, ada):
    boss = Person(service, "boss@example.com")
    boss.become_admin()
    assert boss.request("DELETE", f"/api/v1/users/{ada.id}").status == 200
    service.work()
    assert "token=" not in service.mailbox.last(ADA).letter.text


def test_erasing_at_once_voids_the_link(service, ada):
    token = leave(service, ada)
    boss = Person(service, "boss@example.com")
    boss.become_admin()
    path = f"/api/v1/users/{ada.id}"
    assert boss.request("DELETE", path, query={"hard": "true"}).status == 200
    assert refused(restore(service, token)) == GONE
    service.work()
    assert refused(restore(service, token)) == GONE


def test_link_stops_working_when_self_service_is_disabled(service, ada):
    token = leave(service, ada)
    service.configure(self_service_restore=False)
    assert refused(restore(service, token)) == GONE


def test_links_are_limited_by_address(service):
    service.configure(rate_limit_factor=1)
    answers = [restore(service, "tok_nothing.at_all") for _ in range(61)]
    assert {refused(answer) for answer in answers[:60]} == {GONE}
    assert refused(answers[60]) == (429, "TOO_MANY_ATTEMPTS")
