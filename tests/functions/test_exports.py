"""Exports: from the request to the file, and every failure."""

from __future__ import annotations

from typing import override

import pytest

from latchkey.flows import export_worker as export_worker_module
from latchkey.storage.export_files import archive_key
from latchkey.wiring.exports import export_store, export_worker
from tests.support.archives import read_archive
from tests.support.outbox import Invocation, sqs_record
from tests.support.service import IPHONE, PASSWORD, InProcessService

EXPORT = "/api/v1/users/me/export"
EXPORTS = "/api/v1/users/me/exports"


@pytest.fixture
def service():
    return InProcessService()


@pytest.fixture
def token(service):
    return service.register(full_name="Ada Lovelace").data["access_token"]


def request_export(service, token):
    return service.request("POST", EXPORT, token=token)


def look(service, token, export_id):
    return service.request("GET", f"{EXPORTS}/{export_id}", token=token)


def proven(service):
    """An access token of a new sign-in."""
    return service.login().data["access_token"]


def archive_of(service, seen):
    content = service.export_files.objects[archive_key(seen["id"])]
    assert len(content) == seen["size_bytes"]
    return read_archive(content, sha256=seen["sha256"])


def test_request_becomes_a_file(service, token):
    response = request_export(service, token)
    assert response.status == 202
    assert response.headers["retry-after"] == "3"
    assert response.headers["location"] == f"{EXPORTS}/{response.data['id']}"
    assert (response.data["status"], response.data["progress"]) == ("queued", 0)

    assert service.work() == []
    seen = look(service, token, response.data["id"])
    assert seen.status == 200
    assert "retry-after" not in seen.headers
    assert (seen.data["status"], seen.data["progress"], seen.data["step"]) == ("ready", 100, "done")
    assert seen.data["download_url"]
    assert seen.data["download_blocked_by"] is None

    archive = archive_of(service, seen.data)
    assert archive.json("profile.json")["full_name"] == "Ada Lovelace"
    assert len(archive.json("sessions.json")) == 1
    actions = [row["action"] for row in archive.ndjson("security-history.ndjson")]
    assert sorted(actions) == ["account.registered", "export.requested", "session.started"]
    addresses = [row["ip_address"] for row in archive.csv("security-history.csv")]
    assert addresses == ["203.0.113.7"] * 3
    assert [row["status"] for row in archive.json("exports.json")] == ["running"]
    page = archive.files["README.html"].decode()
    assert "<th scope=row>Full name</th><td>Ada Lovelace</td>" in page
    assert "<th scope=row>Created at</th><td>2 January 2026, 03:04 UTC</td>" in page
    # Nothing but the file is left.
    assert list(service.export_files.objects) == [archive_key(response.data["id"])]


def test_owner_gets_an_email_without_the_file(service, token):
    request_export(service, token)
    service.work()
    letter = service.mailbox.sent[-1].letter
    assert letter.subject == "Your data is ready"
    assert "https://accounts.test/exports" in letter.text


def test_one_export_runs_at_a_time(service, token):
    first = request_export(service, token)
    second = request_export(service, token)
    assert (second.status, second.code) == (409, "EXPORT_ALREADY_RUNNING")
    assert second.headers["location"] == first.headers["location"]
    service.work()
    assert request_export(service, token).status == 202


def test_repeated_request_gets_the_same_export(service, token):
    key = {"idempotency-key": '"8e03978e-40d5-43e8-bc93-6894a57f9324"'}
    first = service.request("POST", EXPORT, token=token, headers=key)
    for _ in range(2):
        again = service.request("POST", EXPORT, token=token, headers=key)
        assert (again.status, again.data["id"]) == (202, first.data["id"])
        service.work()
    assert service.request("GET", EXPORTS, token=token).data["total_count"] == 1
    other = service.request("POST", EXPORT, token=token, headers={"idempotency-key": "another"})
    assert (other.status, other.data["id"] != first.data["id"]) == (202, True)


