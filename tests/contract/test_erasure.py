"""What the template promises of erasing: who follows a dead worker, and that no copy is kept."""

from __future__ import annotations

from latchkey.domain.limits import ERASURE_LEASE_SECONDS, ERASURE_LOOK_AGAIN_SECONDS
from tools.template import load

RESOURCES = load()["Resources"]


def test_whoever_follows_a_dead_worker_comes_after_it():
    worker, queue = (RESOURCES[n]["Properties"] for n in ("PurgeWorkerFunction", "PurgeQueue"))
    timeout, hidden = worker["Timeout"], queue["VisibilityTimeout"]
    assert hidden >= 6 * timeout
    assert timeout < ERASURE_LEASE_SECONDS < hidden < ERASURE_LOOK_AGAIN_SECONDS
    (event,) = worker["Events"].values()
    assert event["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert event["Properties"]["BatchSize"] == 1


def test_what_is_deleted_has_no_older_version():
    for name in ("MediaBucket", "ExportBucket"):
        assert "VersioningConfiguration" not in RESOURCES[name]["Properties"]


def test_an_upload_that_nobody_took_up_goes_within_a_day():
    bucket = RESOURCES["MediaBucket"]["Properties"]
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert (rule["Status"], rule["Prefix"], rule["ExpirationInDays"]) == ("Enabled", "incoming/", 1)
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}


def test_what_time_ends_is_forgotten_and_everything_else_is_looked_after():
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
