"""The hash chains of the audit trail. `tools/audit/verify.py` implements them independently.

    digest   = SHA-256(canonical row)
    head     = SHA-256(head before | digest)          from row to row, from block to block
    block    = up to AUDIT_BLOCK_MAX_ROWS rows, signed: chain, number, positions, heads, instant,
               and for each shard of the stream the last record that the chain has
    anchor   = every chain's newest head, signed, and kept where nobody can change it

An attacker who can write the tables can compute the hashes but not the signatures, and can't remove
blocks from the end, because an anchor has them.

A block of the first format has no cursors. Such blocks stay valid.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, Protocol

from latchkey.domain.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from latchkey.domain.ids import RowId

FORMAT = "latchkey-audit-2"
FIRST_FORMAT = "latchkey-audit-1"
"""The format of blocks without cursors, and of all anchors: their form did not change."""
START = bytes(32)
"""The head of a chain before its first row."""


class ForeignItem(Exception):
    """An item in a chain is malformed or is not signed by the audit key. Somebody else wrote it."""

    def __init__(self, partition: str, name: object) -> None:
        """Name the item by its key."""
        super().__init__(partition, name)
        self.partition = partition
        self.name = str(name)


@dataclass(frozen=True, slots=True)
class Signature:
    """An ES256 signature of 64 bytes, and the id of its key."""

    kid: str
    value: bytes


class Signer(Protocol):
    """Signs with the audit key."""

    def sign(self, message: bytes) -> Signature:
        """Sign. Raises TemporarilyUnavailable."""
        ...


class Verifier(Protocol):
    """Verifies signatures of the audit key, and of earlier audit keys."""

    def verifies(self, signature: Signature, message: bytes) -> bool:
        """Return whether a published key made this signature. Raises TemporarilyUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class StreamRow:
    """A row as the stream delivered it, and the sequence number of its record in the shard."""

    sequence: int
    row: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last record of a shard that a chain has.

    at  time of its block, epoch milliseconds
    """

    shard: str
    sequence: int
    at: int

    def document(self) -> list[Any]:
        """Return the stored form. A sequence number has up to 40 digits, so it is text."""
        return [self.shard, str(self.sequence), self.at]


@dataclass(frozen=True, slots=True)
class Entry:
    """A row's place in the chain: its key and the digest of all its attributes."""

    partition: str
    row_id: RowId
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A run of rows.

    number    counts the chain's blocks from 1, without a gap
    first     position of its first row; rows are counted from 1, without a gap
    previous  the chain's head before it
    at        epoch milliseconds; never before the block before
    cursors   of all shards that feed the chain, by shard; None in the first format
    """

    chain: int
    number: int
    first: int
    previous: bytes
    at: int
    entries: tuple[Entry, ...]
    cursors: tuple[Cursor, ...] | None = None
    signature: Signature | None = None

    def sequence_of(self, shard: str) -> int:
        """Return the sequence number of the last chained record of a shard, or -1."""
        found = (cursor.sequence for cursor in self.cursors or () if cursor.shard == shard)
        return next(found, -1)

    @property
    def head(self) -> bytes:
        """The head of the chain after the block."""
        return extend(self.previous, (entry.digest for entry in self.entries))

    @property
    def last(self) -> int:
        """The position of the last row."""
        return self.first + len(self.entries) - 1

    def statement(self) -> bytes:
        """Return the signed data."""
        return canonical(self.content())

    def content(self) -> dict[str, Any]:
        """Return the header: entries and cursors are represented by the head and a digest."""
        header = {
            "format": FIRST_FORMAT if self.cursors is None else FORMAT,
            "kind": "block",
            "chain": self.chain,
            "number": self.number,
            "first": self.first,
            "count": len(self.entries),
            "previous": self.previous,
            "head": self.head,
            "at": self.at,
        }
        if self.cursors is not None:
            header["cursors"] = row_digest({"cursors": self._cursors()})
        return header

    def witness(self) -> str:
        """Return the signed data and the signature, without the entries, for the log."""
        return canonical({**self.content(), **self._signature()}).decode()

    def document(self) -> dict[str, Any]:
        """Return the stored form, under chain and number."""
        return {
            "first": self.first,
            "previous": self.previous,
            "head": self.head,
            "at": self.at,
            "entries": [[e.partition, e.row_id, e.digest] for e in self.entries],
            **({} if self.cursors is None else {"cursors": self._cursors()}),
            **self._signature(),
        }

    def line(self) -> bytes:
        """Return the block as a line of an archive."""
        document = {"chain": self.chain, "number": self.number, **self.document()}
        return canonical({"block": document})

    def _cursors(self) -> list[list[Any]]:
        return [cursor.document() for cursor in self.cursors or ()]

    def _signature(self) -> dict[str, Any]:
        assert self.signature is not None  # noqa: S101 - an unsigned block is a bug of ours
        return {"kid": self.signature.kid, "signature": self.signature.value}


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The progress of a chain."""

    chain: int
    number: int
    last: int
    head: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """The heads of all chains at one time."""

    at: int
    heads: tuple[ChainHead, ...]
    signature: Signature | None = None

    def statement(self) -> bytes:
        """Return the signed data."""
        return canonical(self._content())

    def document(self) -> bytes:
        """Return the stored form: the signed data and the signature."""
        assert self.signature is not None  # noqa: S101 - an unsigned anchor is a bug of ours
        signed = {**self._content(), "kid": self.signature.kid, "signature": self.signature.value}
        return canonical(signed)

    def _content(self) -> dict[str, Any]:
        heads = [
            {"chain": head.chain, "number": head.number, "last": head.last, "head": head.head}
            for head in self.heads
        ]
        return {"format": FIRST_FORMAT, "kind": "anchor", "at": self.at, "heads": heads}


def verified(block: Block, verifier: Verifier) -> Block:
    """Return a stored block that is signed. Raises ForeignItem, and TemporarilyUnavailable."""
    signature = block.signature
    if signature is None or not verifier.verifies(signature, block.statement()):
        raise ForeignItem(f"CHAIN#{block.chain}", block.number)
    return block


_CONTAINERS = (dict, list)
_LIKE_BYTES = re.compile(r"\$+bytes")


def canonical(document: Mapping[str, Any]) -> bytes:
    """Serialize a document canonically: sorted names, no spaces, UTF-8.

    Different documents have different forms. Bytes are a map with the only name `$bytes`, so a map
    that looks like them gets another `$`.
    """
    text = json.dumps(
        _escaped(document),
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        default=_bytes,
    )
    return text.encode()


def row_digest(row: Mapping[str, Any]) -> bytes:
    """Return the digest of all attributes of a row, as stored."""
    return hashlib.sha256(canonical(row)).digest()


def extend(head: bytes, digests: Iterable[bytes]) -> bytes:
    """Return the head after an entry."""
    for digest in digests:
        head = hashlib.sha256(head + digest).digest()
    return head


def _escaped(value: Any) -> Any:
    if isinstance(value, list):
        return [_escaped(part) if isinstance(part, _CONTAINERS) else part for part in value]
    if len(value) == 1:
        ((name, part),) = value.items()
        if _LIKE_BYTES.fullmatch(name):
            return {f"${name}": _escaped(part) if isinstance(part, _CONTAINERS) else part}
    inner = {n: _escaped(part) for n, part in value.items() if isinstance(part, _CONTAINERS)}
    return {**value, **inner} if inner else value


def _bytes(value: object) -> dict[str, str]:
    if not isinstance(value, bytes):
        raise TypeError(type(value).__name__)
    return {"$bytes": base64.b64encode(value).decode()}
