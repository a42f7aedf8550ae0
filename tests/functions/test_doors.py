"""The authorizer at every front door of AWS: a session is admitted, and nothing else ever is."""

from __future__ import annotations

import copy
import json
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from latchkey.domain.errors import TemporarilyUnavailable
from latchkey.http.authorizer import UndecidedError
from latchkey.http.errors import CATALOGUE
from latchkey.wiring.tokens import authorization
from tests.support import doors
from tests.support.person import ME, Person
from tests.support.service import InProcessService

OTHERS = [door for door in doors.EVERY if door is not doors.HTTP_2]
WITH_ADDRESS = [doors.HTTP_2, doors.HTTP_1, doors.REST_REQUEST, doors.WEB_SOCKET]
CALLER = {"account_id", "session_id", "auth_time", "role"}

every_door = pytest.mark.parametrize("door", doors.EVERY, ids=lambda door: door.name)
other_door = pytest.mark.parametrize("door", OTHERS, ids=lambda door: door.name)


class Gateway:
    """Asks the authorizer for other APIs, beside a service whose own endpoints answer."""

    def __init__(self, **settings) -> None:
        self.service = InProcessService(**settings)
        self.ada = Person(self.service)

    def ask(self, event):
        self.service.configure(authorizer_passes_reasons=False)
        try:
            return self.service._handler("authorizer")(event, None)
        finally:
            self.service.configure(authorizer_passes_reasons=True)

    def sign_out(self, session_id):
        answer = self.ada.request("DELETE", f"{ME}/sessions/{session_id}")
        assert answer.status == 200


@pytest.fixture
def gateway():
    return Gateway()


def bearer(token):
    return f"Bearer {token}"


def set_headers(event, headers):
    """Send these headers, `(name, value)`, as API Gateway passes them on: the last of a name."""
    event["headers"] = dict(headers)
    event["multiValueHeaders"] = {}
    for name, value in headers:
        event["multiValueHeaders"].setdefault(name, []).append(value)
    return event


# Decisions ---------------------------------------------------------------------------------------


@every_door
def test_a_session_is_admitted_until_it_is_signed_out(gateway, door):
    phone = gateway.service.login(gateway.ada.email).data
    event = door.event(bearer(phone["access_token"]))
    answer = gateway.ask(event)
    assert door.admits(answer)
    context = door.context(answer)
    assert set(context) == CALLER
    assert context["account_id"] == gateway.ada.id
    assert context["session_id"] == phone["session"]["id"]
    assert context["role"] == "user"

    gateway.sign_out(phone["session"]["id"])
    assert not door.admits(gateway.ask(event))
    assert door.admits(gateway.ask(door.event(bearer(gateway.ada.token))))


@other_door
def test_a_refusal_names_its_reason(gateway, door):
    phone = gateway.service.login(gateway.ada.email).data
    gateway.sign_out(phone["session"]["id"])
    reasons = {
        None: "TOKEN_MISSING",
        "Bearer a.b.c": "TOKEN_INVALID",
        bearer(phone["access_token"]): "SESSION_REVOKED",
    }
    for header, code in reasons.items():
        context = door.context(gateway.ask(door.event(header)))
        assert context["auth_error"] == code
        assert context["auth_message"]
        assert set(context) == {"auth_error", "auth_message"}
    gateway.service.clock.advance(seconds=3600)
    expired = door.context(gateway.ask(door.event(bearer(gateway.ada.token))))
    assert expired["auth_error"] == "TOKEN_EXPIRED"


def test_payload_2_is_refused_without_a_context(gateway):
    assert gateway.ask(doors.http_2(None)) == {"isAuthorized": False, "context": {}}


def test_every_reason_fits_into_the_template_of_a_gateway_response():
    """The template inserts texts into JSON as they are."""
    for row in CATALOGUE.values():
        assert json.loads(f'"{row.en}"') == row.en


@every_door
def test_a_device_is_used_at_every_door(gateway, door):
    gateway.service.clock.advance(seconds=120)
    token = gateway.service.login(gateway.ada.email, source_ip="203.0.113.7").data["access_token"]
    gateway.service.clock.advance(seconds=120)
    assert door.admits(gateway.ask(door.event(bearer(token))))
    listed = gateway.ada.get(f"{ME}/sessions").data["sessions"]
    used = next(each for each in listed if not each["is_current"])
    assert datetime.fromisoformat(used["last_activity"]) == gateway.service.clock.now()
    # TOKEN and AppSync do not tell the address of the client. The last one known stays.
    expected = doors.ADDRESS if door in WITH_ADDRESS else "203.0.113.7"
    assert used["last_ip_address"] == expected


