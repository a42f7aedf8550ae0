"""Mails that anybody can ask for, links that anybody can try, and passwords guessed from within."""

from __future__ import annotations

import pytest

from latchkey.config import EmailVerification
from latchkey.domain.limits import MAIL_PER_ADDRESS, MAIL_PER_RECIPIENT, REDEEM_PER_ADDRESS
from tests.support.service import PASSWORD, InProcessService

ADA, ANOTHER = "ada@example.com", "seven lanterns on the quay"
WRONG = "a wrong guess at a password"
MAILING = ("auth/password/forgot", "auth/email/resend")
REDEEMING = {
    "auth/password/reset": {"token": "none", "new_password": ANOTHER},
    "auth/email/verify": {"token": "none", "password": PASSWORD},
    "auth/email/undo": {"token": "none"},
}


@pytest.fixture
def service():
    return InProcessService(RATE_LIMIT_FACTOR="1")


def post(service, path, body, *, address="203.0.113.7", token=None):
    return service.request(
        "POST", f"/api/v1/{path}", json_body=body, source_ip=address, token=token
    )


def ask(service, path, number, email=ADA):
    """Ask for a mail, each time from another address."""
    return post(service, path, {"email": email}, address=f"198.51.100.{number}")


def change_password(service, token, current):
    body = {"current_password": current, "new_password": ANOTHER}
    return service.request("PUT", "/api/v1/users/me/password", json_body=body, token=token)


@pytest.mark.parametrize("path", MAILING)
def test_an_address_asks_for_few_mails(service, path):
    body = {"email": ADA}
    answers = [post(service, path, body) for _ in range(MAIL_PER_ADDRESS.amount + 1)]
    assert [answer.status for answer in answers] == [202] * MAIL_PER_ADDRESS.amount + [429]
    assert answers[-1].code == "TOO_MANY_ATTEMPTS"
    assert 0 < int(answers[-1].headers["retry-after"]) <= MAIL_PER_ADDRESS.window_seconds
    assert answers[0].headers["ratelimit-policy"] == '"mail-address";q=10;w=900'
    assert post(service, path, body, address="198.51.100.7").status == 202


@pytest.mark.parametrize("path", MAILING)
def test_nobodys_mailbox_is_filled_and_no_answer_tells(service, path):
    service.register()
    service.work()
    sent = len(service.mailbox.to(ADA))
    answers = [ask(service, path, number) for number in range(3 * MAIL_PER_RECIPIENT.amount)]
    service.work()
    assert {answer.status for answer in answers} == {202}
    assert len({str(answer.body) for answer in answers}) == 1
    assert len(service.mailbox.to(ADA)) == sent + MAIL_PER_RECIPIENT.amount


def test_however_an_address_is_written_it_is_one_mailbox(service):
    service.register()
    service.work()
    sent = len(service.mailbox.to(ADA))
    for number in range(3 * MAIL_PER_RECIPIENT.amount):
        ask(service, MAILING[0], number, email=("Ada@Example.com", " ADA@example.COM ")[number % 2])
    service.work()
    assert len(service.mailbox.to(ADA)) == sent + MAIL_PER_RECIPIENT.amount


def test_a_change_of_address_fills_nobodys_mailbox_either(service):
    token = service.register("mallory@example.com").data["access_token"]
    for _ in range(3 * MAIL_PER_RECIPIENT.amount):
        assert post(service, "users/me/email", {"email": ADA}, token=token).status == 202
    service.work()
    assert len(service.mailbox.to(ADA)) == MAIL_PER_RECIPIENT.amount


def test_registering_a_taken_address_over_and_over_fills_nobodys_mailbox(service):
    service.configure(email_verification=EmailVerification.REQUIRED)
    for number in range(3 * MAIL_PER_RECIPIENT.amount):
        body = {"email": ADA, "password": PASSWORD}
        answer = post(service, "auth/register", body, address=f"198.51.100.{number}")
        assert answer.status == 202
    service.work()
    assert len(service.mailbox.to(ADA)) == MAIL_PER_RECIPIENT.amount


@pytest.mark.parametrize("path", REDEEMING)
def test_an_address_tries_so_many_links(service, path):
    amount = REDEEM_PER_ADDRESS.amount
    answers = [post(service, path, REDEEMING[path]) for _ in range(amount + 1)]
    assert [answer.status for answer in answers] == [400] * amount + [429]


def test_a_stolen_session_guesses_at_its_password_in_vain(service):
    token = service.register().data["access_token"]
    answers = [change_password(service, token, WRONG) for _ in range(10)]
    assert [answer.status for answer in answers] == [401] * 5 + [429] * 5
    refused = change_password(service, token, PASSWORD)
    assert (refused.status, refused.code) == (429, "TOO_MANY_ATTEMPTS")
    # The same guesses, whichever door is tried; and the owner signs in meanwhile.
    proof = {"password": PASSWORD}
    assert post(service, "auth/reauthenticate", proof, token=token).status == 429
    assert service.login().status == 200
    service.clock.advance(seconds=int(refused.headers["retry-after"]))
    assert change_password(service, token, PASSWORD).status == 200


def test_who_resets_the_password_waits_no_longer(service):
    service.register()
    for number in range(6):
        service.login(fields={"password": WRONG}, source_ip=f"198.51.100.{number}")
    for _ in range(4):
        service.login(fields={"password": WRONG})
    assert service.login().status == 429
    post(service, MAILING[0], {"email": ADA})
    service.work()
    body = {"token": service.mailbox.last(ADA).token, "new_password": ANOTHER}
    assert post(service, "auth/password/reset", body).status == 202
    assert service.login(fields={"password": ANOTHER}).status == 200
