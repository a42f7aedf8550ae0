"""Limits of emails, of attempts at links, and of password attempts during a session."""

from __future__ import annotations

from collections import Counter

import pytest

from latchkey.config import EmailVerification
from latchkey.domain.limits import (
    EMAIL_CHANGE_PER_ACCOUNT,
    EMAIL_CHANGE_PER_UNVERIFIED_ACCOUNT,
    MAIL_PER_ADDRESS,
    NEW_DEVICE_MAIL,
    NOTICE_MAIL,
    PASSWORDS_PER_LINK,
    REDEEM_PER_ADDRESS,
    REQUESTED_MAIL,
)
from tests.support.audit import captured_log, log_event
from tests.support.calls import RecordingTable
from tests.support.service import IPHONE, PASSWORD, InProcessService

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


def request_email(service, path, number, email=ADA):
    """Ask for a mail, each time from another address."""
    return post(service, path, {"email": email}, address=f"198.51.100.{number}")


def change_password(service, token, current):
    body = {"current_password": current, "new_password": ANOTHER}
    return service.request("PUT", "/api/v1/users/me/password", json_body=body, token=token)


@pytest.mark.parametrize("path", MAILING)
def test_network_address_gets_a_limited_number_of_emails(service, path):
    body = {"email": ADA}
    answers = [post(service, path, body) for _ in range(MAIL_PER_ADDRESS.amount + 1)]
    assert [answer.status for answer in answers] == [202] * MAIL_PER_ADDRESS.amount + [429]
    assert answers[-1].code == "TOO_MANY_ATTEMPTS"
    assert 0 < int(answers[-1].headers["retry-after"]) <= MAIL_PER_ADDRESS.window_seconds
    assert answers[0].headers["ratelimit-policy"] == '"mail-address";q=10;w=900'
    assert post(service, path, body, address="198.51.100.7").status == 202


def links(service, page, address=ADA):
    """The number of emails with a link to a page that an address got."""
    service.work()
    return sum(f"/{page}#" in mail.letter.text for mail in service.mailbox.to(address))


def kinds(service):
    """Every mail that was sent, by its subject."""
    service.work()
    return Counter(mail.letter.subject for mail in service.mailbox.sent)


PAGES = {MAILING[0]: "reset-password", MAILING[1]: "verify-email"}


@pytest.mark.parametrize("path", MAILING)
def test_mailbox_limit_applies_and_is_not_revealed(service, path):
    service.register()
    sent = links(service, PAGES[path])
    answers = [
        request_email(service, path, number) for number in range(3 * REQUESTED_MAIL.per_hour)
    ]
    assert {answer.status for answer in answers} == {202}
    assert len({str(answer.body) for answer in answers}) == 1
    # Registering has sent the first link to confirm the address.
    assert sent == (path == MAILING[1])
    assert links(service, PAGES[path]) == REQUESTED_MAIL.per_hour


@pytest.mark.parametrize("path", MAILING)
def test_mailbox_gets_a_daily_limit_of_links_then_one_per_hour(service, path):
    """The owner always has a working link, even if others use up the limit."""
    service.register()
    per_hour = []
    for hour in range(20):
        before = links(service, PAGES[path])
        for number in range(8):
            request_email(service, path, hour * 8 + number)
        per_hour.append(links(service, PAGES[path]) - before)
        service.clock.advance(hours=1)
    registering = int(path == MAILING[1])
    assert sum(per_hour[:3]) + registering == REQUESTED_MAIL.per_day
    assert per_hour[3:] == [1] * 17


@pytest.mark.parametrize("path", MAILING)
def test_retry_during_an_outage_does_not_use_up_the_limit(service, path):
    service.register()
    sent = links(service, PAGES[path])
    request_email(service, path, 1)
    service.mailbox.down = True
    service.work()
    for _ in range(2 * REQUESTED_MAIL.per_hour):
        service.clock.advance(minutes=2)
        assert service.work() != []
    service.mailbox.down = False
    service.clock.advance(minutes=2)
    for number in range(2, 2 + 2 * REQUESTED_MAIL.per_hour):
        request_email(service, path, number)
    assert links(service, PAGES[path]) - sent == REQUESTED_MAIL.per_hour - sent