# Never cached ------------------------------------------------------------------------------------


@pytest.mark.parametrize("door", [d for d in OTHERS if d.resource], ids=lambda door: door.name)
def test_a_policy_fits_every_route_of_its_api_and_no_other_api(gateway, door):
    resources = [
        f"{doors.API}/prod/DELETE/notes/1",
        f"{doors.API}/$default/GET/",
        f"{doors.API}/prod/$connect",
    ]
    allowed = gateway.ask(door.event(bearer(gateway.ada.token)))
    denied = gateway.ask(door.event("Bearer x"))
    for resource in resources:
        assert door.admits(allowed, resource)
        assert not door.admits(denied, resource)
    for other in ("abcdef12345", "zzz"):
        assert not door.admits(allowed, f"{doors.API.replace('abcdef1234', other)}/prod/GET/note")


def test_app_sync_never_caches(gateway):
    for header in (bearer(gateway.ada.token), "Bearer x", None):
        assert gateway.ask(doors.app_sync(header))["ttlOverride"] == 0


# No decision -------------------------------------------------------------------------------------


@every_door
@pytest.mark.parametrize("error", [TemporarilyUnavailable(retry_after_seconds=2), ValueError()])
def test_without_a_decision_nobody_is_admitted(gateway, door, error):
    class Broken:
        def authorize(self, *_args, **_options):
            raise error

    gateway.service.put_in_place({authorization: Broken()})
    event = door.event(bearer(gateway.ada.token))
    if door.fails:
        # The gateway answers 500 and not 401, so that clients do not sign people out.
        with pytest.raises(UndecidedError, match=r"^TEMPORARILY_UNAVAILABLE$"):
            gateway.ask(event)
    else:
        assert not door.admits(gateway.ask(event))


def test_our_own_authorizer_serves_no_other_door():
    service = InProcessService()
    token = service.register().data["access_token"]
    for door in OTHERS:
        answer = service._handler("authorizer")(door.event(bearer(token)), None)
        assert answer["isAuthorized"] is False
        assert "policyDocument" not in answer


# Tokens of WebSocket APIs ------------------------------------------------------------------------


def connect(headers=(), query=()):
    event = set_headers(doors.web_socket(None), list(headers))
    event["queryStringParameters"] = dict(query) or None
    event["multiValueQueryStringParameters"] = {name: [v] for name, v in query} or None
    return event


def places(token):
    """Every place of a token, by the setting that allows it."""
    protocol = ("Sec-WebSocket-Protocol", f"chat, latchkey.bearer.{token}")
    return {
        "header": connect([("Authorization", bearer(token))]),
        "protocol": connect([protocol]),
        "query": connect(query=[("access_token", token)]),
    }


@pytest.mark.parametrize("setting", ["header", "protocol", "query"])
def test_a_token_is_read_only_where_it_is_allowed(setting):
    gateway = Gateway(WEB_SOCKET_TOKEN=setting)
    for place, event in places(gateway.ada.token).items():
        expected = place in {"header", setting}
        assert doors.WEB_SOCKET.admits(gateway.ask(event)) is expected


@pytest.mark.parametrize("setting", ["protocol", "query"])
def test_two_tokens_are_refused(setting):
    gateway = Gateway(WEB_SOCKET_TOKEN=setting)
    token = gateway.ada.token
    event = places(token)[setting]
    set_headers(event, [*event["headers"].items(), ("Authorization", bearer(token))])
    assert not doors.WEB_SOCKET.admits(gateway.ask(event))


def test_a_subprotocol_is_one_token():
    gateway = Gateway(WEB_SOCKET_TOKEN="protocol")
    name = "Sec-WebSocket-Protocol"
    good = f"latchkey.bearer.{gateway.ada.token}"
    for sent, admitted in [
        ([good], True),
        (["chat", good], True),
        ([f"{good}, {good}"], False),
        ([good, good], False),
        ([gateway.ada.token], False),
        (["latchkey.bearer."], False),
        ([f"x{good}"], False),
    ]:
        event = set_headers(doors.web_socket(None), [(name, each) for each in sent])
        assert doors.WEB_SOCKET.admits(gateway.ask(event)) is admitted, sent


def test_a_message_of_an_open_connection_is_not_a_door(gateway):
    event = doors.web_socket(bearer(gateway.ada.token))
    event["requestContext"] |= {"routeKey": "$default", "eventType": "MESSAGE"}
    assert gateway.ask(event) == {"isAuthorized": False, "context": {}}


