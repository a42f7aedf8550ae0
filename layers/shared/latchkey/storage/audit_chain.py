"""The chains of the audit trail: append-only blocks, and the rows in them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from latchkey.domain.audit_chain import Block, Cursor, Entry, ForeignItem, Signature
from latchkey.domain.ids import RowId
from latchkey.domain.limits import AUDIT_CHAINS_MAX, AUDIT_SHARD_DAYS
from latchkey.storage import keys
from latchkey.storage.table import ABSENT, ConditionFailed, Key, Put, Query, read_all

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from latchkey.storage.table import Item, Table


class AuditChainStore:
    """The chains of one deployment."""

    def __init__(self, table: Table) -> None:
        """Use this table."""
        self._table = table

    def assign(self, shard: str, chain: int, now: datetime) -> int:
        """Assign a shard of the stream to a chain. Returns its chain: the first one assigned.

        Pattern      C2, the first batch of a shard in an environment
        Request      PutItem, and GetItem if it is assigned already
        Consistency  strong
        Cost         1 WRU, and 1 RRU
        Condition    it is not assigned yet
        Race         of parallel assignments one succeeds, and all return it
        Raises       ForeignItem for an assignment that this method did not make
        """
        key = keys.audit_shard(shard)
        ttl = int((now + timedelta(days=AUDIT_SHARD_DAYS)).timestamp())
        item = self._table.get(key)
        if item is None:
            try:
                self._table.put(Put(key, {"chain": chain, "ttl": ttl}, ABSENT))
            except ConditionFailed:
                item = self._table.get(key) or {}
            else:
                return chain
        assigned = item.get("chain")
        if not isinstance(assigned, int) or not 0 <= assigned < AUDIT_CHAINS_MAX:
            raise ForeignItem(key.pk, shard)
        return assigned

    def newest(self, chain: int) -> Block | None:
        """Read a chain's newest block. It is not verified.

        Pattern      C1, the position to continue at
        Request      Query
        Consistency  strong
        Cost         1 RRU per 4 KiB: 1 for a block of 30 rows or an empty chain, 15 for 500 rows
        Raises       ForeignItem if the item is not a block
        """
        query = Query(
            partition=keys.audit_chain_partition(chain), newest_first=True, limit=1, table="audit"
        )
        page = self._table.query(query)
        return _read_block(chain, page.items[0]) if page.items else None

    def after(self, chain: int, number: int) -> Iterator[Block]:
        """Read a chain's blocks after one of them lazily, in order. They are not verified.

        Pattern      C3, archive
        Request      Query
        Consistency  strong
        Cost         1 RRU per 4 KiB
        Raises       ForeignItem at an item that is not a block
        """
        first, last = keys.audit_block(chain, number + 1), keys.audit_block(chain, 10**12 - 1)
        query = Query(partition=first.pk, between=(first.sk, last.sk), limit=100, table="audit")
        for item in read_all(self._table, query):
            yield _read_block(chain, item)

    def put(self, block: Block) -> bool:
        """Add a block to its chain.

        Pattern      C4, chain
        Request      PutItem
        Cost         1 WRU per KiB: 120 B a row
        Condition    no block has its number
        Race         of parallel additions to a chain one succeeds; the others read again
        """
        key = keys.audit_block(block.chain, block.number)
        try:
            self._table.put(Put(key, block.document(), ABSENT))
        except ConditionFailed:
            return False
        return True

    def rows(self, entries: Sequence[Entry]) -> dict[tuple[str, str], Item]:
        """Read up to 100 stored rows by partition and id.

        Pattern      C5, archive
        Request      BatchGetItem
        Consistency  strong
        Cost         1 RRU each
        """
        row_keys = [Key(entry.partition, entry.row_id, "audit") for entry in entries]
        items = self._table.get_many(row_keys) if row_keys else []
        return {(str(item["pk"]), str(item["sk"])): item for item in items}


def _read_block(chain: int, item: Item) -> Block:
    try:
        signature = Signature(str(item["kid"]), _read_bytes(item["signature"]))
        return Block(
            chain=chain,
            number=_read_number(chain, str(item["sk"])),
            first=int(str(item["first"])),
            previous=_read_bytes(item["previous"]),
            at=int(str(item["at"])),
            entries=tuple(_read_entry(*entry) for entry in item["entries"]),  # type: ignore[union-attr,misc]
            cursors=_read_cursors(item.get("cursors")),
            signature=signature,
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ForeignItem(str(item["pk"]), item["sk"]) from error


def _read_number(chain: int, name: str) -> int:
    """Return the number of a block from its sort key.

    A block is valid under one key only. A copy under another spelling of its number, such as "5",
    would sort after every block and count as the newest one.
    """
    number = int(name)
    if name != keys.audit_block(chain, number).sk:
        raise ValueError(name)
    return number


def _read_entry(partition: object, row_id: object, digest: object) -> Entry:
    if not (isinstance(partition, str) and isinstance(row_id, str)):
        raise TypeError(partition, row_id)
    return Entry(partition, RowId(row_id), _read_bytes(digest))


def _read_cursors(stored: Any) -> tuple[Cursor, ...] | None:
    if stored is None:
        return None
    return tuple(Cursor(str(shard), int(sequence), int(at)) for shard, sequence, at in stored)


def _read_bytes(stored: Any) -> bytes:
    if not isinstance(stored, bytes):
        raise TypeError(stored)
    return stored
