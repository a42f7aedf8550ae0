"""Password guessing: the attacker is limited and the owner is not affected."""

from __future__ import annotations

import itertools
import random
from typing import Any, override

import pytest

from latchkey.domain.errors import TemporarilyUnavailable
from latchkey.domain.limits import LOGIN_PER_ADDRESS
from latchkey.storage.memory import MemoryTable
from latchkey.wiring.sign_in import passwords
from tests.support.calls import RecordingTable
from tests.support.passwords import CountingPasswords
from tests.support.service import InProcessService
from tests.support.spellings import spellings

WRONG = "a wrong guess at a password"


@pytest.fixture
def service():
    made = InProcessService(RATE_LIMIT_FACTOR="1")
    made.services[passwords] = CountingPasswords()
    return made


def guess(service, *, address="203.0.113.99", email="ada@example.com", **options: Any):
    return service.login(email, fields={"password": WRONG}, source_ip=address, **options)


def addresses():
    """As many as a botnet has."""
    return (f"198.{18 + n // 65536}.{n // 256 % 256}.{n % 256}" for n in itertools.count())


def verified(service):
    return service.services[passwords].verified


def test_a_thousand_addresses_get_five_attempts_in_fifteen_minutes(service):
    service.register()
    answers = []
    for address in itertools.islice(addresses(), 1000):
        answers.append(guess(service, address=address))
        service.clock.advance(seconds=0.8)
    assert verified(service) == 5
    assert {answer.status for answer in answers} == {401, 429}
    last = answers[-1]
    assert last.code == "TOO_MANY_ATTEMPTS"
    assert 0 < int(last.headers["retry-after"]) <= 15 * 60
    assert last.headers["ratelimit-policy"] == '"login-address";q=30;w=60, "login-identifier";q=5'


def test_patient_botnet_gets_few_attempts_per_month(service):
    service.register()
    source = addresses()
    for _ in range(30 * 24 * 2):
        guess(service, address=next(source))
        service.clock.advance(minutes=30)
    assert verified(service) <= 42


def test_a_known_device_signs_in_during_the_attack(service):
    phone = service.register().data["device_id"]
    for address in itertools.islice(addresses(), 100):
        guess(service, address=address)
    assert service.login(source_ip="203.0.113.50").status == 429
    answer = service.login(fields={"device_id": phone}, source_ip="203.0.113.50")
    assert answer.status == 200
    assert answer.data["device_id"] == phone


def test_browser_known_by_cookie_signs_in_during_the_attack(service):
    registered = service.register(token_transport="cookie")
    device = next(c.split(";")[0] for c in registered.cookies if "latchkey_device" in c)
    for address in itertools.islice(addresses(), 100):
        guess(service, address=address)
    assert service.login(cookies=[device]).status == 200


def test_sign_in_on_a_known_device_does_not_reset_the_counter(service):
    phone = service.register().data["device_id"]
    source = addresses()
    for _ in range(10):
        guess(service, address=next(source))
    before = verified(service)
    assert service.login(fields={"device_id": phone}).status == 200
    for _ in range(10):
        assert guess(service, address=next(source)).status == 429
    assert verified(service) == before + 1


def test_forged_device_id_gives_no_attempts(service):
    service.register()
    for n in range(50):
        made_up = f"dev_{n:026d}"
        guess(service, address=f"198.18.0.{n}", cookies=[f"__Host-latchkey_device={made_up}"])
    assert verified(service) == 5


def test_device_of_another_account_gives_no_attempts(service):
    service.register()
    mine = service.register("mallory@example.com").data["device_id"]
    for n in range(50):
        fields = {"password": WRONG, "device_id": mine}
        service.login(fields=fields, source_ip=f"198.18.0.{n}")
    assert verified(service) == 5


def test_stolen_device_has_limited_attempts(service):
    phone = service.register().data["device_id"]
    for n in range(100):
        fields = {"password": WRONG, "device_id": phone}
        service.login(fields=fields, source_ip=f"198.18.1.{n}")
    assert verified(service) == 10


def test_one_address_gets_three_of_the_accounts_five_attempts(service):
    service.register()
    for _ in range(20):
        guess(service, address="198.18.0.1")
    assert verified(service) == 3
    # The owner, on an unknown device at another place.
    assert service.login(source_ip="203.0.113.50").status == 200


