"""How requests get into the audit trail: rows, packs and counts, from log lines."""

from __future__ import annotations

import base64
import itertools
import json
from collections import Counter
from datetime import timedelta
from itertools import islice

import pytest

from latchkey.domain.clock import to_milliseconds
from latchkey.domain.limits import AUDIT_COUNTS_MAX, AUDIT_PACK_DAYS, AUDIT_REQUEST_SHARDS
from latchkey.domain.request import network_for_log
from latchkey.flows.request_trail import UnreadableLines
from latchkey.storage.capacity import item_bytes
from latchkey.storage.memory import MemoryTable
from tests.support.audit import (
    accounted,
    audit_rows,
    audited,
    captured_log,
    log_event,
    stream_event,
)
from tests.support.person import Person
from tests.support.request_lines import Traffic, deliver, gateway_line, request_line
from tests.support.service import InProcessService

SUBJECT = "sub_01kdyak348ekd99zhy5ze5v9ys"


@pytest.fixture
def service():
    return InProcessService()


@pytest.fixture
def traffic(service):
    return Traffic(50, service.clock.now())


def packs(service):
    return [row for row in audit_rows(service.table) if "columns" in row]


def counts(service):
    return [row for row in audit_rows(service.table) if "counts" in row]


def record(service, texts):
    return service._handler("record_requests")(log_event(texts), None)["recorded"]


# Forms -------------------------------------------------------------------------------------------


def test_requests_become_rows_lines_of_packs_or_counts(service):
    with captured_log() as log:
        token = service.register().data["access_token"]
        service.clock.advance(minutes=1)
        assert service.request("GET", "/api/v1/users/me", token=token).status == 200
        assert service.request("GET", "/api/v1/users/me", token="forged").status == 401
        assert service.request("GET", "/api/v1/audit", token=token).status == 403
        wrong = {"email": "ada@example.com", "password": "not the password at all"}
        assert service.request("POST", "/api/v1/auth/login", json_body=wrong).status == 401
    lines = log.getvalue().splitlines()
    assert record(service, lines) == 4
    assert record(service, lines) == 0

    found = audit_rows(service.table)
    rows = [row for row in found if "operation" in row]
    assert sorted((row["action"], row["operation"]) for row in rows) == [
        ("request.refused", "list_audit"),
        ("requests.counted", "counted"),
        ("requests.packed", "packed"),
        ("sign_in.refused", "login"),
    ]
    trail = accounted(found)
    assert sorted(trail.outcomes.values()) == ["ADMINISTRATORS_ONLY", "INVALID_CREDENTIALS", "OK"]
    assert trail.counts == {"OK": 1, "TOKEN_INVALID": 1}
    assert "203.0.113.7" not in repr(rows)

    history = service.request("GET", "/api/v1/users/me/activity", token=token).data["activity"]
    assert history[0]["description"] == (
        "Refused a sign-in with a wrong password on Chrome on Windows"
    )
    assert history[0]["ip_address"] == "203.0.113.7"


def test_refused_requests_of_strangers_have_no_actor():
    """Anybody can send an address and wrong passwords. The owner has not acted."""
    service = InProcessService(RATE_LIMIT_FACTOR="1")
    with captured_log() as log:
        token = service.register().data["access_token"]
        wrong = {"email": "ada@example.com", "password": "not the password at all"}
        code = {"email": "ada@example.com", "password": "not the password", "code": "12345678"}
        sent = [
            service.request("POST", "/api/v1/auth/login", json_body=body)
            for body in (code, *[wrong] * 7)
        ]
        codes = {"CODE_INVALID", "INVALID_CREDENTIALS", "TOO_MANY_ATTEMPTS"}
        assert {answer.code for answer in sent} == codes
        assert service.request("GET", "/api/v1/audit", token=token).status == 403
    record(service, log.getvalue().splitlines())
    rows = [row for row in audit_rows(service.table) if row["pk"].startswith("SUBJECT#")]
    actors = {row["outcome"]: row["actor"] for row in rows if row.get("operation") == "login"}
    assert actors == dict.fromkeys(codes, "unknown")
    (own,) = [row for row in rows if row.get("operation") == "list_audit"]
    assert own["actor"] == own["pk"].removeprefix("SUBJECT#")


