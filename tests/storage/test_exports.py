"""The state machine of exports, in conditional writes, and their files."""

from __future__ import annotations

import hashlib
import urllib.parse
import zipfile
from dataclasses import replace
from datetime import timedelta

import boto3
import pytest
from moto import mock_aws

from latchkey.domain.account import AccountStatus
from latchkey.domain.changes import SessionRequired
from latchkey.domain.errors import AccountNotFound, ExportAlreadyRunning, TemporarilyUnavailable
from latchkey.domain.export import (
    Export,
    ExportBusy,
    ExportLeaseLost,
    ExportStatus,
    FailureReason,
    Segment,
)
from latchkey.domain.ids import new_id
from latchkey.domain.limits import EXPORT_LINK_SECONDS, S3_PART_BYTES
from latchkey.security.sealing import seal
from latchkey.storage import keys
from latchkey.storage.accounts import AccountStore
from latchkey.storage.effects import EffectWriter
from latchkey.storage.export_files import (
    ArchiveWriter,
    MemoryExportFiles,
    archive_key,
    staged_key,
)
from latchkey.storage.exports import ExportStore
from latchkey.storage.memory import MemoryTable
from latchkey.storage.s3_export_files import S3ExportFiles
from latchkey.storage.table import Change, Update
from tests.support.builders import NOW, a_session, an_account, some_effects

LATER = NOW + timedelta(minutes=1)
UNTIL = NOW + timedelta(seconds=130)


@pytest.fixture(params=["memory", "moto"])
def table(request):
    return MemoryTable() if request.param == "memory" else request.getfixturevalue("moto_table")


@pytest.fixture
def store(table):
    return ExportStore(table, EffectWriter(seal))


@pytest.fixture
def account(table):
    account = an_account()
    AccountStore(table, EffectWriter(seal)).put_new(account, some_effects(account))
    return account


@pytest.fixture
def queued(store, account):
    export = Export(id=new_id("exp", NOW), account_id=account.id, created_at=NOW)
    version = store.ledger_version(account.id)
    assert store.put_new(export, ledger_version=version, effects=some_effects(account))
    return export


def claim(store, export, now=NOW, lease="lea_1"):
    until = now + timedelta(seconds=130)
    return store.claim(export.account_id, export.id, lease_id=lease, now=now, until=until)


def publish(store, account, export, now=LATER):
    store.publish(
        export,
        size_bytes=1,
        sha256="00",
        now=now,
        expires_at=now + timedelta(days=7),
        effects=some_effects(account),
    )


def test_an_export_comes_back_as_it_was_stored(store, account, queued):
    assert store.find(account.id, queued.id) == queued
    assert store.list_by_account(account.id) == [queued]


def test_second_export_is_refused_while_one_runs(store, account, queued):
    with pytest.raises(ExportAlreadyRunning) as refused:
        store.ledger_version(account.id)
    assert refused.value.export_id == queued.id
    other = replace(queued, id=new_id("exp", NOW))
    with pytest.raises(ExportAlreadyRunning):
        store.put_new(other, ledger_version=0, effects=some_effects(account))


def test_no_export_starts_for_a_suspended_account(store, table, account):
    export = Export(id=new_id("exp", NOW), account_id=account.id, created_at=NOW)
    suspended = Change(assign={"status": AccountStatus.SUSPENDED.value})
    table.update(Update(keys.account(account.id), suspended))
    with pytest.raises(AccountNotFound):
        store.put_new(export, ledger_version=0, effects=some_effects(account))
    assert store.find(account.id, export.id) is None
    assert store.ledger_version(account.id) == 0


def test_no_export_starts_from_a_session_that_has_ended(store, account):
    export = Export(id=new_id("exp", NOW), account_id=account.id, created_at=NOW)
    ended = [SessionRequired(a_session(account))]
    effects = some_effects(account)
    assert not store.put_new(export, ledger_version=0, effects=effects, also=ended)
    assert store.find(account.id, export.id) is None
    assert store.ledger_version(account.id) == 0


