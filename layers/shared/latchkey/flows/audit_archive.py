"""Anchors the chains of the audit trail, and archives their blocks."""

from __future__ import annotations

import gzip
from datetime import timedelta
from itertools import batched
from secrets import SystemRandom
from typing import TYPE_CHECKING

from latchkey.domain.audit_chain import (
    Anchor,
    ChainHead,
    ForeignItem,
    row_digest,
    verified,
)
from latchkey.domain.clock import to_milliseconds
from latchkey.domain.ids import minted_at
from latchkey.domain.limits import (
    AUDIT_ANCHOR_REPEAT_SECONDS,
    AUDIT_ARCHIVE_DELAY_SECONDS,
    AUDIT_ARCHIVE_SEGMENT_ROWS,
    AUDIT_ARCHIVE_STOP_SECONDS,
    AUDIT_CHAINS_MAX,
    AUDIT_COMPARED_ROWS,
    AUDIT_ROW_MIN_SECONDS,
)
from latchkey.domain.values import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from latchkey.domain.audit_chain import Block, Entry, Signer, Verifier
    from latchkey.domain.ids import RowId
    from latchkey.storage.audit_chain import AuditChainStore
    from latchkey.storage.audit_vault import AuditVault


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditAnchors:
    """The flow that anchors, and its parts."""

    store: AuditChainStore
    signer: Signer
    verifier: Verifier
    vault: AuditVault

    def anchor(self, now: datetime) -> tuple[Anchor | None, list[ForeignItem]]:
        """Store the heads of all chains as an anchor. None if nothing is new.

        An unchanged chain is anchored again for AUDIT_ANCHOR_REPEAT_SECONDS, in case an anchor was
        lost. The rows of heartbeats keep the anchors coming.

        Returns the anchor, and the items that are not our blocks. Their chains are not in it.
        """
        blocks, foreign = [], []
        for chain in range(AUDIT_CHAINS_MAX):
            try:
                newest = self.store.newest(chain)
                if newest is not None:
                    blocks.append(verified(newest, self.verifier))
            except ForeignItem as item:
                foreign.append(item)
        fresh = to_milliseconds(now - timedelta(seconds=AUDIT_ANCHOR_REPEAT_SECONDS))
        if not any(block.at >= fresh for block in blocks):
            return None, foreign
        heads = tuple(ChainHead(b.chain, b.number, b.last, b.head) for b in blocks)
        anchor = Anchor(at=to_milliseconds(now), heads=heads)
        signed = replace(anchor, signature=self.signer.sign(anchor.statement()))
        self.vault.put_anchor(now, signed.document())
        return signed, foreign


