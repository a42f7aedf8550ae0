"""Chains the audit trail: adds each row of its table's stream to a signed block."""

from __future__ import annotations

import gzip
import hashlib
from typing import TYPE_CHECKING, NamedTuple

from latchkey.domain.audit_chain import START, Block, Cursor, Entry, canonical, verified
from latchkey.domain.clock import to_milliseconds
from latchkey.domain.limits import (
    AUDIT_BLOCK_MAX_KEY_BYTES,
    AUDIT_BLOCK_MAX_ROWS,
    AUDIT_CHAIN_ATTEMPTS,
    AUDIT_CURSOR_SECONDS,
)
from latchkey.domain.values import dataclass, field, replace
from latchkey.flows.conflicts import CONFLICT, Conflict, retry_on_conflict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from latchkey.domain.audit_chain import Signer, StreamRow, Verifier
    from latchkey.storage.audit_chain import AuditChainStore
    from latchkey.storage.audit_vault import AuditVault


class _Prepared(NamedTuple):
    """A row of a batch: its place in the shard, its entry, and its line in the archive."""

    sequence: int
    entry: Entry
    line: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditChain:
    """The flow and its parts.

    chains         how many chains new shards of the stream are assigned to
    default_shard  of events without a shard; empty on AWS
    _newest        the newest block of each chain, as far as this process knows. It may be stale.
                   Then its successor's number is taken, and the block is read again
    """

    store: AuditChainStore
    signer: Signer
    verifier: Verifier
    vault: AuditVault
    chains: int
    default_shard: str
    _shards: dict[str, int] = field(default_factory=dict)
    _newest: dict[int, Block] = field(default_factory=dict)

    def append(self, shard: str, rows: Iterable[StreamRow], now: datetime) -> list[Block]:
        """Chain rows of a shard, each once, for any number of parallel and repeated deliveries.

        The stream delivers the rows of a shard in order, at least once. The newest block of the
        chain has the position in each shard. Rows up to it are chained already.

        rows  of one batch, as stored

        Returns the new signed blocks. Raises TemporarilyUnavailable if storage fails or the chain
        stays contended, and ForeignItem if the chain has an item that is not our block. The blocks
        until then are written, and the next delivery continues after them.
        """
        chain = self._chain_of(shard, now)
        newest = self._newest_of(chain)
        known = newest.sequence_of(shard) if newest else -1
        new = sorted((row for row in rows if row.sequence > known), key=lambda row: row.sequence)
        if not new:
            return []
        prepared = [_prepare(shard, row) for row in new]
        # Before their blocks, so that the bucket has every row that a block has.
        content = gzip.compress(b"".join(row.line for row in prepared), mtime=0)
        self.vault.put_rows(shard, prepared[0].sequence, prepared[-1].sequence, content)
        blocks = (self._append(chain, shard, part, now) for part in _parts(prepared))
        return [block for block in blocks if block is not None]

    def _chain_of(self, shard: str, now: datetime) -> int:
        """Return the chain of a shard. It never changes, even if the number of chains does."""
        if shard not in self._shards:
            digest = hashlib.sha256(shard.encode()).digest()
            chain = int.from_bytes(digest) % self.chains
            self._shards[shard] = self.store.assign(shard, chain, now)
        return self._shards[shard]

    def _newest_of(self, chain: int) -> Block | None:
        if chain not in self._newest:
            block = self.store.newest(chain)
            if block is None:
                return None
            # An attacker could claim in a block that rows are chained already.
            self._newest[chain] = verified(block, self.verifier)
        return self._newest[chain]

    def _append(
        self, chain: int, shard: str, rows: Sequence[_Prepared], now: datetime
    ) -> Block | None:
        def attempt() -> Block | Conflict | None:
            newest = self._newest_of(chain)
            known = newest.sequence_of(shard) if newest else -1
            new = [row for row in rows if row.sequence > known]
            if not new:
                return None
            block = self._sign_after(newest, chain, shard, new, now)
            if self.store.put(block):
                self._newest[chain] = block
                return block
            self._newest.pop(chain, None)
            return CONFLICT

        return retry_on_conflict(attempt, reason="chain contention", attempts=AUDIT_CHAIN_ATTEMPTS)

    def _sign_after(
        self,
        newest: Block | None,
        chain: int,
        shard: str,
        rows: Sequence[_Prepared],
        now: datetime,
    ) -> Block:
        at = to_milliseconds(now) if newest is None else max(to_milliseconds(now), newest.at)
        expired = at - AUDIT_CURSOR_SECONDS * 1000
        others = (newest.cursors or ()) if newest else ()
        cursors = [c for c in others if c.shard != shard and c.at >= expired]
        block = Block(
            chain=chain,
            number=1 if newest is None else newest.number + 1,
            first=1 if newest is None else newest.last + 1,
            previous=START if newest is None else newest.head,
            at=at,
            entries=tuple(row.entry for row in rows),
            cursors=tuple(
                sorted([*cursors, Cursor(shard, rows[-1].sequence, at)], key=lambda c: c.shard)
            ),
        )
        return replace(block, signature=self.signer.sign(block.statement()))


def _prepare(shard: str, row: StreamRow) -> _Prepared:
    text = canonical(row.row)
    place = canonical({"sequence": str(row.sequence), "shard": shard})
    return _Prepared(
        row.sequence,
        Entry(row.row["pk"], row.row["sk"], hashlib.sha256(text).digest()),
        b'{"row":' + text + b"," + place[1:] + b"\n",
    )


def _parts(rows: Iterable[_Prepared]) -> Iterator[list[_Prepared]]:
    """Split rows into groups that fit into a block, for any length of keys."""
    part: list[_Prepared] = []
    size = 0
    for row in rows:
        length = len(row.entry.partition.encode()) + len(row.entry.row_id.encode())
        size += length
        if part and (size > AUDIT_BLOCK_MAX_KEY_BYTES or len(part) == AUDIT_BLOCK_MAX_ROWS):
            yield part
            part, size = [], length
        part.append(row)
    yield part
