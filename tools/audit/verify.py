"""Verifies a copy of the audit trail with public keys only: no AWS, none of Latchkey's code.

It needs Python and `cryptography`. docs/audit.md describes the checks. They are implemented here a
second time on purpose: an auditor can read and run this file alone.

    python verify.py DIRECTORY --keys public-keys.json

The copy may come from an attacker. Nothing in it is trusted before it is checked. Data that can't
be read is a finding, like changed data.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import hashlib
import json
import re
import sys
import time
import zlib
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

type Json = dict[str, Any]
type RowKey = tuple[str, str]
type Keys = dict[str, ec.EllipticCurvePublicKey]

FIRST_FORMAT = "latchkey-audit-1"
"""Of blocks without cursors, and of anchors."""
FORMAT = "latchkey-audit-2"
"""Of blocks with cursors: the positions in the shards of the table's stream."""
START = bytes(32)
WITNESSES = "witnesses.jsonl"
LATE_MILLISECONDS = 48 * 3600 * 1000
"""A stream keeps records for a day, so no row of a change is chained later."""
LATE_REQUEST_MILLISECONDS = 15 * 24 * 3600 * 1000
"""A log line may be a dead letter for two weeks before it becomes a row."""
STREAM_MILLISECONDS = 24 * 3600 * 1000
"""A stream keeps records for so long. A chain may forget older positions in it."""
EARLY_MILLISECONDS = 60 * 1000
"""A row can't be newer than its block, except for the difference of two clocks."""
LONGEST_MESSAGE = 300
"""Length of a quoted row id in a finding. Ours have 30 characters; an attacker's may be longer."""

SEQUENCE = re.compile(r"[0-9]{1,40}")
ARCHIVED_ROW_NAMES = {"row", "sequence", "shard"}
ABSENT_NAMES = {"at", "pk", "sk"}
BLOCK_NAMES = {"chain", "number", "first", "previous", "head", "at", "entries", "kid", "signature"}
HEAD_NAMES = {"chain", "number", "last", "head"}
ANCHOR_NAMES = {"format", "kind", "at", "heads", "kid", "signature"}
WITNESS_NAMES = (BLOCK_NAMES - {"entries"}) | {"format", "kind", "count"}


class UnreadableError(Exception):
    """A text can't be parsed. Has the reason."""


class Line(NamedTuple):
    """A part of the copy: its location and content."""

    where: str
    text: bytes | UnreadableError


class Row(NamedTuple):
    """The stored data of a row. A copy may have millions of rows.

    shard, sequence  the place in the stream, of a row that was archived when it was chained
    """

    digest: bytes
    at: int | None
    ttl: int | None
    action: str
    is_request: bool
    shard: str | None
    sequence: int

    @property
    def latest(self) -> int:
        """The longest time until such a row is chained."""
        return LATE_REQUEST_MILLISECONDS if self.is_request else LATE_MILLISECONDS


class Entry(NamedTuple):
    """The place of a row in a block."""

    key: RowKey
    digest: bytes


class Cursor(NamedTuple):
    """A position in a shard of the stream: a sequence number, and the time of its block."""

    sequence: int
    at: int


class Block(NamedTuple):
    """A parsed block. A block of the first format has no cursors."""

    chain: int
    number: int
    first: int
    previous: bytes
    head: bytes
    at: int
    entries: list[Entry]
    cursors: dict[str, Cursor] | None
    is_signed: bool

    @property
    def name(self) -> str:
        """Return the name of the block for auditors."""
        return f"block {self.number} of chain {self.chain}"

    @property
    def last(self) -> int:
        """The position of the last row."""
        return self.first + len(self.entries) - 1