def test_parallel_requests_with_one_key_get_one_export(service, token):
    """The second comes when the first has looked for the key, and before it reads the ledger."""
    key = {"idempotency-key": '"one-key"'}
    store, second = service.services[export_store], []

    def overtaken(account_id):
        del store.ledger_version
        second.append(service.request("POST", EXPORT, token=token, headers=key))
        return store.ledger_version(account_id)

    store.ledger_version = overtaken
    first = service.request("POST", EXPORT, token=token, headers=key)
    assert (first.status, second[0].status) == (202, 202)
    assert first.data["id"] == second[0].data["id"]
    assert service.request("GET", EXPORTS, token=token).data["total_count"] == 1


def test_export_contains_the_picture(service, token):
    service.media.avatars["avt_1"] = b"a picture"
    for key, item in service.table._items.items():
        if key.sk == "ACCOUNT":
            item["avatar_id"] = "avt_1"
    export_id = request_export(service, token).data["id"]
    service.work()
    archive = archive_of(service, look(service, token, export_id).data)
    assert archive.files["avatar.webp"] == b"a picture"
    assert b'<a href="avatar.webp">' in archive.files["README.html"]


def test_export_without_the_file_of_the_picture_is_complete(service, token):
    """The file was deleted, and the account that names it was not changed yet."""
    for key, item in service.table._items.items():
        if key.sk == "ACCOUNT":
            item["avatar_id"] = "avt_1"
    export_id = request_export(service, token).data["id"]
    service.work()
    archive = archive_of(service, look(service, token, export_id).data)
    assert "avatar.webp" not in archive.files
    assert b"Ada Lovelace" in archive.files["README.html"]


def test_daily_limit_is_three(service, token):
    for _ in range(3):
        assert request_export(service, token).status == 202
        service.work()
        service.clock.advance(minutes=1)
    refused = request_export(service, token)
    assert (refused.status, refused.code) == (429, "TOO_MANY_ATTEMPTS")
    wait = int(refused.headers["retry-after"])
    assert 0 < wait <= 24 * 3600
    service.clock.advance(seconds=wait)
    assert request_export(service, proven(service)).status == 202


def test_request_requires_recent_authentication(service, token):
    service.clock.advance(minutes=6)
    assert request_export(service, token).code == "REAUTHENTICATION_REQUIRED"


def test_link_requires_recent_authentication_and_the_response_says_so(service, token):
    export_id = request_export(service, token).data["id"]
    service.work()
    service.clock.advance(minutes=6)
    seen = look(service, token, export_id)
    assert seen.status == 200
    assert seen.data["status"] == "ready"
    assert seen.data["download_url"] is None
    assert seen.data["download_blocked_by"] == "REAUTHENTICATION_REQUIRED"
    fresh = service.request(
        "POST", "/api/v1/auth/reauthenticate", json_body={"password": PASSWORD}, token=token
    ).data["access_token"]
    assert look(service, fresh, export_id).data["download_url"]


def test_the_list_has_links_and_records_them(service, token):
    export_id = request_export(service, token).data["id"]
    service.work()
    for _ in range(2):
        seen = look(service, token, export_id).data
        assert seen["download_url_expires_at"] > seen["ready_at"]
    (listed,) = service.request("GET", EXPORTS, token=token).data["exports"]
    assert listed["download_url_expires_at"] > listed["ready_at"]
    actions = [item.get("action") for item in service.table.all_items()]
    assert actions.count("export.link_issued") == 3
    service.clock.advance(minutes=6)
    (listed,) = service.request("GET", EXPORTS, token=token).data["exports"]
    assert listed["download_url"] is None
    assert listed["download_blocked_by"] == "REAUTHENTICATION_REQUIRED"


def test_export_of_another_person_is_not_found(service, token):
    export_id = request_export(service, token).data["id"]
    service.work()
    stranger = service.register("grace@example.com").data["access_token"]
    for response in (export_id, "exp_00000000000000000000000000", "x", "../archives"):
        answer = look(service, stranger, response.replace("/", "%2F"))
        assert (answer.status, answer.code) == (404, "EXPORT_NOT_FOUND")
    assert service.request("GET", EXPORTS, token=stranger).data["total_count"] == 0


def test_file_expires_after_a_week(service, token):
    export_id = request_export(service, token).data["id"]
    service.work()
    service.clock.advance(days=7)
    token = proven(service)
    # Computed, before anything has swept.
    seen = look(service, token, export_id).data
    assert (seen["status"], seen["download_url"]) == ("expired", None)
    assert service._handler("cleanup")({}, None)["expire_exports"] == 1
    assert service.export_files.objects == {}
    assert look(service, token, export_id).data["status"] == "expired"
    assert service._handler("cleanup")({}, None)["expire_exports"] == 0