def test_waits_grow_up_to_a_maximum(service):
    service.register()
    waits = []
    for _ in range(6):
        while (answer := guess(service, address="198.18.0.1")).status == 401:
            service.clock.advance(seconds=0.1)
        waits.append(int(answer.headers["retry-after"]))
        service.clock.advance(seconds=waits[-1])
    assert waits[0] == 300
    assert waits == sorted(waits)
    assert service.login(source_ip="198.18.0.1").status == 200


def test_free_attempt_of_a_moment_later_delays_nobody(service):
    """Another request began later and was counted first, or its function's clock is ahead."""
    service.register()
    assert guess(service).status == 401
    service.clock.advance(milliseconds=-200)
    assert service.login().status == 200


def test_sign_in_resets_the_accounts_failures_only(service):
    service.register()
    service.register("mallory@example.com")
    standings = []
    for _ in range(4):
        answer = service.login("mallory@example.com", source_ip="198.18.0.1")
        assert answer.status == 200
        guess(service, address="198.18.0.1")
        standings.append(answer.headers["ratelimit"])
    assert standings == [f'"login-address";r={r};t=55' for r in (29, 27, 25, 23)]
    assert verified(service) == 4 + 3  # the fourth guess at ada's was refused


def test_leaked_password_list_stops_at_the_networks_quota(service):
    answers = [guess(service, email=f"user{n}@example.com") for n in range(100)]
    assert verified(service) == LOGIN_PER_ADDRESS.amount
    assert [a.status for a in answers].count(429) == 100 - LOGIN_PER_ADDRESS.amount
    service.clock.advance(minutes=1)
    assert guess(service, email="another@example.com").status == 401


def test_forged_forwarded_for_headers_are_one_client(service):
    for n in range(1000):
        forged = f"198.18.{n // 256}.{n % 256}"
        headers = {"x-forwarded-for": forged, "forwarded": f"for={forged}", "x-real-ip": forged}
        guess(service, email=f"user{n}@example.com", headers=headers)
    assert verified(service) == LOGIN_PER_ADDRESS.amount


def test_viewer_address_is_trusted_only_from_the_edge(service):
    for n in range(100):
        viewer = {"cloudfront-viewer-address": f"198.18.0.{n}:443", "x-latchkey-edge": "a guess"}
        guess(service, email=f"user{n}@example.com", headers=viewer)
    assert verified(service) == LOGIN_PER_ADDRESS.amount


def test_one_ipv6_customer_is_one_client(service):
    for n in range(100):
        guess(service, email=f"user{n}@example.com", address=f"2001:db8:1:2:{n:x}::{n:x}")
    assert verified(service) == LOGIN_PER_ADDRESS.amount


def test_unknown_identifier_is_refused_like_a_known_one(service):
    service.register()

    def trail(email):
        found = []
        for _ in range(30):
            answer = guess(service, email=email, address="198.18.7.1")
            error = {**answer.body["error"], "request_id": ""}
            found.append((answer.status, error, answer.headers.get("retry-after")))
            service.clock.advance(seconds=20)
        return found

    assert trail("ada@example.com") == trail("eve@nowhere.example")


def by_username(service, name="ada", address="203.0.113.99"):
    body = {"username": name, "password": WRONG}
    return service.request("POST", "/api/v1/auth/login", json_body=body, source_ip=address)


@pytest.mark.parametrize("spread", [False, True])
def test_attempts_by_username_do_not_reveal_its_address(service, spread):
    """Who guesses at a username and then tries addresses sees no difference."""
    service.register(username="ada")
    networks = itertools.islice(addresses(), 10)
    for address in networks if spread else ["198.18.9.9"] * 10:
        by_username(service, address=address)

    def trail(email, network):
        found = []
        for number in range(12):
            answer = guess(service, email=email, address=f"198.19.{network}.{number}")
            error = {**answer.body["error"], "request_id": ""}
            limits = {k: v for k, v in answer.headers.items() if "ratelimit" in k or "retry" in k}
            found.append((answer.status, error, limits))
        return found

    assert trail("ada@example.com", 1) == trail("eve@nowhere.example", 2)


def test_both_identifiers_of_an_account_share_one_limit(service):
    service.register(username="ada")
    source = addresses()
    for _ in range(20):
        by_username(service, address=next(source))
        guess(service, address=next(source))
    assert service.services[passwords].evaluated == 5