class Head(NamedTuple):
    """The progress of a chain, from an anchor or a log line."""

    chain: int
    number: int
    last: int
    head: bytes
    at: int
    source: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding: its kind, location and text."""

    kind: str
    where: str
    message: str

    def line(self) -> str:
        """Return one line, with any content of a name."""
        text = f"{self.kind}: {self.where}: {self.message}"
        if len(text) > LONGEST_MESSAGE:
            text = text[:LONGEST_MESSAGE] + "…"
        return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


@dataclass(slots=True)
class Copy:
    """The rows and blocks of a copy. A row may have several contradicting versions.

    absent   rows that the table did not have, and when it was asked
    chained  the block of each row that is in a block; None for a row that is in two, rightly
    """

    rows: dict[RowKey, list[Row]] = field(default_factory=dict)
    chains: dict[int, dict[int, Block]] = field(default_factory=lambda: defaultdict(dict))
    absent: dict[RowKey, int] = field(default_factory=dict)
    chained: dict[RowKey, Place | None] = field(default_factory=dict)


class Found(NamedTuple):
    """What a copy has of a row: its versions, and when the table did not have it."""

    rows: list[Row]
    absent_at: int | None

    @property
    def in_table(self) -> list[Row]:
        """The versions in the table, or in an archive of the first format."""
        return [row for row in self.rows if row.shard is None]

    def right(self, digest: bytes) -> list[Row]:
        """Return the versions that are what was chained."""
        return [row for row in self.rows if row.digest == digest]

    def is_removed_from_table(self, row: Row) -> bool:
        """Return whether the table lacked the row before its time to expire."""
        if self.absent_at is None or self.in_table:
            return False
        return row.ttl is None or row.ttl * 1000 > self.absent_at


class Place(NamedTuple):
    """The place of a row: its block and its digest there."""

    block: Block
    digest: bytes


@dataclass(slots=True)
class Report:
    """The counts and the findings."""

    rows: int = 0
    blocks: int = 0
    anchors: int = 0
    witnesses: int = 0
    waiting: int = 0
    findings: list[Finding] = field(default_factory=list)

    def add(self, kind: str, where: str, message: str) -> None:
        """Add a finding."""
        self.findings.append(Finding(kind, where, message))

    @property
    def is_empty(self) -> bool:
        """Whether there was nothing to verify."""
        return not (self.rows or self.blocks or self.anchors or self.witnesses or self.findings)

    def summary(self) -> str:
        """Return the summary line."""
        counts = (
            f"{self.rows} rows, {self.blocks} blocks, {self.anchors} anchors, "
            f"{self.witnesses} lines of the log"
        )
        if self.waiting:
            counts += f", {self.waiting} rows wait for their block"
        return f"{counts}: " + (
            f"{len(self.findings)} findings" if self.findings else "as they were written"
        )


def verify(
    lines: Iterable[Line], anchors: Iterable[Line], keys: Keys, witnesses: Iterable[Line] = ()
) -> Report:
    """Verify a copy: its lines in any order, and its witnesses.

    lines      `{"block": …}`, `{"row": …}` of the table, `{"row": …, "sequence": …, "shard": …}`
               of the archive, and `{"absent": …}`, a row that the table did not have
    anchors    heads of all chains, from the bucket
    witnesses  heads of blocks, as they were logged when they were written
    """
    report, copy = Report(), Copy()
    for line in lines:
        try:
            _sort(line, copy, keys, report)
        except UnreadableError as error:
            report.add("unreadable", line.where, str(error))
    report.rows = len(copy.rows)
    report.blocks = sum(len(blocks) for blocks in copy.chains.values())
    for chain, blocks in sorted(copy.chains.items()):
        _verify_chain(chain, blocks, copy, report)
    heads = []
    for line in anchors:
        report.anchors += 1
        heads += _read_signed(line, _read_anchor, keys, report)
    for line in witnesses:
        report.witnesses += 1
        heads += _read_signed(line, _read_witness, keys, report)
    _verify_heads(heads, copy.chains, report)
    _verify_unchained(copy, heads, report)
    return report


def _sort(line: Line, copy: Copy, keys: Keys, report: Report) -> None:
    document = _parse(line.text)
    if document.keys() in ({"row"}, ARCHIVED_ROW_NAMES):
        key, row = _read_row(document)
        known = copy.rows.setdefault(key, [])
        if row not in known:
            known.append(row)
        return
    if document.keys() == {"absent"}:
        key, at = _read_absent(document["absent"])
        copy.absent[key] = max(at, copy.absent.get(key, 0))
        return
    if document.keys() != {"block"}:
        raise UnreadableError("it is neither a row nor a block")
    block = _read_block(document["block"], keys)
    other = copy.chains[block.chain].setdefault(block.number, block)
    if other != block:
        report.add("contradiction", block.name, f"there are two; one is in {line.where}")
        if not other.is_signed:
            copy.chains[block.chain][block.number] = block


def _verify_chain(chain: int, blocks: dict[int, Block], copy: Copy, report: Report) -> None:
    """Verify a chain from its start. Removes the rows it has from those of the copy."""
    number, position, head, at = 1, 1, START, 0
    before: Block | None = None
    reached: dict[str, int] = {}
    for block in (blocks[found] for found in sorted(blocks)):
        if block.number != number:
            message = f"blocks {number} to {block.number - 1} are gone"
            report.add("gap", f"chain {chain}", message)
        elif block.first != position or block.previous != head:
            report.add("broken", block.name, "it does not follow from the block before")
        else:
            _verify_cursors(block, before, reached, report)
        if block.at < at:
            report.add("broken", block.name, "it is older than the block before")
        _verify_block(block, reached, copy, report)
        number, position, head, at = block.number + 1, block.last + 1, block.head, block.at
        before = block
        for shard, cursor in (block.cursors or {}).items():
            reached[shard] = max(cursor.sequence, reached.get(shard, -1))


def _verify_cursors(
    block: Block, before: Block | None, reached: dict[str, int], report: Report
) -> None:
    """Verify that a block continues in one shard, and keeps the positions in the others.

    reached  the positions before the block
    """
    if block.cursors is None:
        return
    moved = [s for s, cursor in block.cursors.items() if cursor.sequence != reached.get(s, -1)]
    if any(cursor.sequence < reached.get(s, -1) for s, cursor in block.cursors.items()):
        report.add("repeated", block.name, "it goes back in a shard of the stream")
    elif len(moved) != 1:
        report.add("broken", block.name, f"it has rows of {len(moved)} shards of the stream")
    for shard, cursor in ((before and before.cursors) or {}).items():
        if shard not in block.cursors and block.at - cursor.at <= STREAM_MILLISECONDS:
            report.add("broken", block.name, f"it has lost the position in {shard}")


def _verify_block(block: Block, reached: dict[str, int], copy: Copy, report: Report) -> None:
    if _extend(block.previous, (entry.digest for entry in block.entries)) != block.head:
        report.add("broken", block.name, "its entries do not make its head")
    if not block.is_signed:
        report.add("forged", block.name, "it says what no known key has signed")
    for position, entry in enumerate(block.entries, block.first):
        where = f"{entry.key[1]} (chain {block.chain}, position {position})"
        place = Place(block, entry.digest)
        if entry.key not in copy.chained:
            copy.chained[entry.key] = place
            found = Found(copy.rows.pop(entry.key, []), copy.absent.get(entry.key))
            _verify_row(found, place, where, report)
            if not all(_is_placed(row, block, reached) for row in found.right(entry.digest)):
                report.add("contradiction", where, "its block is for other records of the stream")
        elif _is_of_an_update(copy.chained[entry.key], place):
            copy.chained[entry.key] = None
        else:
            report.add("repeated", where, "it is in the chains twice")


def _is_of_an_update(one: Place | None, other: Place) -> bool:
    """Return whether a row may be in two blocks, because the format was updated in between.

    The position in the stream is unknown after a block of the first format. So the batch that was
    delivered at the time of the update may be in a block of each format.
    """
    return (
        one is not None
        and one.digest == other.digest
        and (one.block.cursors is None) != (other.block.cursors is None)
        and abs(one.block.at - other.block.at) <= STREAM_MILLISECONDS
    )


def _verify_row(found: Found, place: Place, where: str, report: Report) -> None:
    right, in_table = found.right(place.digest), found.in_table
    if not found.rows:
        report.add("removed", where, "the row is gone")
        return
    if not right:
        report.add("changed", where, "the row is not what was chained")
        return
    row = right[0]
    if in_table and not any(row in right for row in in_table):
        report.add("changed", where, "the row in the table is not what was chained and archived")
    elif len({row.digest for row in found.rows}) > 1:
        message = "there is another row in its place, beside the right one"
        report.add("contradiction", where, message)
    if found.is_removed_from_table(row):
        report.add("removed", where, "the row is gone from the table. The archive has it")
    if row.at is None or not -EARLY_MILLISECONDS <= place.block.at - row.at <= row.latest:
        report.add("misdated", where, "its time is not when it came")


def _is_placed(row: Row, block: Block, reached: dict[str, int]) -> bool:
    """Return whether the block is the one that reached the row's place in the stream."""
    if row.shard is None or block.cursors is None:
        return True
    cursor = block.cursors.get(row.shard)
    return cursor is not None and reached.get(row.shard, -1) < row.sequence <= cursor.sequence