def test_packs_and_counts_are_chained_and_archived_like_rows(service, traffic):
    now = service.clock.now()
    deliver(service, [traffic.line(now), request_line("nobodys", now)])
    service._handler("chain_audit")(stream_event(audit_rows(service.table)), None)
    service._handler("anchor_audit")({}, None)
    assert audited(service.table, service.audit_vault, service.audit_key).findings == []
    service.clock.advance(hours=3)
    assert service._handler("archive_audit")({}, None)["rows"] == 2
    (pack,) = packs(service)
    service.table._items[_key(service, pack)]["count"] = 2
    report = audited(service.table, service.audit_vault, service.audit_key)
    assert [finding.kind for finding in report.findings] == ["changed"]


def _key(service, item):
    (key,) = [key for key in service.table._items if (key.pk, key.sk) == (item["pk"], item["sk"])]
    return key


def test_only_denials_of_the_service_authorizer_are_recorded():
    service = InProcessService(AUTHORIZER_MODE="deny")
    http = {"method": "GET", "path": "/orders", "sourceIp": "203.0.113.7"}
    token = service.register().data["access_token"]
    with captured_log() as log:
        for number, header in enumerate(("Bearer forged", f"Bearer {token}")):
            context = {"requestId": f"orders-{number}", "http": http}
            headers = {"authorization": header}
            event = {"version": "2.0", "headers": headers, "requestContext": context}
            service._handler("authorizer")(event, None)
    record(service, log.getvalue().splitlines())
    (row,) = counts(service)
    (count,) = row["counts"]
    assert (row["request_id"], count["operation"], count["outcome"], count["count"]) == (
        "orders-0",
        "authorizer",
        "TOKEN_INVALID",
        1,
    )


def test_forged_log_line_is_not_recorded(service):
    odd = ["audited request", '"audited request"', '{"message": "audited request, almost"}', "{}"]
    assert record(service, odd) == 0


@pytest.mark.parametrize("subject", [None, SUBJECT])
def test_server_error_is_a_row(service, subject):
    failed = {"status": 500, "outcome": "INTERNAL_ERROR", "subject": subject}
    assert deliver(service, [request_line("failed", service.clock.now(), **failed)]) == 1
    (row,) = audit_rows(service.table)
    assert (row["request_id"], row["action"]) == ("failed", "request.failed")


# Deliveries --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"at": "now"},
        {"at": 10**30},
        {"at": 253_402_300_000_000},
        {"reason": "\ud800"},
        {"origin": "A" * 9000},
        {"status": "x"},
        {"origin": "ä"},
        {"subject": 7},
        {"subject": "sub_1", "outcome": "OK"},
        {"subject": SUBJECT, "outcome": "OK", "request_id": 'a"b'},
        {"subject": SUBJECT, "outcome": "OK", "request_id": "a\nb"},
        {"subject": SUBJECT, "outcome": "OK", "origin": "A" * 9000},
        {"request_id": ["x"]},
        {"request_id": "x" * 201},
        {"operation": None},
        {"outcome": {}},
        {"network": 7},
    ],
)
def test_unreadable_line_waits_and_others_are_recorded(service, odd):
    known = request_line("known", service.clock.now(), subject=SUBJECT)
    line = request_line("nobodys", service.clock.now())
    broken = {**line, "outcome": "NO", **odd} if odd else {"message": "audited request"}
    refused = {**known, "request_id": "refused", "outcome": "NOT_FOUND", "status": 404}
    for _ in range(2):
        with pytest.raises(UnreadableLines):
            deliver(service, [known, broken, line, refused])
    trail = accounted(audit_rows(service.table))
    assert trail.outcomes == {"known": "OK", "refused": "NOT_FOUND"}
    assert trail.counts == {"OK": 1}


@pytest.mark.parametrize(
    "odd",
    [
        {"request_id": None},
        {"request_id": 7},
        {"status": 404, "error": 7},
        {"route": {}},
    ],
)
def test_unreadable_line_of_the_gateway_waits_and_others_are_recorded(service, odd):
    line = json.loads(gateway_line(404, error="ROUTE_NOT_FOUND"))
    with pytest.raises(UnreadableLines):
        record(service, [json.dumps({**line, **odd}), json.dumps(line)])
    assert accounted(audit_rows(service.table)).counts == {"ROUTE_NOT_FOUND": 1}


