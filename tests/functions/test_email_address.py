"""Confirmation requires the mailbox and the password; a change can be undone."""

from __future__ import annotations

import pytest

from tests.support.service import IPHONE, PASSWORD, InProcessService

ADA, NEW, EVIL = "ada@example.com", "ada@analytical.example", "mallory@example.com"


@pytest.fixture
def service():
    return InProcessService()


@pytest.fixture
def strict():
    return InProcessService(EMAIL_VERIFICATION="required")


def confirm(service, token, password=PASSWORD):
    body = {"token": token, "password": password}
    return service.request("POST", "/api/v1/auth/email/verify", json_body=body)


def resend(service, email=ADA):
    return service.request("POST", "/api/v1/auth/email/resend", json_body={"email": email})


def ask_for(service, token, email=NEW):
    return service.request(
        "POST", "/api/v1/users/me/email", json_body={"email": email}, token=token
    )


def undo(service, token):
    return service.request("POST", "/api/v1/auth/email/undo", json_body={"token": token})


def change(service, email=NEW, *, access_token=None):
    """Change Ada's address all the way. Returns the token of the link that undoes it."""
    access_token = access_token or service.register().data["access_token"]
    before = service.request("GET", "/api/v1/users/me", token=access_token).data["email"]
    assert ask_for(service, access_token, email).status == 202
    service.work()
    assert confirm(service, service.mailbox.last(email).token).status == 200
    service.work()
    return service.mailbox.last(before)


# Confirming ----------------------------------------------------------------------------------


def confirm_here(service, token, device_id=None, cookies=None):
    """Confirm without a password, as the device that asked for the link."""
    body = {"token": token} | ({"device_id": device_id} if device_id else {})
    return service.request("POST", "/api/v1/auth/email/verify", json_body=body, cookies=cookies)


def confirmations(service):
    """The tokens of Ada's confirmation emails."""
    mails = service.mailbox.to(ADA)
    return [mail.token for mail in mails if "/verify-email#" in mail.letter.text]


def device_cookie(answer):
    (cookie,) = [text for text in answer.cookies if "latchkey_device" in text]
    return cookie.partition(";")[0]


REGISTER = "/api/v1/auth/register"
BROWSER = {"origin": "https://accounts.test"}


def test_link_is_enough_on_the_device_that_registered(service):
    device_id = service.register().data["device_id"]
    service.work()
    token = service.mailbox.last(ADA).token
    assert confirm_here(service, token, device_id).status == 200
    assert service.login().data["user"]["is_verified"] is True
    assert confirm_here(service, token, device_id).code == "SINGLE_USE_TOKEN_INVALID"


def test_link_is_enough_in_the_browser_that_registered(strict):
    body = {"email": ADA, "password": PASSWORD, "token_transport": "cookie"}
    answer = strict.request("POST", REGISTER, json_body=body, headers=BROWSER)
    taken = strict.request("POST", REGISTER, json_body=body, headers=BROWSER)
    assert (answer.status, answer.body) == (202, taken.body)
    # A taken address is not revealed by a missing cookie.
    assert device_cookie(taken) != device_cookie(answer)
    strict.work()
    (token,) = confirmations(strict)
    refused = confirm_here(strict, token, cookies=[device_cookie(taken)])
    assert (refused.status, refused.body["error"]["details"][0]["code"]) == (400, "REQUIRED")
    assert confirm_here(strict, token, cookies=[device_cookie(answer)]).status == 200
    assert strict.login().status == 200


def test_link_needs_the_password_on_other_devices(service):
    device_id = service.register().data["device_id"]
    other = service.login().data["device_id"]
    service.work()
    (token,) = confirmations(service)
    for wrong in (None, other, "dev_00000000000000000000000000"):
        refused = confirm_here(service, token, wrong)
        assert (refused.status, refused.body["error"]["details"][0]["field"]) == (400, "password")
    assert other != device_id
    assert confirm(service, token).status == 200


def test_owner_who_asks_for_a_link_does_not_confirm_the_account_of_a_stranger(strict):
    # The stranger registers Ada's address and waits for her click.
    strict.register()
    hers = strict.request(
        "POST",
        REGISTER,
        json_body={"email": "other@example.com", "password": PASSWORD, "token_transport": "cookie"},
        headers=BROWSER,
    )
    cookies = [device_cookie(hers)]
    response = strict.request(
        "POST", "/api/v1/auth/email/resend", json_body={"email": ADA}, cookies=cookies
    )
    assert response.status == 202
    strict.work()
    tokens = confirmations(strict)
    assert len(tokens) == 2
    for token in tokens:
        assert confirm_here(strict, token, cookies=cookies).status == 400
    assert strict.login().code == "EMAIL_NOT_VERIFIED"


