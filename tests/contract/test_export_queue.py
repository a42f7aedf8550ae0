"""The template's part of exports: timeouts of messages and lifetimes of files."""

from __future__ import annotations

from latchkey.domain.limits import (
    EXPORT_HAND_OVER_SECONDS,
    EXPORT_MAX_ATTEMPTS,
    EXPORT_MAX_SEGMENTS,
    EXPORT_PACK_BYTES_PER_SECOND,
    EXPORT_REQUEUE_AFTER_SECONDS,
    EXPORT_SEGMENT_BYTES,
    EXPORT_WORKER_LEASE_SECONDS,
)
from tools.template import load

RESOURCES = load()["Resources"]
WORKER = RESOURCES["ExportWorkerFunction"]["Properties"]
QUEUE = RESOURCES["ExportQueue"]["Properties"]


def test_queue_timeout_and_deliveries_follow_the_worker():
    timeout, hidden = WORKER["Timeout"], QUEUE["VisibilityTimeout"]
    assert hidden >= 6 * timeout
    assert timeout < EXPORT_WORKER_LEASE_SECONDS < hidden < EXPORT_REQUEUE_AFTER_SECONDS
    assert QUEUE["RedrivePolicy"] == {
        "deadLetterTargetArn": {"Fn::GetAtt": "ExportDeadLetters.Arn"},
        "maxReceiveCount": EXPORT_MAX_ATTEMPTS,
    }


def test_workers_report_failed_messages():
    for name in ("ExportWorkerFunction", "ExportDeadLettersFunction"):
        (event,) = RESOURCES[name]["Properties"]["Events"].values()
        assert event["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert event["Properties"]["BatchSize"] == 1


def test_largest_export_can_be_packed_by_one_worker():
    seconds = EXPORT_MAX_SEGMENTS * EXPORT_SEGMENT_BYTES / EXPORT_PACK_BYTES_PER_SECOND
    assert seconds + EXPORT_HAND_OVER_SECONDS < WORKER["Timeout"]


def test_files_expire_and_unfinished_uploads_after_a_day():
    bucket = RESOURCES["ExportBucket"]["Properties"]
    assert load()["Parameters"]["ExportDays"]["Default"] == 7
    rules = {rule["Id"]: rule for rule in bucket["LifecycleConfiguration"]["Rules"]}
    assert {rule["Status"] for rule in rules.values()} == {"Enabled"}
    assert rules["Archives"]["Prefix"] == "archives/"
    assert rules["Archives"]["ExpirationInDays"] == {"Ref": "ExportDays"}
    assert rules["Staged"]["ExpirationInDays"] == 2
    assert rules["Unfinished"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    assert "Prefix" not in rules["Unfinished"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
