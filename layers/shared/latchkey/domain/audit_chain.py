"""The arithmetic of the audit trail's chains. `tools/audit/verify.py` does it again, on its own.

    digest   = SHA-256(canonical row)
    head     = SHA-256(head before | digest)          from row to row, from block to block
    block    = up to AUDIT_BLOCK_MAX_ROWS rows, signed: chain, number, positions, heads, instant
    anchor   = every chain's newest head, signed, and kept where nobody can change it

Whoever can write the tables can compute all of the hashes, but not the signatures; and cannot take
blocks away from the end, because an anchor remembers them.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FORMAT = "latchkey-audit-1"
START = bytes(32)
"""The head of a chain before its first row."""


@dataclass(frozen=True, slots=True)
class Signature:
    """ES256, 64 bytes, and which key it is of."""

    kid: str
    value: bytes


class Signer(Protocol):
    """What holds the audit key."""

    def sign(self, message: bytes) -> Signature:
        """Sign. Raises TemporarilyUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """A row's place in the chain: its key, and the digest of everything that it says."""

    partition: str
    row_id: str
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A run of rows.

    number    counts the chain's blocks from 1, without a gap
    first     position of its first row; rows are counted from 1, without a gap
    previous  the chain's head before it
    at        epoch milliseconds; never before the block before
    """

    chain: int
    number: int
    first: int
    previous: bytes
    at: int
    entries: tuple[Entry, ...]
    signature: Signature | None = None

    @property
    def head(self) -> bytes:
        """The chain's head after it."""
        return extend(self.previous, (entry.digest for entry in self.entries))

    @property
    def last(self) -> int:
        """Position of its last row."""
        return self.first + len(self.entries) - 1

    def statement(self) -> bytes:
        """Return what is signed."""
        return canonical(self.content())

    def content(self) -> dict[str, Any]:
        """Return what it says of itself; of its entries, their number and the head."""
        return {
            "format": FORMAT,
            "kind": "block",
            "chain": self.chain,
            "number": self.number,
            "first": self.first,
            "count": len(self.entries),
            "previous": self.previous,
            "head": self.head,
            "at": self.at,
        }

    def witness(self) -> str:
        """Return what is signed, and its signature, without the entries: for the log."""
        return canonical({**self.content(), **self._signature()}).decode()

    def document(self) -> dict[str, Any]:
        """Return what is kept of it, under its chain and number."""
        return {
            "first": self.first,
            "previous": self.previous,
            "head": self.head,
            "at": self.at,
            "entries": [[e.partition, e.row_id, e.digest] for e in self.entries],
            **self._signature(),
        }

    def _signature(self) -> dict[str, Any]:
        assert self.signature is not None  # noqa: S101 - an unsigned block is a bug of ours
        return {"kid": self.signature.kid, "signature": self.signature.value}


@dataclass(frozen=True, slots=True)
class ChainHead:
    """How far a chain has come."""

    chain: int
    number: int
    last: int
    head: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """Every chain's head at one instant."""

    at: int
    heads: tuple[ChainHead, ...]
    signature: Signature | None = None

    def statement(self) -> bytes:
        """Return what is signed."""
        return canonical(self._content())

    def document(self) -> bytes:
        """Return what is kept: the statement, and its signature."""
        assert self.signature is not None  # noqa: S101 - an unsigned anchor is a bug of ours
        signed = {**self._content(), "kid": self.signature.kid, "signature": self.signature.value}
        return canonical(signed)

    def _content(self) -> dict[str, Any]:
        heads = [
            {"chain": head.chain, "number": head.number, "last": head.last, "head": head.head}
            for head in self.heads
        ]
        return {"format": FORMAT, "kind": "anchor", "at": self.at, "heads": heads}


def canonical(document: Mapping[str, Any]) -> bytes:
    """Write a document in the one way that it can be written: sorted names, no spaces, UTF-8."""
    text = json.dumps(
        document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_bytes
    )
    return text.encode()


def row_digest(row: Mapping[str, Any]) -> bytes:
    """Digest a row: every attribute of it, as it is stored."""
    return hashlib.sha256(canonical(row)).digest()


def extend(head: bytes, digests: Iterable[bytes]) -> bytes:
    """Go from one head to the next."""
    for digest in digests:
        head = hashlib.sha256(head + digest).digest()
    return head


def _bytes(value: object) -> dict[str, str]:
    if not isinstance(value, bytes):
        raise TypeError(type(value).__name__)
    return {"$bytes": base64.b64encode(value).decode()}
