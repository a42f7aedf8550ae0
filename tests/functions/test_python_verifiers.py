"""`clients/python`: verifiers and frameworks. Each refuses on the request after a revocation."""

from __future__ import annotations

from datetime import timedelta

import httpx2
import jwt
import pytest
from botocore.credentials import Credentials
from botocore.exceptions import EndpointConnectionError

from latchkey_client.introspection import IntrospectionVerifier
from latchkey_client.keys import Keys
from latchkey_client.table import _ATTRIBUTES, TableVerifier
from latchkey_client.verify import Refused
from tests.support.person import ME, Person
from tests.support.python_frameworks import FRAMEWORKS, Examples
from tests.support.python_package import TableClient, transport
from tests.support.service import API_HOST, ENVIRONMENT

PATH = "/api/v1/auth/introspect"
KINDS = ["table", "introspection"]


def bearer(token):
    return f"Bearer {token}"


def make(service, kind):
    if kind == "introspection":
        return IntrospectionVerifier(
            f"https://{API_HOST}{PATH}",
            region="eu-west-1",
            credentials=lambda: Credentials("AKIA", "secret", "token"),
            transport=transport(service),
        )
    keys = Keys("", fetch=lambda: service.request("GET", "/.well-known/jwks.json").body)
    return TableVerifier(
        "latchkey-test",
        issuer=ENVIRONMENT["ISSUER"],
        dynamodb=TableClient(service),
        keys=keys,
        clock=lambda: service.clock.now().timestamp(),
    )


@pytest.fixture(params=KINDS)
def verifier(request, service):
    return make(service, request.param)


@pytest.fixture
def reader(service):
    return make(service, "table")


def refusal(verifier, header):
    with pytest.raises(Refused) as refused:
        verifier.verify(header)
    return refused.value.code


def test_a_session_is_accepted_until_it_is_signed_out(service, ada, verifier):
    phone = service.login(ada.email).data
    caller = verifier.verify(bearer(phone["access_token"]))
    assert (caller.account_id, caller.session_id) == (ada.id, phone["session"]["id"])
    assert (caller.role, caller.authenticated_at) == ("user", service.clock.now())
    assert ada.request("DELETE", f"{ME}/sessions/{phone['session']['id']}").status == 200
    expected = {TableVerifier: "SESSION_REVOKED", IntrospectionVerifier: "TOKEN_INACTIVE"}
    assert refusal(verifier, bearer(phone["access_token"])) == expected[type(verifier)]
    assert verifier.verify(bearer(ada.token)).account_id == ada.id


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "TOKEN_MISSING"),
        ("", "TOKEN_MISSING"),
        ("Bearer", "TOKEN_INVALID"),
        ("Basic eA==", "TOKEN_INVALID"),
        ("Bearer a,b", "TOKEN_INVALID"),
        ("Bearer é", "TOKEN_INVALID"),
    ],
)
def test_a_header_without_a_token_is_refused(verifier, header, code):
    assert refusal(verifier, header) == code


def suspend(person, service):
    boss = Person(service, "boss@example.com")
    boss.become_admin()
    assert boss.request("POST", f"/api/v1/users/{person.id}/suspend").status == 200


STATES = {
    "expired": ("TOKEN_EXPIRED", lambda _, service: service.clock.advance(minutes=11)),
    "deleted": ("ACCOUNT_DELETED", lambda ada, _: ada.request("DELETE", ME)),
    "suspended": ("ACCOUNT_SUSPENDED", suspend),
    "signed out": ("SESSION_REVOKED", lambda ada, _: ada.request("POST", "/api/v1/auth/logout")),
}


@pytest.mark.parametrize("state", STATES)
def test_the_table_verifier_says_what_the_authorizer_says(service, ada, reader, state):
    code, act = STATES[state]
    act(ada, service)
    assert refusal(reader, bearer(ada.token)) == code
    assert ada.get().code == code


def test_timeouts_are_those_of_the_service(service, ada, reader):
    reader._idle_timeout = timedelta(minutes=5)
    service.clock.advance(minutes=6)
    assert refusal(reader, bearer(ada.token)) == "SESSION_IDLE_TIMEOUT"


