"""Verifies a copy of the audit trail with nothing but public keys: no AWS, none of our code.

It needs Python and `cryptography`. What it checks is written down in docs/audit.md, and done here a
second time on purpose: an auditor reads this one file.

    python -m tools.audit verify DIRECTORY --keys public-keys.json
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

type Json = dict[str, Any]
type RowKey = tuple[str, str]

FORMAT = "latchkey-audit-1"
START = bytes(32)
WITNESSES = "witnesses.jsonl"
LATE_MILLISECONDS = 48 * 3600 * 1000
"""A stream keeps its records for a day, a log subscription tries for less: no row comes later."""
EARLY_MILLISECONDS = 60 * 1000
"""No row is from after it was chained, but for the clocks of two machines."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it was: what kind, where, and in words."""

    kind: str
    where: str
    words: str

    def line(self) -> str:
        """Say it in a line."""
        return f"{self.kind}: {self.where}: {self.words}"


@dataclass(slots=True)
class Report:
    """What was looked at, and what was found."""

    rows: int = 0
    blocks: int = 0
    anchors: int = 0
    witnesses: int = 0
    findings: list[Finding] = field(default_factory=list)

    def add(self, kind: str, where: str, words: str) -> None:
        """Note a finding."""
        self.findings.append(Finding(kind, where, words))


def verify(
    lines: Iterable[Json], anchors: Iterable[Json], jwks: Json, witnesses: Iterable[Json] = ()
) -> Report:
    """Verify a copy: `{"block": …}` and `{"row": …}` lines in any order, against its witnesses.

    anchors    heads of all chains, from the bucket
    witnesses  heads of blocks, as the log was told of them when they were made
    """
    report = Report()
    keys = {jwk["kid"]: _public_key(jwk) for jwk in jwks["keys"]}
    rows, chains = _sort(lines, report)
    for chain, blocks in sorted(chains.items()):
        _verify_chain(chain, blocks, rows, keys, report)
    for (_, row_id), row in rows.items():
        report.add("inserted", row_id, f"a row of {row.get('action')} that no block has")
    for anchor in anchors:
        _verify_anchor(anchor, chains, keys, report)
    for witness in witnesses:
        _verify_witness(witness, chains, keys, report)
    return report


def _sort(
    lines: Iterable[Json], report: Report
) -> tuple[dict[RowKey, Json], dict[int, dict[int, Json]]]:
    rows: dict[RowKey, Json] = {}
    chains: dict[int, dict[int, Json]] = defaultdict(dict)
    for line in lines:
        if "row" in line:
            row = line["row"]
            known = rows.setdefault((row["pk"], row["sk"]), row)
            if known != row:
                report.add("contradiction", row["sk"], "two rows under one key")
        else:
            block = line["block"]
            known = chains[block["chain"]].setdefault(block["number"], block)
            if known != block:
                report.add("contradiction", _name(block), "two blocks with one number")
    report.rows = len(rows)
    report.blocks = sum(len(blocks) for blocks in chains.values())
    return rows, chains


def _verify_chain(
    chain: int, blocks: dict[int, Json], rows: dict[RowKey, Json], keys: Json, report: Report
) -> None:
    """Walk a chain from its start; take the rows that it accounts for out of `rows`."""
    number, position, head, at = 1, 1, START, 0
    chained: set[RowKey] = set()
    for block in (blocks[found] for found in sorted(blocks)):
        if block["number"] != number:
            words = f"blocks {number} to {block['number'] - 1} are gone"
            report.add("gap", f"chain {chain}", words)
        elif block["first"] != position or _bytes(block["previous"]) != head:
            report.add("broken", _name(block), "it does not follow from the block before")
        if block["at"] < at:
            report.add("broken", _name(block), "it is older than the block before")
        _verify_block(block, keys, report)
        for offset, (partition, row_id, digest) in enumerate(block["entries"]):
            key = (partition, row_id)
            where = f"{row_id} (chain {chain}, position {block['first'] + offset})"
            if key in chained:
                report.add("repeated", where, "it is in the chain twice")
            else:
                _verify_row(rows.pop(key, None), _bytes(digest), block["at"], where, report)
            chained.add(key)
        number, position = block["number"] + 1, block["first"] + len(block["entries"])
        head, at = _bytes(block["head"]), block["at"]


