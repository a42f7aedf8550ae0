"""SIGKILL of handlers and workers at random instants: no change without its row, and it verifies.

Each is a process of its own with the real handler in it, on an emulator that goes on living.
"""

from __future__ import annotations

import base64
import json
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from latchkey import wiring
from latchkey.domain.ids import new_id
from latchkey.storage import boto_client, keys
from latchkey.storage.boto_client import aws_client
from latchkey.storage.dynamodb import WRITE_ID, from_wire
from latchkey.storage.table import Query, read_all
from latchkey.wiring.audit import audit_key, audit_store
from latchkey.wiring.storage import account_store, table
from tests.support.audit import SHARD, accounted, log_event
from tests.support.audit_process import EmulatedService, Kill, Person, run_act, run_worker
from tests.support.recorded_service import create_tables
from tests.support.request_lines import request_line
from tests.support.service import ENVIRONMENT
from tools.audit import export
from tools.audit.verify import read_anchors, read_lines, verify
from tools.local import emulator
from tools.local.processes import free_port

KILLED = -9
SEED = 20260207
SIMULTANEOUS = 4
LONGEST_ACT_SECONDS = 0.25
LONGEST_REQUEST_SECONDS = 0.02
"""From before the emulator has a request to after its answer is read."""
UNAUDITED = {
    "last_activity_at",
    "last_use",
    "used_generation",
    "generation",
    "rotated_at",
    "session_version",
    "sign_in_epoch",
    "signed_out_at",
    WRITE_ID,
}
"""Use, and not change."""


class Campaign:
    """People on an emulator, and what is seen of them from outside the processes."""

    def __init__(self, environment) -> None:
        self.environment = environment
        self.service = EmulatedService()
        self.service._handler("rotate_signing_keys")({"RequestType": "Create"}, None)
        self.service.services[audit_key].ensure()
        self.chance = random.Random(SEED)
        self.outcomes: Counter[str] = Counter()
        self.found: list[tuple[int, bool, int]] = []
        # The stream's order: a row gets its number when it is seen first.
        self._sequences: dict[str, int] = {}
        self._delivered: set[str] = set()

    def person(self, number):
        email = f"kill-{number}-{time.time_ns()}@example.com"
        data = self.service.register(email).data
        return Person(email, data["user"]["id"], data["access_token"])

    def when(self, request, most=1):
        """Choose: one time in four at any instant, else around a write on its way."""
        if self.chance.random() < 0.25:
            return Kill(self.chance.uniform(0, LONGEST_ACT_SECONDS))
        seconds = self.chance.uniform(0, LONGEST_REQUEST_SECONDS)
        return Kill(seconds, request, self.chance.randrange(most) + 1)

    def kill_handler(self, person, number, when):
        before = self._state(person), self._rows(person)
        code = run_act(self.environment, person, number, kill=when)
        # What the emulator had received when its client died, it does.
        time.sleep(0.1)
        after = self._state(person), self._rows(person)
        changed, recorded = before[0] != after[0], after[1] - before[1]
        self.outcomes["killed" if code == KILLED else "was done before"] += 1
        if code == KILLED and changed:
            self.outcomes["killed after the change"] += 1
        if changed and not recorded:
            self.found.append((number, changed, recorded))

    def kill_chainer(self):
        """Kill the chainer over rows that are not chained; then let the stream bring them again."""
        items = [item for item in self._trail() if item["sk"]["S"] not in self._delivered]
        event = self._event(items)
        code = run_worker(self.environment, "chain_audit", event, kill=self.when("PutItem", 3))
        self.outcomes["chainer killed" if code == KILLED else "was done before"] += 1
        assert run_worker(self.environment, "chain_audit", event) == 0
        self._delivered |= {item["sk"]["S"] for item in items}

    def _event(self, items):
        """The event of the stream with these items, in its order."""
        for item in items:
            self._sequences.setdefault(item["sk"]["S"], len(self._sequences) + 1)
        ordered = sorted(items, key=lambda item: self._sequences[item["sk"]["S"]])
        records = [_record(item, self._sequences[item["sk"]["S"]]) for item in ordered]
        return {"Records": records, "shardId": SHARD, "state": {}}

    def kill_recorder(self, number):
        """Kill the recorder in a batch of all kinds of requests, then repeat the batch."""
        now = datetime.now(UTC)
        known = {"subject": new_id("sub", now)}
        refused = {**known, "outcome": "NOT_FOUND", "status": 404}
        kinds = [known] * 20 + [refused] * 20 + [{}] * 5
        lines = [
            request_line(f"killed-{number}-{index}", now, **fields)
            for index, fields in enumerate(kinds)
        ]
        event = log_event(map(json.dumps, lines))
        when = self.when("PutItem", 22)  # a pack, 20 rows and counts
        code = run_worker(self.environment, "record_requests", event, kill=when)
        self.outcomes["recorder killed" if code == KILLED else "was done before"] += 1
        assert run_worker(self.environment, "record_requests", event) == 0
        rows = [{n: from_wire(v) for n, v in item.items()} for item in self._trail()]
        mine = [row for row in rows if f"killed-{number}-" in ids_of(row)]
        # No item is there twice.
        assert Counter(row.get("action") for row in mine) == {
            "requests.packed": 1,
            "request.refused": 20,
            "requests.counted": 1,
        }
        found = accounted(mine)
        assert (len(found.outcomes), found.counts) == (40, {"OK": 5})

    def verify(self, directory):
        """Chain what is left and anchor it. Returns what an auditor says, and how many rows."""
        items = self._trail()
        assert run_worker(self.environment, "chain_audit", self._event(items)) == 0
        assert run_worker(self.environment, "anchor_audit", {}) == 0
        # The rows of the bucket, which were there before their blocks, and those of the table.
        export.fetch(
            directory, table=self.service.services[table], bucket=ENVIRONMENT["AUDIT_BUCKET"]
        )
        prefix = ENVIRONMENT["KEY_PARAMETER_PREFIX"]
        keys_ = export.fetch_keys(directory / "public-keys.json", prefix=prefix)
        lines = list(read_lines(directory))
        assert any(b'"shard"' in line.text for line in lines)
        return verify(lines, read_anchors(directory), keys_), len(items)

    def _state(self, person):
        items = read_all(
            self.service.services[table], Query(partition=keys.account(person.account_id).pk)
        )
        return {
            item["sk"]: {n: v for n, v in item.items() if n not in UNAUDITED}
            for item in items
            if str(item["sk"]).startswith(("ACCOUNT", "SESSION#", "PREFERENCES"))
        }

    def _rows(self, person):
        account = self.service.services[account_store].get(person.account_id)
        return sum(1 for _ in self.service.services[audit_store].read_changes(account.audit.id))

    def _trail(self):
        pages = (
            aws_client("dynamodb")
            .get_paginator("scan")
            .paginate(TableName=ENVIRONMENT["AUDIT_TABLE_NAME"])
        )
        rows = ("SUBJECT#", "REQUESTS#")
        return [i for page in pages for i in page["Items"] if i["pk"]["S"].startswith(rows)]