def test_outdated_daily_count_is_counted_again(store, account, queued):
    publish(store, account, claim(store, queued))
    other = replace(queued, id=new_id("exp", NOW))
    assert not store.put_new(other, ledger_version=0, effects=some_effects(account))
    version = store.ledger_version(account.id)
    assert store.put_new(other, ledger_version=version, effects=some_effects(account))


def test_lease_excludes_others_until_it_expires(store, queued):
    assert claim(store, queued).status is ExportStatus.RUNNING
    with pytest.raises(ExportBusy):
        claim(store, queued, LATER, "lea_2")
    taken_over = claim(store, queued, UNTIL, "lea_2")
    assert (taken_over.lease_id, taken_over.attempts) == ("lea_2", 2)


def test_worker_without_the_lease_changes_nothing(store, account, queued):
    lost = claim(store, queued)
    winner = claim(store, queued, UNTIL, "lea_2")
    for write in (
        lambda: store.checkpoint(lost),
        lambda: store.hand_over(lost, UNTIL, some_effects(account)),
        lambda: publish(store, account, lost),
    ):
        with pytest.raises(ExportLeaseLost):
            write()
    assert store.find(account.id, queued.id) == winner


def test_a_checkpoint_is_read_back_and_clears_the_attempts(store, account, queued):
    segment = Segment(part="sessions", name="0000-lea_1", rows=2, size_bytes=20)
    far = replace(
        claim(store, queued), collected=("profile",), after="ses_1", segments=(segment,), progress=9
    )
    store.checkpoint(far)
    assert store.find(account.id, queued.id) == replace(far, attempts=0)
    store.checkpoint(replace(far, after=None, packed_at=LATER))
    assert store.find(account.id, queued.id).after is None
    store.hand_over(far, LATER, some_effects(account))
    again = claim(store, queued, LATER, "lea_2")
    assert (again.segments, again.packed_at) == ((segment,), LATER)


def test_finished_export_is_neither_claimed_nor_failed(store, account, queued):
    publish(store, account, claim(store, queued))
    assert claim(store, queued, UNTIL) is None
    assert not store.fail(queued, FailureReason.INTERRUPTED, UNTIL, some_effects(account))
    done = store.find(account.id, queued.id)
    assert (done.status, done.progress, done.lease_id) == (ExportStatus.READY, 100, None)
    assert done.status_at(done.expires_at) is ExportStatus.EXPIRED


def test_link_is_recorded_only_for_an_existing_file(store, account, queued):
    assert not store.record_links([queued], LATER, some_effects(account))
    publish(store, account, claim(store, queued))
    assert store.record_links([queued], LATER, some_effects(account))
    week = LATER + timedelta(days=7)
    assert not store.record_links([queued], week, some_effects(account))
    assert store.expire(queued, some_effects(account))
    assert not store.expire(queued, some_effects(account))
    assert not store.record_links([queued], LATER, some_effects(account))


def test_overdue_export_is_requeued_once(store, account, queued):
    found = {export.id for export in store.due(NOW)}
    assert queued.id not in found
    much_later = NOW + timedelta(hours=1)
    assert queued.id in {export.id for export in store.due(much_later)}
    assert store.requeue(queued, much_later, some_effects(account))
    assert not store.requeue(queued, much_later, some_effects(account))


def test_failed_export_allows_another_and_can_be_redriven(store, account, queued):
    claim(store, queued)
    assert store.fail(queued, FailureReason.INTERRUPTED, LATER, some_effects(account))
    assert not store.fail(queued, FailureReason.INTERRUPTED, LATER, some_effects(account))
    failed = next(e for e in store.failed(LATER) if e.id == queued.id)
    assert (failed.lease_id, failed.lease_until) == (None, UNTIL)
    assert store.ledger_version(account.id) == 2
    assert store.redrive(failed, LATER, some_effects(account))
    assert not store.redrive(failed, LATER, some_effects(account))
    assert store.find(account.id, queued.id).status is ExportStatus.QUEUED


def test_erasure_leaves_nothing(store, table, account, queued):
    store.delete_by_account(account.id)
    assert store.find(account.id, queued.id) is None
    assert store.ledger_version(account.id) == 0


# Files -----------------------------------------------------------------------------------------


