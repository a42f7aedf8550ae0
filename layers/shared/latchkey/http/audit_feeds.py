"""What brings the audit trail its rows: the audit table's stream, and the log of requests."""

from __future__ import annotations

import base64
import gzip
import json
from typing import TYPE_CHECKING, Any

from latchkey import bootstrap
from latchkey.observability import REQUEST_LINE, logger, record_findings, units
from latchkey.storage.streams import read_image

if TYPE_CHECKING:
    from latchkey.flows.audit_chain import AuditChain
    from latchkey.flows.request_trail import RequestTrail
    from latchkey.http.request import Event

_TTL = "dynamodb.amazonaws.com"
_ROWS = ("SUBJECT#", "REQUESTS#")


def chain_stream_records(event: Event, flow: AuditChain) -> dict[str, int]:
    """Chain the new rows of a batch of the audit table's stream; report what nobody may do.

    Rows are only ever added, and expire. Whatever else happens to an item of the table was done by
    somebody who went around us.

    Raises TemporarilyUnavailable: the batch comes again then, as often as it takes.
    """
    units.reset()
    rows, touched = [], []
    for record in event["Records"]:
        change, keys = record["dynamodb"], read_image(record["dynamodb"]["Keys"])
        if record["eventName"] == "INSERT":
            if str(keys["pk"]).startswith(_ROWS):
                rows.append(read_image(change["NewImage"]))
        elif (record.get("userIdentity") or {}).get("principalId") != _TTL:
            touched.append({"pk": keys["pk"], "sk": keys["sk"], "event": record["eventName"]})
    chained = flow.append(rows, bootstrap.services().clock.now()) if rows else 0
    for item in touched:
        logger.error("audit trail touched", operation="chain_audit", **item)
    if touched:
        record_findings(len(touched))
    logger.info(
        "chained",
        operation="chain_audit",
        rows=chained,
        repeated=len(rows) - chained,
        touched=len(touched),
        read_units=units.read,
        write_units=units.write,
    )
    return {"chained": chained, "repeated": len(rows) - chained, "touched": len(touched)}


def record_request_lines(event: Event, flow: RequestTrail) -> dict[str, int]:
    """Add the requests that a batch of log lines tells of to the audit trail.

    event  of a CloudWatch Logs subscription
    """
    units.reset()
    batch = json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))
    lines = [_line(entry["message"]) for entry in batch["logEvents"]]
    recorded = flow.record([line for line in lines if line is not None])
    logger.info(
        "recorded",
        operation="record_requests",
        lines=len(lines),
        rows=recorded,
        write_units=units.write,
    )
    return {"recorded": recorded}


def _line(message: str) -> dict[str, Any] | None:
    """Read a line of ours; None for any other that has the same words in it."""
    try:
        line = json.loads(message)
    except ValueError:
        return None
    return line if isinstance(line, dict) and line.get("message") == REQUEST_LINE else None