ONE_MAILBOX = [
    "ada@example.com",
    "Ada@Example.com",
    " ADA@example.COM ",
    "ada+1@example.com",
    "ada+news+more@example.com",
]


def register_each(service, addresses):
    for number, email in enumerate(addresses):
        body = {"email": email, "password": PASSWORD}
        post(service, "auth/register", body, address=f"198.51.100.{number}")
    service.work()
    return len(service.mailbox.sent)


@pytest.mark.parametrize("mode", EmailVerification)
def test_plus_tags_are_one_mailbox(service, mode):
    service.configure(email_verification=mode)
    tagged = [f"ada+{number}@example.com" for number in range(20)]
    assert register_each(service, tagged) == REQUESTED_MAIL.per_hour


def test_dots_are_one_mailbox_where_the_provider_ignores_them(service):
    dotted = ["adalovelace", "ada.lovelace", "a.d.a.lovelace", "ada.l.ovelace+x"]
    domains = ["gmail.com", "googlemail.com", "GMail.com"]
    addresses = [f"{local}@{domain}" for local in dotted for domain in domains]
    assert register_each(service, addresses) == REQUESTED_MAIL.per_hour


def test_dots_are_two_mailboxes_elsewhere(service):
    per_hour = REQUESTED_MAIL.per_hour
    addresses = [f"{name}+{n}@example.com" for n in range(9) for name in ("a.b", "ab")]
    assert register_each(service, addresses) == 2 * per_hour


def test_registration_works_after_the_mailbox_limit(service):
    for number in range(2 * REQUESTED_MAIL.per_hour):
        assert service.register(f"ada+{number}@example.com").status == 201
    assert service.login(f"ada+{2 * REQUESTED_MAIL.per_hour - 1}@example.com").status == 200


def ask_for_address(service, token, email):
    return post(service, "users/me/email", {"email": email}, token=token)


def a_confirmed_account(service, email="mallory@example.com"):
    token = service.register(email).data["access_token"]
    service.work()
    link = {"token": service.mailbox.last(email).token, "password": PASSWORD}
    assert post(service, "auth/email/verify", link).status == 200
    return token


def test_account_can_email_few_new_addresses(service):
    token = a_confirmed_account(service)
    sent = len(service.mailbox.sent)
    amount = EMAIL_CHANGE_PER_ACCOUNT.amount
    answers = [ask_for_address(service, token, f"x{n}@example.com") for n in range(10)]
    assert [answer.status for answer in answers] == [202] * amount + [429] * (10 - amount)
    assert answers[-1].code == "TOO_MANY_ATTEMPTS"
    assert '"email-change";r=0' in answers[-1].headers["ratelimit"]
    assert int(answers[-1].headers["retry-after"]) > 0
    service.work()
    assert len(service.mailbox.sent) == sent + amount


def test_unconfirmed_account_can_email_fewer_new_addresses(service):
    token = service.register("mallory@example.com").data["access_token"]
    amount = EMAIL_CHANGE_PER_UNVERIFIED_ACCOUNT.amount
    answers = [ask_for_address(service, token, f"x{n}@example.com") for n in range(5)]
    assert [answer.status for answer in answers] == [202] * amount + [429] * (5 - amount)


def test_mailbox_limit_applies_across_accounts(service):
    for n in range(2 * REQUESTED_MAIL.per_hour):
        token = service.register(f"mallory{n}@example.com").data["access_token"]
        assert ask_for_address(service, token, f"ada+{n}@example.com").status == 202
    assert sum("ada+" in mail.to for mail in sent_by(service)) == REQUESTED_MAIL.per_hour


def sent_by(service):
    service.work()
    return service.mailbox.sent


