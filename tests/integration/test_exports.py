"""Exports on the deployed stack: API, outbox, queue, worker, S3, email."""

from __future__ import annotations

import contextlib
import json
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from latchkey.domain.ids import AccountId, ExportId
from latchkey.domain.limits import EXPORT_LINK_SECONDS
from latchkey.storage import boto_client, keys
from latchkey.storage.export_files import archive_key, staged_prefix
from latchkey.storage.s3_export_files import S3ExportFiles
from tests.support.api import (
    PASSWORD,
    a_fresh_address,
    all_at_once,
    error_code,
    fetch,
    upload,
)
from tests.support.archives import read_archive
from tests.support.outbox import sqs_record
from tests.support.pictures import png
from tests.support.queue_worker import (
    PATIENCE_SECONDS,
    QueueWorker,
    outcomes,
    run_make,
    until,
)

if TYPE_CHECKING:
    from tests.support.api import Api
    from tools.local.stack import LocalStack

EXPORT = "/api/v1/users/me/export"
EXPORTS = "/api/v1/users/me/exports"

pytestmark = pytest.mark.timeout(600)
FILES = {
    "README.html",
    "profile.json",
    "preferences.json",
    "consents.json",
    "consents.csv",
    "sessions.json",
    "sessions.csv",
    "security-history.ndjson",
    "suppressed-mail.json",
    "suppressed-mail.csv",
    "security-history.csv",
    "identities.json",
    "identities.csv",
    "exports.json",
    "exports.csv",
    "manifest.json",
}


@dataclass(frozen=True, eq=False)
class Owner:
    """Somebody who is signed in, and what the stack keeps of them."""

    api: Api
    stack: LocalStack
    email: str
    account_id: str
    token: str
    refresh_token: str

    @classmethod
    def of(cls, api: Api, stack: LocalStack, **fields: Any) -> Owner:
        email = a_fresh_address()
        data = api.register(email, **fields).json()["data"]
        return cls(
            api, stack, email, data["user"]["id"], data["access_token"], data["refresh_token"]
        )

    def request_export(self, **options: Any) -> Any:
        return self.api.call("POST", EXPORT, token=self.token, **options)

    def look(self, export_id: str, token: str | None = None) -> Any:
        path = f"{EXPORTS}/{export_id}"
        return self.api.call("GET", path, token=token or self.token)

    def wait(self, export_id: str, status: str = "ready") -> list[dict[str, Any]]:
        """Watch until it has a status. Returns everything that was seen on the way."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        seen = [self.look(export_id).json()["data"]]
        while seen[-1]["status"] != status:
            assert time.monotonic() < deadline, seen[-1]
            time.sleep(0.3)
            seen.append(self.look(export_id).json()["data"])
        return seen

    def items(self) -> list[dict[str, Any]]:
        """What the table has in the account's partition."""
        found: list[dict[str, Any]] = self.stack.client("dynamodb").query(
            TableName=self.stack.table_name,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={
                ":pk": {"S": keys.account_partition(AccountId(self.account_id))}
            },
            ConsistentRead=True,
        )["Items"]
        return found

    def item(self, prefix: str) -> dict[str, Any]:
        (found,) = [item for item in self.items() if item["sk"]["S"].startswith(prefix)]
        return found

    def actions(self) -> Counter[str]:
        """How often each action is in the person's own security history."""
        answer = self.api.call(
            "GET", "/api/v1/users/me/activity", token=self.token, params={"limit": "100"}
        )
        return Counter(entry["action"] for entry in answer.json()["data"]["activity"])

    def letters(self) -> list[dict[str, Any]]:
        """The mails that say that an export is ready."""
        return [
            mail
            for mail in self.stack.mails()
            if mail["To"] == [self.email] and "/exports" in mail["BodyText"]
        ]

    def wait_for_letter(self) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (letters := self.letters()):
            assert time.monotonic() < deadline, "no mail"
            time.sleep(0.5)
        return letters[0]


@pytest.fixture
def owner(api, stack):
    return Owner.of(api, stack, full_name="Ada Lovelace")


@pytest.fixture
def bucket(stack):
    return stack.deployment.physical_ids["ExportBucket"]


