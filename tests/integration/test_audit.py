"""The audit trail on the deployed stack: log subscription, stream, anchors, and an auditor."""

from __future__ import annotations

import io
import itertools
import json
import os
import random
import secrets
import subprocess
import sys
import time
import zipfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from botocore.exceptions import ClientError

from latchkey.domain.ids import new_id
from latchkey.flows.audit_archive import AuditArchive
from latchkey.flows.request_indexing import RequestIndexer
from latchkey.security.audit_signatures import is_signed_by
from latchkey.storage import boto_client, keys
from latchkey.storage.audit_chain import AuditChainStore
from latchkey.storage.audit_keys import PublicKeys
from latchkey.storage.audit_vault import S3AuditVault
from latchkey.storage.boto_client import BotoClient
from latchkey.storage.dynamodb import DynamoDBTable, from_wire, to_wire
from latchkey.storage.request_index import RequestIndexStore
from latchkey.storage.request_packs import RequestPackStore
from latchkey.storage.s3_index_files import S3IndexFiles
from tests.support.audit import accounted, log_event
from tests.support.clock import ManualClock
from tools.local import lambda_logs
from tools.local.emulator import REPOSITORY

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
PASSWORD = "quiet river under seven bridges"
SECONDS = 120
NOTHING_TO_VERIFY = 2
REQUEST_ID = "apigw-requestid"


# What is in the trail ----------------------------------------------------------------------------


class Mix:
    """Requests of every kind, valid and not, some of which no function answers."""

    def __init__(self, stack) -> None:
        self._client = httpx.Client(
            base_url=stack.base_url, timeout=60, limits=httpx.Limits(max_connections=32)
        )
        self._sign_in = {"email": f"audit-{time.time_ns()}@example.com", "password": PASSWORD}
        self.answers = [self._client.post("/api/v1/auth/register", json=self._sign_in)]
        token = self.answers[0].json()["data"]["access_token"]
        self.mine = {"authorization": f"Bearer {token}"}

    def send(self, number):
        get, post, mine = self._client.get, self._client.post, self.mine
        kinds = [
            lambda: get("/api/v1/users/me", headers=mine),
            lambda: get("/api/v1/users/me/sessions", headers=mine),
            lambda: get("/api/v1/users/me", headers={"authorization": f"Bearer x{number}"}),
            lambda: post("/api/v1/auth/login", content=b"{not json"),
            lambda: get("/api/v1/users/me/activity", headers=mine, params={"limit": "0"}),
            lambda: get(f"/api/v1/nowhere/{number}"),
            lambda: self._client.patch("/api/v1/users/me", headers=mine, json={"age": number % 90}),
            lambda: get("/api/v1/audit", headers=mine),
            lambda: get("/api/v1/health"),
            lambda: self._client.put("/api/v1/users/me/preferences", headers=mine, json=[]),
            # Each in a form of its own: the edge keeps the keys, and answers from what it keeps.
            lambda: get("/.well-known/jwks.json", headers={"accept": f"*/*;n={number}"}),
            lambda: post("/api/v1/auth/refresh", json={"refresh_token": f"{number}"}),
        ]
        answer = kinds[number % len(kinds)]()
        self.answers.append(answer)

    def close(self):
        self._client.close()

    def finish(self):
        wrong = {**self._sign_in, "password": "wrong" * 4}
        self.answers.append(self._client.post("/api/v1/auth/login", json=wrong))
        large = b" " * (10 * 1024 * 1024 + 1)
        self.answers.append(self._client.post("/api/v1/auth/login", content=large))
        return {answer.headers[REQUEST_ID] for answer in self.answers}

    def wrong_outcomes(self, stack):
        """Return the requests that are in the trail by their id with a wrong outcome."""
        outcomes = requests(stack).outcomes
        return [
            (answer.status_code, outcomes[answer.headers[REQUEST_ID]])
            for answer in self.answers
            if answer.headers[REQUEST_ID] in outcomes
            and answer.is_error == (outcomes[answer.headers[REQUEST_ID]] == "OK")
        ]

    def is_by_known_account(self, answer):
        return answer.request.headers.get("authorization") == self.mine["authorization"]

    def not_recorded(self, stack):
        """Return the requests of the known account, and the numbers of others, that are missing."""
        found = requests(stack)
        others = [a for a in self.answers if a.headers[REQUEST_ID] not in found.outcomes]
        missing = [a.headers[REQUEST_ID] for a in others if self.is_by_known_account(a)]
        return missing, Counter(map(outcome_of, others)) - (found.counts - self.before)

    def wait(self, stack, seconds=SECONDS):
        """Wait until every request is recorded or counted. Returns what is not in time."""
        deadline, missing, looked = time.monotonic() + seconds, None, 0.2
        while missing != ([], Counter()) and time.monotonic() < deadline:
            # Looking at thousands of rows keeps the emulator from recording the others.
            time.sleep(5 * looked)
            began = time.monotonic()
            missing = self.not_recorded(stack)
            looked = time.monotonic() - began
        return missing