def _verify_block(block: Json, keys: Json, report: Report) -> None:
    digests = [_bytes(digest) for _, _, digest in block["entries"]]
    if _extend(_bytes(block["previous"]), digests) != _bytes(block["head"]):
        report.add("broken", _name(block), "its entries do not make its head")
    if not _is_signed(_block_statement(block), block, keys):
        report.add("forged", _name(block), "it says what no known key has signed")


def _verify_row(row: Json | None, digest: bytes, came_at: int, where: str, report: Report) -> None:
    if row is None:
        report.add("removed", where, "the row is gone")
    elif _digest(row) != digest:
        report.add("changed", where, "the row is not what was chained")
    elif not -EARLY_MILLISECONDS <= came_at - row["at"] <= LATE_MILLISECONDS:
        report.add("misdated", where, "its time is not when it came")


def _verify_anchor(
    anchor: Json, chains: dict[int, dict[int, Json]], keys: Json, report: Report
) -> None:
    report.anchors += 1
    name = f"anchor {anchor['at']}"
    statement = {n: anchor[n] for n in ("format", "kind", "at", "heads")}
    if statement["kind"] != "anchor" or not _is_signed(statement, anchor, keys):
        report.add("forged", name, "it says what no known key has signed")
        return
    for head in anchor["heads"]:
        _verify_head(head, head["last"], name, chains, report)


def _verify_witness(
    witness: Json, chains: dict[int, dict[int, Json]], keys: Json, report: Report
) -> None:
    report.witnesses += 1
    name = f"the log's line of {_name(witness)}"
    statement = {n: value for n, value in witness.items() if n not in {"kid", "signature"}}
    if statement["kind"] != "block" or not _is_signed(statement, witness, keys):
        report.add("forged", name, "it says what no known key has signed")
        return
    last = witness["first"] + witness["count"] - 1
    _verify_head(witness, last, name, chains, report)


def _verify_head(
    head: Json, last: int, name: str, chains: dict[int, dict[int, Json]], report: Report
) -> None:
    blocks = chains.get(head["chain"], {})
    where = f"chain {head['chain']}"
    block = blocks.get(head["number"])
    if block is None and max(blocks, default=0) < head["number"]:
        report.add("cut", where, f"{name} has seen it up to position {last}, which is gone")
    elif block is not None and block["head"] != head["head"]:
        report.add("rewritten", where, f"{name} has seen another position {last}")


def _block_statement(block: Json) -> Json:
    return {
        "format": FORMAT,
        "kind": "block",
        "chain": block["chain"],
        "number": block["number"],
        "first": block["first"],
        "count": len(block["entries"]),
        "previous": block["previous"],
        "head": block["head"],
        "at": block["at"],
    }


def _is_signed(statement: Json, signed: Json, keys: Json) -> bool:
    key, signature = keys.get(signed["kid"]), _bytes(signed["signature"])
    if key is None or len(signature) != 64:  # noqa: PLR2004 - r and s of P-256
        return False
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    try:
        key.verify(encode_dss_signature(r, s), _canonical(statement), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def _canonical(document: Json) -> bytes:
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def _digest(row: Json) -> bytes:
    return hashlib.sha256(_canonical(row)).digest()


def _extend(head: bytes, digests: Iterable[bytes]) -> bytes:
    for digest in digests:
        head = hashlib.sha256(head + digest).digest()
    return head


def _bytes(value: Json) -> bytes:
    return base64.b64decode(value["$bytes"])


def _name(block: Json) -> str:
    return f"block {block['number']} of chain {block['chain']}"


def _public_key(jwk: Json) -> ec.EllipticCurvePublicKey:
    x, y = (int.from_bytes(base64.urlsafe_b64decode(jwk[name] + "=="), "big") for name in "xy")
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()


# A copy in a directory ---------------------------------------------------------------------------


def read_lines(directory: Path) -> Iterator[Json]:
    """Read every line of the copy's archives."""
    for path in sorted(directory.rglob("*.ndjson*")):
        content = path.read_bytes()
        text = gzip.decompress(content) if path.suffix == ".gz" else content
        for line in text.splitlines():
            yield json.loads(line)


def read_anchors(directory: Path) -> Iterator[Json]:
    """Read every anchor of the copy, oldest first."""
    for path in sorted((directory / "anchors").rglob("*.json")):
        yield json.loads(path.read_text())


def read_witnesses(directory: Path) -> Iterator[Json]:
    """Read every head that the copy has from the log."""
    path = directory / WITNESSES
    if path.is_file():
        yield from (json.loads(line) for line in path.read_text().splitlines())
