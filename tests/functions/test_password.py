"""Changes of a password by its owner, and resets by email."""

from __future__ import annotations

import pytest

from tests.support.service import IPHONE, PASSWORD, InProcessService

ADA, ANOTHER = "ada@example.com", "seven lanterns on the quay"


@pytest.fixture
def service():
    return InProcessService()


def forgot(service, email=ADA):
    return service.request("POST", "/api/v1/auth/password/forgot", json_body={"email": email})


def reset(service, token, new_password=ANOTHER):
    body = {"token": token, "new_password": new_password}
    return service.request("POST", "/api/v1/auth/password/reset", json_body=body)


def change(service, token, current=PASSWORD, new=ANOTHER):
    body = {"current_password": current, "new_password": new}
    return service.request("PUT", "/api/v1/users/me/password", json_body=body, token=token)


def link(service, email=ADA):
    """Ask for a link and open the mail."""
    forgot(service, email)
    service.work()
    return service.mailbox.last(email).token


def test_a_reset_ends_every_session_and_starts_none(service):
    laptop = service.register().data["access_token"]
    phone = service.login(user_agent=IPHONE).data["access_token"]
    answer = reset(service, link(service))
    assert answer.status == 202
    assert set(answer.data) == {"device_id"}
    assert [cookie.partition("=")[0] for cookie in answer.cookies] == ["__Host-latchkey_device"]
    for token in (laptop, phone):
        refused = service.request("GET", "/api/v1/users/me", token=token)
        assert (refused.status, refused.code) == (401, "SESSION_REVOKED")
    assert service.login().status == 401
    assert service.login(fields={"password": ANOTHER}).status == 200


def test_reset_sends_an_email_and_confirms_the_address(service):
    service.register()
    reset(service, link(service))
    service.work()
    assert service.mailbox.last(ADA).letter.subject == "Your password was changed"
    assert service.login(fields={"password": ANOTHER}).data["user"]["is_verified"] is True


def test_forgot_password_does_not_reveal_accounts(service):
    service.register()
    answers = [forgot(service), forgot(service, "nobody@example.com")]
    assert [answer.status for answer in answers] == [202, 202]
    assert answers[0].body == answers[1].body
    service.work()
    assert service.mailbox.to("nobody@example.com") == []


def test_used_link_voids_the_other_links(service):
    service.register()
    first, second = link(service), link(service)
    assert reset(service, second).status == 202
    assert reset(service, first, "yet another one of mine 5").code == "SINGLE_USE_TOKEN_INVALID"


def test_link_expires_after_an_hour(service):
    service.register()
    token = link(service)
    service.clock.advance(hours=1)
    assert reset(service, token).code == "SINGLE_USE_TOKEN_INVALID"


def test_weak_password_does_not_use_up_the_link(service):
    service.register()
    token = link(service)
    weak = reset(service, token, "password")
    assert (weak.status, weak.code) == (400, "PASSWORD_NOT_ACCEPTED")
    assert weak.body["error"]["details"][0]["field"] == "new_password"
    assert reset(service, token).status == 202


@pytest.mark.parametrize("token", ["", "x", "tok_01kdx2w3wne4ns8ppdxwvxxxx0." + "A" * 43, "ä" * 60])
def test_forged_link_is_refused(service, token):
    assert reset(service, token).status == 400


def test_change_keeps_the_current_session_and_ends_the_others(service):
    laptop = service.register().data["access_token"]
    phone = service.login(user_agent=IPHONE).data["access_token"]
    answer = change(service, laptop)
    assert (answer.status, answer.data) == (200, {"terminated_count": 1})
    assert service.request("GET", "/api/v1/users/me", token=laptop).status == 200
    assert service.request("GET", "/api/v1/users/me", token=phone).code == "SESSION_REVOKED"
    assert service.login(fields={"password": ANOTHER}).status == 200


def test_change_email_names_device_and_place(service):
    change(service, service.register().data["access_token"])
    service.work()
    text = service.mailbox.last(ADA).letter.text
    assert "Device: Chrome on Windows" in text
    assert "IP address: 203.0.113.7" in text
    assert "2 January 2026, 03:04 UTC" in text


def test_change_requires_the_current_password(service):
    token = service.register().data["access_token"]
    refused = change(service, token, current="not the current one 9")
    assert (refused.status, refused.code) == (401, "INVALID_CREDENTIALS")
    assert service.login().status == 200


def test_passwords_and_tokens_are_never_stored_or_logged(service):
    token = service.register().data["access_token"]
    change(service, token)
    forgot(service)
    service.work()
    everything = repr(service.table.all_items())
    assert PASSWORD not in everything
    assert ANOTHER not in everything
    assert all(
        mail.token not in everything
        for mail in service.mailbox.sent
        if "#token=" in mail.letter.text
    )