@dataclass(frozen=True, slots=True)
class Archived:
    """The result of a run of the archive.

    rows           entries of the archived blocks
    changed        ids of compared rows that differ from their block, or are missing
    waiting_since  time of the oldest block that there was no time for, epoch milliseconds
    foreign        items in the chains that are not our blocks; their chains wait
    """

    rows: int
    changed: list[RowId]
    waiting_since: int | None
    foreign: list[ForeignItem]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditArchive:
    """The flow that archives, and its parts.

    compared_rows  how many rows a run compares with their blocks
    """

    store: AuditChainStore
    verifier: Verifier
    vault: AuditVault
    compared_rows: int = AUDIT_COMPARED_ROWS

    def archive(self, now: datetime, remaining: Callable[[], float]) -> Archived:
        """Archive blocks older than AUDIT_ARCHIVE_DELAY_SECONDS to S3, and compare rows with them.

        The chains take turns, a segment each, oldest blocks first. The run stops before its time
        is up, and the next one continues after the last segment of each chain. The rows are in the
        bucket already. Up to `compared_rows` of them, chosen at random, are read from the
        table and compared with their blocks.

        remaining  returns the seconds that are left for the run
        """
        until = to_milliseconds(now - timedelta(seconds=AUDIT_ARCHIVE_DELAY_SECONDS))
        chosen, foreign, rows = _Sample(self.compared_rows), [], 0
        waiting = {chain: self._segments(chain, until) for chain in range(AUDIT_CHAINS_MAX)}
        while waiting and remaining() > AUDIT_ARCHIVE_STOP_SECONDS:
            for chain, segments in list(waiting.items()):
                try:
                    blocks = next(segments, None)
                except ForeignItem as item:
                    foreign.append(item)
                    blocks = None
                if blocks is None:
                    del waiting[chain]
                    continue
                rows += sum(len(block.entries) for block in blocks)
                chosen.add(entry for block in blocks for entry in block.entries)
                if remaining() <= AUDIT_ARCHIVE_STOP_SECONDS:
                    break
        changed = self._compare(chosen.entries, now, remaining)
        oldest = [at for chain in waiting if (at := self._oldest_waiting(chain, until)) is not None]
        return Archived(rows, changed, min(oldest, default=None), foreign)

    def _segments(self, chain: int, until: int) -> Iterator[list[Block]]:
        """Archive a chain, segment by segment. Yields the blocks of each."""
        blocks: list[Block] = []
        rows = 0
        try:
            for block in self._after_archive(chain):
                if block.at > until:
                    break
                blocks.append(verified(block, self.verifier))
                rows += len(block.entries)
                if rows >= AUDIT_ARCHIVE_SEGMENT_ROWS:
                    self._put_segment(chain, blocks)
                    yield blocks
                    blocks, rows = [], 0
        except ForeignItem:
            self._put_segment(chain, blocks)
            raise
        if blocks:
            self._put_segment(chain, blocks)
            yield blocks

    def _after_archive(self, chain: int) -> Iterator[Block]:
        newest = self.store.newest(chain)
        if newest is not None:
            yield from self.store.after(chain, self.vault.last_archived(chain, newest.number))

    def _oldest_waiting(self, chain: int, until: int) -> int | None:
        try:
            block = next(self._after_archive(chain), None)
        except ForeignItem:
            return None  # found by the run that gets there
        return block.at if block is not None and block.at <= until else None

    def _put_segment(self, chain: int, blocks: Sequence[Block]) -> None:
        if blocks:
            content = gzip.compress(b"".join(b.line() + b"\n" for b in blocks), mtime=0)
            self.vault.put_segment(chain, blocks[0].number, blocks[-1].number, content)

    def _compare(
        self, entries: Iterable[Entry], now: datetime, remaining: Callable[[], float]
    ) -> list[RowId]:
        changed = []
        for part in batched(entries, 100, strict=False):
            if remaining() <= AUDIT_ARCHIVE_STOP_SECONDS / 2:
                break
            rows = self.store.rows(part)
            for entry in part:
                row = rows.get((entry.partition, entry.row_id))
                if row_digest(row) != entry.digest if row else not _may_be_expired(entry, now):
                    changed.append(entry.row_id)
        return changed


class _Sample:
    """A random sample of a number of entries. All of them, if there are not more."""

    def __init__(self, size: int) -> None:
        """Choose so many. An attacker can't predict which."""
        self.entries: list[Entry] = []
        self._size, self._seen, self._chance = size, 0, SystemRandom()

    def add(self, entries: Iterable[Entry]) -> None:
        """Offer entries. Each of all offered ones has the same chance (reservoir sampling)."""
        for entry in entries:
            self._seen += 1
            if len(self.entries) < self._size:
                self.entries.append(entry)
            elif (place := self._chance.randrange(self._seen)) < self._size:
                self.entries[place] = entry


def _may_be_expired(entry: Entry, now: datetime) -> bool:
    """Return whether a row may be gone because of its age. A late request's row may be old."""
    try:
        age = now - minted_at(entry.row_id)
    except (OverflowError, ValueError):
        return False
    return age.total_seconds() >= AUDIT_ROW_MIN_SECONDS
