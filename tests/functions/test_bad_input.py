"""Invalid input gets a 4xx in the envelope that names the field, and never a 5xx."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from latchkey.http import admin, endpoint
from tests.support.bad_input import NOT_UTF8
from tests.support.person import Person
from tests.support.service import PASSWORD, InProcessService

REGISTER = "/api/v1/auth/register"
LOGIN = "/api/v1/auth/login"


@pytest.fixture(scope="module")
def service():
    return InProcessService()


@pytest.fixture
def boss():
    person = Person(InProcessService())
    person.become_admin()
    return person


def details(answer):
    return {(problem["field"], problem["code"]) for problem in answer.body["error"]["details"]}


GOOD = {"email": "ada@example.com", "password": PASSWORD}


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"email": None}, "email", "WRONG_TYPE"),
        ({"email": ["ada@example.com", "eve@example.com"]}, "email", "WRONG_TYPE"),
        ({"email": {"$ne": ""}}, "email", "WRONG_TYPE"),
        ({"email": 7}, "email", "WRONG_TYPE"),
        ({"email": ""}, "email", "TOO_SHORT"),
        ({"email": "x" * 400}, "email", "TOO_LONG"),
        ({"email": "not an address"}, "email", "INVALID_EMAIL"),
        ({"email": "ada@localhost\r\nBcc: eve@example.com"}, "email", "INVALID_EMAIL"),
        ({"email": "ada\u0000@example.com"}, "email", "INVALID_EMAIL"),
        ({"email": "m\u0131ke@example.com"}, "email", "INVALID_EMAIL"),
        ({"password": ["a"]}, "password", "WRONG_TYPE"),
        ({"password": "short"}, "password", "TOO_SHORT"),
        ({"password": "x" * 129}, "password", "TOO_LONG"),
        ({"password": "x" * 2000}, "password", "TOO_LONG"),
        ({"password": "passwordpassword"}, "password", "TOO_COMMON"),
        ({"password": "aaaaaaaaaaaaaaaaaaaa"}, "password", "TOO_COMMON"),
        ({"full_name": "Ada\u202eLovelace"}, "full_name", "FORBIDDEN_CHARACTER"),
        ({"full_name": "Ada\u0007"}, "full_name", "FORBIDDEN_CHARACTER"),
        ({"full_name": "  "}, "full_name", "TOO_SHORT"),
        ({"full_name": "x" * 101}, "full_name", "TOO_LONG"),
        ({"username": "a@b"}, "username", "INVALID"),
        ({"username": "ab"}, "username", "TOO_SHORT"),
        ({"username": "\u0430da"}, "username", "INVALID"),
        ({"speaking_language": "en_US"}, "speaking_language", "INVALID_LANGUAGE_CODE"),
        ({"speaking_language": "english"}, "speaking_language", "INVALID_LANGUAGE_CODE"),
        ({"speaking_language": "xx"}, "speaking_language", "INVALID_LANGUAGE_CODE"),
        ({"speaking_language": "x-foo"}, "speaking_language", "INVALID_LANGUAGE_CODE"),
        ({"listening_language": "e" * 400}, "listening_language", "INVALID_LANGUAGE_CODE"),
        ({"role": "admin"}, "role", "UNKNOWN_FIELD"),
        ({"is_verified": True}, "is_verified", "UNKNOWN_FIELD"),
        ({"id": "usr_1"}, "id", "UNKNOWN_FIELD"),
        ({"token_transport": "carrier pigeon"}, "token_transport", "NOT_AN_OPTION"),
    ],
)
def test_invalid_field_is_named(service, change, field, code):
    answer = service.request("POST", REGISTER, json_body={**GOOD, **change})
    assert answer.status == 400
    assert (field, code) in details(answer)


def test_a_missing_field_is_named(service):
    answer = service.request("POST", REGISTER, json_body={})
    assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")
    assert details(answer) == {("email", "REQUIRED"), ("password", "REQUIRED")}


def test_invalid_language_has_its_own_code(service):
    answer = service.request("POST", REGISTER, json_body={**GOOD, "speaking_language": "xx"})
    assert answer.code == "INVALID_LANGUAGE_CODE"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", "MALFORMED_JSON"),
        ("{", "MALFORMED_JSON"),
        ("{}{}", "MALFORMED_JSON"),
        ('{"email": NaN}', "MALFORMED_JSON"),
        ('{"email": 1e999}', None),
        ('{"email": ' + "9" * 5000 + "}", "MALFORMED_JSON"),
        ('{"email": "a@example.com", "email": "b@example.com"}', "MALFORMED_JSON"),
        ('{"email": "\\ud800"}', "MALFORMED_JSON"),
        ("[" * 100_000, "TOO_LARGE"),
        ("[" * 30_000 + "]" * 30_000, "MALFORMED_JSON"),
        ("[" * 40 + "]" * 40, "TOO_DEEP"),
        (json.dumps({"email": "x" * 1_000_000}), "TOO_LARGE"),
        ("null", None),
        ('"text"', None),
        ("[]", None),
        ("\ufeff{}", "MALFORMED_JSON"),
    ],
)
def test_a_body_that_is_not_a_json_object_is_refused(service, body, code):
    answer = service.request("POST", LOGIN, raw_body=body)
    assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")
    if code is not None:
        assert details(answer) == {("body", code)}


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_only_json_is_accepted(service, media_type):
    answer = service.request("POST", LOGIN, json_body=GOOD, headers={"content-type": media_type})
    assert details(answer) == {("body", "UNSUPPORTED_MEDIA_TYPE")}


SEARCHES = {
    "/api/v1/sessions": {
        "user_id": ("ses_1", "NOT_AN_ID"),
        "ip": ("", "INVALID"),
        "device": ("\u202e", "INVALID"),
        "country": ("USA", "INVALID"),
        "created_from": ("yesterday", "NOT_A_TIME"),
        "created_to": ("2026-01-02T03:04:05", "NOT_A_TIME"),
        "state": ("Active", "NOT_AN_OPTION"),
        "limit": ("+5", "OUT_OF_RANGE"),
    },
    "/api/v1/users": {
        "email_prefix": ("x" * 255, "INVALID"),
        "status": ("", "NOT_AN_OPTION"),
        "limit": ("101", "OUT_OF_RANGE"),
    },
    "/api/v1/audit": {
        "session_id": ("usr_1", "NOT_AN_ID"),
        "action": ("account.eaten", "NOT_AN_OPTION"),
        "kind": ("rows", "NOT_AN_OPTION"),
        "since": ("1767225600", "NOT_A_TIME"),
        "limit": ("\u0665", "OUT_OF_RANGE"),
    },
}


@pytest.mark.parametrize("path", SEARCHES)
def test_each_invalid_query_parameter_is_named_with_its_code(boss, path):
    wrong = SEARCHES[path]
    answer = boss.get(path, query={name: text for name, (text, _) in wrong.items()})
    assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")
    details = {problem["field"]: problem["code"] for problem in answer.body["error"]["details"]}
    assert details == {name: code for name, (_, code) in wrong.items()}


def test_query_text_that_is_not_utf8_is_refused(boss):
    answer = boss.get("/api/v1/users", query={"email_prefix": "a\ufffd"})
    (problem,) = answer.body["error"]["details"]
    assert (answer.status, problem["field"], problem["code"]) == (400, "email_prefix", "INVALID")


def test_endpoint_with_a_reason_has_a_place_for_it():
    with pytest.raises(TypeError):
        endpoint(caller=admin(), reason=True)


def test_an_unknown_query_parameter_is_refused(service):
    answer = service.request("GET", "/api/v1/health", query={"verbose": "1"})
    assert details(answer) == {("verbose", "UNKNOWN_PARAMETER")}


def as_gateways_pass_it(raw):
    """Return a body in both forms of events: as bytes, or decoded with replacement characters."""
    return [raw, raw.decode("utf-8", errors="replace")]


@pytest.mark.parametrize("lost", NOT_UTF8)
def test_text_that_is_not_utf_8_is_refused(service, lost):
    fields = b'{"email": "lost@example.com", "password": "%s kettle monsoon violet"}' % lost
    for path in (REGISTER, LOGIN):
        for body in as_gateways_pass_it(fields):
            answer = service.request("POST", path, raw_body=body)
            assert (answer.status, details(answer)) == (400, {("body", "MALFORMED_JSON")})


def test_invalid_utf_8_passwords_are_not_equal(service):
    body = b'{"email": "latin@example.com", "password": "%s kettle monsoon violet %s"}'
    first, second = body % (b"\xe4\xf6\xfc", b"\xdf"), body % (b"\xe9\xe8\xea", b"\xf1")
    opened = service.request("POST", REGISTER, raw_body=first.decode(errors="replace"))
    signed_in = service.request("POST", LOGIN, raw_body=second.decode(errors="replace"))
    assert (opened.status, signed_in.status) == (400, 400)


def test_a_lone_surrogate_in_the_event_is_refused(service):
    # An event is JSON, which can contain an escaped surrogate.
    answer = service.request("POST", LOGIN, raw_body='{"email": "\ud800"}')
    assert (answer.status, details(answer)) == (400, {("body", "MALFORMED_BODY")})


def test_unknown_names_are_echoed_without_unprintable_characters(service):
    sent = {**GOOD, "\u202eevil\x00\x1b[31m<script>": 1}
    answer = service.request("POST", REGISTER, json_body=sent)
    assert ("\ufffdevil\ufffd\ufffd[31m<script>", "UNKNOWN_FIELD") in details(answer)
    answer = service.request("GET", "/api/v1/health", query={"\u202eevil": "1"})
    assert details(answer) == {("\ufffdevil", "UNKNOWN_PARAMETER")}


@pytest.mark.parametrize(
    "address",
    [
        "a" * 65 + "@example.net",
        "ada@example.net\r\n",
        "\nada@example.net",
        "ada@example.net\t",
        "ada@example.net\u2028",
        "ada@ex\u0430mple.com",
        "ada@xn--exmple-4nf.com",
        "ada@latin-\u03b1\u03b2.com",
    ],
    ids=ascii,
)
def test_an_address_that_is_too_long_has_controls_or_mixes_scripts_is_refused(service, address):
    answer = service.request("POST", REGISTER, json_body={**GOOD, "email": address})
    assert (answer.status, details(answer)) == (400, {("email", "INVALID_EMAIL")})


def test_login_wants_one_identifier(service):
    for body in ({"password": "x"}, {**GOOD, "username": "ada"}):
        assert service.request("POST", LOGIN, json_body=body).status == 400


def test_sent_values_are_never_echoed(service):
    secret = "S3cr3t-that-was-sent"
    for body in ({"email": secret, "password": secret}, {"email": "a@b.c", "password": [secret]}):
        assert secret not in json.dumps(service.request("POST", REGISTER, json_body=body).body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.dictionaries(
    st.sampled_from(["email", "password", "username", "full_name", "device_name"]) | st.text(),
    JSON,
    max_size=6,
)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=FIELDS | JSON, path=st.sampled_from([REGISTER, LOGIN, "/api/v1/auth/refresh"]))
def test_no_document_breaks_an_endpoint(service, body, path):
    answer = service.request("POST", path, json_body=body)
    assert answer.status < 500
    assert answer.body["success"] is (answer.status < 400)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    header=st.text(st.characters(max_codepoint=255), max_size=200)
    | st.builds("Bearer {}".format, st.text(max_size=200))
)
def test_no_authorization_header_breaks_the_authorizer(service, header):
    headers = {"authorization": header}
    answer = service.request("GET", "/api/v1/users/me", headers=headers)
    assert answer.status == 401
    assert answer.code in {"TOKEN_MISSING", "TOKEN_INVALID"}


# One mailbox, one account ---------------------------------------------------------------------

SPELLINGS = [
    "grace@example.com",
    "Grace@Example.COM",
    "  grace@example.com  ",
    "\uff47\uff52\uff41\uff43\uff45@example.com",
    "grace@\uff25xample.com",
    "GRACE@EXAMPLE.COM",
    "grace@exa\u006dple.com",
    "gra\u0063e@example.com",
]


def test_every_spelling_of_an_address_is_one_account(service):
    first = service.register(SPELLINGS[0])
    assert first.status == 201
    for spelling in SPELLINGS:
        again = service.register(spelling)
        assert (again.status, again.code) == (409, "EMAIL_ALREADY_REGISTERED")
        signed_in = service.login(spelling)
        assert signed_in.data["user"]["id"] == first.data["user"]["id"]


def test_an_international_domain_is_one_account_in_both_forms(service):
    first = service.register("ada@b\u00fccher.example")
    assert first.data["user"]["email"] == "ada@xn--bcher-kva.example"
    for spelling in ("ada@xn--bcher-kva.example", "ADA@B\u00dcCHER.example"):
        assert service.register(spelling).code == "EMAIL_ALREADY_REGISTERED"