def outcome_of(answer):
    """The outcome that the counts have for an answer."""
    if not answer.is_error:
        return "OK"
    error = answer.json().get("error")
    if isinstance(error, dict):
        return error["code"]
    return {404: "ROUTE_NOT_FOUND", 413: "REQUEST_TOO_LARGE"}[answer.status_code]


def settled_counts(stack):
    """Return the counts when those of earlier tests have arrived."""
    before = None
    while before != (before := requests(stack).counts):
        time.sleep(3)
    return before


@pytest.fixture
def mix(stack):
    """Somebody who has registered, and sends requests."""
    before = settled_counts(stack)
    made = Mix(stack)
    made.before = before
    yield made
    made.close()


def trail(stack):
    pages = (
        stack.client("dynamodb").get_paginator("scan").paginate(TableName=stack.audit_table_name)
    )
    return [item for page in pages for item in page["Items"]]


def requests(stack):
    """The requests in rows, packs and counts."""
    return accounted({n: from_wire(v) for n, v in item.items()} for item in trail(stack))


def recorded(stack):
    """The ids of the requests that are in rows and packs."""
    return set(requests(stack).outcomes)


# What an auditor does ----------------------------------------------------------------------------


def audit_tool(stack, *arguments):
    """Run `python -m tools.audit` as a person does."""
    environment = {**os.environ, **stack.emulator.environment, "PYTHONPATH": "layers/shared"}
    return subprocess.run(  # noqa: S603 - our own tool
        [sys.executable, "-m", "tools.audit", *map(str, arguments)],
        env=environment,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def audit(stack, directory):
    """Fetch a copy and verify it. Returns its findings and the last line."""
    fetched = audit_tool(stack, "fetch", directory, "--stack", stack.deployment.name)
    assert fetched.returncode == 0, fetched.stderr
    keys = directory / "public-keys.json"
    found = audit_tool(stack, "verify", directory, "--keys", keys)
    if found.returncode == NOTHING_TO_VERIFY:
        return [], "0 rows"
    *findings, summary = found.stdout.splitlines()
    assert found.returncode == int(bool(findings)), found.stderr
    return findings, summary


def chained(stack, tmp_path):
    """Wait until every row is chained, and anchor it. Returns what the auditor says."""
    deadline, copies = time.monotonic() + SECONDS, itertools.count()
    while True:
        stack.invoke("anchor_audit", {})
        findings, summary = audit(stack, tmp_path / f"copy-{next(copies)}")
        rows = sum("action" in item for item in trail(stack))
        # A row that is not chained yet is in no block, and not in the copy either.
        if summary.startswith(f"{rows} rows") or time.monotonic() > deadline:
            assert summary.startswith(f"{rows} rows"), (rows, summary)
            return findings, summary
        time.sleep(2)


def test_every_request_is_in_the_trail_and_every_row_is_chained(stack, mix, tmp_path):
    for number in range(60):
        mix.send(number)
    sent = mix.finish()
    assert mix.wait(stack) == ([], Counter())
    assert mix.wrong_outcomes(stack) == []
    found = requests(stack)
    by_gateway = found.counts - mix.before
    assert by_gateway.total() == len(sent - set(found.outcomes))
    assert by_gateway["ROUTE_NOT_FOUND"] >= 5
    assert by_gateway["REQUEST_TOO_LARGE"] >= 1

    findings, summary = chained(stack, tmp_path)
    assert findings == []
    assert summary.endswith("as they were written")

    reads = [row for row in trail(stack) if "columns" in row]
    # The newest: of what was archived, a copy has what was archived.
    newest = max(reads, key=lambda row: int(row["at"]["N"]))
    key, outcome = {"pk": newest["pk"], "sk": newest["sk"]}, newest["outcome"]["S"]
    try:
        set_outcome(stack, key, "FORGED")
        (finding,), _ = audit(stack, tmp_path / "edited")
        assert finding.startswith(f"changed: {key['sk']['S']} ")
    finally:
        set_outcome(stack, key, outcome)


def set_outcome(stack, key, outcome):
    stack.client("dynamodb").update_item(
        TableName=stack.audit_table_name,
        Key=key,
        UpdateExpression="SET outcome = :outcome",
        ExpressionAttributeValues={":outcome": to_wire(outcome)},
    )


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_each_of_ten_thousand_http_requests_is_in_the_trail(stack, mix):
    started = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        for count in itertools.batched(range(9_997), 200, strict=False):
            list(pool.map(mix.send, count))
    sent = mix.finish()
    seconds = time.monotonic() - started
    by_status = Counter(answer.status_code for answer in mix.answers)
    print(f"\n{len(sent)} requests in {seconds:.0f} s: {dict(by_status)}")  # noqa: T201
    assert len(sent) == len(mix.answers) == 10_000
    missing = mix.wait(stack, seconds=300)
    print(f"missing after {time.monotonic() - started:.0f} s: {missing}")  # noqa: T201
    assert missing == ([], Counter())
    assert mix.wrong_outcomes(stack) == []


def test_missing_tail_between_two_anchors_is_detected(stack, mix, tmp_path):
    mix.send(0)
    assert mix.wait(stack) == ([], Counter())
    chained(stack, tmp_path)
    # The anchors of this copy are taken away, as if none had been made since the start.
    directory = tmp_path / "cut"
    audit(stack, directory)
    for path in (directory / "anchors").rglob("*.json"):
        path.unlink()
    lines = [json.loads(line) for line in (directory / "live.ndjson").read_text().splitlines()]
    newest = max(
        (line["block"] for line in lines if "block" in line), key=lambda block: block["at"]
    )
    gone = {(entry[0], entry[1]) for entry in newest["entries"]}
    kept = [
        line
        for line in lines
        if line.get("block") != newest
        and ("row" not in line or (line["row"]["pk"], line["row"]["sk"]) not in gone)
    ]
    (directory / "live.ndjson").write_text("".join(json.dumps(line) + "\n" for line in kept))
    found = audit_tool(stack, "verify", directory, "--keys", directory / "public-keys.json")
    assert found.returncode == 1
    last = newest["first"] + len(newest["entries"]) - 1
    reported = (
        f"cut: chain {newest['chain']}: positions {newest['first']} to {last} are gone, which "
    )
    assert found.stdout.startswith(f"{reported}the log's line of block {newest['number']} ")
    assert "There is no anchor" in found.stderr


# The bucket --------------------------------------------------------------------------------------


def test_anchors_cannot_be_removed_or_replaced(stack, mix, tmp_path):
    chained(stack, tmp_path)
    s3, bucket = stack.client("s3"), stack.deployment.outputs["AuditBucketName"]
    (anchor, *_) = s3.list_object_versions(Bucket=bucket, Prefix="anchors/")["Versions"]
    which = {"Bucket": bucket, "Key": anchor["Key"]}
    lock = s3.get_object_retention(**which, VersionId=anchor["VersionId"])["Retention"]
    assert lock["Mode"] == "COMPLIANCE"
    assert lock["RetainUntilDate"] > datetime.now(UTC) + timedelta(hours=23)
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(**which, VersionId=anchor["VersionId"])
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(**which, VersionId=anchor["VersionId"], BypassGovernanceRetention=True)

    s3.delete_object(**which)  # only hides it behind a marker
    directory = tmp_path / "hidden"
    audit(stack, directory)
    path = (directory / anchor["Key"]).parent
    assert [found.name for found in path.glob(f"{anchor['VersionId']}-*")]


@pytest.fixture
def emulated(stack, monkeypatch):
    """Let this process's own clients talk to the stack."""
    for name, value in stack.emulator.environment.items():
        monkeypatch.setenv(name, value)
    boto_client._session.cache_clear()
    yield
    boto_client._session.cache_clear()


def test_archive_alone_verifies_expired_rows(stack, mix, tmp_path, emulated):
    chained(stack, tmp_path)
    before = set(audit(stack, tmp_path / "before")[0])
    # Two hours from now: the function archives what is an hour old, and a test can't wait for it.
    names = {"main": "", "audit": stack.audit_table_name}
    outputs = stack.deployment.outputs
    flow = AuditArchive(
        store=AuditChainStore(DynamoDBTable(BotoClient(), names)),
        verifier=PublicKeys(f"/latchkey/{stack.deployment.name}", check=is_signed_by),
        vault=S3AuditVault(outputs["AuditBucketName"]),
    )
    archived = flow.archive(datetime.now(UTC) + timedelta(hours=2), lambda: SECONDS)
    assert (archived.rows > 0, archived.changed, archived.foreign) == (True, [], [])
    assert stack.invoke("archive_audit", {}) == {"rows": 0, "wrong": []}

    directory = tmp_path / "archived"
    findings, summary = audit(stack, directory)
    assert set(findings) == before
    # Nothing but the archive: what the table holds is no part of the proof.
    live = [json.loads(x) for x in (directory / "live.ndjson").read_text().splitlines()]
    (directory / "live.ndjson").unlink()
    later = [line for line in live if "block" in line]
    alone = audit_tool(stack, "verify", directory, "--keys", directory / "public-keys.json")
    if not later:
        assert alone.stdout.splitlines()[-1] == summary


# Dead letters ------------------------------------------------------------------------------------


def test_redrive_records_a_failed_batch(stack):
    request_id = f"late-{time.time_ns()}"
    line = {
        "message": "audited request",
        "at": int(time.time() * 1000),
        "operation": "get_me",
        "request_id": request_id,
        "subject": new_id("sub", datetime.now(UTC)),
        "status": 200,
        "outcome": "OK",
    }
    functions, name = stack.client("lambda"), stack.deployment.function_name("record_requests")
    settings = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    queue = stack.deployment.outputs["RecordRequestsDeadLettersUrl"]
    broken = {**settings, "AUDIT_TABLE_NAME": "no-such-table"}
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": broken})
    try:
        event = json.dumps(log_event([json.dumps(line)]))
        functions.invoke(FunctionName=name, InvocationType="Event", Payload=event)
        deadline = time.monotonic() + 60
        while not _waiting(stack, queue) and time.monotonic() < deadline:
            time.sleep(1)
        assert _waiting(stack, queue)
    finally:
        functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": settings}
        )
    assert request_id not in recorded(stack)
    done = audit_tool(stack, "redrive", "--stack", stack.deployment.name)
    assert (done.returncode, done.stdout.split()[1:3]) == (0, ["batches", "recorded,"]), done
    assert request_id in recorded(stack)
    assert _waiting(stack, queue) == 0


