"""An account and its first session are created together, or neither is."""

from __future__ import annotations

from typing import override

import pytest

from latchkey.config import EmailVerification
from latchkey.domain.errors import TemporarilyUnavailable
from latchkey.storage.memory import MemoryTable
from tests.support.person import ME, audit_rows
from tests.support.service import PASSWORD, InProcessService

REGISTER = "/api/v1/auth/register"
BODY = {"email": "ada@example.com", "password": PASSWORD, "username": "ada"}
KEY = {"idempotency-key": "0b2c6a4e-6f0f-4f2b-9d7f-2f6f5f1f0a11"}


class FailingTable(MemoryTable):
    """One of its calls fails: before it did anything, or with its answer lost.

    at            the number of the call, counted from 0; None: none fails
    loses_answer  whether the call is carried out
    """

    at: int | None = None
    loses_answer = False
    calls = 0
    _inside = False

    def _call(self, method, *arguments, **options):
        if self._inside:
            return method(self, *arguments, **options)
        number, self.calls = self.calls, self.calls + 1
        if number == self.at and not self.loses_answer:
            raise TemporarilyUnavailable(retry_after_seconds=1)
        self._inside = True
        try:
            result = method(self, *arguments, **options)
        finally:
            self._inside = False
        if number == self.at:
            raise TemporarilyUnavailable(retry_after_seconds=1)
        return result

    @override
    def get(self, key, *, consistent=True):
        return self._call(MemoryTable.get, key, consistent=consistent)

    @override
    def get_many(self, keys):
        return self._call(MemoryTable.get_many, keys)

    @override
    def query(self, query):
        return self._call(MemoryTable.query, query)

    @override
    def update(self, update):
        return self._call(MemoryTable.update, update)

    @override
    def transact(self, writes):
        return self._call(MemoryTable.transact, writes)


def kinds(service):
    """How many accounts, sessions, known devices and keys of registrations there are."""
    prefixes = ("ACCOUNT", "SESSION", "DEVICE", "REGISTRATION")
    found = [i["sk"].partition("#")[0] for i in service.table.all_items()]
    return tuple(found.count(kind) for kind in prefixes)


def register(service, headers=None):
    return service.request("POST", REGISTER, json_body=BODY, headers=headers)


def number_of_calls():
    service = InProcessService(table=FailingTable())
    assert register(service, KEY).status == 201
    return service.table.calls


NONE, BOTH = (0, 0, 0, 0), (1, 1, 1, 1)


@pytest.mark.parametrize("loses_answer", [False, True], ids=["fails", "loses its answer"])
def test_failed_call_leaves_an_account_with_a_session_or_nothing(loses_answer):
    seen = set()
    for at in range(number_of_calls()):
        service = InProcessService(table=FailingTable())
        service.table.at, service.table.loses_answer = at, loses_answer
        answer = register(service, KEY)
        assert answer.status == 503
        assert "retry-after" in answer.headers
        left = kinds(service)
        assert left in {NONE, BOTH}
        seen.add(left)
        # The same request again works, and makes no second account.
        service.table.at = None
        again = register(service, KEY)
        assert again.status == 201
        assert service.request("GET", ME, token=again.data["access_token"]).status == 200
        assert len(audit_rows(service, "account.registered")) == 1
    assert seen == ({NONE, BOTH} if loses_answer else {NONE})


@pytest.mark.parametrize(("part", "read"), [("keys", "key_ring"), ("refresh_peppers", "current")])
def test_keys_that_can_not_be_read_leave_nothing(monkeypatch, part, read):
    """Without an Idempotency-Key the person can register again."""
    service = InProcessService()
    answer, is_down = getattr(getattr(service, part), read), True

    def answer_if_up(*arguments):
        if is_down:
            raise TemporarilyUnavailable(retry_after_seconds=1)
        return answer(*arguments)

    monkeypatch.setattr(getattr(service, part), read, answer_if_up)
    assert register(service).status == 503
    assert kinds(service) == NONE
    is_down = False
    assert register(service).status == 201


def test_the_first_session_is_like_any_other():
    service = InProcessService()
    data = register(service).data
    listed = service.request("GET", f"{ME}/sessions", token=data["access_token"]).data
    assert [s["id"] for s in listed["sessions"]] == [data["session"]["id"]]
    refreshed = service.request(
        "POST", "/api/v1/auth/refresh", json_body={"refresh_token": data["refresh_token"]}
    )
    assert refreshed.status == 200
    started = audit_rows(service, "session.started")
    assert [row["targets"] for row in started] == [[data["session"]["id"]]]
    service.work()
    assert len(service.mailbox.sent) == 1  # the link to verify the address, no new device


def test_a_second_device_is_news_from_the_first_sign_in_on():
    service = InProcessService()
    register(service)
    service.login("ada@example.com")
    service.work()
    assert len(service.mailbox.sent) == 2


def test_a_registration_that_must_be_verified_starts_no_session():
    service = InProcessService()
    service.configure(email_verification=EmailVerification.REQUIRED)
    assert register(service).status == 202
    # The device is known, so that it confirms the address by the link alone.
    assert kinds(service) == (1, 0, 1, 0)
