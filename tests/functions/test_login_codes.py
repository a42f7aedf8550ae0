"""Wrong passwords of others do not lock the owner out: an emailed code lets the owner in."""

from __future__ import annotations

import itertools
import re

import pytest

from latchkey.domain.limits import LOGIN_CODE_MAIL, LOGIN_CODE_MINUTES, LOGIN_PER_CODE_HOLDER
from latchkey.wiring.sign_in import passwords
from tests.support.calls import RecordingTable
from tests.support.passwords import CountingPasswords
from tests.support.service import IPHONE, PASSWORD, InProcessService

ADA, ANOTHER = "ada@example.com", "seven lanterns on the quay"
WRONG = "a wrong guess at a password"
HOME = "203.0.113.50"


@pytest.fixture
def service():
    service = InProcessService(RATE_LIMIT_FACTOR="1")
    service.put_in_place({passwords: CountingPasswords()})
    service.register(username="ada")
    service.work()
    return service


@pytest.fixture
def botnet():
    """An address for each request."""
    return (f"198.{18 + n // 65536}.{n // 256 % 256}.{n % 256}" for n in itertools.count())


def post(service, path, body, address=HOME, **options):
    return service.request("POST", f"/api/v1/{path}", json_body=body, source_ip=address, **options)


def request_code(service, address=HOME, **identifier):
    return post(service, "auth/login/code", identifier or {"email": ADA}, address)


def codes(service, address=ADA):
    """Every code that was mailed, oldest first."""
    service.work()
    texts = (mail.letter.text for mail in service.mailbox.to(address))
    return [found[1] for text in texts if (found := re.search(r"Code: (\w{5}-\w{5})", text))]


def login(service, address=HOME, *, code=None, password=PASSWORD, email=ADA):
    body = {"email": email, "password": password, **({"code": code} if code else {})}
    return post(service, "auth/login", body, address)


def guess(service, botnet, times=6):
    return [login(service, next(botnet), password=WRONG).status for _ in range(times)]


def refused(answer):
    return answer.status, answer.code


def test_code_and_password_sign_the_owner_in(service, botnet):
    assert guess(service, botnet) == [401] * 5 + [429]
    refusal = login(service)
    assert refused(refusal) == (429, "TOO_MANY_ATTEMPTS")
    assert [(d["field"], d["code"]) for d in refusal.body["error"]["details"]] == [
        ("code", "REQUIRED")
    ]
    assert request_code(service).status == 202
    (code,) = codes(service)
    assert login(service, code=code).status == 200


def test_code_or_password_alone_is_not_enough(service, botnet):
    guess(service, botnet)
    request_code(service)
    (code,) = codes(service)
    assert refused(login(service, code=code, password=WRONG)) == (401, "INVALID_CREDENTIALS")
    assert refused(login(service)) == (429, "TOO_MANY_ATTEMPTS")
    assert login(service, code=code).status == 200


@pytest.mark.parametrize(
    "spell", [str.lower, lambda code: code.replace("-", ""), lambda code: f" {code} "]
)
def test_code_is_accepted_in_any_typed_form(service, spell):
    request_code(service, username="ADA")
    (code,) = codes(service)
    assert login(service, code=spell(code)).status == 200


def test_letters_that_look_like_digits_are_read_as_digits(service):
    request_code(service)
    (code,) = codes(service)
    assert login(service, code=code.replace("0", "O").replace("1", "l")).status == 200


def test_a_code_works_once(service):
    request_code(service)
    (code,) = codes(service)
    assert login(service, code=code).status == 200
    assert refused(login(service, code=code)) == (401, "CODE_INVALID")


def test_code_expires_after_an_hour(service):
    request_code(service)
    (code,) = codes(service)
    service.clock.advance(minutes=LOGIN_CODE_MINUTES)
    assert refused(login(service, code=code)) == (401, "CODE_INVALID")


def test_password_change_voids_codes(service):
    token = login(service).data["access_token"]
    request_code(service)
    (code,) = codes(service)
    body = {"current_password": PASSWORD, "new_password": ANOTHER}
    service.request("PUT", "/api/v1/users/me/password", json_body=body, token=token)
    assert refused(login(service, code=code, password=ANOTHER)) == (401, "CODE_INVALID")


def test_code_works_only_for_its_account(service):
    service.register("eve@example.com")
    request_code(service, email="eve@example.com")
    (code,) = codes(service, "eve@example.com")
    assert refused(login(service, code=code)) == (401, "CODE_INVALID")


def test_wrong_code_is_refused_before_the_password_is_verified(service):
    answers = [login(service, code="00000-00000", password=p) for p in (PASSWORD, WRONG)]
    assert [refused(answer) for answer in answers] == [(401, "CODE_INVALID")] * 2
    assert service.services[passwords].verified == 0


def test_a_suspended_account_gets_no_code(service):
    table = service.table
    (account,) = [item for item in table.all_items() if item["sk"] == "ACCOUNT"]
    table._items[next(k for k in table._items if k.pk == account["pk"] and k.sk == "ACCOUNT")][
        "status"
    ] = "suspended"
    assert request_code(service).status == 202
    assert codes(service) == []


# What strangers gain, and what they can spoil -------------------------------------------------


def test_code_gives_no_extra_password_attempts(service, botnet):
    guess(service, botnet)
    before = service.services[passwords].evaluated
    request_code(service)
    (code,) = codes(service)
    answers = [login(service, next(botnet), code=code, password=WRONG) for _ in range(20)]
    assert [answer.status for answer in answers] == [401] * 5 + [429] * 15
    assert service.services[passwords].evaluated - before == LOGIN_PER_CODE_HOLDER.free
    assert "details" not in answers[-1].body["error"], "another code is no way around this"


