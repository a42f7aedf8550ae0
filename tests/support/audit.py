"""The audit trail in process: its stream, vault and key, and the auditor's steps."""

from __future__ import annotations

import base64
import contextlib
import gzip
import io
import json
import logging
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from latchkey.domain.audit_chain import canonical
from latchkey.domain.limits import AUDIT_CHAINS_MAX
from latchkey.domain.packed_requests import record_of_line, unpack
from latchkey.observability import logger
from latchkey.security.audit_signatures import LocalSigner, is_signed_by, new_audit_key
from latchkey.storage.audit_chain import AuditChainStore
from latchkey.storage.audit_vault import anchor_name, newest_segment, rows_name, segment_name
from latchkey.storage.dynamodb import to_wire
from tools.audit.verify import Line, Report, read_keys, verify

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from latchkey.domain.audit_chain import Signature
    from latchkey.storage.memory import MemoryTable
    from latchkey.storage.table import Item, Table, Value


SHARD = "shardId-00000001795312334845-0a1b2c3d"
"""An id like those of DynamoDB."""


class MemoryAuditKey:
    """An audit key in memory."""

    def __init__(self) -> None:
        kid, pem, self._jwk = new_audit_key()
        self._signer = LocalSigner(kid, pem)

    def sign(self, message: bytes) -> Signature:
        return self._signer.sign(message)

    def verifies(self, signature: Signature, message: bytes) -> bool:
        known = signature.kid == self._jwk["kid"]
        return known and is_signed_by(self._jwk, signature.value, message)

    def ensure(self) -> None:
        """There is one."""

    @property
    def jwks(self) -> dict[str, Any]:
        return {"keys": [self._jwk]}


class MemoryVault:
    """An AuditVault in memory."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put_anchor(self, at: datetime, document: bytes) -> None:
        self.objects[anchor_name(at)] = document

    def put_segment(self, chain: int, first: int, last: int, content: bytes) -> None:
        self.objects[segment_name(chain, first, last)] = content

    def put_rows(self, shard: str, first: int, last: int, content: bytes) -> None:
        self.objects[rows_name(shard, first, last)] = content

    def last_archived(self, chain: int, newest: int) -> int:
        segments = [name for name in self.objects if name.startswith(f"archive/{chain}/")]
        return newest_segment(lambda after: [n for n in segments if n > after], chain, newest)

    @property
    def anchors(self) -> list[dict[str, Any]]:
        return [json.loads(self.objects[n]) for n in sorted(self.objects) if n.startswith("anch")]

    @property
    def archived_lines(self) -> list[dict[str, Any]]:
        archives = ("archive/", "rows/")
        segments = (
            content for n, content in sorted(self.objects.items()) if n.startswith(archives)
        )
        return [json.loads(line) for s in segments for line in gzip.decompress(s).splitlines()]


class MemoryIndexFiles:
    """IndexFiles in memory, with the number of reads."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.reads = 0

    def put(self, name: str, content: bytes) -> None:
        assert self.objects.get(name, content) == content, "a name has one content"
        self.objects[name] = content

    def read(self, name: str, start: int, end: int) -> bytes:
        self.reads += 1
        assert 0 <= start < end <= len(self.objects[name])
        return self.objects[name][start:end]


@dataclass
class Accounted:
    """The requests in the trail: by row or line of a pack, and as numbers.

    outcomes  by request id, each once
    counts    by outcome
    """

    outcomes: dict[str, str]
    counts: Counter[str]

    @property
    def total(self) -> int:
        return len(self.outcomes) + self.counts.total()


def accounted(rows: Iterable[Item]) -> Accounted:
    """Read the requests from stored rows, packs and counts."""
    found = Accounted({}, Counter())
    for row in rows:
        if "columns" in row:
            lines = unpack(row["columns"])  # type: ignore[arg-type]
            found.outcomes |= {record_of_line(line).request_id: "OK" for line in lines}
        elif "counts" in row:
            counts: Any = row["counts"]
            for count in counts:
                found.counts[count["outcome"]] += count["count"]
        elif "operation" in row:
            found.outcomes[str(row["request_id"])] = str(row["outcome"])
    return found


def audit_rows(table: MemoryTable) -> list[Item]:
    """Every row of the trail, in the order in which it was written."""
    rows = ("SUBJECT#", "REQUESTS#")
    return [item for item in table.all_items() if str(item["pk"]).startswith(rows)]


def stream_event(
    items: Iterable[Item], *, name: str = "INSERT", shard: str = SHARD, first: int = 1
) -> dict[str, Any]:
    """The event with which the audit table's stream tells of new items.

    first  the sequence number of the first item; the others follow
    """
    records = []
    for sequence, item in enumerate(items, first):
        image = {attribute: _in_json(value) for attribute, value in item.items()}
        change = {
            "Keys": {attribute: image[attribute] for attribute in ("pk", "sk")},
            "NewImage": image,
            "SequenceNumber": str(sequence),
        }
        records.append({"eventName": name, "dynamodb": change})
    return {"Records": records, "shardId": shard, "state": {}}


def _in_json(value: Value) -> dict[str, Any]:
    return json.loads(  # type: ignore[no-any-return]
        json.dumps(to_wire(value), default=lambda raw: base64.b64encode(raw).decode())
    )


def log_event(messages: Iterable[str]) -> dict[str, Any]:
    """The event with which CloudWatch Logs tells its subscriber of new lines."""
    events = [{"id": str(n), "timestamp": 0, "message": text} for n, text in enumerate(messages)]
    batch = json.dumps({"messageType": "DATA_MESSAGE", "logEvents": events})
    return {"awslogs": {"data": base64.b64encode(gzip.compress(batch.encode())).decode()}}


@contextlib.contextmanager
def captured_log() -> Iterator[io.StringIO]:
    """Everything that the service logs, as CloudWatch would get it."""
    text = io.StringIO()
    (handler,) = logger.handlers
    assert isinstance(handler, logging.StreamHandler)
    stdout = handler.setStream(text)
    try:
        yield text
    finally:
        handler.setStream(stdout)


def copy_of(table: Table) -> Iterator[dict[str, Any]]:
    """Every block, and the rows that are in the table under its entries' keys."""
    store = AuditChainStore(table)
    for chain in range(AUDIT_CHAINS_MAX):
        for block in store.after(chain, 0):
            yield json.loads(block.line())
            for start in range(0, len(block.entries), 100):
                for row in store.rows(block.entries[start : start + 100]).values():
                    yield json.loads(canonical({"row": row}))


def verified(
    lines: Iterable[Any], anchors: Iterable[Any], jwks: Any, witnesses: Iterable[Any] = ()
) -> Report:
    """Verify what would be in a copy: everything goes through its text, as it would there."""
    copy = [
        [Line(f"line {n}", json.dumps(document).encode()) for n, document in enumerate(part, 1)]
        for part in (lines, anchors, witnesses)
    ]
    return verify(copy[0], copy[1], read_keys(json.dumps(jwks).encode()), copy[2])


def audited(table: Table, vault: MemoryVault, key: MemoryAuditKey) -> Report:
    """Verify the trail as it is now: the table and the bucket."""
    return verified([*copy_of(table), *vault.archived_lines], vault.anchors, key.jwks)
