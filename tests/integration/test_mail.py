"""Emails and their links on the deployed stack: outbox, stream, queue, worker, SES."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import mail_service
from tests.support.api import PASSWORD, a_fresh_address, all_at_once, error_code, fetch
from tests.support.mail import token_in
from tests.support.mail_service import Mood
from tests.support.outbox import sqs_record
from tests.support.queue_worker import QueueWorker, outcomes, run_make, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.api import Api
    from tools.local.stack import LocalStack

ANOTHER = "seven lanterns on the quay"
DELIVERY_SECONDS = 60
"""Generous: a cold relay and a cold worker behind everything else that runs."""

SMALL = (12, 2)
FULL = (50, 20)
"""How many use one link at once, and how often: each hashes a password, so fifty need cores."""


def mails_to(stack: LocalStack, address: str) -> list[dict[str, Any]]:
    """Everything that an address got, newest first."""
    return [mail for mail in stack.mails() if mail["To"] == [address]]


def wait_for_mail(stack: LocalStack, address: str, *, about: str) -> dict[str, Any]:
    """Wait for the mail with a link to this page."""
    deadline = time.monotonic() + DELIVERY_SECONDS
    while time.monotonic() < deadline:
        for mail in mails_to(stack, address):
            if f"/{about}" in mail["BodyText"]:
                return mail
        time.sleep(0.5)
    pytest.fail(f"no mail about {about} to {address}")


def link_token(stack: LocalStack, address: str, page: str) -> str:
    return token_in(wait_for_mail(stack, address, about=f"{page}#")["BodyText"])


def confirm(api: Api, token: str) -> Any:
    body = {"token": token, "password": PASSWORD}
    return api.call("POST", "/api/v1/auth/email/verify", json=body)


def reset(api: Api, token: str, password: str = ANOTHER) -> Any:
    body = {"token": token, "new_password": password}
    return api.call("POST", "/api/v1/auth/password/reset", json=body)


def restore(api: Api, token: str) -> Any:
    return api.call("POST", "/api/v1/auth/restore", json={"token": token})


def test_emailed_link_confirms_the_address(api, stack):
    email = a_fresh_address()
    api.register(email, speaking_language="de")
    mail = wait_for_mail(stack, email, about="verify-email#")
    assert mail["Subject"] == "Bestätigen Sie Ihre E-Mail-Adresse"
    assert mail["Source"] == "Latchkey <accounts@example.com>"
    assert f"{stack.base_url}/verify-email#token=tok_" in mail["BodyText"]
    assert f'href="{stack.base_url}/verify-email#token=tok_' in mail["BodyHtml"]
    inbox = fetch(f"{stack.base_url}/_dev/mail")
    assert inbox.status_code == 200
    assert mail["Subject"] in inbox.text
    assert f'href="/_dev/mail/{mail["MessageId"]}"' in inbox.text
    shown = fetch(f"{stack.base_url}/_dev/mail/{mail['MessageId']}")
    assert (shown.status_code, shown.text) == (200, mail["BodyHtml"])
    token = token_in(mail["BodyText"])
    assert confirm(api, token).status_code == 200
    assert error_code(confirm(api, token)) == "SINGLE_USE_TOKEN_INVALID"
    assert api.login(email).json()["data"]["user"]["is_verified"] is True


def test_password_reset_signs_out_every_device(api, stack):
    email = a_fresh_address()
    token = api.register(email).json()["data"]["access_token"]
    assert (
        api.call("POST", "/api/v1/auth/password/forgot", json={"email": email}).status_code == 202
    )
    assert reset(api, link_token(stack, email, "reset-password")).status_code == 202
    assert error_code(api.me(token)) == "SESSION_REVOKED"
    assert api.login(email).status_code == 401
    assert api.login(email, password=ANOTHER).status_code == 200
    wait_for_mail(stack, email, about="forgot-password")


def test_password_change_ends_the_other_sessions_and_sends_an_email(api, stack):
    email = a_fresh_address()
    mine = api.register(email).json()["data"]["access_token"]
    other = api.login(email).json()["data"]["access_token"]

    def change(current):
        body = {"current_password": current, "new_password": ANOTHER}
        return api.call("PUT", "/api/v1/users/me/password", token=mine, json=body)

    assert (change(ANOTHER).status_code, api.me(other).status_code) == (401, 200)
    changed = change(PASSWORD)
    assert (changed.status_code, changed.json()["data"]) == (200, {"terminated_count": 1})
    assert api.me(mine).status_code == 200
    assert error_code(api.me(other)) == "SESSION_REVOKED"
    assert api.login(email).status_code == 401
    assert api.login(email, password=ANOTHER).status_code == 200
    notice = wait_for_mail(stack, email, about="forgot-password")
    assert notice["Subject"] == "Your password was changed"
    assert ANOTHER not in notice["BodyText"] + notice["BodyHtml"]


def test_one_of_two_parallel_confirmations_of_an_address_succeeds(api, stack):
    new = a_fresh_address()
    tokens = [api.register().json()["data"]["access_token"] for _ in range(2)]
    for token in tokens:
        response = api.call("POST", "/api/v1/users/me/email", json={"email": new}, token=token)
        assert response.status_code == 202
    until(lambda: len(mails_to(stack, new)) == 2)
    links = [token_in(mail["BodyText"]) for mail in mails_to(stack, new)]
    answers = all_at_once(2, lambda n: confirm(api, links[n]))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert {error_code(answer) for answer in answers} == {None, "EMAIL_ALREADY_REGISTERED"}
    addresses = [api.me(token).json()["data"]["email"] for token in tokens]
    assert addresses.count(new) == 1


def test_changed_address_can_be_undone(api, stack):
    old, new = a_fresh_address(), a_fresh_address()
    token = api.register(old).json()["data"]["access_token"]
    response = api.call("POST", "/api/v1/users/me/email", json={"email": new}, token=token)
    assert response.status_code == 202
    assert confirm(api, link_token(stack, new, "verify-email")).status_code == 200
    assert api.me(token).json()["data"]["email"] == new
    undo = {"token": link_token(stack, old, "undo-email-change")}
    assert api.call("POST", "/api/v1/auth/email/undo", json=undo).status_code == 200
    assert error_code(api.me(token)) == "SESSION_REVOKED"
    assert reset(api, link_token(stack, old, "reset-password")).status_code == 202
    user = api.login(old, password=ANOTHER).json()["data"]["user"]
    assert (user["email"], user["is_verified"]) == (old, True)
    assert api.login(new, password=ANOTHER).status_code == 401


def test_emailed_link_restores_a_deleted_account(api, stack):
    email = a_fresh_address()
    token = api.register(email).json()["data"]["access_token"]
    assert api.call("DELETE", "/api/v1/users/me", token=token).status_code == 200
    assert error_code(api.login(email)) == "ACCOUNT_DELETED"
    link = link_token(stack, email, "restore-account")
    assert restore(api, link).status_code == 200
    assert api.login(email).status_code == 200
    assert error_code(restore(api, link)) == "SINGLE_USE_TOKEN_INVALID"


def disown(api: Api, token: str) -> Any:
    return api.call("POST", "/api/v1/auth/not-me", json={"token": token})


def test_emailed_link_ends_an_unrecognized_sign_in(api, stack):
    email = a_fresh_address()
    hers = api.register(email).json()["data"]["access_token"]
    theirs = api.login(email).json()["data"]["access_token"]
    link = link_token(stack, email, "not-me")
    assert disown(api, link).status_code == 200
    assert error_code(api.me(theirs)) == "SESSION_REVOKED"
    assert api.me(hers).status_code == 200
    assert error_code(api.login(email)) == "PASSWORD_RESET_REQUIRED"
    assert reset(api, link_token(stack, email, "reset-password")).status_code == 202
    assert api.login(email, password=ANOTHER).status_code == 200
    assert error_code(disown(api, link)) == "SINGLE_USE_TOKEN_INVALID"


@pytest.fixture
def worker(stack):
    return QueueWorker(stack, "send_mail")


def promised(worker: QueueWorker, people: list[str]) -> set[str]:
    """The ids of the messages that wait to become mails to these people."""
    return {
        item["sk"]["S"].partition("#")[2]
        for item in worker.outbox("mail")
        if item["body"]["M"].get("address", {}).get("S") in people
    }


COPIES = 20


def test_many_deliveries_of_a_message_send_one_email(api, stack, worker):
    """Twenty copies of every delivery, of which the first workers that come claim one each."""
    people = [a_fresh_address() for _ in range(5)]
    sqs, url = stack.client("sqs"), worker.queue("MailQueue")
    worker.pause(paused=True)
    try:
        for email in people:
            assert api.register(email).status_code == 201
        ids = promised(worker, people)
        assert len(ids) == len(people)
        for body in worker.take("MailQueue", ids) * COPIES:
            sqs.send_message(QueueUrl=url, MessageBody=body)
    finally:
        worker.pause(paused=False)
    for message_id in ids:
        until(lambda i=message_id: outcomes(stack, "send_mail", i).total() >= COPIES)
        assert outcomes(stack, "send_mail", message_id)["worked"] == 1
    # The outbox has forgotten them; a queue may not have.
    records = [sqs_record(message_id) for message_id in ids]
    assert stack.invoke("send_mail", {"Records": records}) == {"batchItemFailures": []}
    for email in people:
        assert len(mails_to(stack, email)) == 1


def test_outage_of_ses_delays_no_response_and_loses_no_email(api, stack, worker):
    """And what cannot be delivered at all stays where somebody can look at it."""
    people = [a_fresh_address() for _ in range(2)]
    with (
        worker.showing_again_after_a_second("MailQueue", "MailDeadLetters"),
        mail_service.between(stack) as service,
    ):
        service.mood = Mood.HANGS
        for email in people:
            assert api.register(email).status_code == 201
        forgotten = api.call("POST", "/api/v1/auth/password/forgot", json={"email": people[0]})
        assert forgotten.status_code == 202
        until(lambda: service.request_count)
        assert service.sent == 0
        until(lambda: "ReadTimeoutError" in reasons(stack))

        service.mood = Mood.FAILS
        ids = promised(worker, people)
        assert len(ids) == 3
        poison = {"QueueUrl": worker.queue("MailQueue"), "MessageBody": "no message"}
        stack.client("sqs").send_message(**poison)
        until(lambda: given_up(worker, ids) >= len(ids) + 1)
        for message_id in ids:
            assert outcomes(stack, "send_mail", message_id)["worked"] == 0
        assert [mail for email in people for mail in mails_to(stack, email)] == []

        service.mood = Mood.WORKS
        lapse(worker, ids)
        assert run_make(stack, "redrive-mails")["redriven"] >= len(ids) + 1
        for email in people:
            wait_for_mail(stack, email, about="verify-email#")
        wait_for_mail(stack, people[0], about="reset-password#")
        until(lambda: promised(worker, people) == set())
        assert [len(mails_to(stack, email)) for email in people] == [2, 1]
        until(lambda: worker.waiting("MailDeadLetters") == 1)
        sqs, dead = stack.client("sqs"), worker.queue("MailDeadLetters")
        (letter,) = sqs.receive_message(QueueUrl=dead, MaxNumberOfMessages=10)["Messages"]
        assert letter["Body"] == "no message"
        sqs.delete_message(QueueUrl=dead, ReceiptHandle=letter["ReceiptHandle"])


def reasons(stack: LocalStack) -> set[str | None]:
    """Why mails were not sent, by the log."""
    lines = [json.loads(line) for line in stack.logs("MailNotSent")]
    errors = [error for line in lines for error in line.get("exceptions", ())]
    return {error["code"] for error in errors if error["name"] == "MailNotSent"}


def given_up(worker: QueueWorker, ids: set[str]) -> int:
    """How many dead letters there are, once the leases that failures leave behind have passed."""
    lapse(worker, ids)
    return worker.waiting("MailDeadLetters")


def lapse(worker: QueueWorker, ids: set[str]) -> None:
    """Let a minute pass for messages that nobody works on."""
    for item in worker.outbox("mail"):
        if item["sk"]["S"].partition("#")[2] in ids:
            worker.stack.client("dynamodb").update_item(
                TableName=worker.stack.table_name,
                Key={name: item[name] for name in ("pk", "sk")},
                UpdateExpression="SET leased_until = :past",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeValues={":past": {"N": "0"}},
            )


def redeem_at_once(
    ways: int, page: str, issue: Callable[[str], str], use: Callable[[str], Any]
) -> None:
    """Many people use one link at the same moment; one of them succeeds."""
    token = issue(page)
    answers = all_at_once(ways, lambda _: use(token))
    statuses = Counter(answer.status_code for answer in answers)
    assert statuses[200] + statuses[202] == 1, statuses
    # The password that goes with a verification link counts against the account: some must wait.
    waiting = statuses[429] if page == "verify-email" else 0
    assert statuses[400] + waiting == ways - 1, statuses
    assert {error_code(a) for a in answers if a.status_code == 400} == {"SINGLE_USE_TOKEN_INVALID"}


@pytest.fixture
def issue(api, stack):
    """Get a fresh account's mail and take the token of its link."""

    def issue(page: str) -> str:
        email = a_fresh_address()
        signed_in = api.register(email).json()["data"]
        if page == "restore-account":
            api.call("DELETE", "/api/v1/users/me", token=signed_in["access_token"])
        if page == "not-me":
            api.login(email)
        if page == "reset-password":
            api.call("POST", "/api/v1/auth/password/forgot", json={"email": email})
        return link_token(stack, email, page)

    return issue


@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", ["verify-email", "reset-password", "restore-account", "not-me"])
@pytest.mark.parametrize(("ways", "rounds"), [SMALL, pytest.param(*FULL, marks=pytest.mark.slow)])
def test_one_of_many_parallel_uses_of_a_link_succeeds(wide_api, issue, page, ways, rounds):
    use = {
        "verify-email": lambda token: confirm(wide_api, token),
        "reset-password": lambda token: reset(wide_api, token),
        "restore-account": lambda token: restore(wide_api, token),
        "not-me": lambda token: disown(wide_api, token),
    }[page]
    for _ in range(rounds):
        redeem_at_once(ways, page, issue, use)
