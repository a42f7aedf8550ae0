"""A patient thief with a copied refresh token, who never uses it twice."""

from __future__ import annotations

import pytest

from latchkey.domain.session import Use
from tests.support.person import ME, audit_rows
from tests.support.service import IPHONE, InProcessService

REFRESH = "/api/v1/auth/refresh"
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/142.0.0.0 Safari/537.36"
CHROME_UPDATED = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/143.0.0.0 Safari/537.36"
THIEF = {"source_ip": "203.0.113.66", "user_agent": "curl/8.5.0"}
OWNER = {"source_ip": "198.51.100.7", "user_agent": CHROME}
SUBJECT = "One of your devices is used from another place"


@pytest.fixture
def service():
    return InProcessService()


@pytest.fixture
def tokens(service):
    service.register()
    return service.login(**OWNER).data


def refresh(service, token, **client):
    return service.request("POST", REFRESH, json_body={"refresh_token": token}, **client)


def subjects(service):
    service.work()
    return [mail.letter.subject for mail in service.mailbox.sent]


def sessions(service, token, **client):
    path = f"{ME}/sessions"
    return service.request("GET", path, token=token, **client).data["sessions"]


def test_thief_between_two_refreshes_of_the_owner_ends_the_session(service, tokens):
    stolen = tokens["refresh_token"]
    service.clock.advance(minutes=10)
    assert refresh(service, stolen, **THIEF).status == 200
    service.clock.advance(minutes=1)
    answer = refresh(service, stolen, **OWNER)
    assert (answer.status, answer.code) == (401, "REFRESH_TOKEN_REUSED")
    assert SUBJECT in subjects(service)


def test_owner_gets_one_email_per_day_about_use_elsewhere(service, tokens):
    client, token = OWNER, tokens["refresh_token"]
    for _ in range(6):
        service.clock.advance(hours=1)
        client = THIEF if client is OWNER else OWNER
        answer = refresh(service, token, **client)
        token = answer.data["refresh_token"]
        service.request("GET", ME, token=answer.data["access_token"], **client)
    assert subjects(service).count(SUBJECT) == 1
    assert len(audit_rows(service, "session.used.elsewhere")) == 1
    service.clock.advance(hours=24)
    refresh(service, token, **(THIEF if client is OWNER else OWNER))
    assert subjects(service).count(SUBJECT) == 2


def test_mail_names_where_the_session_is_used_now_and_its_link_signs_it_out(service, tokens):
    answer = refresh(service, tokens["refresh_token"], **THIEF)
    service.work()
    letter = next(m.letter for m in service.mailbox.sent if m.letter.subject == SUBJECT)
    assert THIEF["source_ip"] in letter.text
    assert OWNER["source_ip"] not in letter.text
    link_token = letter.text.partition("#token=")[2].split()[0]
    done = service.request("POST", "/api/v1/auth/not-me", json_body={"token": link_token})
    assert done.status == 200
    assert refresh(service, answer.data["refresh_token"], **THIEF).status == 401


@pytest.mark.parametrize(
    "client",
    [
        {"source_ip": "203.0.113.66", "user_agent": CHROME},  # another network
        {"source_ip": "198.51.100.7", "user_agent": IPHONE},  # another client
        {"source_ip": "198.51.7.250", "user_agent": IPHONE},  # another lease of the provider
        {"source_ip": "203.0.113.66", "user_agent": CHROME_UPDATED},  # updated on the way
    ],
)
def test_one_difference_alone_is_ordinary(service, tokens, client):
    first = refresh(service, tokens["refresh_token"], **client)
    assert first.status == 200
    assert refresh(service, tokens["refresh_token"], **OWNER).status == 200
    assert SUBJECT not in subjects(service)


def test_device_list_shows_where_a_session_was_last_used(service, tokens):
    access = refresh(service, tokens["refresh_token"], **THIEF).data["access_token"]
    (listed,) = [s for s in sessions(service, access, **THIEF) if s["is_current"]]
    assert listed["ip_address"] == OWNER["source_ip"]
    assert listed["last_ip_address"] == THIEF["source_ip"]
    service.clock.advance(minutes=2)
    (listed,) = [s for s in sessions(service, access, **OWNER) if s["is_current"]]
    # The authorizer writes it with last activity, after it has read the session.
    (listed,) = [s for s in sessions(service, access, **OWNER) if s["is_current"]]
    assert listed["last_ip_address"] == OWNER["source_ip"]


def test_owner_finds_it_in_the_history(service, tokens):
    access = refresh(service, tokens["refresh_token"], **THIEF).data["access_token"]
    history = service.request("GET", f"{ME}/activity", token=access).data["activity"]
    (entry,) = [e for e in history if e["action"] == "session.used.elsewhere"]
    assert entry["ip_address"] == THIEF["source_ip"]
    assert "another network" in entry["description"]


@pytest.mark.parametrize(
    ("one", "other", "elsewhere"),
    [
        (("192.0.2.1", "A/1"), ("192.0.99.1", "B/1"), False),
        (("192.0.2.1", "A/1"), ("192.1.2.1", "B/1"), True),
        (("2001:db8:1::1", "A/1"), ("2001:db8:2::1", "B/1"), False),
        (("2001:db8::1", "A/1"), ("2001:db9::1", "B/1"), True),
        (("192.0.2.1", "A/1"), ("2001:db8::1", "B/1"), True),
        (("192.0.2.1", "A/1.2.3"), ("2001:db8::1", "a/1.2.4"), False),
        (("unknown", ""), ("unknown", "A/1"), False),
        (("unknown", ""), ("192.0.2.1", "A/1"), True),
    ],
)
def test_elsewhere_is_another_network_and_another_client(one, other, elsewhere):
    uses = [Use.at(ip, agent, None) for ip, agent in (one, other)]
    assert uses[0].is_elsewhere(uses[1]) is uses[1].is_elsewhere(uses[0]) is elsewhere
