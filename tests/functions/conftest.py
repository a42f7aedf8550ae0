"""Validates every response in these tests against the contract."""

from __future__ import annotations

import pytest

from tests.support import service
from tests.support.contract import require_documented


@pytest.fixture(autouse=True)
def _answers_are_documented(monkeypatch):
    send = service.InProcessService.request

    def request(self, method, path, **parts):
        answer = send(self, method, path, **parts)
        route, _ = service._match(method, path)
        media_type = answer.headers["content-type"]
        require_documented(method, route.path, answer.status, media_type, answer.body)
        return answer

    monkeypatch.setattr(service.InProcessService, "request", request)
