"""Sign-in, refresh and registration make no more trips to DynamoDB than they need, in this order.

Each trip needs the result of the one before:

1. the limit of the network, before anything is read
2. the claim of the address or username: the account's id
3. the account, the device and the counters of attempts
4. the attempt is counted, before the password is verified
5. the sessions, of which some may have to end, after the password is verified
6. everything that a sign-in changes
"""

from __future__ import annotations

import pytest

from tests.support.person import Person
from tests.support.service import IPHONE, PASSWORD, InProcessService
from tests.support.trips import RecordingTable

QUOTA = "UpdateItem login-address"
EMAIL, USERNAME = "GetItem email", "GetItem username"
READ = "BatchGetItem account, login-account, login-identifier, login-identifier-address"
READ_WITH_DEVICE = (
    "BatchGetItem account, device, login-account, login-device, login-identifier, "
    "login-identifier-address"
)
COUNT = "TransactWriteItems login-account, login-identifier, login-identifier-address"
COUNT_ON_DEVICE = "UpdateItem login-device"
SESSIONS = "Query SESSION#"
START = (
    "TransactWriteItems account, device, login-account, login-identifier, "
    "login-identifier-address, outbox, session, subject"
)
START_ON_DEVICE = "TransactWriteItems account, login-device, session, session, subject, subject"
NEVER_SEEN = "dev_01kdyak348e8n9yq2fjbzee0nz"
WRONG = {"password": "not the right password"}


@pytest.fixture
def table():
    return RecordingTable()


@pytest.fixture
def service(table):
    return InProcessService(table=table, RATE_LIMIT_FACTOR="1")


@pytest.fixture
def ada(service):
    return Person(service)


@pytest.fixture
def trips(service, table, ada):
    """Sign in, and return the status and the trips."""

    def sign_in(email=ada.email, **fields):
        table.trips.clear()
        answer = service.login(email, user_agent=IPHONE, fields=fields)
        return answer.status, table.trips

    return sign_in


def known_device(service, ada):
    return service.login(ada.email).data["device_id"]


def test_known_device(service, ada, trips):
    device_id = known_device(service, ada)
    expected = [QUOTA, EMAIL, READ_WITH_DEVICE, COUNT_ON_DEVICE, SESSIONS, START_ON_DEVICE]
    assert trips(device_id=device_id) == (200, expected)


def test_new_device(trips):
    assert trips() == (200, [QUOTA, EMAIL, READ, COUNT, SESSIONS, START])


def test_device_id_that_is_unknown(trips):
    expected = [QUOTA, EMAIL, READ_WITH_DEVICE, COUNT, SESSIONS, START]
    assert trips(device_id=NEVER_SEEN) == (200, expected)


@pytest.mark.parametrize("email", ["ada@example.com", "nobody@example.com"])
def test_wrong_password_and_unknown_address(trips, email):
    assert trips(email, **WRONG) == (401, [QUOTA, EMAIL, READ, COUNT])


@pytest.mark.parametrize("email", ["ada@example.com", "nobody@example.com"])
def test_wrong_password_and_unknown_address_with_a_device_id(trips, email):
    expected = (401, [QUOTA, EMAIL, READ_WITH_DEVICE, COUNT])
    assert trips(email, device_id=NEVER_SEEN, **WRONG) == expected


@pytest.mark.parametrize("email", ["ada@example.com", "nobody@example.com"])
def test_too_many_attempts(trips, email):
    while trips(email, **WRONG)[0] == 401:
        pass
    assert trips(email, **WRONG) == (429, [QUOTA, EMAIL, READ])


def test_username_whose_account_is_closed_by_its_address(service, table):
    """The account's counter is closed, and that of the username is not: nothing reveals it."""
    Person(service, "grace@example.com", username="grace")
    for number in range(5):
        service.login("grace@example.com", source_ip=f"198.51.100.{number}", fields=WRONG)
    table.trips.clear()
    body = {"username": "grace", "password": PASSWORD}
    answer = service.request("POST", "/api/v1/auth/login", json_body=body)
    assert (answer.status, table.trips) == (401, [QUOTA, USERNAME, READ, COUNT])


def test_right_password_of_a_suspended_account_forgets_the_failures(service, table, ada, trips):
    administrator = Person(service, "root@example.com")
    administrator.become_admin()
    path = f"/api/v1/users/{ada.id}/suspend"
    assert administrator.request("POST", path).status == 200
    for _ in range(5):
        assert trips()[0] == 403
    assert table.trips == [
        *(QUOTA, EMAIL, READ, COUNT),
        *(f"DeleteItem {name}" for name in ("login-identifier-address", "login-identifier")),
        "DeleteItem login-account",
    ]


def test_refresh(service, ada, table):
    token = service.login(ada.email).data["refresh_token"]
    table.trips.clear()
    body = {"refresh_token": token}
    assert service.request("POST", "/api/v1/auth/refresh", json_body=body).status == 200
    assert table.trips == ["UpdateItem refresh", "GetItem session", "UpdateItem session"]


def test_registration(service, table):
    service.register("grace@example.com")
    start = "TransactWriteItems account, device, email, outbox, session, subject, subject"
    assert table.trips == ["UpdateItem register", start]