@pytest.mark.parametrize(
    "status", [None, 404, "9" * 5000, "4\N{SUPERSCRIPT TWO}", "\N{ARABIC-INDIC DIGIT FOUR}04"]
)
def test_odd_status_of_the_gateway_is_recorded(service, status):
    line = json.loads(gateway_line(404, error="ROUTE_NOT_FOUND"))
    assert record(service, [json.dumps({**line, "status": status})]) == 1
    assert accounted(audit_rows(service.table)).counts == {"ROUTE_NOT_FOUND": 1}


def test_line_without_fields_or_too_deep_does_not_stop_the_others(service):
    line = gateway_line(404, error="ROUTE_NOT_FOUND")
    empty = '{"message": "gateway answer", "function_status": "-"}'
    deep = '{"a":' * 100_000 + "1" + "}" * 100_000
    with pytest.raises(UnreadableLines):
        record(service, [deep, empty, line])
    assert accounted(audit_rows(service.table)).counts == {"ROUTE_NOT_FOUND": 1}


def test_repeated_delivery_adds_nothing_in_any_order(service, traffic):
    lines = [traffic.line(service.clock.now()) for _ in range(1000)]
    first = deliver(service, lines)
    service.clock.advance(hours=30)
    traffic.chance.shuffle(lines)
    assert (first, deliver(service, lines)) == (len(packs(service)), 0)
    assert len(accounted(audit_rows(service.table)).outcomes) == 1000


def test_line_that_is_twice_in_a_batch_is_recorded_once(service, traffic):
    line, nobodys = traffic.line(service.clock.now()), request_line("x", service.clock.now())
    deliver(service, [line, nobodys, line, nobodys])
    trail = accounted(audit_rows(service.table))
    (pack,) = packs(service)
    assert (pack["count"], len(trail.outcomes), trail.counts) == (1, 1, {"OK": 1})


def test_delivery_that_dies_between_two_writes_is_completed_by_its_repetition(service, traffic):
    now = service.clock.now()
    lines = [traffic.line(now) for _ in range(800)]
    lines += [traffic.line(now, outcome="NOT_FOUND", status=404), request_line("nobodys", now)]
    table, write = service.table, service.table._commit
    for dies_at in itertools.count():
        left = iter(range(dies_at))

        def commit(writes, *, factor, left=left):
            if next(left, None) is None:
                raise KeyboardInterrupt
            write(writes, factor=factor)

        table._commit = commit
        try:
            deliver(service, lines)
        except KeyboardInterrupt:
            continue
        break
    trail = accounted(audit_rows(table))
    assert dies_at > 3
    assert trail.total == len(lines)
    assert sum(pack["count"] for pack in packs(service)) == 800


# Packs -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", [65, 1000, 3000])
def test_pack_has_a_maximum_size(service, traffic, origin):
    now = service.clock.now()
    deliver(
        service,
        [
            traffic.line(
                now + timedelta(milliseconds=number),
                origin=base64.b64encode(traffic.chance.randbytes(origin)).decode(),
            )
            for number in range(1500)
        ],
    )
    assert sum(pack["count"] for pack in packs(service)) == 1500
    assert max(item_bytes(pack) for pack in packs(service)) < 64 * 1024


def test_hundred_requests_take_twelve_write_units(traffic):
    service = InProcessService(table=MemoryTable(metered=True))
    lines = [traffic.line(service.clock.now()) for _ in range(100)]
    with captured_log() as log:
        deliver(service, lines)
    (recorded,) = [json.loads(line) for line in log.getvalue().splitlines() if '"items"' in line]
    assert recorded["write_units"] <= 12


def test_a_pack_has_requests_of_one_hour(service, traffic):
    service.clock.advance(hours=1)
    now = service.clock.now().replace(minute=0, second=1)
    deliver(service, [traffic.line(now + timedelta(seconds=s)) for s in range(-5, 5)])
    found = packs(service)
    assert sorted((pack["pk"].split("#")[1], pack["count"]) for pack in found) == [
        ("2026-01-02T03", 4),
        ("2026-01-02T04", 6),
    ]
    for pack in found:
        assert pack["first"] <= pack["at"]