def test_network_limit_applies_to_new_addresses(service):
    codes = []
    for n in range(MAIL_PER_ADDRESS.amount + 1):
        token = service.register(f"mallory{n}@example.com").data["access_token"]
        codes.append(ask_for_address(service, token, f"x{n}@example.com").status)
    assert codes == [202] * MAIL_PER_ADDRESS.amount + [429]


def test_mailbox_limit_applies_to_registrations_of_a_taken_address(service):
    service.configure(email_verification=EmailVerification.REQUIRED)
    for number in range(3 * REQUESTED_MAIL.per_hour):
        body = {"email": ADA, "password": PASSWORD}
        answer = post(service, "auth/register", body, address=f"198.51.100.{number}")
        assert answer.status == 202
    assert kinds(service) == {
        "Confirm your email address": 1,
        "You already have an account": REQUESTED_MAIL.per_hour,
    }


def test_password_emails_have_their_own_limit(service):
    service.configure(email_verification=EmailVerification.REQUIRED)
    for number in range(3 * REQUESTED_MAIL.per_hour):
        service.register()
        request_email(service, MAILING[1], number)
    request_email(service, MAILING[0], 200)
    assert links(service, "reset-password") == 1


def test_used_up_mailbox_limit_does_not_reveal_accounts_at_registration():
    """A known and an unknown address above the limit cause the same storage requests."""
    table = RecordingTable()
    service = InProcessService(
        table=table, RATE_LIMIT_FACTOR="1", EMAIL_VERIFICATION=EmailVerification.REQUIRED
    )
    service.register()
    service.work()
    recorded = []
    for email in (ADA, "nobody@example.com"):
        for number in range(2 * REQUESTED_MAIL.per_hour):
            request_email(service, MAILING[0], number, email=email)
        service.work()
        with table.recording() as calls:
            answer = service.register(email)
        recorded.append((answer.status, answer.body, calls))
    assert recorded[0] == recorded[1]
    assert recorded[0][2] == ["update register", "get_many email", "transact"]


# Notices ---------------------------------------------------------------------------------------


def test_new_device_emails_have_an_hourly_limit_and_the_last_one_says_so(service):
    service.register()
    for number in range(12):
        service.login(source_ip=f"198.51.100.{number}")
    service.work()
    notices = [m for m in service.mailbox.to(ADA) if "/not-me#" in m.letter.text]
    assert len(notices) == NEW_DEVICE_MAIL.per_hour
    assert ["Further sign-ins" in mail.letter.text for mail in notices] == [False, False, True]
    token = service.login().data["access_token"]
    path = "/api/v1/users/me/activity"
    rows = service.request("GET", path, token=token, query={"limit": "50"}).data["activity"]
    assert sum(row["action"] == "session.started" for row in rows) == 14


def test_new_device_emails_have_a_daily_limit(service):
    service.register()
    for hour in range(20):
        for number in range(5):
            service.login(source_ip=f"198.51.{hour}.{number}")
        service.work()
        service.clock.advance(hours=1)
    assert links(service, "not-me") == NEW_DEVICE_MAIL.per_day


def test_change_emails_have_a_limit(service):
    token = service.register().data["access_token"]
    for number in range(3 * NOTICE_MAIL.per_hour):
        passwords = (PASSWORD, ANOTHER)
        current, new = passwords[number % 2], passwords[1 - number % 2]
        body = {"current_password": current, "new_password": new}
        answer = service.request("PUT", "/api/v1/users/me/password", json_body=body, token=token)
        assert answer.status == 200
    assert kinds(service)["Your password was changed"] == NOTICE_MAIL.per_hour


def test_security_links_have_their_own_limit(service):
    service.register()
    service.login(user_agent=IPHONE, source_ip="198.51.100.1")
    service.work()
    (notice,) = [m for m in service.mailbox.to(ADA) if "/not-me#" in m.letter.text]
    for number in range(2 * REQUESTED_MAIL.per_hour):
        request_email(service, MAILING[0], number)
    before = links(service, "reset-password")
    assert post(service, "auth/not-me", {"token": notice.token}).status == 200
    assert links(service, "reset-password") == before + 1