def _verify_unchained(copy: Copy, heads: list[Head], report: Report) -> None:
    """Report rows that no block has, except those that were archived and wait for their block."""
    now = int(time.time() * 1000)
    blocks = [block for chain in copy.chains.values() for block in chain.values()]
    latest = max(
        (at for at in [b.at for b in blocks if b.is_signed] + [h.at for h in heads]), default=0
    )
    reached: dict[str, int] = {}
    for block in blocks:
        for shard, cursor in (block.cursors or {}).items():
            reached[shard] = max(cursor.sequence, reached.get(shard, -1))
    for (_, row_id), versions in copy.rows.items():
        row = versions[0]
        waits = all(
            version.shard is not None
            and version.sequence > reached.get(version.shard, -1)
            and version.at is not None
            and latest - version.at <= version.latest
            # Otherwise a row of next century would wait until then.
            and version.at <= max(latest, now) + EARLY_MILLISECONDS
            for version in versions
        )
        if waits:
            report.waiting += 1
        else:
            report.add("inserted", row_id, f"a row of {row.action} that no block has")


def _verify_heads(heads: list[Head], chains: dict[int, dict[int, Block]], report: Report) -> None:
    """Compare the heads of witnesses with the chains. Each finding is reported once."""
    furthest: dict[int, Head] = {}
    rewritten: set[tuple[int, int]] = set()
    for head in heads:
        blocks = chains.get(head.chain, {})
        block = blocks.get(head.number)
        if block is None and head.number > max(blocks, default=0):
            known = furthest.setdefault(head.chain, head)
            if head.number > known.number:
                furthest[head.chain] = head
        elif (
            block is not None
            and block.head != head.head
            and (head.chain, head.number) not in rewritten
        ):
            rewritten.add((head.chain, head.number))
            message = f"{head.source} has seen another position {head.last}"
            report.add("rewritten", f"chain {head.chain}", message)
    for chain, head in sorted(furthest.items()):
        blocks = chains.get(chain, {})
        kept = blocks[max(blocks)].last if blocks else 0
        message = f"positions {kept + 1} to {head.last} are gone, which {head.source} has seen"
        report.add("cut", f"chain {chain}", message)