def test_link_that_was_sent_again_is_enough_on_the_device_of_the_account(strict):
    body = {"email": ADA, "password": PASSWORD, "token_transport": "cookie"}
    registered = strict.request("POST", REGISTER, json_body=body, headers=BROWSER)
    strict.work()
    cookies = [device_cookie(registered)]
    strict.request("POST", "/api/v1/auth/email/resend", json_body={"email": ADA}, cookies=cookies)
    strict.work()
    assert confirm_here(strict, strict.mailbox.last(ADA).token, cookies=cookies).status == 200


def test_new_address_is_confirmed_by_the_link_on_the_device_that_asked(service):
    answer = service.register()
    cookies = [f"__Host-latchkey_device={answer.data['device_id']}"]
    response = service.request(
        "POST",
        "/api/v1/users/me/email",
        json_body={"email": NEW},
        token=answer.data["access_token"],
        cookies=cookies,
    )
    assert response.status == 202
    service.work()
    assert confirm_here(service, service.mailbox.last(NEW).token).status == 400
    assert confirm_here(service, service.mailbox.last(NEW).token, cookies=cookies).status == 200


def test_unconfirmed_account_signs_in_after_confirmation(strict):
    assert strict.register().status == 202
    assert strict.login().code == "EMAIL_NOT_VERIFIED"
    strict.work()
    assert confirm(strict, strict.mailbox.last(ADA).token).status == 200
    assert strict.login().data["user"]["is_verified"] is True


def test_link_works_once(service):
    service.register()
    service.work()
    token = service.mailbox.last(ADA).token
    assert confirm(service, token).status == 200
    again = confirm(service, token)
    assert (again.status, again.code) == (400, "SINGLE_USE_TOKEN_INVALID")


def test_link_expires_after_a_day(service):
    service.register()
    service.work()
    service.clock.advance(hours=24)
    assert confirm(service, service.mailbox.last(ADA).token).code == "SINGLE_USE_TOKEN_INVALID"


def test_token_of_another_purpose_confirms_nothing(service):
    service.register()
    service.request("POST", "/api/v1/auth/password/forgot", json_body={"email": ADA})
    service.work()
    reset = next(m for m in service.mailbox.to(ADA) if "/reset-password" in m.letter.text)
    assert confirm(service, reset.token).code == "SINGLE_USE_TOKEN_INVALID"


def test_click_alone_does_not_confirm_a_strangers_account(strict):
    """Pre-hijacking: Mallory opens an account with Ada's address and waits for her to click."""
    malicious = {"email": ADA, "password": "mallory knows this one 77"}
    strict.request("POST", "/api/v1/auth/register", json_body=malicious)
    strict.work()
    refused = confirm(strict, strict.mailbox.last(ADA).token, "what Ada would type 12")
    assert (refused.status, refused.code) == (401, "INVALID_CREDENTIALS")
    login = strict.request("POST", "/api/v1/auth/login", json_body=malicious)
    assert login.code == "EMAIL_NOT_VERIFIED"

    strict.request("POST", "/api/v1/auth/password/forgot", json_body={"email": ADA})
    strict.work()
    body = {"token": strict.mailbox.last(ADA).token, "new_password": PASSWORD}
    assert strict.request("POST", "/api/v1/auth/password/reset", json_body=body).status == 202
    assert strict.login().status == 200
    assert strict.request("POST", "/api/v1/auth/login", json_body=malicious).status == 401


def test_resend_does_not_reveal_accounts(strict):
    strict.register()
    strict.work()
    answers = [resend(strict), resend(strict, "nobody@example.com")]
    assert [answer.status for answer in answers] == [202, 202]
    assert answers[0].body == answers[1].body
    strict.work()
    assert len(strict.mailbox.to(ADA)) == 2
    assert strict.mailbox.to("nobody@example.com") == []


def test_a_confirmed_address_gets_no_second_link(service):
    service.register()
    service.work()
    confirm(service, service.mailbox.last(ADA).token)
    resend(service)
    service.work()
    assert len(service.mailbox.to(ADA)) == 1


def test_email_is_sent_to_the_stored_spelling_of_the_address(service):
    service.register("Ada@Example.com")
    resend(service, "aDA@EXAMPLE.COM")
    service.work()
    assert {mail.to for mail in service.mailbox.sent} == {"Ada@example.com"}


def test_invalid_address_is_refused(service):
    refused = resend(service, "not an address")
    assert (refused.status, refused.code) == (400, "VALIDATION_ERROR")


# Registering an address that is taken ---------------------------------------------------------


def test_taken_address_gets_the_response_of_a_free_one_and_its_owner_an_email(strict):
    first = strict.register()
    strict.work()
    second = strict.register(username="somebody")
    assert (second.status, second.body) == (first.status, first.body)
    strict.work()
    assert [mail.letter.subject for mail in strict.mailbox.to(ADA)] == [
        "Confirm your email address",
        "You already have an account",
    ]


def test_taken_username_does_not_reveal_a_taken_address(strict):
    strict.register(username="ada")
    taken, free = (strict.register(email, username="ada") for email in (ADA, "new@example.com"))
    assert (taken.status, taken.code) == (free.status, free.code) == (409, "USERNAME_TAKEN")


# Changing ------------------------------------------------------------------------------------


