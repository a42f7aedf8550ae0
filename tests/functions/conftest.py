"""Validates every response in these tests against the contract, and has shared fixtures.

A file whose service needs other settings defines its own `service` and `ada`.
"""

from __future__ import annotations

import pytest

from tests.support.contract import require_documented
from tests.support.interrupted_table import InterruptedTable
from tests.support.person import Person
from tests.support.service import InProcessService, find_route


@pytest.fixture(autouse=True)
def _answers_are_documented(monkeypatch):
    send = InProcessService.request

    def request(self, method, path, **parts):
        answer = send(self, method, path, **parts)
        route, _ = find_route(method, path)
        media_type = answer.headers["content-type"]
        require_documented(method, route.path, answer.status, media_type, answer.body)
        return answer

    monkeypatch.setattr(InProcessService, "request", request)


@pytest.fixture
def table():
    """A table in memory. Tests can interrupt its requests."""
    return InterruptedTable()


@pytest.fixture
def service(table):
    return InProcessService(table=table)


@pytest.fixture
def ada(service):
    return Person(service)


@pytest.fixture
def admin(service):
    person = Person(service, "root@example.com")
    person.become_admin()
    return person