# Links and passwords ---------------------------------------------------------------------------


def a_link_to_a_new_address(service):
    token = a_confirmed_account(service, ADA)
    assert ask_for_address(service, token, "new@example.com").status == 202
    service.work()
    return token, service.mailbox.last("new@example.com").token


def test_link_is_void_after_five_wrong_passwords_and_the_history_shows_them(service):
    """From as many addresses as it takes: the link and the account count, not the network."""
    session, link = a_link_to_a_new_address(service)
    guesses = [WRONG] * PASSWORDS_PER_LINK + [PASSWORD]
    with captured_log() as log:
        answers = [confirm(service, link, guess, n) for n, guess in enumerate(guesses)]
    service._handler("record_requests")(log_event(log.getvalue().splitlines()), None)
    assert [answer.status for answer in answers] == [401] * PASSWORDS_PER_LINK + [400]
    assert answers[-1].code == "SINGLE_USE_TOKEN_INVALID"
    path = "/api/v1/users/me/activity"
    rows = service.request("GET", path, token=session).data["activity"]
    refused = [row for row in rows if row["action"] == "sign_in.refused"]
    assert len(refused) == PASSWORDS_PER_LINK
    assert refused[0]["ip_address"] == "198.51.100.4"


def confirm(service, link, password, number=0):
    body = {"token": link, "password": password}
    return post(service, "auth/email/verify", body, address=f"198.51.100.{number}")


def test_password_attempts_with_links_count_for_the_account(service):
    """Many links are no more guesses than one."""
    session = a_confirmed_account(service, ADA)
    statuses = []
    for n in range(3):
        assert ask_for_address(service, session, f"new{n}@example.com").status == 202
        service.work()
        link = service.mailbox.last(f"new{n}@example.com").token
        statuses += [confirm(service, link, WRONG).status for _ in range(3)]
    assert statuses == [401] * 5 + [429] * 4
    proof = {"password": PASSWORD}
    assert post(service, "auth/reauthenticate", proof, token=session).status == 429


@pytest.mark.parametrize("path", REDEEMING)
def test_network_address_has_a_limit_of_link_attempts(service, path):
    amount = REDEEM_PER_ADDRESS.amount
    answers = [post(service, path, REDEEMING[path]) for _ in range(amount + 1)]
    assert [answer.status for answer in answers] == [400] * amount + [429]


def test_password_attempts_with_a_stolen_session_are_limited(service):
    token = service.register().data["access_token"]
    answers = [change_password(service, token, WRONG) for _ in range(10)]
    assert [answer.status for answer in answers] == [401] * 5 + [429] * 5
    refused = change_password(service, token, PASSWORD)
    assert (refused.status, refused.code) == (429, "TOO_MANY_ATTEMPTS")
    # The same guesses at any endpoint. The owner signs in meanwhile.
    proof = {"password": PASSWORD}
    assert post(service, "auth/reauthenticate", proof, token=token).status == 429
    assert service.login().status == 200
    service.clock.advance(seconds=int(refused.headers["retry-after"]))
    assert change_password(service, token, PASSWORD).status == 200


def test_password_reset_clears_the_wait(service):
    service.register()
    for number in range(6):
        service.login(fields={"password": WRONG}, source_ip=f"198.51.100.{number}")
    for _ in range(4):
        service.login(fields={"password": WRONG})
    assert service.login().status == 429
    post(service, MAILING[0], {"email": ADA})
    service.work()
    body = {"token": service.mailbox.last(ADA).token, "new_password": ANOTHER}
    device_id = post(service, "auth/password/reset", body).data["device_id"]
    assert service.login(fields={"password": ANOTHER, "device_id": device_id}).status == 200
