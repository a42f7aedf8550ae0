"""Sealed data opens only in its own row."""

from __future__ import annotations

import json
import zlib

import pytest

from latchkey.security.sealing import KEY_BYTES, SealBrokenError, seal, unseal
from latchkey.wiring import audit
from latchkey.wiring.exports import export_store
from latchkey.wiring.storage import account_store
from tests.support.audit import captured_log, log_event
from tests.support.person import ME
from tests.support.service import IPHONE as PHONE
from tests.support.service import PASSWORD

KEY = bytes(range(KEY_BYTES))


# The seal ----------------------------------------------------------------------------------------


def test_sealed_value_opens_only_in_its_row_with_its_key():
    sealed = seal(KEY, b"203.0.113.7", "row|sub_1|aud_1")
    assert unseal(KEY, sealed, "row|sub_1|aud_1") == b"203.0.113.7"
    for key, place in [
        (bytes(KEY_BYTES), "row|sub_1|aud_1"),
        (KEY, "row|sub_1|aud_2"),
        (KEY, "row|sub_2|aud_1"),
        (KEY, "request|sub_1|aud_1"),
        (KEY, ""),
    ]:
        with pytest.raises(SealBrokenError):
            unseal(key, sealed, place)


def test_changed_or_truncated_seal_is_refused():
    sealed = seal(KEY, b"203.0.113.7", "place")
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(SealBrokenError):
            unseal(KEY, bytes(changed), "place")
        with pytest.raises(SealBrokenError):
            unseal(KEY, sealed[:position], "place")


def test_a_seal_says_its_version_and_is_never_the_same():
    one, two = (seal(KEY, b"x", "place") for _ in range(2))
    assert one != two
    assert one[0] == two[0] == 1
    # What AES-GCM alone made of it, without a version and a place, is not taken.
    with pytest.raises(SealBrokenError):
        unseal(KEY, one[1:], "place")


# The trail ---------------------------------------------------------------------------------------


def activity(person):
    return person.get(f"{ME}/activity").data["activity"]


def rows(service, subject_id):
    return {
        key: item
        for key, item in service.table._items.items()
        if key.pk == f"SUBJECT#{subject_id}" and item.get("sealed")
    }


def test_seal_moved_to_another_row_shows_nothing(service, ada):
    service.clock.advance(seconds=1)
    service.login(source_ip="198.51.100.9", user_agent=PHONE)
    subject = service.services[account_store].get(ada.id).audit
    first, *_, last = sorted(rows(service, subject.id).values(), key=lambda item: item["sk"])
    assert {"203.0.113.7", "198.51.100.9"} <= {event["ip_address"] for event in activity(ada)}
    first["sealed"], last["sealed"] = last["sealed"], first["sealed"]
    answer = ada.get(f"{ME}/activity")
    assert answer.status == 200
    assert "198.51.100.9" not in json.dumps(answer.body)


def test_an_export_of_a_trail_with_a_broken_seal_is_still_made(service, ada):
    subject = service.services[account_store].get(ada.id).audit
    for item in rows(service, subject.id).values():
        item["sealed"] = b"\x01" + bytes(40)
    export_id = ada.request("POST", f"{ME}/export").data["id"]
    service.work()
    assert service.services[export_store].find(ada.id, export_id).status == "ready"


def test_the_origin_of_a_request_opens_in_the_row_of_that_request(service, ada):
    with captured_log() as log:
        ada.get()
        service.clock.advance(seconds=1)
        wrong = {"email": ada.email, "password": "x" + PASSWORD}
        service.request("POST", "/api/v1/auth/login", json_body=wrong, source_ip="198.51.100.9")
    service._handler("record_requests")(log_event(log.getvalue().splitlines()), None)
    account = service.services[account_store].get(ada.id)
    entries = {
        (entry.row.operation, entry.personal.get("ip_address"))
        for entry in service.services[audit.complete_history].read_all(account)
    }
    assert {("get_me", "203.0.113.7"), ("login", "198.51.100.9")} <= entries
    assert activity(ada)[0]["ip_address"] == "198.51.100.9"
    (refused,) = [item for item in rows(service, account.audit.id).values() if "operation" in item]
    (packed,) = [item for item in service.table._items.values() if "columns" in item]
    own = packed["columns"][-1]
    lengths = str(len(refused["sealed"])).encode()
    packed["columns"][-2:] = [zlib.compress(lengths), refused["sealed"]]
    refused["sealed"] = own
    opened = [
        entry.personal
        for entry in service.services[audit.complete_history].read_all(account)
        if entry.row.operation is not None
    ]
    assert opened == [{}, {}]