def _record(item, sequence):
    image = json.loads(json.dumps(item, default=lambda raw: base64.b64encode(raw).decode()))
    names = {name: image[name] for name in ("pk", "sk")}
    change = {"Keys": names, "NewImage": image, "SequenceNumber": str(sequence)}
    return {"eventName": "INSERT", "dynamodb": change}


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    with (
        emulator.start(free_port(), tmp_path_factory.mktemp("emulator")) as running,
        pytest.MonkeyPatch.context() as patch,
    ):
        environment = {**ENVIRONMENT, **running.environment, "REQUEST_RETENTION_DAYS": "90"}
        for name, value in environment.items():
            patch.setenv(name, value)
        boto_client._session.cache_clear()
        create_tables()
        region = {"LocationConstraint": "eu-west-1"}
        aws_client("s3").create_bucket(
            Bucket=ENVIRONMENT["AUDIT_BUCKET"], CreateBucketConfiguration=region
        )
        yield Campaign(environment)
        boto_client._session.cache_clear()
        wiring.use(None)


def kill(campaign, directory, handlers, workers):
    """Kill so many handlers, several people's at once, and so many workers in between."""
    people = [campaign.person(number) for number in range(SIMULTANEOUS)]
    number = 0
    started = time.monotonic()
    while campaign.outcomes["killed"] < handlers:
        whens = [campaign.when("TransactWriteItems") for _ in people]
        with ThreadPoolExecutor(SIMULTANEOUS) as pool:
            jobs = zip(people, range(number, number + len(people)), whens, strict=True)
            list(pool.map(lambda job: campaign.kill_handler(*job), jobs))
        number += len(people)
        if number % (SIMULTANEOUS * 50) == 0:
            people = [campaign.person(number + index) for index in range(SIMULTANEOUS)]
        done = campaign.outcomes["chainer killed"] + campaign.outcomes["recorder killed"]
        if done < workers * campaign.outcomes["killed"] / handlers:
            campaign.kill_chainer()
            campaign.kill_recorder(number)
    report, rows = campaign.verify(directory)
    seconds = time.monotonic() - started
    print(f"\n{dict(campaign.outcomes)}, {rows} rows, {seconds:.0f} s")  # noqa: T201
    assert campaign.found == []
    assert report.findings == []
    assert report.rows == rows


@pytest.mark.timeout(600)
def test_a_killed_process_leaves_no_change_without_its_row(campaign, tmp_path):
    kill(campaign, tmp_path, 12, 4)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("third", range(3))
def test_five_hundred_killed_processes_leave_no_change_without_its_row(campaign, third, tmp_path):
    campaign.chance.seed(SEED + third)
    campaign.outcomes.clear()
    kill(campaign, tmp_path, 140, 30)
    assert campaign.outcomes["killed after the change"] > 20
    kills = ("killed", "chainer killed", "recorder killed")
    assert sum(campaign.outcomes[name] for name in kills) >= 167


def ids_of(row):
    """The ids of the requests of a row, as text."""
    if "columns" in row:
        return " ".join(accounted([row]).outcomes)
    return str(row.get("request_id"))