def test_an_administrator_who_was_demoted_is_a_user(service, ada, reader):
    boss = Person(service, "boss@example.com")
    boss.become_admin()
    ada.become_admin()
    assert reader.verify(bearer(ada.token)).role == "admin"
    body = {"role": "user"}
    demoted = boss.request("PUT", f"/api/v1/users/{ada.id}/role", json_body=body)
    assert demoted.status == 200
    assert reader.verify(bearer(ada.token)).role == "user"


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_changed_token_is_refused(ada, reader, part):
    parts = ada.token.split(".")
    letter = parts[part][5]
    parts[part] = parts[part][:5] + ("A" if letter != "A" else "B") + parts[part][6:]
    assert refusal(reader, bearer(".".join(parts))) == "TOKEN_INVALID"


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_other_algorithms_are_refused(service, ada, reader, algorithm):
    claims = jwt.decode(ada.token, options={"verify_signature": False})
    kid = jwt.get_unverified_header(ada.token)["kid"]
    key = None if algorithm == "none" else "x" * 64
    token = jwt.encode(claims, key, algorithm=algorithm, headers={"typ": "at+jwt", "kid": kid})
    assert refusal(reader, bearer(token)) == "TOKEN_INVALID"


def test_only_the_needed_attributes_are_read_strongly(service, ada, reader):
    reader.verify(bearer(ada.token))
    (request,) = reader._dynamodb.requests
    assert request["ConsistentRead"] is True
    assert set(request["ExpressionAttributeNames"].values()) == set(_ATTRIBUTES)
    assert {"secret", "audit", "user_agent", "ip_address"}.isdisjoint(_ATTRIBUTES)


def test_a_store_that_is_down_is_a_503(service, ada, reader):
    def down(**_):
        raise EndpointConnectionError(endpoint_url="x")

    reader._dynamodb.get_item = down
    assert refusal(reader, bearer(ada.token)) == "TEMPORARILY_UNAVAILABLE"


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(403, json={"message": "Forbidden"}),
        httpx2.Response(503, json={}),
        httpx2.Response(200, text="<html>"),
        httpx2.Response(200, json=["active"]),
    ],
)
def test_an_introspection_that_fails_is_a_503(service, ada, answer):
    verifier = make(service, "introspection")
    verifier._http = httpx2.Client(transport=httpx2.MockTransport(lambda _: answer))
    assert refusal(verifier, bearer(ada.token)) == "TEMPORARILY_UNAVAILABLE"


@pytest.mark.parametrize("body", [{"active": "true"}, {"active": 1}, {}])
def test_only_true_is_active(service, ada, body):
    verifier = make(service, "introspection")
    answer = httpx2.Response(200, json=body)
    verifier._http = httpx2.Client(transport=httpx2.MockTransport(lambda _: answer))
    assert refusal(verifier, bearer(ada.token)) == "TOKEN_INACTIVE"


# Keys --------------------------------------------------------------------------------------------


def test_keys_are_fetched_rarely_and_kept_when_a_fetch_fails(service):
    now, fetched, is_down = [0.0], [], [False]

    def fetch():
        fetched.append(now[0])
        if is_down[0]:
            raise httpx2.ConnectError("down")
        return service.request("GET", "/.well-known/jwks.json").body

    keys = Keys("", fetch=fetch, monotonic=lambda: now[0])
    kid = fetch()["keys"][0]["kid"]
    fetched.clear()
    for _ in range(3):
        assert keys.find(kid)
        with pytest.raises(Refused, match="TOKEN_INVALID"):
            keys.find("unknown")
    assert fetched == [0]
    now[0], is_down[0] = 400, True
    assert keys.find(kid)
    assert fetched == [0, 400]


def test_without_any_keys_nobody_can_tell():
    def fetch():
        raise httpx2.ConnectError("down")

    with pytest.raises(Refused, match="TEMPORARILY_UNAVAILABLE"):
        Keys("", fetch=fetch).find("x")


# Frameworks: the examples ------------------------------------------------------------------------


@pytest.fixture
def example(monkeypatch, verifier):
    return Examples(monkeypatch, verifier)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_framework_refuses_on_the_request_after_a_revocation(service, ada, example, framework):
    call = FRAMEWORKS[framework](example)
    phone = service.login(ada.email).data
    header = bearer(phone["access_token"])
    assert call(header)[:2] == (200, {"account_id": ada.id})
    assert ada.request("DELETE", f"{ME}/sessions/{phone['session']['id']}").status == 200
    status, error, headers = call(header)
    assert (status, error["code"] in {"SESSION_REVOKED", "TOKEN_INACTIVE"}) == (401, True)
    assert headers["www-authenticate"].startswith('Bearer error="invalid_token"')
    status, error, headers = call(None)
    assert (status, error["code"], headers["www-authenticate"]) == (401, "TOKEN_MISSING", "Bearer")
    assert call(bearer(ada.token))[0] == 200