# Reading -----------------------------------------------------------------------------------------


def _parse(text: bytes | UnreadableError) -> Json:
    if isinstance(text, UnreadableError):
        raise text
    try:
        document = json.loads(text, object_pairs_hook=_named_once)
    except (ValueError, RecursionError) as error:
        raise UnreadableError("it is not JSON") from error
    if not isinstance(document, dict):
        raise UnreadableError("it is not a JSON object")
    return document


def _named_once(pairs: list[tuple[str, Any]]) -> Json:
    document = dict(pairs)
    if len(document) != len(pairs):
        # Different programs may read different values of a duplicate name.
        raise UnreadableError("a name is in it twice")
    return document


def _read_row(document: Json) -> tuple[RowKey, Row]:
    row = document["row"]
    if not isinstance(row, dict):
        raise UnreadableError("its row is none")
    key = _text(row.get("pk")), _text(row.get("sk"))
    at, ttl = (row.get(name) if type(row.get(name)) is int else None for name in ("at", "ttl"))
    shard, sequence = None, -1
    if "shard" in document:
        shard, sequence = _text(document["shard"]), _sequence(document["sequence"])
    return key, Row(
        digest=_digest(row),
        at=at,
        ttl=ttl,
        action=str(row.get("action")),
        is_request="operation" in row,
        shard=shard,
        sequence=sequence,
    )


def _read_absent(absent: Any) -> tuple[RowKey, int]:
    _require(absent, ABSENT_NAMES)
    return (_text(absent["pk"]), _text(absent["sk"])), _whole(absent["at"])


def _read_block(block: Any, keys: Keys) -> Block:
    _require(block, BLOCK_NAMES | _cursor_names(block))
    if not isinstance(block["entries"], list):
        raise UnreadableError("its entries are no list")
    return Block(
        chain=_whole(block["chain"]),
        number=_whole(block["number"]),
        first=_whole(block["first"]),
        previous=_bytes(block["previous"]),
        head=_bytes(block["head"]),
        at=_whole(block["at"]),
        entries=[_read_entry(entry) for entry in block["entries"]],
        cursors=_read_cursors(block["cursors"]) if "cursors" in block else None,
        is_signed=_is_signed(_block_statement(block), block, keys),
    )


