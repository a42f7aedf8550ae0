"""Chains, anchors and archives the audit trail."""

from __future__ import annotations

import dataclasses
import gzip
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from itertools import batched
from typing import TYPE_CHECKING

from latchkey.domain.audit_chain import (
    START,
    Anchor,
    Block,
    ChainHead,
    Entry,
    canonical,
    row_digest,
)
from latchkey.domain.clock import to_milliseconds
from latchkey.domain.limits import (
    AUDIT_ANCHOR_REPEAT_SECONDS,
    AUDIT_ARCHIVE_DELAY_SECONDS,
    AUDIT_ARCHIVE_SEGMENT_ROWS,
    AUDIT_BLOCK_MAX_KEY_BYTES,
    AUDIT_BLOCK_MAX_ROWS,
    AUDIT_CHAIN_ATTEMPTS,
    AUDIT_CHAINS,
    AUDIT_CLOCK_SKEW_SECONDS,
    AUDIT_STREAM_SECONDS,
)
from latchkey.flows.conflicts import CONFLICT, Conflict, retry_on_conflict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from latchkey.domain.audit_chain import Signer
    from latchkey.domain.ids import RowId
    from latchkey.storage.audit_chain import AuditChainStore
    from latchkey.storage.audit_vault import AuditVault


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditChain:
    """The flow and its parts."""

    store: AuditChainStore
    signer: Signer
    vault: AuditVault

    def append(self, rows: Sequence[Mapping[str, Any]], now: datetime) -> list[Block]:
        """Chain rows, each once, for any number of parallel and repeated deliveries.

        rows  as stored, in the order of the stream

        Returns the new signed blocks. Raises TemporarilyUnavailable if a chain stays contended.
        """
        by_chain: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
        for row in rows:
            by_chain[self.store.chain_of(row["pk"])].append(row)
        blocks = (
            self._append(chain, part, now)
            for chain, group in by_chain.items()
            for part in _parts(group)
        )
        return [block for block in blocks if block is not None]

    def _append(self, chain: int, rows: Sequence[Mapping[str, Any]], now: datetime) -> Block | None:
        # Blocks older than this can't contain these rows: a row is chained after it was written,
        # and while the stream has its record.
        present = to_milliseconds(now)
        since = max(present - AUDIT_STREAM_SECONDS * 1000, min(present, _made_at(rows)))
        since -= AUDIT_CLOCK_SKEW_SECONDS * 1000
        entries = {(row["pk"], row["sk"]): row_digest(row) for row in rows}

        def attempt() -> Block | Conflict | None:
            known = self.store.back_to(chain, since)
            chained = {(e.partition, e.row_id) for block in known for e in block.entries}
            new = [Entry(*key, digest) for key, digest in entries.items() if key not in chained]
            if not new:
                return None
            block = self._sign_after(known[0] if known else None, chain, new, now)
            return block if self.store.put(block) else CONFLICT

        return retry_on_conflict(attempt, reason="chain contention", attempts=AUDIT_CHAIN_ATTEMPTS)

    def _sign_after(
        self, newest: Block | None, chain: int, entries: Iterable[Entry], now: datetime
    ) -> Block:
        at = to_milliseconds(now)
        block = Block(
            chain=chain,
            number=1 if newest is None else newest.number + 1,
            first=1 if newest is None else newest.last + 1,
            previous=START if newest is None else newest.head,
            at=at if newest is None else max(at, newest.at),
            entries=tuple(entries),
        )
        return dataclasses.replace(block, signature=self.signer.sign(block.statement()))

    def anchor(self, now: datetime) -> Anchor | None:
        """Store the heads of all chains as an anchor. None if nothing is new.

        An unchanged chain is anchored again for AUDIT_ANCHOR_REPEAT_SECONDS, in case an anchor was
        lost. The rows of heartbeats keep the anchors coming.
        """
        newest = [self.store.newest(chain) for chain in range(AUDIT_CHAINS)]
        blocks = [block for block in newest if block is not None]
        fresh = to_milliseconds(now - timedelta(seconds=AUDIT_ANCHOR_REPEAT_SECONDS))
        if not any(block.at >= fresh for block in blocks):
            return None
        heads = tuple(ChainHead(b.chain, b.number, b.last, b.head) for b in blocks)
        anchor = Anchor(at=to_milliseconds(now), heads=heads)
        signed = dataclasses.replace(anchor, signature=self.signer.sign(anchor.statement()))
        self.vault.put_anchor(now, signed.document())
        return signed

    def archive(self, now: datetime) -> tuple[int, list[RowId]]:
        """Archive blocks and rows older than AUDIT_ARCHIVE_DELAY_SECONDS to S3.

        Every row is compared with its block. A changed row is archived and reported: an attacker
        who changes a row must not be able to stop the archive.

        Returns the number of archived rows, and the ids of changed ones.
        """
        until = to_milliseconds(now - timedelta(seconds=AUDIT_ARCHIVE_DELAY_SECONDS))
        count, changed_rows = 0, []
        for chain in range(AUDIT_CHAINS):
            lines: list[bytes] = []
            pending: list[Block] = []
            for block in self.store.after(chain, self.vault.last_archived(chain)):
                if block.at > until:
                    break
                found, changed = self._block_lines(block)
                lines += found
                changed_rows += changed
                count += len(block.entries)
                pending.append(block)
                if sum(len(b.entries) for b in pending) >= AUDIT_ARCHIVE_SEGMENT_ROWS:
                    self._put_segment(chain, pending, lines)
                    lines, pending = [], []
            self._put_segment(chain, pending, lines)
        return count, changed_rows

    def _put_segment(self, chain: int, blocks: list[Block], lines: list[bytes]) -> None:
        if blocks:
            content = gzip.compress(b"".join(line + b"\n" for line in lines), mtime=0)
            self.vault.put_segment(chain, blocks[0].number, blocks[-1].number, content)

    def _block_lines(self, block: Block) -> tuple[list[bytes], list[RowId]]:
        lines, changed_rows = [block_line(block)], []
        for part in batched(block.entries, 100, strict=False):
            rows = self.store.rows(part)
            for entry in part:
                row = rows.get((entry.partition, entry.row_id))
                if row is None or row_digest(row) != entry.digest:
                    changed_rows.append(entry.row_id)
                if row is not None:
                    lines.append(canonical({"row": row}))
        return lines, changed_rows


def _parts(rows: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """Split rows into groups that fit into a block, for any length of keys."""
    part: list[Mapping[str, Any]] = []
    size = 0
    for row in rows:
        size += len(row["pk"].encode()) + len(row["sk"].encode())
        if part and (size > AUDIT_BLOCK_MAX_KEY_BYTES or len(part) == AUDIT_BLOCK_MAX_ROWS):
            yield part
            part, size = [], len(row["pk"].encode()) + len(row["sk"].encode())
        part.append(row)
    yield part


def _made_at(rows: Iterable[Mapping[str, Any]]) -> int:
    """Return the creation time of the oldest row, or 0 if a row has none."""
    times = [row.get("at") for row in rows]
    return min((at if isinstance(at, int) else 0 for at in times), default=0)


def block_line(block: Block) -> bytes:
    """Return a block as a line of an archive."""
    document = {"chain": block.chain, "number": block.number, **block.document()}
    return canonical({"block": document})