def change(stack: LocalStack, item: dict[str, Any], **numbers: int) -> None:
    """Set numbers of an item: so long ago, or by now over. An item that is gone stays so."""
    dynamodb = stack.client("dynamodb")
    with contextlib.suppress(dynamodb.exceptions.ConditionalCheckFailedException):
        dynamodb.update_item(
            TableName=stack.table_name,
            Key={name: item[name] for name in ("pk", "sk")},
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in numbers),
            ConditionExpression="attribute_exists(pk)",
            ExpressionAttributeNames={f"#{name}": name for name in numbers},
            ExpressionAttributeValues={f":{name}": {"N": str(n)} for name, n in numbers.items()},
        )


def objects(stack: LocalStack, bucket: str, export_id: ExportId) -> list[str]:
    s3 = stack.client("s3")
    return [
        entry["Key"]
        for prefix in (archive_key(export_id), staged_prefix(export_id))
        for entry in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    ]


def secrets_in(value: Any, name: str = "") -> set[str]:
    """What a stored item has that opens something: bytes, hashes, in every way to write them."""
    match value:
        case {"B": content}:
            return {content.hex(), repr(content)[2:-1]}
        case {"S": text} if name == "password_hash":
            return {text, text.rpartition("$")[2]}
        case {"M": fields} | dict(fields) if not {"S", "N", "L"} & set(fields):
            return set().union(*(secrets_in(field, key) for key, field in fields.items()))
    return set()


class Worker(QueueWorker):
    """The export worker."""

    def messages(self, export_id: str) -> list[dict[str, Any]]:
        """What waits in the outbox for an export."""
        waiting = self.outbox("export")
        return [item for item in waiting if item["body"]["M"]["export_id"]["S"] == export_id]

    def message_id(self, export_id: str) -> str:
        (item,) = self.messages(export_id)
        return str(item["sk"]["S"]).partition("#")[2]


@pytest.fixture
def worker(stack):
    return Worker(stack, "export_worker")


@pytest.fixture
def paused(worker):
    """The worker, which gets nothing until a test lets it."""
    worker.pause(paused=True)
    yield worker
    worker.pause(paused=False)


# The file ----------------------------------------------------------------------------------------


def test_export_is_one_file_with_all_data(api, stack, bucket, owner):
    stranger = Owner.of(api, stack, full_name="Grace Hopper")
    api.login(owner.email)
    sessions = "/api/v1/users/me/sessions"
    assert api.call("DELETE", sessions, token=owner.token).status_code == 200
    body = {"wifi": "fast", "a_key_of_its_own": "eiderdown"}
    saved = api.call("PUT", "/api/v1/users/me/preferences", token=owner.token, json=body)
    assert saved.status_code == 200, saved.text
    agreed = {"marketing_consent": True}
    changed = api.call("PATCH", "/api/v1/users/me", token=owner.token, json=agreed)
    assert changed.status_code == 200
    show_a_picture(api, owner.token)

    response = owner.request_export()
    assert response.status_code == 202
    export_id = response.json()["data"]["id"]
    assert response.headers["location"] == f"{EXPORTS}/{export_id}"
    seen = owner.wait(export_id)
    progress = [view["progress"] for view in seen]
    assert progress == sorted(progress)
    assert all(view["progress"] < 100 for view in seen[:-1])
    assert all(view["download_url"] is None for view in seen[:-1])
    ready = seen[-1]
    assert (ready["progress"], ready["step"]) == (100, "done")
    assert objects(stack, bucket, export_id) == [archive_key(export_id)]

    answer = fetch(ready["download_url"])
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"].startswith('attachment; filename="your-data-')
    assert len(answer.content) == ready["size_bytes"]
    archive = read_archive(answer.content, sha256=ready["sha256"])
    assert set(archive.files) == FILES | {"avatar.webp"}
    assert archive.manifest["schema_version"] == 1
    assert archive.manifest["export_id"] == export_id
    assert archive.json("profile.json")["full_name"] == "Ada Lovelace"
    kept = archive.json("preferences.json")["document"]
    assert {name: kept[name] for name in body} == body
    assert [row["kind"] for row in archive.json("consents.json") if row["given"]] == ["marketing"]
    ended = [row["end_reason"] for row in archive.json("sessions.json")]
    assert len(ended) == 2
    assert ended.count(None) == 1
    assert [row["id"] for row in archive.json("exports.json")] == [export_id]
    history = archive.ndjson("security-history.ndjson")
    assert {"account.registered", "export.requested"} <= {row["action"] for row in history}
    assert b"Ada Lovelace" in archive.files["README.html"]

    text = archive.text()
    secrets = set().union(*(secrets_in(item) for item in owner.items()))
    assert len(secrets) >= 3
    tokens = {PASSWORD, owner.token, owner.refresh_token}
    assert [secret for secret in secrets | tokens if secret in text] == []
    for word in (stranger.account_id, stranger.email, "Grace Hopper"):
        assert word not in text


