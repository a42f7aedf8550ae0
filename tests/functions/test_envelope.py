"""Common parts of all responses."""

from __future__ import annotations

from typing import Any, override

import pytest

from latchkey.domain.errors import TemporarilyUnavailable
from latchkey.storage.memory import MemoryTable
from tests.support.service import InProcessService


@pytest.fixture
def service():
    return InProcessService()


def test_success_envelope(service):
    answer = service.request("GET", "/api/v1/health")
    assert answer.body == {"success": True, "data": {"status": "ok"}}
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-request-id"] == "request-1"


def test_error_envelope(service):
    answer = service.request("GET", "/api/v1/users/me")
    assert answer.status == 401
    assert answer.body == {
        "success": False,
        "error": {
            "code": "TOKEN_MISSING",
            "message": "Send an access token: Authorization: Bearer <token>.",
            "request_id": "request-1",
        },
    }
    assert answer.headers["www-authenticate"] == "Bearer"


def test_the_same_error_as_a_problem_document(service):
    headers = {"accept": "application/problem+json", "authorization": "Bearer x"}
    answer = service.request("GET", "/api/v1/users/me", headers=headers)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.body == {
        "type": "urn:latchkey:error:token_invalid",
        "title": "The access token is not valid.",
        "status": 401,
        "code": "TOKEN_INVALID",
        "request_id": "request-1",
    }
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize(
    ("accept_language", "language", "message"),
    [
        ("de-AT,en;q=0.5", "de", "Die Anfrage ist ungültig. Siehe details."),
        ("fr, de;q=0.3", "de", "Die Anfrage ist ungültig. Siehe details."),
        ("fr", "en", "The request is not valid. See details."),
        ("", "en", "The request is not valid. See details."),
    ],
)
def test_errors_follow_accept_language(service, accept_language, language, message):
    headers = {"accept-language": accept_language}
    answer = service.request("POST", "/api/v1/auth/login", json_body={"x": 1}, headers=headers)
    error = answer.body["error"]
    assert (error["code"], error["message"]) == ("VALIDATION_ERROR", message)
    assert answer.headers["content-language"] == language
    messages = {detail["code"]: detail["message"] for detail in error["details"]}
    unknown = {
        "de": "Dieses Feld gibt es hier nicht.",
        "en": "This field does not exist. Remove it.",
    }
    assert messages["UNKNOWN_FIELD"] == unknown[language]


def test_the_key_set_is_bare_and_cacheable(service):
    answer = service.request("GET", "/.well-known/jwks.json")
    (key,) = answer.body["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    assert answer.headers["cache-control"] == "public, max-age=300"


class BrokenTable(MemoryTable):
    """A table that fails on demand."""

    down = False

    @override
    def __getattribute__(self, name: str) -> Any:
        if name in {"get", "query", "transact", "update"} and self.down:
            raise TemporarilyUnavailable(retry_after_seconds=2)
        return super().__getattribute__(name)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/users/me"),
        ("GET", "/api/v1/users/me/sessions"),
        ("DELETE", "/api/v1/users/me/sessions"),
        ("POST", "/api/v1/auth/logout"),
    ],
)
def test_storage_outage_is_a_503_and_grants_no_access(method, path):
    service = InProcessService(table=BrokenTable())
    token = service.register().data["access_token"]
    service.table.down = True
    answer = service.request(method, path, token=token)
    assert (answer.status, answer.code) == (503, "TEMPORARILY_UNAVAILABLE")
    assert answer.headers["retry-after"] == "2"
    assert service.login().status == 503
    service.table.down = False
    assert service.request("GET", "/api/v1/users/me", token=token).status == 200


def test_unexpected_error_is_a_500_without_details(service, capsys):
    token = service.register().data["access_token"]
    (key,) = (key for key in service.table._items if key.sk == "ACCOUNT")
    service.table._items[key]["created_at"] = "not a number: secret-in-storage"
    answer = service.request("GET", "/api/v1/users/me", token=token)
    assert (answer.status, answer.code) == (500, "INTERNAL_ERROR")
    assert "secret" not in str(answer.body)


def test_warm_handler_keeps_callers_apart(service):
    people = {
        name: service.register(f"{name}@example.com").data["access_token"]
        for name in ("ada", "eve")
    }
    for _ in range(20):
        for name, token in people.items():
            answer = service.request("GET", "/api/v1/users/me", token=token)
            assert answer.data["email"] == f"{name}@example.com"


def test_verification_required_answers_the_same_for_a_taken_address():
    service = InProcessService(EMAIL_VERIFICATION="required")
    first, second = service.register(), service.register()
    assert first.status == second.status == 202
    assert first.body == second.body
    refused = service.login()
    assert (refused.status, refused.code) == (403, "EMAIL_NOT_VERIFIED")


def test_unknown_account_and_wrong_password_get_one_response(service):
    service.register()
    unknown = service.login("nobody@example.com")
    wrong = service.login(fields={"password": "wrong horse battery staple"})
    for answer in (unknown, wrong):
        answer.body["error"].pop("request_id")
    assert unknown.status == wrong.status == 401
    assert unknown.body == wrong.body
    assert unknown.code == "INVALID_CREDENTIALS"
