"""A sign-in on a new device: the owner gets an email and can report it."""

from __future__ import annotations

import pytest

from latchkey.storage.table import Key
from tests.support.person import audit_rows
from tests.support.service import IPHONE, PASSWORD, InProcessService

ADA, ANOTHER = "ada@example.com", "seven lanterns on the quay"
REQUIRED = (403, "PASSWORD_RESET_REQUIRED")
GONE = (400, "SINGLE_USE_TOKEN_INVALID")
HER_LAPTOP, A_PHONE = ("dev_" + digit * 26 for digit in "12")


@pytest.fixture
def service():
    return InProcessService()


def post(service, path, body, *, method="POST", token=None):
    return service.request(method, f"/api/v1/{path}", json_body=body, token=token)


def disown(service, token):
    return post(service, "auth/not-me", {"token": token})


def show(service, token):
    headers = {} if token is None else {"latchkey-token": token}
    return service.request("GET", "/api/v1/auth/not-me", headers=headers)


def notices(service):
    """Return the notices about new devices, in order."""
    service.work()
    return [mail for mail in service.mailbox.to(ADA) if "/not-me#" in mail.letter.text]


def sign_in(service, device_id=A_PHONE, password=PASSWORD, **options):
    fields = {"device_id": device_id, "password": password}
    return service.login(fields=fields, **options)


def refused(answer):
    return answer.status, answer.code


@pytest.fixture
def intrusion(service):
    """Register Ada, sign an intruder in; return her token, the intruder's and the email's."""
    hers = service.register().data["access_token"]
    theirs = sign_in(service, user_agent=IPHONE).data["access_token"]
    (mail,) = notices(service)
    return hers, theirs, mail.token


# The mail ------------------------------------------------------------------------------------


def test_first_sign_in_sends_no_email(service):
    service.register()
    assert notices(service) == []


def test_new_device_email_names_device_place_and_time(service):
    service.register()
    session = sign_in(service, user_agent=IPHONE).data["session"]
    sign_in(service, user_agent=IPHONE)
    (mail,) = notices(service)
    text = mail.letter.text
    assert mail.letter.subject == "New sign-in to your account"
    assert session["device_name"] in text
    assert session["ip_address"] in text
    assert f"{service.clock.now():%Y}" in text
    assert "https://accounts.test/not-me#token=tok_" in text


def test_new_device_email_names_the_city_of_the_edge(service):
    service.register()
    location = {"cloudfront-viewer-city": "M%C3%BCnchen", "cloudfront-viewer-country": "DE"}
    viewer = {"cloudfront-viewer-address": "81.2.69.160:443"}
    sign_in(service, headers={"x-latchkey-edge": "the-edge", **viewer, **location})
    (mail,) = notices(service)
    assert "München, DE" in mail.letter.text
    assert "81.2.69.160" in mail.letter.text


def test_second_new_device_is_reported_too(service):
    service.register()
    sign_in(service, A_PHONE)
    sign_in(service, HER_LAPTOP)
    assert len(notices(service)) == 2


def test_device_unused_for_long_is_new_again(service):
    service.register()
    sign_in(service)
    service.clock.advance(days=401)
    sign_in(service)
    assert len(notices(service)) == 2


def test_wrong_password_sends_no_email(service):
    service.register()
    sign_in(service, password="a wrong guess at a password")
    assert notices(service) == []


# "This wasn't me" ----------------------------------------------------------------------------


def test_report_signs_out_only_the_reported_device(service, intrusion):
    hers, theirs, link = intrusion
    assert disown(service, link).status == 200
    assert refused(service.request("GET", "/api/v1/users/me", token=theirs)) == (
        401,
        "SESSION_REVOKED",
    )
    assert service.request("GET", "/api/v1/users/me", token=hers).status == 200
    (row,) = audit_rows(service, "session.disowned")
    assert len(row["targets"]) == 1
    (ended,) = [i for i in service.table.all_items() if i.get("end_reason") == "disowned"]
    assert ended["id"] == row["targets"][0]


def test_report_ends_later_sessions_of_the_device(service, intrusion):
    _, _, link = intrusion
    later = sign_in(service, user_agent=IPHONE).data["access_token"]
    assert disown(service, link).status == 200
    assert service.request("GET", "/api/v1/users/me", token=later).status == 401


def test_report_voids_the_password_until_it_is_reset(service, intrusion):
    hers, _, link = intrusion
    disown(service, link)
    change = {"current_password": PASSWORD, "new_password": ANOTHER}
    proof, address = {"password": PASSWORD}, {"email": "mallory@example.com"}
    assert refused(sign_in(service)) == REQUIRED
    assert refused(post(service, "auth/reauthenticate", proof, token=hers)) == REQUIRED
    assert refused(post(service, "users/me/email", address, token=hers)) == REQUIRED
    changed = post(service, "users/me/password", change, method="PUT", token=hers)
    assert refused(changed) == REQUIRED

    service.work()
    body = {"token": service.mailbox.last(ADA).token, "new_password": ANOTHER}
    assert post(service, "auth/password/reset", body).status == 202
    assert service.request("GET", "/api/v1/users/me", token=hers).status == 401
    assert sign_in(service, password=ANOTHER).status == 200


def test_void_password_is_revealed_only_with_the_right_password(service, intrusion):
    disown(service, intrusion[2])
    wrong = sign_in(service, password="a wrong guess at a password")
    assert refused(wrong) == (401, "INVALID_CREDENTIALS")


