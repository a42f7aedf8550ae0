"""The age limit of a recent authentication, to the second."""

from __future__ import annotations

import pytest

from latchkey.domain.limits import RECENT_AUTHENTICATION_SECONDS
from tests.support.person import ME, Person
from tests.support.service import InProcessService

OPERATIONS = {
    "erase": ("DELETE", ME, {"query": {"hard": "true"}}, 200),
    "export": ("POST", f"{ME}/export", {}, 202),
    "email": ("POST", f"{ME}/email", {"json_body": {"email": "new@example.com"}}, 202),
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("late", [0, 1])
def test_recent_ends_after_its_last_second(operation, late):
    service = InProcessService()
    ada = Person(service)
    service.clock.advance(seconds=RECENT_AUTHENTICATION_SECONDS + late)
    method, path, options, status = OPERATIONS[operation]
    answer = ada.request(method, path, **options)
    if late:
        assert (answer.status, answer.code) == (403, "REAUTHENTICATION_REQUIRED")
    else:
        assert answer.status == status