@pytest.fixture(params=["memory", "moto"])
def files(request, monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    if request.param == "memory":
        yield MemoryExportFiles()
        return
    with mock_aws():
        # Another one for each test: the mock of the whole run is around this one.
        bucket = new_id("exports", NOW).replace("_", "-")
        boto3.client("s3", "us-east-1").create_bucket(Bucket=bucket)
        yield S3ExportFiles(bucket, credentials_end=lambda: None)


def stored(files):
    if isinstance(files, MemoryExportFiles):
        return dict(files.objects)
    listed = files._s3.list_objects_v2(Bucket=files._bucket).get("Contents", [])
    return {
        entry["Key"]: files._s3.get_object(Bucket=files._bucket, Key=entry["Key"])["Body"].read()
        for entry in listed
    }


def test_staged_rows_are_read_and_removed(files):
    files.stage("exp_1", "0000-lea_1", b"rows\n")
    files.stage("exp_2", "0000-lea_1", b"other rows\n")
    assert files.read_staged("exp_1", "0000-lea_1") == b"rows\n"
    files.delete_staged("exp_1")
    files.delete_staged("exp_1")
    assert list(stored(files)) == [staged_key("exp_2", "0000-lea_1")]


def test_incomplete_archive_does_not_exist(files):
    writer = files.write_archive("exp_1")
    content = bytes(range(256)) * 4096 * 20  # 20 MiB: two full parts and a rest
    for begin in range(0, len(content), 1_000_003):
        writer.write(content[begin : begin + 1_000_003])
    assert len(writer._pending) < S3_PART_BYTES
    assert stored(files) == {}
    size, sha256 = writer.complete()
    assert (size, sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert stored(files) == {archive_key("exp_1"): content}


@pytest.mark.parametrize("parts", [1, 2])
def test_archive_that_ends_with_a_full_part_has_no_empty_one(parts):
    upload = RecordedUpload()
    writer = ArchiveWriter(upload)
    content = bytes(S3_PART_BYTES * parts)
    writer.write(content)
    assert writer.complete() == (len(content), hashlib.sha256(content).hexdigest())
    assert upload.sizes == [S3_PART_BYTES] * parts
    assert upload.is_complete


class RecordedUpload:
    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.is_complete = False

    def add(self, part):
        self.sizes.append(len(part))

    def complete(self):
        self.is_complete = True

    def abandon(self):
        raise AssertionError


def test_an_abandoned_archive_leaves_nothing(files):
    writer = files.write_archive("exp_1")
    writer.write(b"half")
    writer.abandon()
    assert stored(files) == {}
    if isinstance(files, S3ExportFiles):
        assert "Uploads" not in files._s3.list_multipart_uploads(Bucket=files._bucket)


def test_an_archive_is_written_forward_by_zipfile(files):
    writer = files.write_archive("exp_1")
    with zipfile.ZipFile(writer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", "a" * 100_000)
    writer.complete()
    files.delete_archive("exp_1")
    files.delete_archive("exp_1")
    assert stored(files) == {}


def test_missing_file_is_unavailable(files):
    with pytest.raises(TemporarilyUnavailable):
        files.read_staged("exp_1", "0000-lea_1")


@pytest.mark.parametrize(
    ("left", "seconds"), [(None, EXPORT_LINK_SECONDS), (3600, EXPORT_LINK_SECONDS), (180, 180)]
)
def test_a_link_never_outlives_its_signer(monkeypatch, left, seconds):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    end = None if left is None else NOW + timedelta(seconds=left)
    with mock_aws():
        files = S3ExportFiles("exports", credentials_end=lambda: end)
        url, good_for = files.link("exp_1", file_name="your-data.zip", now=NOW)
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
    assert good_for == seconds == int(query["X-Amz-Expires"])
    assert query["response-content-disposition"] == 'attachment; filename="your-data.zip"'
    assert "/archives/exp_1.zip?" in url


def test_expired_credentials_sign_no_link(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws(), pytest.raises(TemporarilyUnavailable):
        S3ExportFiles("exports", credentials_end=lambda: NOW).link("x", file_name="y", now=NOW)