def _cursor_names(block: Any) -> set[str]:
    return {"cursors"} if isinstance(block, dict) and "cursors" in block else set()


def _read_cursors(cursors: Any) -> dict[str, Cursor]:
    if not isinstance(cursors, list):
        raise UnreadableError("its cursors are no list")
    read: dict[str, Cursor] = {}
    for cursor in cursors:
        match cursor:
            case [str(shard), sequence, at] if shard not in read:
                read[shard] = Cursor(_sequence(sequence), _whole(at))
            case _:
                raise UnreadableError("a cursor of it is none")
    return read


def _read_entry(entry: Any) -> Entry:
    match entry:
        case [str(partition), str(row_id), digest]:
            return Entry((partition, row_id), _bytes(digest))
    raise UnreadableError("an entry of it is none")


def _block_statement(block: Json) -> Json:
    signed = {name: block[name] for name in BLOCK_NAMES - {"entries", "kid", "signature"}}
    statement = {**signed, "kind": "block", "count": len(block["entries"])}
    if "cursors" not in block:
        return {**statement, "format": FIRST_FORMAT}
    digest = base64.b64encode(_digest({"cursors": block["cursors"]})).decode()
    return {**statement, "format": FORMAT, "cursors": {"$bytes": digest}}


def _read_signed(
    line: Line, read: Callable[[Json, str], list[Head]], keys: Keys, report: Report
) -> list[Head]:
    """Parse an anchor or a log line. Returns no heads if it is not signed by a known key."""
    try:
        document = _parse(line.text)
        heads = read(document, line.where)
        statement = {n: value for n, value in document.items() if n not in {"kid", "signature"}}
        if _is_signed(statement, document, keys):
            return heads
    except UnreadableError as error:
        report.add("unreadable", line.where, str(error))
    else:
        report.add("forged", line.where, "it says what no known key has signed")
    return []


def _read_anchor(anchor: Json, where: str) -> list[Head]:
    _require(anchor, ANCHOR_NAMES, kind="anchor")
    at = _whole(anchor["at"])
    if not isinstance(anchor["heads"], list):
        raise UnreadableError("its heads are no list")
    heads = []
    for head in anchor["heads"]:
        _require(head, HEAD_NAMES)
        chain, number, last = (_whole(head[name]) for name in ("chain", "number", "last"))
        heads.append(Head(chain, number, last, _bytes(head["head"]), at, where))
    return heads


def _read_witness(witness: Json, where: str) -> list[Head]:
    del where
    cursors = _cursor_names(witness)
    _require(
        witness,
        WITNESS_NAMES | cursors,
        kind="block",
        expected=FORMAT if cursors else FIRST_FORMAT,
    )
    names = ("chain", "number", "first", "count", "at")
    chain, number, first, count, at = (_whole(witness[name]) for name in names)
    name = f"the log's line of block {number} of chain {chain}"
    return [Head(chain, number, first + count - 1, _bytes(witness["head"]), at, name)]


def _require(
    document: Any, names: set[str], *, kind: str | None = None, expected: str = FIRST_FORMAT
) -> None:
    if not isinstance(document, dict) or document.keys() != names:
        raise UnreadableError(f"it does not have just {', '.join(sorted(names))}")
    if kind is not None and (document["format"], document["kind"]) != (expected, kind):
        raise UnreadableError(f"it is no {kind} of {expected}")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise UnreadableError("its key is no text")
    return value


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise UnreadableError("a number of it is none")
    return value


def _sequence(value: Any) -> int:
    """Parse a sequence number of a stream: 40 digits at most."""
    if not isinstance(value, str) or not SEQUENCE.fullmatch(value):
        raise UnreadableError("a sequence number of it is none")
    return int(value)


def _bytes(value: Any) -> bytes:
    match value:
        case {"$bytes": str(text), **more} if not more:
            try:
                return base64.b64decode(text, validate=True)
            except ValueError as error:
                raise UnreadableError("bytes of it are not in base 64") from error
    raise UnreadableError("bytes of it are none")


# Arithmetic --------------------------------------------------------------------------------------


