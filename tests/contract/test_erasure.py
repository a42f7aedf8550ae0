"""The template's part of erasures: redelivery to another worker, and no old versions of objects."""

from __future__ import annotations

from latchkey.domain.limits import ERASURE_LEASE_SECONDS, ERASURE_LOOK_AGAIN_SECONDS
from tools.template import load

RESOURCES = load()["Resources"]


def test_message_of_a_dead_worker_is_redelivered_after_its_timeout():
    worker, queue = (RESOURCES[n]["Properties"] for n in ("PurgeWorkerFunction", "PurgeQueue"))
    timeout, hidden = worker["Timeout"], queue["VisibilityTimeout"]
    assert hidden >= 6 * timeout
    assert timeout < ERASURE_LEASE_SECONDS < hidden < ERASURE_LOOK_AGAIN_SECONDS
    (event,) = worker["Events"].values()
    assert event["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert event["Properties"]["BatchSize"] == 1


def test_deleted_objects_have_no_versions():
    for name in ("MediaBucket", "ExportBucket"):
        assert "VersioningConfiguration" not in RESOURCES[name]["Properties"]


def test_unused_upload_expires_within_a_day():
    bucket = RESOURCES["MediaBucket"]["Properties"]
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert (rule["Status"], rule["Prefix"], rule["ExpirationInDays"]) == ("Enabled", "incoming/", 1)
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}


def test_every_item_expires_or_is_erased():
    for table in ("Table", "AuditTable"):
        ttl = RESOURCES[table]["Properties"]["TimeToLiveSpecification"]
        assert ttl == {"AttributeName": "ttl", "Enabled": True}
    schedules = {
        name: event["Properties"]["Schedule"]
        for name in ("CleanupFunction", "SweepAvatarsFunction")
        for event in RESOURCES[name]["Properties"]["Events"].values()
    }
    assert schedules == {
        "CleanupFunction": "rate(5 minutes)",
        "SweepAvatarsFunction": "rate(1 day)",
    }