def show_a_picture(api, token):
    me = "/api/v1/users/me"
    offered = api.call(
        "POST", f"{me}/avatar/uploads", token=token, json={"content_type": "image/png"}
    ).json()["data"]
    assert upload(offered, png((300, 300))).status_code == 204
    body = {"upload_id": offered["upload_id"]}
    assert api.call("PUT", f"{me}/avatar", token=token, json=body).status_code == 200


def test_only_a_valid_link_opens_the_file_and_each_is_audited(stack, bucket, owner):
    export_id = owner.request_export().json()["data"]["id"]
    before = owner.wait(export_id)[-1]
    url = owner.look(export_id).json()["data"]["download_url"]
    assert owner.actions()["export.link_issued"] == 2
    letter = owner.wait_for_letter()
    assert f"{stack.base_url}/exports" in letter["BodyText"]
    for body in (letter["BodyText"], letter["BodyHtml"]):
        assert bucket not in body
        assert "X-Amz" not in body
        assert export_id not in body

    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    assert 0 < int(query["X-Amz-Expires"]) <= EXPORT_LINK_SECONDS
    assert before["download_url_expires_at"] <= in_five_minutes()
    assert fetch(url).status_code == 200
    plain = url.partition("?")[0]
    forged = url.replace(query["X-Amz-Signature"], query["X-Amz-Signature"][::-1])
    longer = url.replace(f"X-Amz-Expires={query['X-Amz-Expires']}", "X-Amz-Expires=604800")
    another = url.replace(export_id, export_id[:-1] + ("0" if export_id[-1] != "0" else "1"))
    for guess in (plain, forged, longer, another):
        assert guess != url
        assert fetch(guess).status_code == 403, guess
    for path in (f"/{archive_key(export_id)}", f"/media/{archive_key(export_id)}"):
        answer = fetch(f"{stack.base_url}{path}")
        assert answer.content[:2] != b"PK"
    blocked = stack.client("s3").get_public_access_block(Bucket=bucket)
    assert set(blocked["PublicAccessBlockConfiguration"].values()) == {True}


def in_five_minutes():
    at = datetime.now(UTC) + timedelta(seconds=EXPORT_LINK_SECONDS)
    return at.isoformat().replace("+00:00", "Z")


def test_link_expires_with_the_credentials_that_signed_it(stack, bucket, owner, monkeypatch):
    export_id = owner.request_export().json()["data"]["id"]
    owner.wait(export_id)
    for name, value in stack.emulator.environment.items():
        monkeypatch.setenv(name, value)
    boto_client._session.cache_clear()
    now = datetime.now(UTC)
    files = S3ExportFiles(bucket, credentials_end=lambda: now + timedelta(seconds=8))
    url, seconds = files.link(export_id, file_name="your-data.zip", now=now)
    boto_client._session.cache_clear()
    assert seconds == 8
    assert fetch(url).status_code == 200
    time.sleep(9)
    late = fetch(url)
    assert (late.status_code, "expired" in late.text) == (403, True)


# Who may ask, and how often ----------------------------------------------------------------------