def test_no_partition_is_hot_at_five_thousand_requests_per_second(service):
    """A second: 50 batches of 100. A partition takes 1,000 write units per second."""
    traffic = Traffic(1000, service.clock.now())
    seconds, units = 4, Counter()
    for batch in range(seconds * 50):
        at = service.clock.now() + timedelta(milliseconds=20 * batch)
        deliver(service, [traffic.line(at) for _ in range(100)])
    for pack in packs(service):
        units[pack["pk"]] += -(-item_bytes(pack) // 1024)
    assert len(units) == AUDIT_REQUEST_SHARDS
    assert max(units.values()) / seconds < 150


def test_late_pack_has_a_marker_for_the_indexer(service, traffic):
    lines = [traffic.line(service.clock.now())]
    service.clock.advance(days=14)
    assert deliver(service, lines) == 1
    assert deliver(service, lines) == 0
    (pack,) = packs(service)
    (marker,) = [i for i in service.table.all_items() if str(i["pk"]).startswith("LATE_PACKS#")]
    assert marker["sk"].endswith(f"{pack['pk']}#{pack['sk']}")
    expires = service.clock.now() + timedelta(days=AUDIT_PACK_DAYS)
    assert pack["ttl"] == to_milliseconds(expires) // 1000


# Counts ------------------------------------------------------------------------------------------


def test_gateway_responses_are_counted_except_of_crashes(service):
    lines = [
        gateway_line(404, error="ROUTE_NOT_FOUND"),
        gateway_line(429, error="THROTTLED", route="POST /api/v1/auth/login"),
        gateway_line(503, error="INTEGRATION_FAILURE"),
        gateway_line(413),
        gateway_line("-"),
        gateway_line(204),  # CORS
        gateway_line(401, function_status=401),
        gateway_line(200, function_status=200),
    ]
    assert record(service, lines) == 2
    assert record(service, lines) == 0
    (row,) = [row for row in audit_rows(service.table) if row["operation"] == "gateway"]
    assert (row["request_id"], row["action"], row["outcome"]) == (
        "gateway-503--",
        "request.failed",
        "INTEGRATION_FAILURE",
    )
    (counted,) = counts(service)
    assert [(c["operation"], c["outcome"], c["count"]) for c in counted["counts"]] == [
        ("gateway", "HTTP_0", 1),
        ("gateway", "HTTP_413", 1),
        ("gateway", "OK", 1),
        ("gateway", "ROUTE_NOT_FOUND", 1),
        ("gateway POST /api/v1/auth/login", "THROTTLED", 1),
    ]


def test_a_flood_of_anonymous_requests_costs_an_item_per_delivery(service):
    table = service.table
    for delivery in range(20):
        lines = [
            gateway_line(404, error="ROUTE_NOT_FOUND", request_id=f"flood-{delivery}-{number}")
            for number in range(100)
        ]
        assert record(service, lines) == 1
    assert accounted(audit_rows(table)).counts == {"ROUTE_NOT_FOUND": 2000}
    assert len(audit_rows(table)) == 20
    assert max(map(item_bytes, audit_rows(table))) < 1024


@pytest.mark.parametrize(
    "deliveries", [5, pytest.param(100, marks=[pytest.mark.slow, pytest.mark.timeout(300)])]
)
def test_a_flood_of_many_networks_is_bounded_and_names_the_largest(service, deliveries):
    """A thousand networks with a request each in each delivery, and one with a twentieth of all."""
    line = gateway_line(404, error="ROUTE_NOT_FOUND", peer="PEER", request_id="ID")
    numbers = range(100_000)
    quiet = (f"{11 + n // 65536}.{n // 256 % 256}.{n % 256}" for n in numbers)
    for delivery in range(deliveries):
        networks = [*islice(quiet, 1000), *["198.51.100"] * 50]
        lines = [
            line.replace("PEER", f"{network}.7").replace("ID", f"{delivery}-{number}")
            for number, network in enumerate(networks)
        ]
        assert record(service, lines) == 1
    found = Counter()
    for row in counts(service):
        assert len(row["counts"]) <= AUDIT_COUNTS_MAX
        assert item_bytes(row) < 8 * 1024
        for count in row["counts"]:
            found[count["network"]] += count["count"]
    assert found.total() == deliveries * 1050
    assert found["198.51.100.0/24"] == deliveries * 50
    assert found["other"] > deliveries * 950


@pytest.mark.parametrize(
    ("peer", "direct_access", "network"),
    [
        ("198.51.100.77", "refused", "198.51.100.0/24"),
        ("2001:db8:1:2::7", "refused", "2001:db8:1::/48"),
        ("-", "refused", None),
        ("198.51.100.77", "allowed", None),
    ],
)
def test_answers_of_the_gateway_are_counted_by_the_network_of_the_peer(
    service, peer, direct_access, network
):
    """If direct access is allowed, the address would be a person's, beside the request's id."""
    line = gateway_line(429, error="THROTTLED", peer=peer, direct_access=direct_access)
    assert ("198.51.100.77" in line) == (peer == "198.51.100.77" and direct_access == "refused")
    record(service, [line])
    (row,) = counts(service)
    assert [(c["outcome"], c.get("network")) for c in row["counts"]] == [("THROTTLED", network)]


@pytest.mark.parametrize("peer", ["", "-", "1.2.3", "1.2.3.4.5", "a" * 5000, "::1%eth0/x"])
def test_an_odd_peer_has_no_network(service, peer):
    record(service, [gateway_line(404, error="ROUTE_NOT_FOUND", peer=peer)])
    (row,) = counts(service)
    assert [c.get("network") for c in row["counts"]] in ([None], ["::/48"])


def test_counts_keep_the_largest_groups_and_add_up_the_rest(service):
    start = service.clock.now()
    lines = [
        request_line(
            f"{network}-{number}",
            start + timedelta(minutes=network % 3),
            outcome="TOKEN_INVALID",
            status=401,
            network=f"198.51.{network}.0/24",
        )
        for network in range(200)
        for number in range(1 + network // 190 * 20)
    ]
    deliver(service, lines)
    (row,) = counts(service)
    found = row["counts"]
    assert len(found) <= AUDIT_COUNTS_MAX
    assert sum(count["count"] for count in found) == len(lines)
    kept = {count["network"] for count in found if count["count"] == 21}
    assert kept == {f"198.51.{network}.0/24" for network in range(190, 200)}
    assert any(count["network"] == "other" for count in found)
    assert item_bytes(row) < 8 * 1024


def test_counts_of_many_operations_have_a_maximum_size(service):
    lines = [
        request_line(f"{number}", service.clock.now(), outcome=f"CODE_{number}", status=400)
        for number in range(300)
    ]
    deliver(service, lines)
    (row,) = counts(service)
    assert len(row["counts"]) <= AUDIT_COUNTS_MAX
    assert sum(count["count"] for count in row["counts"]) == 300
    assert ("other", "other") in {(c["operation"], c["outcome"]) for c in row["counts"]}


def test_administrator_finds_counts_by_action(service):
    admin = Person(service, "root@example.com")
    admin.become_admin()
    with captured_log() as log:
        service.request("GET", "/api/v1/users/me", token="forged", source_ip="198.51.100.77")
    record(service, log.getvalue().splitlines())
    found = admin.get("/api/v1/audit", query={"action": "requests.counted"}).data["rows"]
    assert [row["counts"] for row in found] == [
        [
            {
                "minute": "2026-01-02T03:04:00.000Z",
                "operation": "get_me",
                "outcome": "TOKEN_INVALID",
                "network": "198.51.100.0/24",
                "count": 1,
            }
        ]
    ]
    by_time = admin.get("/api/v1/audit").data["rows"]
    assert "requests.counted" not in {row["action"] for row in by_time}


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("unknown", None),
        ("", None),
    ],
)
def test_log_has_a_network_and_no_address(address, network):
    assert network_for_log(address) == network


def test_only_requests_of_nobody_log_their_network(service):
    with captured_log() as log:
        token = service.register().data["access_token"]
        service.request("GET", "/api/v1/users/me", token=token)
        service.request("GET", "/api/v1/health")
    lines = [json.loads(line) for line in log.getvalue().splitlines() if "audited" in line]
    networks = {line["operation"]: line.get("network") for line in lines}
    assert networks["get_health"] == "203.0.113.0/24"
    assert networks["get_me"] is None
    assert "203.0.113.7" not in log.getvalue()
