"""POST /api/v1/auth/introspect: the same decision as the authorizer's, for roles of AWS."""

from __future__ import annotations

from urllib.parse import urlencode

import jwt
import pytest

from latchkey.domain.errors import TemporarilyUnavailable
from latchkey.wiring.tokens import own_authorization
from tests.support.person import ME, Person
from tests.support.service import InProcessService

PATH = "/api/v1/auth/introspect"
FORM = {"content-type": "application/x-www-form-urlencoded"}
INACTIVE = {"active": False}


def introspect(service, token, **more):
    body = urlencode({"token": token, **more})
    return service.request("POST", PATH, raw_body=body, headers=FORM, signed=True)


def test_an_active_token_is_described(service, ada):
    answer = introspect(service, ada.token, token_type_hint="access_token")
    claims = jwt.decode(ada.token, options={"verify_signature": False})
    assert answer.body == {
        "active": True,
        "iss": "https://accounts.test",
        "sub": ada.id,
        "aud": "latchkey",
        "exp": claims["exp"],
        "iat": claims["iat"],
        "sid": ada.session_id,
        "auth_time": claims["auth_time"],
        "role": "user",
    }
    assert answer.headers["cache-control"] == "no-store"


def test_a_token_is_inactive_on_the_request_after_a_revocation(service, ada):
    phone = service.login(ada.email).data
    assert introspect(service, phone["access_token"]).body["active"]
    assert ada.request("DELETE", f"{ME}/sessions/{phone['session']['id']}").status == 200
    answer = introspect(service, phone["access_token"])
    assert (answer.status, answer.body) == (200, INACTIVE)
    assert introspect(service, ada.token).body["active"]


@pytest.mark.parametrize(
    "token", ["x", "a.b.c", "Bearer x", "a b", "a,b", "é", "\n", "x" * 4096, "-", "a.b.c.d"]
)
def test_another_text_is_inactive_without_a_reason(service, token):
    answer = introspect(service, token)
    assert (answer.status, answer.body) == (200, INACTIVE)


def test_other_tokens_of_ours_are_inactive(service, ada):
    """A refresh token is not for APIs."""
    refresh_token = service.login(ada.email).data["refresh_token"]
    assert introspect(service, refresh_token).body == INACTIVE


@pytest.mark.parametrize("state", ["suspended", "deleted", "expired"])
def test_a_token_of_an_account_that_is_out_is_inactive(service, ada, state):
    if state == "suspended":
        boss = Person(service, "boss@example.com")
        boss.become_admin()
        assert boss.request("POST", f"/api/v1/users/{ada.id}/suspend").status == 200
    elif state == "deleted":
        assert ada.request("DELETE", ME).status == 200
    else:
        service.clock.advance(hours=1)
    assert introspect(service, ada.token).body == INACTIVE


def test_an_introspection_is_a_use_from_an_unknown_place(service, ada):
    service.clock.advance(minutes=5)
    assert introspect(service, ada.token).body["active"]
    (session,) = ada.get(f"{ME}/sessions").data["sessions"]
    assert session["last_ip_address"] == "203.0.113.7"


def test_only_signed_requests_are_answered(service, ada):
    for token in (None, ada.token):
        answer = service.request("POST", PATH, token=token, json_body={"token": ada.token})
        assert (answer.status, answer.code) == (403, "SIGNATURE_REQUIRED")


def test_a_signed_request_needs_no_edge():
    """CloudFront would change what was signed, so the route is called around it."""
    service = InProcessService()
    ada = Person(service)
    service.configure(direct_access=False)
    assert introspect(service, ada.token).body["active"]


def test_an_outage_is_no_answer(service, ada):
    class Down:
        def authorize(self, *_args, **_options):
            raise TemporarilyUnavailable(retry_after_seconds=2)

    service.put_in_place({own_authorization: Down()})
    answer = introspect(service, ada.token)
    assert (answer.status, answer.code) == (503, "TEMPORARILY_UNAVAILABLE")
    assert answer.headers["retry-after"] == "2"


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ("", "token", "REQUIRED"),
        ("token=", "token", "REQUIRED"),
        ("token_type_hint=access_token", "token", "REQUIRED"),
        ("token=a&token=b", "body", "MALFORMED_FORM"),
        ("token=a&scope=b", "scope", "UNKNOWN_FIELD"),
        ("token=%ff", "body", "MALFORMED_FORM"),
        ("token=%EF%BF%BD", "body", "MALFORMED_FORM"),
        ("token", "body", "MALFORMED_FORM"),
        ("&".join(f"a{n}=b" for n in range(2000)), "body", "MALFORMED_FORM"),
        ("token=" + "x" * 5000, "token", "TOO_LONG"),
        ("token=" + "x" * 100_000, "body", "TOO_LARGE"),
        (b"token=\xff", "body", "MALFORMED_FORM"),
    ],
)
def test_a_bad_form_names_its_field(service, body, field, code):
    answer = service.request("POST", PATH, raw_body=body, headers=FORM, signed=True)
    assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")
    assert [(each["field"], each["code"]) for each in answer.body["error"]["details"]] == [
        (field, code)
    ]


def test_json_is_accepted_too(service, ada):
    answer = service.request("POST", PATH, json_body={"token": ada.token}, signed=True)
    assert answer.body["active"]