def test_report_voids_the_intruders_change_of_address(service, intrusion):
    _, theirs, link = intrusion
    post(service, "users/me/email", {"email": "mallory@example.com"}, token=theirs)
    service.work()
    disown(service, link)
    proof = {"token": service.mailbox.last("mallory@example.com").token, "password": PASSWORD}
    assert refused(post(service, "auth/email/verify", proof)) == REQUIRED


def test_link_of_a_confirmation_is_not_enough_while_the_password_is_void(service, intrusion):
    mails = service.mailbox.to(ADA)
    (token,) = [mail.token for mail in mails if "/verify-email#" in mail.letter.text]
    devices = {key.sk.partition("#")[2] for key in service.table._items if "DEVICE#" in key.sk}
    (hers,) = devices - {A_PHONE}
    disown(service, intrusion[2])
    own = {"token": token, "device_id": hers}
    assert refused(post(service, "auth/email/verify", own)) == REQUIRED


def test_report_link_works_once_within_a_week(service, intrusion):
    link = intrusion[2]
    service.clock.advance(days=6)
    assert disown(service, link).status == 200
    assert refused(disown(service, link)) == GONE
    sign_in(service, HER_LAPTOP)


def test_a_week_later_the_link_is_too_old(service, intrusion):
    service.clock.advance(days=7)
    assert refused(disown(service, intrusion[2])) == GONE
    assert sign_in(service).status == 200


def test_parallel_uses_of_the_link_succeed_once(service, intrusion):
    transact, others = service.table.transact, []

    def overtaken(writes):
        if not others:
            others.append(None)
            others[0] = disown(service, intrusion[2])
        return transact(writes)

    service.table.transact = overtaken
    answer = disown(service, intrusion[2])
    assert sorted((answer.status, others[0].status)) == [200, 400]
    assert len(audit_rows(service, "session.disowned")) == 1


def test_link_shows_the_sign_in_and_changes_nothing(service, intrusion):
    _, theirs, link = intrusion
    listed = service.request("GET", "/api/v1/users/me/sessions", token=theirs).data["sessions"][0]
    before = service.table.all_items()
    for _ in range(3):
        shown = show(service, link).data["session"]
        assert shown == {
            name: listed[name]
            for name in ("device_name", "ip_address", "location", "created_at", "is_active")
        }
        assert shown["is_active"] is True
    (counter,) = [item for item in service.table.all_items() if item not in before]
    assert counter["requests"] == 3
    assert service.request("GET", "/api/v1/users/me", token=theirs).status == 200
    disown(service, link)
    assert refused(show(service, link)) == GONE


def test_ended_sign_in_is_shown_as_ended_and_a_removed_one_as_unknown(service, intrusion):
    _, theirs, link = intrusion
    service.request("POST", "/api/v1/auth/logout", token=theirs)
    assert show(service, link).data["session"]["is_active"] is False
    (key,) = [
        Key(str(i["pk"]), str(i["sk"]))
        for i in service.table.all_items()
        if i.get("device_id") == A_PHONE
    ]
    service.table.delete_many([key])
    assert show(service, link).data == {"session": None}
    assert disown(service, link).status == 200


@pytest.mark.parametrize(
    ("token", "code"), [(None, "REQUIRED"), ("", "REQUIRED"), ("x" * 129, "TOO_LONG")]
)
def test_missing_token_is_a_validation_error(service, token, code):
    answer = show(service, token)
    assert refused(answer) == (400, "VALIDATION_ERROR")
    (detail,) = answer.body["error"]["details"]
    assert (detail["field"], detail["code"]) == ("Latchkey-Token", code)


@pytest.mark.parametrize("token", ["x", "tok_" + "0" * 70, "\u00e9"])
def test_forged_token_shows_nothing(service, token):
    assert refused(show(service, token)) == GONE


def test_link_of_another_purpose_shows_nothing(service):
    service.register()
    post(service, "auth/password/forgot", {"email": ADA})
    service.work()
    assert refused(show(service, service.mailbox.last(ADA).token)) == GONE


def test_reported_device_is_new_again(service, intrusion):
    disown(service, intrusion[2])
    service.work()
    body = {"token": service.mailbox.last(ADA).token, "new_password": ANOTHER}
    assert post(service, "auth/password/reset", body).status == 202
    before = len(notices(service))
    sign_in(service, password=ANOTHER)
    assert len(notices(service)) == before + 1


def test_password_reset_voids_the_report_link(service, intrusion):
    post(service, "auth/password/forgot", {"email": ADA})
    service.work()
    body = {"token": service.mailbox.last(ADA).token, "new_password": ANOTHER}
    assert post(service, "auth/password/reset", body).status == 202
    again = sign_in(service, password=ANOTHER).data["access_token"]
    assert refused(show(service, intrusion[2])) == GONE
    assert refused(disown(service, intrusion[2])) == GONE
    assert service.request("GET", "/api/v1/users/me", token=again).status == 200


def test_knowledge_of_the_password_cannot_void_the_link(service, intrusion):
    _, theirs, link = intrusion
    change = {"current_password": PASSWORD, "new_password": ANOTHER}
    assert post(service, "users/me/password", change, method="PUT", token=theirs).status == 200
    assert disown(service, link).status == 200
    assert refused(sign_in(service, password=ANOTHER)) == REQUIRED