# Continuing ------------------------------------------------------------------------------------


class Impatient(Invocation):
    """Has time for so many looks at the watch, and then none."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks

    @override
    def get_remaining_time_in_millis(self) -> int:
        self.looks -= 1
        return 120_000 if self.looks > 0 else 1_000


def messages(service):
    return sorted(
        str(item["sk"]).partition("#")[2]
        for item in service.table.all_items()
        if str(item["sk"]).startswith("export#")
    )


def deliver(service, message_id, invocation=None, function="export_worker"):
    answer = service._handler(function)(
        {"Records": [sqs_record(message_id)]}, invocation or Invocation()
    )
    return answer["batchItemFailures"] == []


def test_long_export_continues_in_further_messages(service, token):
    for _ in range(5):
        service.login(user_agent=IPHONE)
    export_id = request_export(service, token).data["id"]
    progress = []
    for _ in range(100):
        waiting = messages(service)
        if not waiting:
            break
        assert len(waiting) == 1
        assert deliver(service, waiting[0], Impatient(looks=2))
        seen = look(service, token, export_id).data
        progress.append(seen["progress"])
    assert len(progress) > 4
    assert len(progress) < 100
    assert progress == sorted(progress)
    assert progress[-1] == 100
    rows = archive_of(service, look(service, token, export_id).data).ndjson(
        "security-history.ndjson"
    )
    assert len({row["id"] for row in rows}) == len(rows) == 8


def test_export_with_too_many_segments_fails_with_a_reason(service, token, monkeypatch):
    for _ in range(5):
        service.login(user_agent=IPHONE)
    monkeypatch.setattr(export_worker_module, "EXPORT_MAX_SEGMENTS", 1)
    object.__setattr__(service.services[export_worker], "segment_bytes", 1)
    export_id = request_export(service, token).data["id"]
    service.work()
    seen = look(service, token, export_id).data
    assert (seen["status"], seen["failure"]["code"]) == ("failed", "TOO_LARGE")
    assert messages(service) == []


# Dead letters ------------------------------------------------------------------------------------


def poison(service):
    """Make every attempt fail: the file store refuses."""

    def refuse(*_args, **_named):
        raise OSError

    service.export_files.stage = refuse


def test_failing_export_is_shown_as_failed_to_its_owner(service, token):
    export_id = request_export(service, token).data["id"]
    poison(service)
    (message_id,) = messages(service)
    for _ in range(5):
        assert not deliver(service, message_id)
        service.clock.advance(minutes=12)
    assert deliver(service, message_id, function="export_dead_letters")
    token = proven(service)
    seen = look(service, token, export_id).data
    assert seen["status"] == "failed"
    assert seen["failure"]["code"] == "INTERRUPTED"
    assert "Request another" in seen["failure"]["message"]
    assert messages(service) == []
    # And is not in the way of the next one, nor counts towards the limit.
    del service.export_files.stage
    assert request_export(service, token).status == 202


def test_operator_restarts_failed_exports(service, token):
    export_id = request_export(service, token).data["id"]
    poison(service)
    (message_id,) = messages(service)
    deliver(service, message_id)
    service.clock.advance(minutes=12)
    deliver(service, message_id, function="export_dead_letters")
    del service.export_files.stage
    redriven = service._handler("cleanup")({"task": "redrive_exports"}, None)
    assert redriven == {"redrive_exports": 1}
    service.work()
    assert look(service, proven(service), export_id).data["status"] == "ready"


def test_a_lost_message_is_sent_again(service, token):
    export_id = request_export(service, token).data["id"]
    for item in service.table.all_items():
        if str(item["sk"]).startswith("export#"):
            service.table._items = {
                key: kept for key, kept in service.table._items.items() if kept["sk"] != item["sk"]
            }
    assert service._handler("cleanup")({}, None)["requeue_exports"] == 0
    service.clock.advance(minutes=16)
    assert service._handler("cleanup")({}, None)["requeue_exports"] == 1
    assert service._handler("cleanup")({}, None)["requeue_exports"] == 0
    service.work()
    assert look(service, proven(service), export_id).data["status"] == "ready"
