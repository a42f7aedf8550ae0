"""The chain of the audit trail: processor time and memory of the largest batches, and catching up.

Run: PYTHONPATH=.:layers/shared python -m benchmarks.audit_chain
"""

from __future__ import annotations

import json
import resource
import time
import tracemalloc
from typing import Any

from botocore.serialize import create_serializer
from botocore.session import get_session

from latchkey.domain.clock import to_milliseconds
from latchkey.events.audit_feeds import chain_stream_records
from latchkey.flows.audit_chain import AuditChain
from latchkey.storage.audit_chain import AuditChainStore
from latchkey.storage.dynamodb import DynamoDBTable
from tests.support.audit import MemoryAuditKey, MemoryVault, stream_event
from tests.support.clock import ManualClock
from tools.template import load

BACKLOG_BATCHES = 60
BATCH_BYTES = 6_000_000
BATCH_ROWS = 10_000
"""What Lambda delivers at once at most: 6 MB of the event, and the template's BatchSize."""
SLOWER = 2.0
"""Assumed: a processor of Lambda (arm64) takes twice the time of this one."""
PUT_SECONDS, BUCKET_SECONDS, INVOKE_SECONDS = 0.015, 0.1, 0.05
"""Assumed: a block of 60 KB to DynamoDB, an object of 1 MB to S3, and an invocation."""
MB_OF_A_PROCESSOR = 1769
WINDOW_SECONDS = 30
SHARDS = 4
"""Assumed: the partitions of a new table that is billed by request."""
ROWS_A_SHARD = 1_000
"""A partition takes 1,000 write units a second. A busier table has more shards."""
MONTH = 30 * 24 * 3600
S3_PUT = 5e-6
LAMBDA_CALL, LAMBDA_GB_SECOND = 0.20e-6, 13.3334e-6


class Serialized:
    """A client of DynamoDB that serializes every request, as botocore does, and sends none."""

    def __init__(self) -> None:
        self._model = get_session().get_service_model("dynamodb")
        self._serializer = create_serializer("json")
        self.puts = self.bytes = 0

    def call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Answer that there is nothing yet."""
        model = self._model.operation_model(operation)
        request = self._serializer.serialize_to_request(parameters, model)
        if operation == "PutItem":
            self.puts += 1
            self.bytes += len(request["body"])
        return {"Items": [], "Count": 0}


def rows(count: int, filler: int) -> list[dict[str, Any]]:
    """Return rows like those of reads, with so many more bytes."""
    at = to_milliseconds(ManualClock().now())
    return [
        {
            "pk": f"SUBJECT#sub_{number % 997:026}",
            "sk": f"req_{number:026}",
            "at": at,
            "action": "request.served",
            "actor": f"sub_{number % 997:026}",
            "outcome": "OK",
            "operation": "list_sessions",
            "request_id": f"{number:016}",
            "session_id": f"ses_{number % 997:026}",
            "sealed": b"s" * (90 + filler),
            "ttl": at // 1000 + 7_776_000,
            "w": b"writewri",
        }
        for number in range(count)
    ]


def batch(filler: int) -> str:
    """Return the event of the largest batch of such rows."""
    one = len(json.dumps(stream_event(rows(10, filler)))) // 10 + 150  # Lambda's own names
    return json.dumps(stream_event(rows(min(BATCH_ROWS, BATCH_BYTES // one), filler)))


def new_flow(client: Serialized, vault: MemoryVault) -> AuditChain:
    """Return a new environment of Lambda."""
    key = MemoryAuditKey()
    return AuditChain(
        store=AuditChainStore(DynamoDBTable(client, {"main": "m", "audit": "a"})),
        signer=key,
        verifier=key,
        vault=vault,
        chains=4,
        default_shard="",
    )


def chain(text: str) -> tuple[int, float, Serialized, MemoryVault]:
    """Chain an event. Returns its rows, the seconds of processor time, and what was written."""
    client, vault = Serialized(), MemoryVault()
    flow = new_flow(client, vault)
    started = time.process_time()
    counts = chain_stream_records(json.loads(text), flow, ManualClock().now())
    return counts["chained"], time.process_time() - started, client, vault


def backlog(batches: int) -> tuple[float, float]:
    """Chain so many of the largest batches of a shard. Returns the first and last cost of a row."""
    flow, size = new_flow(Serialized(), MemoryVault()), 5_000
    costs = []
    for number in range(batches):
        event = stream_event(rows(size, 0), first=number * size)
        started = time.process_time()
        chain_stream_records(event, flow, ManualClock().now())
        costs.append((time.process_time() - started) / size)
    third = batches // 3
    return sum(costs[:third]) / third, sum(costs[-third:]) / third


def main() -> None:
    """Chain the largest batches, and print what follows."""
    first, last = backlog(BACKLOG_BATCHES)
    print(f"a backlog of {BACKLOG_BATCHES * 5_000} rows: {first * 1e6:.1f} us a row at its start,")
    print(f"  {last * 1e6:.1f} us at its end")
    memory = load()["Resources"]["ChainAuditFunction"]["Properties"]["MemorySize"]
    for name, filler in (("rows of reads", 0), ("rows of 2 KB", 1500), ("rows of 390 KB", 290_000)):
        text = batch(filler)
        chain(text)
        count, seconds, client, vault = min((chain(text) for _ in range(3)), key=lambda run: run[1])
        tracemalloc.start()
        chain(text)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        archived = sum(map(len, vault.objects.values()))
        processor = min(memory / MB_OF_A_PROCESSOR, 1)
        waits = client.puts * PUT_SECONDS + BUCKET_SECONDS + INVOKE_SECONDS
        whole = SLOWER * seconds / processor + waits
        print(f"{name}: {count} rows in an event of {len(text) / 1e6:.1f} MB, {client.puts} blocks")
        print(f"  processor   {seconds / count * 1e6:9.1f} us a row")
        print(f"  memory      {peak / 1e6:9.1f} MB above the function's own")
        print(f"  block, archive {client.bytes / count:6.0f}, {archived / count:.0f} bytes a row")
        print(f"  on Lambda   {whole:9.2f} s a batch: {count / whole:.0f} rows a second")
        if not filler:
            print(f"  ten million rows of a shard: {1e7 / (count / whole) / 3600:.1f} hours")
            _show_months(count, memory)
    print(f"whole process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000:.0f} MB")


def _show_months(batch_rows: int, memory: int) -> None:
    """Print what objects and invocations cost in a month, for rows a second."""
    for rate in (0.001, 1, 10, 100, 5_000):
        shards = max(SHARDS, round(rate / ROWS_A_SHARD) + 1)
        of_a_shard = rate / shards
        seconds = max(1 / of_a_shard, min(WINDOW_SECONDS + 1 / of_a_shard, batch_rows / of_a_shard))
        batches = MONTH * shards / seconds
        duration = 0.06 + SLOWER * 100e-6 * rate * MONTH / batches
        lambdas = batches * (LAMBDA_CALL + LAMBDA_GB_SECOND * memory / 1024 * duration)
        print(
            f"  {rate:>6} rows a second: {batches / 1e3:7.1f} thousand batches a month,"
            f" S3 ${batches * S3_PUT:.2f}, Lambda ${lambdas:.2f}"
        )


if __name__ == "__main__":
    main()