def _is_signed(statement: Json, signed: Json, keys: Keys) -> bool:
    key, signature = keys.get(_text(signed["kid"])), _bytes(signed["signature"])
    if key is None or len(signature) != 64:  # noqa: PLR2004 - r and s of P-256
        return False
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    try:
        key.verify(encode_dss_signature(r, s), _canonical(statement), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def _canonical(document: Json) -> bytes:
    try:
        text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    except (ValueError, RecursionError) as error:
        raise UnreadableError("it can't be written again") from error
    # Our rows have no lone surrogate. A row with one was changed.
    return text.encode(errors="surrogatepass")


def _digest(row: Json) -> bytes:
    return hashlib.sha256(_canonical(row)).digest()


def _extend(head: bytes, digests: Iterable[bytes]) -> bytes:
    for digest in digests:
        head = hashlib.sha256(head + digest).digest()
    return head


# A copy in a directory ---------------------------------------------------------------------------


def read_keys(text: bytes) -> Keys:
    """Parse public keys from a JWKS. Raises UnreadableError."""
    listed = _parse(text).get("keys")
    if not isinstance(listed, list):
        raise UnreadableError("it is no set of keys")
    keys: Keys = {}
    for jwk in listed:
        match jwk:
            case {"kty": "EC", "crv": "P-256", "kid": str(kid), "x": str(x), "y": str(y)}:
                if kid in keys:
                    raise UnreadableError(f"there are two keys {kid!r}")
                keys[kid] = _public_key(x, y)
            case _:
                raise UnreadableError("a key of it is none for ES256")
    return keys


def _public_key(*coordinates: str) -> ec.EllipticCurvePublicKey:
    try:
        x, y = (int.from_bytes(base64.urlsafe_b64decode(text + "==")) for text in coordinates)
        return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    except ValueError as error:
        raise UnreadableError("a key of it is no point of P-256") from error


def read_lines(directory: Path) -> Iterator[Line]:
    """Read every line of the copy's archives."""
    for path in sorted(directory.rglob("*")):
        if path.name.endswith((".ndjson", ".ndjson.gz")):
            yield from _lines(path, str(path.relative_to(directory)))


def read_anchors(directory: Path) -> Iterator[Line]:
    """Read every anchor of the copy, oldest first."""
    for path in sorted((directory / "anchors").rglob("*.json")):
        where = str(path.relative_to(directory))
        try:
            yield Line(where, path.read_bytes())
        except OSError:
            yield Line(where, UnreadableError("it is no file that can be read"))


def newest_anchor(directory: Path, keys: Keys) -> int:
    """Return the time of the newest valid anchor in milliseconds, or 0."""
    newest = 0
    for line in read_anchors(directory):
        if _read_signed(line, _read_anchor, keys, Report()):
            newest = max(newest, _parse(line.text)["at"])
    return newest


def read_witnesses(directory: Path) -> Iterator[Line]:
    """Read every head from the log lines of the copy."""
    if (directory / WITNESSES).exists():
        yield from _lines(directory / WITNESSES, WITNESSES)


def _lines(path: Path, where: str) -> Iterator[Line]:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            # Lines end with \n only. Text of people may have other line ends.
            for number, text in enumerate(file, 1):
                yield Line(f"{where}, line {number}", text)
    except (EOFError, OSError, zlib.error):
        yield Line(where, UnreadableError("it is cut off, or no file that can be read"))


def main(arguments: list[str]) -> int:
    """Verify a copy. Returns 1 for a finding, 2 if there is nothing to verify."""
    parser = argparse.ArgumentParser(description="Verify a copy of the audit trail, offline.")
    add_arguments(parser)
    return run(parser.parse_args(arguments))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the command line."""
    parser.add_argument("directory", type=Path)
    parser.add_argument("--keys", type=Path, required=True, help="the public keys, as JWKS")


def run(options: argparse.Namespace) -> int:
    """Verify a copy and print the findings."""
    directory: Path = options.directory
    if not directory.is_dir():
        return _refuse(f"there is no directory {directory}")
    try:
        keys = read_keys(options.keys.read_bytes())
    except OSError:
        return _refuse(f"there is no file {options.keys}")
    except UnreadableError as error:
        return _refuse(f"{options.keys} can't be used: {error}")
    report = verify(read_lines(directory), read_anchors(directory), keys, read_witnesses(directory))
    if report.is_empty:
        return _refuse(f"there is nothing to verify in {directory}")
    for finding in report.findings:
        print(finding.line())
    print(report.summary())
    if report.rows and not report.anchors:
        print("There is no anchor: rows removed from the end can't be detected.", file=sys.stderr)
    return 1 if report.findings else 0


def _refuse(message: str) -> int:
    print(message, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
