"""Sign-ins in flight while the account changes: the password is verified, no session yet."""

from __future__ import annotations

from typing import override

import pytest

from latchkey.domain.limits import LOGIN_PER_ACCOUNT
from latchkey.domain.throttle import Counter
from latchkey.storage import keys
from latchkey.storage.table import Change, Update
from latchkey.wiring import sign_in
from latchkey.wiring.storage import rate_limit_store
from tests.support.passwords import QuickPasswords
from tests.support.person import ME, Person
from tests.support.service import IPHONE, PASSWORD, InProcessService

NEW_PASSWORD = "quite another long password"


class PausingPasswords(QuickPasswords):
    """Runs something right after the next verification."""

    then = None

    @override
    def verify(self, stored_hash, password):
        is_right = super().verify(stored_hash, password)
        then, self.then = self.then, None
        if then is not None:
            then()
        return is_right


@pytest.fixture
def passwords():
    return PausingPasswords()


@pytest.fixture
def service(passwords):
    service = InProcessService()
    service.put_in_place({sign_in.passwords: passwords})
    return service


@pytest.fixture
def ada(service, admin):
    return Person(service)


@pytest.fixture
def sign_in_during(service, passwords, ada, admin):
    def sign_in(event):
        passwords.then = lambda: event(service, ada, admin)
        return service.login(ada.email, user_agent=IPHONE)

    return sign_in


def reset(service, ada, admin):
    service.request("POST", "/api/v1/auth/password/forgot", json_body={"email": ada.email})
    service.work()
    body = {"token": service.mailbox.last(ada.email).token, "new_password": NEW_PASSWORD}
    answer = service.request("POST", "/api/v1/auth/password/reset", json_body=body)
    assert answer.status == 202, answer.body


def change(service, ada, admin):
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert ada.request("PUT", f"{ME}/password", json_body=body).status == 200


def sign_out_everywhere(service, ada, admin):
    assert ada.request("DELETE", f"{ME}/sessions/all").status == 200


def suspend_and_let_in(service, ada, admin):
    for act in ("suspend", "unsuspend"):
        assert admin.request("POST", f"/api/v1/users/{ada.id}/{act}").status == 200


def give_role(admin, person, role):
    path = f"/api/v1/users/{person.id}/role"
    answer = admin.request("PUT", path, json_body={"role": role})
    assert answer.status == 200, answer.body


@pytest.mark.parametrize(
    ("event", "refusal"),
    [
        (reset, (401, "INVALID_CREDENTIALS")),
        (change, (401, "INVALID_CREDENTIALS")),
        (sign_out_everywhere, (503, "TEMPORARILY_UNAVAILABLE")),
        (suspend_and_let_in, (503, "TEMPORARILY_UNAVAILABLE")),
    ],
)
def test_ending_sessions_also_ends_sign_ins_in_flight(sign_in_during, event, refusal):
    answer = sign_in_during(event)
    assert (answer.status, answer.code) == refusal


def test_sign_in_after_the_event_requires_the_current_password(service, ada, admin):
    change(service, ada, admin)
    assert service.login(ada.email).code == "INVALID_CREDENTIALS"
    assert service.login(ada.email, fields={"password": NEW_PASSWORD}).status == 200


def test_sign_in_in_flight_gets_the_current_role(service, passwords, ada, admin):
    give_role(admin, ada, "admin")
    passwords.then = lambda: give_role(admin, ada, "user")
    answer = service.login(ada.email, user_agent=IPHONE)
    assert answer.status == 200
    token = answer.data["access_token"]
    assert service.request("GET", "/api/v1/users", token=token).code == "ADMINISTRATORS_ONLY"


def stale_session(service, ada):
    """Make the stored role of a session differ from its account's, as older releases could."""
    session = keys.session(ada.id, ada.session_id)
    service.table.update(Update(session, Change(assign={"role": "admin"})))
    return session


def test_authorizer_refuses_a_role_that_the_account_has_lost(service, ada, admin):
    stale_session(service, ada)
    assert ada.get("/api/v1/users").code == "ADMINISTRATORS_ONLY"


def test_repeated_grant_repairs_sessions(service, ada, admin):
    session = stale_session(service, ada)
    give_role(admin, ada, "user")
    assert service.table.get(session)["role"] == "user"


# Newer parameters ----------------------------------------------------------------------------


def stored_hash(service):
    (account,) = [i for i in service.table.all_items() if i["sk"] == "ACCOUNT"]
    return str(account["password_hash"])


def test_sign_in_rehashes_a_password_with_old_parameters(service):
    service.register()
    assert ",t=1," in stored_hash(service)
    service.put_in_place({sign_in.passwords: QuickPasswords(time_cost=2)})
    assert service.login(fields={"password": "not the right password"}).status == 401
    assert ",t=1," in stored_hash(service)
    assert service.login().status == 200
    rehashed = stored_hash(service)
    assert ",t=2," in rehashed
    assert service.login().status == 200
    assert stored_hash(service) == rehashed


def test_two_sign_ins_that_rehash_at_once_both_succeed(service):
    service.register()
    newer = PausingPasswords(time_cost=2)
    service.put_in_place({sign_in.passwords: newer})
    others = []
    newer.then = lambda: others.append(service.login(user_agent=IPHONE).status)
    assert service.login().status == 200
    assert others == [200]


# Attempts of others ----------------------------------------------------------------------------


@pytest.mark.parametrize("guesses", [1, 4])
def test_attempts_of_others_during_a_sign_in_stay_counted(passwords, guesses):
    """They refuse the sign-in's transaction once, because it was to forget its own attempt only."""
    service = InProcessService(RATE_LIMIT_FACTOR="1")
    service.put_in_place({sign_in.passwords: passwords})
    ada = Person(service)

    def guess():
        for number in range(guesses):
            wrong = {"password": "not the right password"}
            answer = service.login(ada.email, source_ip=f"198.51.100.{number}", fields=wrong)
            assert answer.code == "INVALID_CREDENTIALS"

    passwords.then = guess
    assert service.login(ada.email).status == 200
    counter = Counter(LOGIN_PER_ACCOUNT, ada.id)
    attempts = service.services[rate_limit_store].read_attempts(counter, service.clock.now())
    assert attempts.count == guesses


def test_parallel_sign_ins_of_a_device_forget_their_attempts(service, passwords, ada):
    """The first one removes the counter of both."""
    device_id = service.login(ada.email).data["device_id"]
    fields = {"device_id": device_id}
    others = []
    passwords.then = lambda: others.append(service.login(ada.email, fields=fields).status)
    assert service.login(ada.email, fields=fields).status == 200
    assert others == [200]
    stored = [i["pk"] for i in service.table.all_items() if "LIMIT#login-device" in str(i["pk"])]
    assert stored == []
