"""Heartbeats: on an idle stack every consumer of a stream is invoked."""

from __future__ import annotations

import base64
import gzip
import importlib
import json

import pytest

from latchkey.domain.audit import Action
from tests.support.audit import captured_log
from tests.support.outbox import OutboxPump
from tests.support.service import InProcessService
from tools.template import functions


@pytest.fixture
def service():
    return InProcessService()


def clean_up():
    importlib.import_module("functions.cleanup.app").handler({}, None)


def handler(name):
    return importlib.import_module(f"functions.{name}.app").handler


def test_relay_sends_nothing_for_a_heartbeat(service):
    clean_up()
    records = OutboxPump(service.table, service.queues, handler).stream_records()
    assert len(records) == 1
    assert handler("relay_outbox")({"Records": records}, None) == {"batchItemFailures": []}
    assert not any(service.queues.sent.values())


def test_heartbeat_and_message_in_one_batch_are_both_processed(service):
    service.register()
    clean_up()
    assert service.work() == []
    assert len(service.mailbox.sent) == 1


def test_heartbeat_expires(service):
    clean_up()
    (item,) = [i for i in service.table.all_items() if i["pk"] == "OUTBOX#HEARTBEAT"]
    assert item["ttl"] == int(service.clock.now().timestamp()) + 24 * 3600


def test_request_recorder_records_nothing_for_a_heartbeat(service):
    events = functions()["RecordRequestsFunction"]["Events"]
    pattern = json.loads(events["Requests"]["Properties"]["FilterPattern"])
    with captured_log() as log:
        clean_up()
    lines = [line for line in log.getvalue().splitlines() if pattern in line]
    assert len(lines) == 1
    batch = {"logEvents": [{"message": lines[0], "timestamp": 0}]}
    data = base64.b64encode(gzip.compress(json.dumps(batch).encode())).decode()
    assert handler("record_requests")({"awslogs": {"data": data}}, None) == {"recorded": 0}


def test_the_audit_trail_gets_a_row_an_hour(service):
    service.clock.advance(minutes=60 - service.clock.now().minute)
    for _ in range(24):
        clean_up()
        service.clock.advance(minutes=5)
    rows = [
        item for item in service.table.all_items() if item.get("action") == Action.HEARTBEAT.value
    ]
    assert len(rows) == 2
    assert all(str(row["pk"]).startswith("REQUESTS#") for row in rows)