def test_request_and_download_require_recent_authentication(api, stack, owner):
    for method, path in (("POST", EXPORT), ("GET", EXPORTS), ("GET", f"{EXPORTS}/exp_1")):
        refused = api.call(method, path)
        assert (refused.status_code, error_code(refused)) == (401, "TOKEN_MISSING")
    export_id = owner.request_export().json()["data"]["id"]
    owner.wait(export_id)
    long_ago = int((time.time() - 600) * 1000)
    change(stack, owner.item("SESSION#"), authenticated_at=long_ago)
    old = api.refresh(owner.refresh_token).json()["data"]["access_token"]
    refused = api.call("POST", EXPORT, token=old)
    assert (refused.status_code, error_code(refused)) == (403, "REAUTHENTICATION_REQUIRED")
    seen = owner.look(export_id, old).json()["data"]
    assert (seen["status"], seen["download_url"]) == ("ready", None)
    assert seen["download_blocked_by"] == "REAUTHENTICATION_REQUIRED"
    body = {"password": PASSWORD}
    proven = api.call("POST", "/api/v1/auth/reauthenticate", token=old, json=body).json()
    assert owner.look(export_id, proven["data"]["access_token"]).json()["data"]["download_url"]


def test_export_limits_and_idempotency(api, stack, paused, owner):
    key = {"idempotency-key": '"8e03978e-40d5-43e8-bc93-6894a57f9324"'}
    answers = all_at_once(5, lambda _: owner.request_export(headers=key))
    assert [answer.status_code for answer in answers] == [202] * 5
    made = {answer.json()["data"]["id"] for answer in answers}
    (first,) = made
    assert owner.request_export(headers=key).json()["data"]["id"] == first
    refused = owner.request_export()
    assert (refused.status_code, error_code(refused)) == (409, "EXPORT_ALREADY_RUNNING")
    assert refused.headers["location"] == f"{EXPORTS}/{first}"

    stranger = Owner.of(api, stack)
    assert error_code(stranger.look(first)) == "EXPORT_NOT_FOUND"
    listed = api.call("GET", EXPORTS, token=stranger.token).json()["data"]
    assert listed == {"exports": [], "total_count": 0}

    paused.pause(paused=False)
    owner.wait(first)
    for _ in range(2):
        owner.wait(owner.request_export().json()["data"]["id"])
    limited = owner.request_export()
    assert (limited.status_code, error_code(limited)) == (429, "TOO_MANY_ATTEMPTS")
    assert 86_000 < int(limited.headers["retry-after"]) <= 86_400
    assert owner.request_export(headers=key).json()["data"]["id"] == first
    assert api.call("GET", EXPORTS, token=owner.token).json()["data"]["total_count"] == 3


# What goes wrong ---------------------------------------------------------------------------------


def test_parallel_deliveries_of_each_message_make_one_file_and_one_email(
    api, stack, bucket, paused
):
    people = [Owner.of(api, stack) for _ in range(6)]
    exports = {person: person.request_export().json()["data"]["id"] for person in people}
    messages = {person: paused.message_id(export_id) for person, export_id in exports.items()}
    sqs, url = stack.client("sqs"), paused.queue("ExportQueue")
    for message_id in [*messages.values()] * 4:
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"message_id": message_id}))
    paused.pause(paused=False)
    # And five at the very same time, each in a Lambda of its own.
    for message_id in list(messages.values())[:2]:
        event = {"Records": [sqs_record(message_id)]}
        all_at_once(5, lambda _, event=event: stack.invoke("export_worker", event))
    for person, export_id in exports.items():
        ready = person.wait(export_id)[-1]
        content = fetch(ready["download_url"]).content
        read_archive(content, sha256=ready["sha256"])
        person.wait_for_letter()
    time.sleep(3)
    for person, export_id in exports.items():
        assert objects(stack, bucket, export_id) == [archive_key(export_id)]
        assert len(person.letters()) == 1
        assert person.actions()["export.completed"] == 1


@pytest.fixture
def hasty(worker):
    with worker.showing_again_after_a_second("ExportQueue", "ExportDeadLetters"):
        yield