def test_nothing_changes_before_the_new_address_is_confirmed(service):
    token = service.register().data["access_token"]
    ask_for(service, token)
    service.work()
    assert service.request("GET", "/api/v1/users/me", token=token).data["email"] == ADA
    assert service.login().status == 200


def test_new_address_replaces_the_old_one(service):
    notice = change(service)
    assert service.login().status == 401
    me = service.login(NEW).data["user"]
    assert (me["email"], me["is_verified"]) == (NEW, True)
    assert notice.letter.subject == "Your email address was changed"
    assert "a•••@analytical.example" in notice.letter.text
    assert NEW not in notice.letter.text


def test_account_that_was_just_suspended_gets_no_link_to_a_new_address(service):
    token = service.register().data["access_token"]
    service.work()
    assert ask_for(service, token).status == 202
    for key, item in service.table._items.items():
        if key.sk == "ACCOUNT":
            item["status"] = "suspended"
    assert service.work() == []
    assert service.mailbox.to(NEW) == []


def test_change_requires_recent_authentication(service):
    token = service.register().data["access_token"]
    service.clock.advance(minutes=6)
    assert ask_for(service, token).code == "REAUTHENTICATION_REQUIRED"


def test_taken_address_is_revealed_only_to_its_mailbox(service):
    service.register(NEW)
    token = service.register().data["access_token"]
    free, taken = ask_for(service, token, "free@example.com"), ask_for(service, token, NEW)
    assert (free.status, free.body) == (taken.status, taken.body)
    service.work()
    refused = confirm(service, service.mailbox.last(NEW).token)
    assert (refused.status, refused.code) == (409, "EMAIL_ALREADY_REGISTERED")
    assert service.login().status == 200


def test_password_change_voids_the_link_to_a_new_address(service):
    token = service.register().data["access_token"]
    ask_for(service, token)
    service.work()
    another = "seven lanterns on the quay"
    body = {"current_password": PASSWORD, "new_password": another}
    service.request("PUT", "/api/v1/users/me/password", json_body=body, token=token)
    refused = confirm(service, service.mailbox.last(NEW).token, another)
    assert refused.code == "SINGLE_USE_TOKEN_INVALID"


def test_change_to_the_current_address_is_refused(service):
    token = service.register().data["access_token"]
    assert ask_for(service, token, "ADA@example.com").status == 400


# Undoing -------------------------------------------------------------------------------------


def test_undo_restores_the_address_and_locks_the_thief_out(service):
    """Mallory has the password, a session, and the account's address by now."""
    notice = change(service, EVIL)
    mallory = service.login(EVIL, user_agent=IPHONE).data["access_token"]

    assert undo(service, notice.token).status == 200

    refused = service.request("GET", "/api/v1/users/me", token=mallory)
    assert (refused.status, refused.code) == (401, "SESSION_REVOKED")
    assert service.login(EVIL).status == 401
    assert service.login(ADA).status == 401, "the password that Mallory knows is void"
    service.work()
    body = {"token": service.mailbox.last(ADA).token, "new_password": "seven lanterns on the quay"}
    assert service.request("POST", "/api/v1/auth/password/reset", json_body=body).status == 202
    fields = {"password": "seven lanterns on the quay"}
    assert service.login(ADA, fields=fields).data["user"]["email"] == ADA


def test_undo_works_once_within_a_week(service):
    notice = change(service)
    service.clock.advance(days=6)
    assert undo(service, notice.token).status == 200
    assert undo(service, notice.token).code == "SINGLE_USE_TOKEN_INVALID"


def test_a_week_later_the_address_is_free(service):
    notice = change(service)
    assert service.register(ADA).status == 409, "kept for its owner"
    service.clock.advance(days=7)
    assert undo(service, notice.token).code == "SINGLE_USE_TOKEN_INVALID"
    assert service.register(ADA).status == 201


def test_undo_still_works_after_a_second_change(service):
    """Else a thief would change it twice and keep the account."""
    notice = change(service, EVIL)
    mallory = service.login(EVIL).data["access_token"]
    second_notice = change(service, "second@example.com", access_token=mallory)
    assert second_notice.to == EVIL
    assert "token=" not in second_notice.letter.text
    assert undo(service, notice.token).status == 200
    assert service.login("second@example.com").status == 401
    assert service.register("second@example.com").status == 201, "the address is free again"


def test_change_back_to_the_old_address_is_a_normal_change(service):
    change(service)
    token = service.login(NEW).data["access_token"]
    change(service, ADA, access_token=token)
    assert service.login(ADA).status == 200
    assert service.register(NEW).status == 201


def test_administrators_find_an_account_by_its_current_address(service):
    def indexed():
        return [item["gsi2sk"].partition("#")[0] for item in accounts() if "gsi2sk" in item]

    def accounts():
        return [item for item in service.table.all_items() if item["sk"] == "ACCOUNT"]

    notice = change(service)
    assert indexed() == [NEW]
    undo(service, notice.token)
    assert indexed() == [ADA]