# Hostile events ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "door", [doors.HTTP_1, doors.REST_REQUEST, doors.WEB_SOCKET], ids=lambda door: door.name
)
def test_two_authorization_headers_are_refused(gateway, door):
    good, bad = ("Authorization", bearer(gateway.ada.token)), ("Authorization", "Bearer x")
    other_case = ("AUTHORIZATION", good[1])
    assert door.admits(gateway.ask(set_headers(door.event(None), [good])))
    for headers in ([bad, good], [good, bad], [good, good], [good, other_case]):
        answer = gateway.ask(set_headers(door.event(None), headers))
        assert not door.admits(answer), headers
        assert door.context(answer)["auth_error"] == "TOKEN_INVALID"


@pytest.mark.parametrize(
    "arn",
    [
        "",
        "*",
        None,
        7,
        "arn:aws:execute-api:eu-west-1:123456789012:*/prod/GET/note",
        "arn:aws:execute-api:*:*:*/*",
        "arn:aws:execute-api:eu-west-1:123456789012:abc",
        "arn:aws:execute-api:eu-west-1:123456789012:ab?/prod/GET/x",
        "arn:aws:s3:::bucket/prod/GET/note",
        "arn:aws:execute-api:eu-west-1:123456789012:${aws:userid}/prod/GET/x",
    ],
)
def test_an_arn_of_no_api_gets_no_policy(gateway, arn):
    event = doors.rest_request(bearer(gateway.ada.token)) | {"methodArn": arn}
    assert gateway.ask(event) == {"isAuthorized": False, "context": {}}


def test_a_path_does_not_change_the_policy(gateway):
    for path in ("/*", "/../../other/prod/GET/x", "/a\nb", "/%2e", "/" + "x" * 8000):
        event = doors.rest_request(bearer(gateway.ada.token))
        event["methodArn"] = f"{doors.API}/prod/GET{path}"
        (statement,) = gateway.ask(event)["policyDocument"]["Statement"]
        assert statement["Resource"] == f"{doors.API}/*"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3)
    ),
    max_leaves=12,
)


def paths_of(value, path=()):
    """Return the path of every part of an event."""
    yield path
    if isinstance(value, dict):
        for key, part in value.items():
            yield from paths_of(part, (*path, key))


def replaced(event, path, value):
    """Replace a part; `...` removes it."""
    if not path:
        return value
    changed = copy.deepcopy(event)
    holder = changed
    for key in path[:-1]:
        holder = holder[key]
    if value is ...:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return changed


def answer_of(gateway, event):
    """Return the answer; None if the invocation failed, which every gateway refuses."""
    try:
        return gateway.ask(event)
    except UndecidedError:
        return None


@pytest.fixture(scope="module")
def hostile():
    return Gateway(WEB_SOCKET_TOKEN="query")


REFUSED_TOKENS = st.sampled_from(
    [None, "", "Bearer", "Bearer ", "Bearer x", "Basic eA==", "x" * 9000]
)
MANY = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@MANY
@given(data=st.data())
def test_no_hostile_event_without_a_session_is_admitted(hostile, data):
    door = data.draw(st.sampled_from(doors.EVERY))
    event = door.event(data.draw(REFUSED_TOKENS))
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(sorted(paths_of(event), key=repr)))
        event = replaced(event, path, data.draw(JSON | st.just(...)) if path else data.draw(JSON))
        if not isinstance(event, dict):
            break
    answer = answer_of(hostile, event)
    for every in doors.EVERY if answer is not None else ():
        if every.resource is not None or "isAuthorized" in answer:
            assert not every.admits(answer)


@MANY
@given(data=st.data())
def test_a_changed_event_with_a_session_is_answered_in_its_own_shape_or_refused(hostile, data):
    """A valid token may be admitted, and never by the answer of another door."""
    door = data.draw(st.sampled_from(OTHERS))
    event = door.event(bearer(hostile.ada.token))
    path = data.draw(st.sampled_from([path for path in sorted(paths_of(event), key=repr) if path]))
    answer = answer_of(hostile, replaced(event, path, data.draw(JSON | st.just(...))))
    if answer is None or answer.get("isAuthorized") is False:
        return
    if door.resource is None:
        assert set(answer) == {"isAuthorized", "resolverContext", "ttlOverride"}
    else:
        assert set(answer) == {"principalId", "policyDocument", "context"}
        (statement,) = answer["policyDocument"]["Statement"]
        assert statement["Resource"].endswith(":abcdef1234/*")


@pytest.mark.parametrize("event", [None, [], "event", 7, {}, {"version": "3.0"}, {"type": "TOKEN"}])
def test_an_unknown_event_is_refused(gateway, event):
    assert gateway.ask(event) == {"isAuthorized": False, "context": {}}