@pytest.mark.usefixtures("hasty")
def test_failing_export_fails_after_five_deliveries_and_can_be_redriven(
    api, stack, bucket, worker, owner
):
    poison = {
        **{name: owner.item("SESSION#")[name] for name in ("pk", "sk")},
        "sk": {"S": "SESSION#ses_00000000000000000000000000"},
        "created_at": {"S": "not a time"},
    }
    dynamodb = stack.client("dynamodb")
    dynamodb.put_item(TableName=stack.table_name, Item=poison)
    export_id = owner.request_export().json()["data"]["id"]
    message_id = worker.message_id(export_id)

    def failed():
        view = owner.look(export_id).json()["data"]
        # The leases that a failed delivery leaves behind pass.
        for item in worker.messages(export_id):
            change(stack, item, leased_until=0)
        if view["status"] == "running":
            change(stack, owner.item(f"EXPORT#{export_id}"), lease_until=0)
        return view["status"] == "failed" and view

    view = until(failed)
    assert view["failure"]["code"] == "INTERRUPTED"
    assert "Request another export" in view["failure"]["message"]
    until(lambda: outcomes(stack, "export_dead_letters", message_id).get("worked"))
    until(lambda: outcomes(stack, "export_worker", message_id).total() >= 5)
    assert outcomes(stack, "export_worker", message_id).total() == 5
    assert owner.actions()["export.failed"] == 1
    assert objects(stack, bucket, export_id) == []

    dynamodb.delete_item(
        TableName=stack.table_name, Key={name: poison[name] for name in ("pk", "sk")}
    )
    assert run_make(stack, "redrive-exports") == {"redrive_exports": 1}
    assert run_make(stack, "redrive-exports") == {"redrive_exports": 0}
    ready = owner.wait(export_id)[-1]
    assert ready["failure"] is None
    read_archive(fetch(ready["download_url"]).content, sha256=ready["sha256"])
    owner.wait_for_letter()
    actions = owner.actions()
    assert (actions["export.redriven"], actions["export.completed"]) == (1, 1)


def test_an_export_whose_message_was_lost_is_found_by_cleanup(stack, paused, owner):
    export_id = owner.request_export().json()["data"]["id"]
    sqs, url = stack.client("sqs"), paused.queue("ExportQueue")
    until(lambda: paused.waiting("ExportQueue"))
    sqs.purge_queue(QueueUrl=url)
    paused.pause(paused=False)
    assert stack.invoke("cleanup", {"task": "requeue_exports"}) == {"requeue_exports": 0}
    make_due(stack, owner, export_id)
    assert stack.invoke("cleanup", {"task": "requeue_exports"}) == {"requeue_exports": 1}
    owner.wait(export_id)


def make_due(stack, owner, export_id):
    """Let cleanup look at it now, as after the time that it would have waited."""
    item = owner.item(f"EXPORT#{export_id}")
    stack.client("dynamodb").update_item(
        TableName=stack.table_name,
        Key={name: item[name] for name in ("pk", "sk")},
        UpdateExpression="SET gsi1sk = :due",
        ExpressionAttributeValues={":due": {"S": keys.due(1, export_id)}},
    )


# The end -----------------------------------------------------------------------------------------


def test_expired_file_is_removed(stack, bucket, owner):
    export_id = owner.request_export().json()["data"]["id"]
    url = owner.wait(export_id)[-1]["download_url"]
    change(stack, owner.item(f"EXPORT#{export_id}"), expires_at=int(time.time() * 1000) - 1)
    make_due(stack, owner, export_id)
    seen = owner.look(export_id).json()["data"]
    assert (seen["status"], seen["download_url"]) == ("expired", None)
    assert stack.invoke("cleanup", {"task": "expire_exports"}) == {"expire_exports": 1}
    assert objects(stack, bucket, export_id) == []
    # Not even for who still holds a link that is good.
    assert fetch(url).status_code == 404
    assert owner.look(export_id).json()["data"]["status"] == "expired"
    assert owner.actions()["export.expired"] == 1


def test_deletion_of_an_account_removes_its_exports(api, stack, bucket, worker, owner):
    done = owner.request_export().json()["data"]["id"]
    url = owner.wait(done)[-1]["download_url"]
    worker.pause(paused=True)
    try:
        begun = owner.request_export().json()["data"]["id"]
        # As a worker leaves it that has died long ago.
        name = f"{staged_prefix(begun)}0000-lea_1"
        stack.client("s3").put_object(Bucket=bucket, Key=name, Body=b"{}\n")
        left = api.call("DELETE", "/api/v1/users/me", token=owner.token, params={"hard": "true"})
        assert left.status_code in {200, 202}, left.text
        until(lambda: not owner.items())
    finally:
        worker.pause(paused=False)
    assert [objects(stack, bucket, export_id) for export_id in (done, begun)] == [[], []]
    assert fetch(url).status_code == 404
    # Its message finds nothing to do.
    until(lambda: not worker.waiting("ExportQueue"))
    assert objects(stack, bucket, begun) == []