def test_sign_in_with_a_code_does_not_reset_the_counter(service, botnet):
    guess(service, botnet)
    request_code(service)
    assert login(service, code=codes(service)[0]).status == 200
    evaluated = service.services[passwords].evaluated
    assert guess(service, botnet, 10) == [429] * 10
    assert service.services[passwords].evaluated == evaluated


def test_owner_has_a_working_code_after_others_used_up_the_limit(service, botnet):
    """No code is bound to who asked for it: what strangers had mailed is the owner's to use."""
    guess(service, botnet)
    for hour in range(20):
        for _ in range(LOGIN_CODE_MAIL.per_hour + 1):
            assert request_code(service, next(botnet)).status == 202
        service.work()
        service.clock.advance(minutes=55)
        request_code(service)
        assert login(service, code=codes(service)[-1]).status == 200, hour
        guess(service, botnet, 1)
        service.clock.advance(minutes=5)
    assert len(codes(service)) <= LOGIN_CODE_MAIL.per_day + 20


def test_wrong_codes_do_not_void_the_owners_code(service, botnet):
    request_code(service)
    (code,) = codes(service)
    for _ in range(200):
        assert login(service, next(botnet), code="00000-00000").code == "CODE_INVALID"
    assert login(service, code=code).status == 200


def attack(service, botnet, days, *, owner):
    """A patient botnet, day and night; the owner tries a new device four times a day.

    Returns how often the owner got in, and how many guesses were evaluated.
    """
    got_in = guesses = 0
    counting = service.services[passwords]
    for hour in range(days * 24):
        before = counting.evaluated
        login(service, next(botnet), password=WRONG)
        guesses += counting.evaluated - before
        service.clock.advance(minutes=30)
        if owner and hour % 6 == 5:
            got_in += owner(service)
        service.clock.advance(minutes=30)
    return got_in, guesses


def sign_in_somehow(service):
    """As a person would: with the password, and with a code when the service asks for one."""
    answer = login(service)
    if answer.status == 429:
        assert answer.body["error"]["details"][0]["field"] == "code"
        request_code(service)
        answer = login(service, code=codes(service)[-1])
    return answer.status == 200


def test_owner_always_signs_in_during_a_month_of_guessing(botnet):
    def fresh():
        service = InProcessService(RATE_LIMIT_FACTOR="1")
        service.put_in_place({passwords: CountingPasswords()})
        service.register()
        service.work()
        return service

    alone = fresh()
    _, without_owner = attack(alone, botnet, 30, owner=None)
    together = fresh()
    got_in, with_owner = attack(together, botnet, 30, owner=sign_in_somehow)
    assert got_in == 120
    assert with_owner <= without_owner <= 42
    assert len(codes(together)) <= 120


# What the answers tell ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "identifiers",
    [
        ({"email": ADA}, {"email": "nobody@example.com"}),
        ({"username": "ada"}, {"username": "nobody"}),
        ({"email": ADA}, {"email": "no address"}),
    ],
)
def test_request_for_a_code_does_not_reveal_accounts(identifiers):
    table = RecordingTable()
    service = InProcessService(table=table, RATE_LIMIT_FACTOR="1")
    service.register(username="ada")
    seen = []
    for identifier in identifiers:
        with table.recording() as calls:
            answer = request_code(service, **identifier)
        kinds = [call.replace("username", "email") for call in calls]
        seen.append((answer.status, answer.body, kinds))
    assert seen[0] == seen[1]
    assert seen[0][0] == 202


def test_wrong_code_does_not_reveal_accounts():
    table = RecordingTable()
    service = InProcessService(table=table, RATE_LIMIT_FACTOR="1")
    service.register()
    seen = []
    for email in (ADA, "nobody@example.com"):
        with table.recording() as calls:
            answer = login(service, code="00000-00000", email=email)
        seen.append((refused(answer), calls))
    assert seen[0] == seen[1]


def test_codes_and_typed_values_are_not_stored(service):
    secret = "typed into the wrong field"
    assert request_code(service, username=secret).status == 202
    assert secret not in repr(service.table.all_items())
    request_code(service)
    (code,) = codes(service)
    kept = repr(service.table.all_items())
    assert code not in kept
    assert code.replace("-", "") not in kept


# A reset --------------------------------------------------------------------------------------


def reset(service, **options):
    post(service, "auth/password/forgot", {"email": ADA})
    service.work()
    body = {"token": service.mailbox.last(ADA).token, "new_password": ANOTHER, **options}
    return post(service, "auth/password/reset", body, user_agent=IPHONE)


def test_device_of_a_password_reset_signs_in_during_the_attack(service, botnet):
    answer = reset(service)
    assert answer.status == 202
    guess(service, botnet, 10)
    fields = {"email": ADA, "password": ANOTHER}
    assert post(service, "auth/login", fields).status == 429
    known = {**fields, "device_id": answer.data["device_id"]}
    assert post(service, "auth/login", known).status == 200
    (cookie,) = answer.cookies
    browser = post(service, "auth/login", fields, cookies=[cookie.split(";")[0]])
    assert browser.status == 200


def test_known_device_stays_the_same_after_a_reset(service):
    phone = login(service).data["device_id"]
    assert reset(service, device_id=phone).data == {"device_id": phone}


def test_password_reset_clears_the_wait_of_a_step_up(service):
    """A thief of a session had guessed at the password until the counter closed."""
    token = login(service).data["access_token"]
    for _ in range(6):
        last = post(service, "auth/reauthenticate", {"password": WRONG}, token=token)
    assert last.status == 429
    reset(service)
    token = login(service, password=ANOTHER).data["access_token"]
    proof = {"password": ANOTHER}
    assert post(service, "auth/reauthenticate", proof, token=token).status == 200
