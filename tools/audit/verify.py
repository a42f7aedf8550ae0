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
import sys
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

FORMAT = "latchkey-audit-1"
START = bytes(32)
WITNESSES = "witnesses.jsonl"
LATE_MILLISECONDS = 48 * 3600 * 1000
"""A stream keeps records for a day, so no row of a change is chained later."""
LATE_REQUEST_MILLISECONDS = 15 * 24 * 3600 * 1000
"""A log line may be a dead letter for two weeks before it becomes a row."""
EARLY_MILLISECONDS = 60 * 1000
"""A row can't be newer than its block, except for the difference of two clocks."""
LONGEST_MESSAGE = 300
"""Length of a quoted row id in a finding. Ours have 30 characters; an attacker's may be longer."""

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
    """The stored data of a row. A copy may have millions of rows."""

    digest: bytes
    at: int | None
    action: str
    is_request: bool


class Entry(NamedTuple):
    """The place of a row in a block."""

    key: RowKey
    digest: bytes


class Block(NamedTuple):
    """A parsed block."""

    chain: int
    number: int
    first: int
    previous: bytes
    head: bytes
    at: int
    entries: list[Entry]
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
    """The rows and blocks of a copy. A row may have several contradicting versions."""

    rows: dict[RowKey, list[Row]] = field(default_factory=dict)
    chains: dict[int, dict[int, Block]] = field(default_factory=lambda: defaultdict(dict))


@dataclass(slots=True)
class Report:
    """The counts and the findings."""

    rows: int = 0
    blocks: int = 0
    anchors: int = 0
    witnesses: int = 0
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
            f"{self.witnesses} lines of the log: "
        )
        return counts + (
            f"{len(self.findings)} findings" if self.findings else "as they were written"
        )


def verify(
    lines: Iterable[Line], anchors: Iterable[Line], keys: Keys, witnesses: Iterable[Line] = ()
) -> Report:
    """Verify a copy: lines `{"block": …}` and `{"row": …}` in any order, and its witnesses.

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
    for (_, row_id), (row, *_) in copy.rows.items():
        report.add("inserted", row_id, f"a row of {row.action} that no block has")
    heads = []
    for line in anchors:
        report.anchors += 1
        heads += _read_signed(line, _read_anchor, keys, report)
    for line in witnesses:
        report.witnesses += 1
        heads += _read_signed(line, _read_witness, keys, report)
    _verify_heads(heads, copy.chains, report)
    return report


def _sort(line: Line, copy: Copy, keys: Keys, report: Report) -> None:
    document = _parse(line.text)
    if document.keys() == {"row"}:
        key, row = _read_row(document["row"])
        known = copy.rows.setdefault(key, [])
        if row not in known:
            known.append(row)
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
    chained: set[RowKey] = set()
    for block in (blocks[found] for found in sorted(blocks)):
        if block.number != number:
            message = f"blocks {number} to {block.number - 1} are gone"
            report.add("gap", f"chain {chain}", message)
        elif block.first != position or block.previous != head:
            report.add("broken", block.name, "it does not follow from the block before")
        if block.at < at:
            report.add("broken", block.name, "it is older than the block before")
        _verify_block(block, copy, chained, report)
        number, position, head, at = block.number + 1, block.last + 1, block.head, block.at


def _verify_block(block: Block, copy: Copy, chained: set[RowKey], report: Report) -> None:
    if _extend(block.previous, (entry.digest for entry in block.entries)) != block.head:
        report.add("broken", block.name, "its entries do not make its head")
    if not block.is_signed:
        report.add("forged", block.name, "it says what no known key has signed")
    for position, entry in enumerate(block.entries, block.first):
        where = f"{entry.key[1]} (chain {block.chain}, position {position})"
        if entry.key in chained:
            report.add("repeated", where, "it is in the chain twice")
            continue
        chained.add(entry.key)
        _verify_row(copy.rows.pop(entry.key, []), entry.digest, block.at, where, report)


def _verify_row(found: list[Row], digest: bytes, came_at: int, where: str, report: Report) -> None:
    if not found:
        report.add("removed", where, "the row is gone")
        return
    row = next((row for row in found if row.digest == digest), None)
    if row is None:
        report.add("changed", where, "the row is not what was chained")
        return
    if len(found) > 1:
        report.add(
            "contradiction", where, "there is another row in its place, beside the right one"
        )
    latest = LATE_REQUEST_MILLISECONDS if row.is_request else LATE_MILLISECONDS
    if row.at is None or not -EARLY_MILLISECONDS <= came_at - row.at <= latest:
        report.add("misdated", where, "its time is not when it came")


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


def _read_row(row: Any) -> tuple[RowKey, Row]:
    if not isinstance(row, dict):
        raise UnreadableError("its row is none")
    key = _text(row.get("pk")), _text(row.get("sk"))
    at, is_request = row.get("at"), "operation" in row
    has_time = isinstance(at, int) and not isinstance(at, bool)
    return key, Row(_digest(row), at if has_time else None, str(row.get("action")), is_request)


def _read_block(block: Any, keys: Keys) -> Block:
    _require(block, BLOCK_NAMES)
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
        is_signed=_is_signed(_block_statement(block), block, keys),
    )


def _read_entry(entry: Any) -> Entry:
    match entry:
        case [str(partition), str(row_id), digest]:
            return Entry((partition, row_id), _bytes(digest))
    raise UnreadableError("an entry of it is none")


def _block_statement(block: Json) -> Json:
    signed = {name: block[name] for name in BLOCK_NAMES - {"entries", "kid", "signature"}}
    return {**signed, "format": FORMAT, "kind": "block", "count": len(block["entries"])}


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
    _whole(anchor["at"])
    if not isinstance(anchor["heads"], list):
        raise UnreadableError("its heads are no list")
    heads = []
    for head in anchor["heads"]:
        _require(head, HEAD_NAMES)
        chain, number, last = (_whole(head[name]) for name in ("chain", "number", "last"))
        heads.append(Head(chain, number, last, _bytes(head["head"]), where))
    return heads


def _read_witness(witness: Json, where: str) -> list[Head]:
    del where
    _require(witness, WITNESS_NAMES, kind="block")
    names = ("chain", "number", "first", "count")
    chain, number, first, count = (_whole(witness[name]) for name in names)
    name = f"the log's line of block {number} of chain {chain}"
    return [Head(chain, number, first + count - 1, _bytes(witness["head"]), name)]


def _require(document: Any, names: set[str], *, kind: str | None = None) -> None:
    if not isinstance(document, dict) or document.keys() != names:
        raise UnreadableError(f"it does not have just {', '.join(sorted(names))}")
    if kind is not None and (document["format"], document["kind"]) != (FORMAT, kind):
        raise UnreadableError(f"it is no {kind} of {FORMAT}")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise UnreadableError("its key is no text")
    return value


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise UnreadableError("a number of it is none")
    return value


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