def _waiting(stack, queue):
    name = "ApproximateNumberOfMessages"
    found = stack.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=[name])
    return int(found["Attributes"][name])


# For administrators ------------------------------------------------------------------------------


def test_search_by_an_administrator_is_audited(stack, api):
    email = f"admin-{time.time_ns()}@example.com"
    api.register(email)
    stack.invoke("grant_admin", {"email": email})
    token = api.login(email).json()["data"]["access_token"]
    person = api.register().json()["data"]
    query = {"user_id": person["user"]["id"], "limit": "1"}
    rows, cursor = [], None
    while True:
        page = api.call(
            "GET",
            "/api/v1/audit",
            token=token,
            params=query | ({"cursor": cursor} if cursor else {}),
        ).json()["data"]
        rows += page["rows"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert [row["action"] for row in rows if row["action"] == "account.registered"]
    assert len({row["id"] for row in rows}) == len(rows)
    assert "127.0.0.1" not in json.dumps(rows)
    looks = api.call("GET", "/api/v1/audit", token=token, params={"action": "audit.read.by_admin"})
    assert looks.json()["data"]["rows"], looks.text
    assert (
        api.call("GET", "/api/v1/audit", token=person["access_token"]).json()["error"]["code"]
        == "ADMINISTRATORS_ONLY"
    )


def test_reads_of_a_person_are_found_before_and_after_they_are_indexed(stack, api, emulated):
    email = f"desk-{time.time_ns()}@example.com"
    api.register(email)
    stack.invoke("grant_admin", {"email": email})
    token = api.login(email).json()["data"]["access_token"]
    person = api.register().json()["data"]
    sent = {
        api.call("GET", "/api/v1/users/me", token=person["access_token"]).headers[REQUEST_ID]
        for _ in range(5)
    }

    def found():
        query = {"user_id": person["user"]["id"], "kind": "requests"}
        page = api.call("GET", "/api/v1/audit", token=token, params=query).json()["data"]
        assert page["next_cursor"] is None
        return {row["request_id"] for row in page["rows"]}

    deadline = time.monotonic() + SECONDS
    while not sent <= found() and time.monotonic() < deadline:
        time.sleep(1)
    assert sent <= found()
    assert stack.invoke("index_requests", {})["delay_seconds"] < 900

    # Two hours from now: the function waits until packs are complete, and a test can't.
    names = {"main": stack.table_name, "audit": stack.audit_table_name}
    table = DynamoDBTable(BotoClient(), names)
    later = ManualClock()
    later._now = datetime.now(UTC) + timedelta(hours=2)
    files = S3IndexFiles(stack.deployment.outputs["AuditIndexBucketName"])
    index = RequestIndexStore(table, request_retention=timedelta(days=90))
    indexer = RequestIndexer(
        packs=RequestPackStore(table), index=index, files=files, clock=later, file_lines=3
    )
    try:
        assert indexer.run(lambda: 900).slices > 0
        assert sent <= found()
    finally:
        # Other tests' requests would be before the progress, and so not be read from their packs.
        table.delete_many([keys.index_progress()])


# No secret ---------------------------------------------------------------------------------------


class Canaries:
    """People who put secrets everywhere that a client can put one; where they are sought."""

    def __init__(self, stack, api) -> None:
        self.stack, self.api = stack, api
        self.planted: list[str] = []
        self.places: dict[str, str] = {"answers": ""}

    def secret(self):
        self.planted.append(f"canary{secrets.token_hex(12)}")
        return self.planted[-1]

    def call(self, method, path, *, holds_own_tokens=False, **options):
        answer = self.api.call(method, path, **options)
        if not holds_own_tokens:
            self.places["answers"] += answer.text + repr(answer.headers)
        return answer

    def plant(self):
        """Ten secrets of one person, their tokens not counted."""
        email, password, me = f"c{time.time_ns()}@example.com", self.secret(), "/api/v1/users/me"
        login, refresh = "/api/v1/auth/login", "/api/v1/auth/refresh"
        body = {"email": email, "password": password}
        signed_in = self.call(
            "POST", "/api/v1/auth/register", json=body, holds_own_tokens=True
        ).json()["data"]
        token = signed_in["access_token"]
        self.planted += [token.rpartition(".")[2], signed_in["refresh_token"].rpartition(".")[2]]
        self.call("POST", login, json={**body, "password": self.secret()})
        self.call("POST", login, json={**body, "more": self.secret()})
        self.call("POST", login, content=f'{{"password": "{self.secret()}')
        self.call("GET", me, token=self.secret())
        self.call("GET", me, token=token, headers={"x-api-key": self.secret()})
        self.call("GET", f"/api/v1/nowhere/{self.secret()}")
        self.call("POST", refresh, json={"refresh_token": self.secret()})
        cookie = f"__Host-latchkey_refresh={self.secret()}"
        self.call("POST", refresh, headers={"cookie": cookie, "origin": self.stack.base_url})
        wrong = {"current_password": self.secret(), "new_password": PASSWORD}
        self.call("PUT", f"{me}/password", token=token, json=wrong)
        self.call("GET", f"{me}/activity", token=token)
        return token

    def export(self, token):
        """Read the whole archive of one of them."""
        job = self.call("POST", "/api/v1/users/me/export", token=token).json()["data"]
        path, deadline = f"/api/v1/users/me/exports/{job['id']}", time.monotonic() + SECONDS
        while "download_url" not in job or not job["download_url"]:
            assert time.monotonic() < deadline, job
            time.sleep(1)
            job = self.api.call("GET", path, token=token).json()["data"]
        archive = zipfile.ZipFile(io.BytesIO(httpx.get(job["download_url"], timeout=60).content))
        return "".join(archive.read(name).decode(errors="replace") for name in archive.namelist())


def leaks(stack, api, people):
    canaries = Canaries(stack, api)
    tokens = [canaries.plant() for _ in range(people)]
    chance = random.Random(7)
    exports = [canaries.export(token) for token in chance.sample(tokens, min(people, 5))]
    time.sleep(5)  # the last lines of the log, on their way to be rows
    logs = stack.client("logs")
    groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    lines = [
        event["message"] for group in groups for event in lambda_logs.events(stack.emulator, group)
    ]
    canaries.places |= {
        "logs": "".join(lines),
        "emulator": (stack.emulator.directory / "emulator.log").read_text(errors="replace"),
        "rows": json.dumps(trail(stack), default=repr),
        "exports": "".join(exports),
    }
    assert all(len(text) > 1000 for text in canaries.places.values())
    found = [
        (place, secret)
        for place, text in canaries.places.items()
        for secret in canaries.planted
        if secret in text
    ]
    return len(canaries.planted), found


def test_no_secret_is_in_logs_rows_exports_or_responses(stack, api):
    planted, found = leaks(stack, api, 2)
    assert planted >= 20
    assert found == []


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_hundred_secrets_do_not_leak_over_http(stack, api):
    planted, found = leaks(stack, api, 20)
    print(f"\n{planted} secrets planted, {len(found)} found")  # noqa: T201
    assert planted >= 200
    assert found == []
