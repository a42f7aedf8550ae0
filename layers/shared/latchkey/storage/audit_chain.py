"""The chains of the audit trail: append-only blocks, and the rows in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.audit_chain import Block, Entry, Signature
from latchkey.storage import keys
from latchkey.storage.table import ABSENT, ConditionFailed, Key, Put, Query, read_all

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from latchkey.storage.table import Item, Table


class AuditChainStore:
    """The chains of one deployment."""

    def __init__(self, table: Table) -> None:
        """Use this table."""
        self._table = table

    def chain_of(self, partition: str) -> int:
        """Return the chain that the rows of a partition are in."""
        return keys.audit_chain_of(partition)

    def newest(self, chain: int) -> Block | None:
        """Read a chain's newest block.

        Pattern      C1, the position to continue at
        Request      Query
        Consistency  strong
        Cost         1 RRU per 4 KiB: 1 for a block of 30 rows, 15 for one of 500
        """
        query = Query(
            partition=keys.audit_chain_partition(chain), newest_first=True, limit=1, table="audit"
        )
        page = self._table.query(query)
        return _read_block(chain, page.items[0]) if page.items else None

    def back_to(self, chain: int, at: int) -> list[Block]:
        """Read a chain's blocks, the newest first, down to the first one that is older than `at`.

        Pattern      C2, rows that may already be chained
        Request      Query
        Consistency  strong
        Cost         1 RRU per 4 KiB. Rows come within seconds, so it is the last few blocks; after
                     a fault of hours it is those hours' blocks
        """
        query = Query(
            partition=keys.audit_chain_partition(chain), newest_first=True, limit=10, table="audit"
        )
        found = []
        for item in read_all(self._table, query):
            found.append(_read_block(chain, item))
            if found[-1].at < at:
                break
        return found

    def after(self, chain: int, number: int) -> Iterator[Block]:
        """Read a chain's blocks after one of them, in order.

        Pattern      C3, archive
        Request      Query
        Consistency  strong
        Cost         1 RRU per 4 KiB
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

        Pattern      C5, archive; search by an index
        Request      BatchGetItem
        Consistency  strong
        Cost         1 RRU each
        """
        row_keys = [Key(entry.partition, entry.row_id, "audit") for entry in entries]
        items = self._table.get_many(row_keys) if row_keys else []
        return {(str(item["pk"]), str(item["sk"])): item for item in items}


def _read_block(chain: int, item: Item) -> Block:
    entries = item["entries"]
    signature = Signature(str(item["kid"]), bytes(item["signature"]))  # type: ignore[arg-type]
    return Block(
        chain=chain,
        number=int(str(item["sk"])),
        first=int(str(item["first"])),
        previous=bytes(item["previous"]),  # type: ignore[arg-type]
        at=int(str(item["at"])),
        entries=tuple(Entry(*entry) for entry in entries),  # type: ignore[union-attr,misc]
        signature=signature,
    )