@pytest.mark.parametrize("guesses_before", [0, 5, 10])
def test_a_known_and_an_unknown_identifier_make_the_same_requests(guesses_before):
    """In every state of the counters of the address and the username."""
    table = RecordingTable()
    service = InProcessService(table=table, RATE_LIMIT_FACTOR="1")
    service.put_in_place({passwords: CountingPasswords()})
    service.register(username="ada")
    source = addresses()
    for _ in range(guesses_before):
        by_username(service, address=next(source))
    trails = {}
    for email in ("ada@example.com", "eve@nowhere.example"):
        trails[email] = []
        for number in range(8):
            before = verified(service)
            with table.recording() as calls:
                status = guess(service, email=email, address=f"198.19.0.{number}").status
            trails[email].append((status, verified(service) - before, calls))
    assert trails["ada@example.com"] == trails["eve@nowhere.example"]
    assert [status for status, *_ in trails["ada@example.com"]] == [401] * 5 + [429] * 3


def test_sign_in_gives_others_no_new_attempts(service):
    service.register()
    source = addresses()
    for _ in range(4):
        guess(service, address=next(source))
    evaluated = verified(service)
    for number in range(10):
        answer = service.login(source_ip="203.0.113.50", user_agent=f"new device {number}")
        assert answer.status == 200
    evaluated += 10
    statuses = [guess(service, address=next(source)).status for _ in range(5)]
    assert statuses == [401] + [429] * 4
    assert verified(service) == evaluated + 1


def test_sign_in_resets_the_owners_typing_errors(service):
    service.register()
    for _ in range(10):
        for _ in range(2):
            guess(service, address="203.0.113.50")
        assert service.login(source_ip="203.0.113.50").status == 200


def test_spellings_of_an_unknown_address_are_counted_together(service):
    for n in range(10):
        spelling = "Nobody@Example.com" if n % 2 else "nobody@example.COM"
        guess(service, email=spelling, address=f"198.18.0.{n}")
    assert verified(service) == 5


def test_owner_signs_in_with_any_spelling_of_the_address():
    service = InProcessService()
    written = spellings("ada")
    assert service.register(random.choice(written)).status == 201
    assert {service.login(spelling).status for spelling in written} == {200}
    assert {service.register(spelling).code for spelling in written} == {"EMAIL_ALREADY_REGISTERED"}


def test_typed_identifier_is_not_stored(service):
    secret = "typed into the wrong field"
    body = {"username": secret, "password": WRONG}
    assert service.request("POST", "/api/v1/auth/login", json_body=body).status == 401
    assert secret not in repr(service.table.all_items())


def test_registering_refreshing_and_reauthenticating_have_limits(service):
    token = service.register().data["access_token"]
    path = "/api/v1/auth/reauthenticate"
    codes = [
        service.request("POST", path, token=token, json_body={"password": WRONG}).code
        for _ in range(7)
    ]
    assert codes == ["INVALID_CREDENTIALS"] * 5 + ["TOO_MANY_ATTEMPTS"] * 2
    statuses = [service.register(f"user{n}@example.com").status for n in range(21)]
    assert statuses == [201] * 19 + [429] * 2
    answer = service.request("POST", "/api/v1/auth/refresh", json_body={"refresh_token": "x"})
    assert answer.headers["ratelimit-policy"] == '"refresh";q=600;w=60'


def test_attempts_with_a_stolen_session_do_not_block_the_owner(service):
    token = service.register().data["access_token"]
    for _ in range(20):
        proof = {"password": WRONG}
        service.request("POST", "/api/v1/auth/reauthenticate", token=token, json_body=proof)
    assert service.login(source_ip="203.0.113.50").status == 200


def test_invalid_request_is_not_counted(service):
    for _ in range(50):
        assert service.request("POST", "/api/v1/auth/login", raw_body="{").status == 400
    assert service.register().status == 201


@pytest.mark.parametrize("device_id", ["", "dev_", "ses_01kdyak348es2903yn14k8ptmm", "x" * 999, 5])
def test_malformed_device_id_is_refused(service, device_id):
    answer = service.login(fields={"device_id": device_id})
    assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")


class TableWithoutCounters(MemoryTable):
    """Storage with failing counters."""

    down = False

    @override
    def _commit(self, writes, *, factor):
        if self.down and any(write.key.pk.startswith("LIMIT#") for write in writes):
            raise TemporarilyUnavailable(retry_after_seconds=2)
        super()._commit(writes, factor=factor)


def test_request_is_refused_if_the_limit_cannot_be_counted():
    table = TableWithoutCounters()
    service = InProcessService(table=table, RATE_LIMIT_FACTOR="1")
    service.register()
    table.down = True
    answer = service.login()
    assert (answer.status, answer.code) == (503, "TEMPORARILY_UNAVAILABLE")
    assert answer.headers["retry-after"] == "2"
