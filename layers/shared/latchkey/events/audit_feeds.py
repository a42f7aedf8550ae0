"""Feeds of the audit trail: the audit table's stream, and the log of requests."""

from __future__ import annotations

import base64
import gzip
import json
import re
from typing import TYPE_CHECKING, Any

from latchkey.domain.audit import OK
from latchkey.domain.audit_chain import ForeignItem, StreamRow
from latchkey.domain.request import network_for_log
from latchkey.observability import (
    GATEWAY_LINE,
    REQUEST_LINE,
    logger,
    record_findings,
    report_foreign_items,
    units,
)
from latchkey.storage.streams import read_image

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from latchkey.events import Event
    from latchkey.flows.audit_chain import AuditChain
    from latchkey.flows.request_trail import RequestTrail

_TTL = "dynamodb.amazonaws.com"
_ROWS = ("SUBJECT#", "REQUESTS#")
_NOTHING = "-"
"""API Gateway writes it for a variable without a value."""
_ERROR = 400
_STATUS = re.compile(r"[0-9]{3}")


class NoShard(Exception):
    """An event of the stream lacks its shard. Lambda sends it only with a tumbling window."""


def chain_stream_records(event: Event, flow: AuditChain, now: datetime) -> dict[str, int]:
    """Chain the new rows of a batch of the audit table's stream, and report forbidden changes.

    Rows are only added, and expire. Any other change of an item was made outside the service.

    Raises NoShard, TemporarilyUnavailable and ForeignItem. The batch is then delivered again.
    """
    units.reset()
    shard = event.get("shardId") or flow.default_shard
    if not shard:
        # Positions of different shards can't be compared. A wrong shard would lose rows.
        raise NoShard
    rows, touched = _read_records(event)
    # Reported first, because an item that stops the chain must not hide them.
    for item in touched:
        logger.error("audit trail touched", operation="chain_audit", **item)
    if touched:
        record_findings(len(touched))
    try:
        blocks = flow.append(shard, rows, now)
    except ForeignItem as item:
        report_foreign_items([item], operation="chain_audit")
        raise
    chained = sum(len(block.entries) for block in blocks)
    logger.info(
        "chained",
        operation="chain_audit",
        shard=shard,
        rows=chained,
        repeated=len(rows) - chained,
        touched=len(touched),
        # An additional witness: an attacker with the tables can't change CloudWatch Logs.
        heads=[block.witness() for block in blocks],
        read_units=units.read,
        write_units=units.write,
    )
    return {"chained": chained, "repeated": len(rows) - chained, "touched": len(touched)}


def _read_records(event: Event) -> tuple[list[StreamRow], list[dict[str, Any]]]:
    """Return the new rows of a batch, and the items that were changed or removed."""
    rows, touched = [], []
    for record in event.get("Records", []):  # the last event of a window has none
        change, keys = record["dynamodb"], read_image(record["dynamodb"]["Keys"])
        if record["eventName"] == "INSERT":
            if str(keys["pk"]).startswith(_ROWS):
                sequence = int(change["SequenceNumber"])
                rows.append(StreamRow(sequence, read_image(change["NewImage"])))
        elif (record.get("userIdentity") or {}).get("principalId") != _TTL:
            touched.append({"pk": keys["pk"], "sk": keys["sk"], "event": record["eventName"]})
    return rows, touched


def record_request_lines(event: Event, flow: RequestTrail, now: datetime) -> dict[str, int]:
    """Add the requests of a batch of log lines to the audit trail.

    event  of a CloudWatch Logs subscription
    """
    units.reset()
    batch = json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))
    lines = [_line(entry) for entry in batch["logEvents"]]
    recorded = flow.record([line for line in lines if line is not None], now)
    logger.info(
        "recorded",
        operation="record_requests",
        lines=len(lines),
        items=recorded,
        write_units=units.write,
    )
    return {"recorded": recorded}


def _line(entry: Mapping[str, Any]) -> dict[str, Any] | None:
    """Parse a log line of a function, or of API Gateway without a function. None for others."""
    try:
        line = json.loads(entry["message"])
    except (RecursionError, ValueError):
        return None
    match line:
        case {"message": message} if message == REQUEST_LINE:
            return dict(line)
        case {"message": message, "function_status": answered} if (
            message == GATEWAY_LINE and answered == _NOTHING
        ):
            return _gateway_line(line, entry["timestamp"])
    return None


def _gateway_line(line: Mapping[str, Any], at: int) -> dict[str, Any]:
    """Return such a line in the form of a function's line. The flow checks every field."""
    # The line of an aborted request may have no status.
    sent, error = str(line.get("status")), line.get("error", _NOTHING)
    status = int(sent) if _STATUS.fullmatch(sent) else 0
    return {
        "at": at,
        "operation": "gateway",
        "route": line.get("route") if line.get("route") != _NOTHING else None,
        "request_id": line.get("request_id"),
        "status": status,
        "outcome": OK if 0 < status < _ERROR else error if error != _NOTHING else f"HTTP_{status}",
        "network": network_for_log(str(line.get("peer"))),
    }
