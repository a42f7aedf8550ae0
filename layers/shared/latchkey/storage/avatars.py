"""Pending uploads, and the orphan markers of unused avatar files.

A file and the account that uses it can't change in one transaction. So every file that may exist
without being used has a marker: a new file before it is written, an old one from the transaction
that replaces it. Files that a crash leaves behind have a marker, and files in use never do.
`Avatars.sweep` deletes the files with a marker.
"""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from latchkey.domain.avatar import AvatarUpload
from latchkey.domain.changes import ChangeRefused, UploadUsed
from latchkey.domain.clock import to_milliseconds
from latchkey.domain.errors import AccountNotFound, TooManyPendingUploads
from latchkey.domain.ids import AvatarId, minted_at
from latchkey.domain.limits import AVATAR_UPLOADS_MAX
from latchkey.storage import keys
from latchkey.storage.changes import upload_used, writes_of
from latchkey.storage.fences import not_erasing
from latchkey.storage.records import from_item, to_item
from latchkey.storage.table import (
    ABSENT,
    Compare,
    ConditionFailed,
    Delete,
    Put,
    Query,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from latchkey.domain.changes import Change
    from latchkey.domain.ids import AccountId, UploadId
    from latchkey.storage.table import Table


class AvatarStore:
    """Pending uploads, in a few slots per person, and orphan markers."""

    def __init__(self, table: Table) -> None:
        """Use this table."""
        self._table = table

    def put_upload(self, upload: AvatarUpload, *, also: Sequence[Change] = ()) -> None:
        """Store a pending upload in a free slot.

        also  further changes

        Pattern      V1, offer an upload
        Request      Query, TransactWriteItems
        Cost         4 WRU, and 1 RRU
        Bounds       AVATAR_UPLOADS_MAX: with a fixed number of slots, races can't exceed it
        Condition    the slot is free or its upload has expired, and the account is not being
                     erased
        Race         of two requests for one slot, the second tries the next slot
        Raises       TooManyPendingUploads, AccountNotFound; ChangeRefused if a change of `also` was
                     refused
        """
        check = not_erasing(upload.account_id)
        now = to_milliseconds(upload.created_at)
        taken = {p.slot: p.upload for p in self._pending(upload.account_id)}
        busy = {slot for slot, other in taken.items() if other.expires_at > upload.created_at}
        for slot in set(range(AVATAR_UPLOADS_MAX)) - busy:
            free = ABSENT | Compare("expires_at", "<=", now)
            put = Put(
                keys.avatar_upload(upload.account_id, slot),
                {**to_item(upload), "ttl": int(upload.expires_at.timestamp())},
                free,
            )
            try:
                self._table.transact([check, put, *writes_of(also)])
            except ConditionFailed as failed:
                if failed.write == check:
                    raise AccountNotFound from failed
                if failed.write != put:
                    raise ChangeRefused from failed
            else:
                return
        first_free = min((other.expires_at for other in taken.values()), default=upload.expires_at)
        wait = max(1, int((first_free - upload.created_at).total_seconds()))
        raise TooManyPendingUploads(retry_after_seconds=wait)

    def find_upload(
        self, account_id: AccountId, upload_id: UploadId, now: datetime
    ) -> Pending | None:
        """Find a pending upload.

        Pattern      V2, finish an upload
        Request      Query
        Consistency  strong
        Cost         1 RRU
        Bounds       AVATAR_UPLOADS_MAX items
        """
        for pending in self._pending(account_id):
            if pending.upload.id == upload_id and now < pending.upload.expires_at:
                return pending
        return None

    def discard_upload(self, pending: Pending) -> None:
        """Free a slot after an unusable file.

        Pattern      V3
        Request      DeleteItem
        Cost         1 WRU
        Race         a slot that was freed in the meantime is no error
        """
        try:
            self._table.delete(upload_used(pending.upload, pending.slot))
        except ConditionFailed:
            return

    def put_orphan_marker(self, avatar_id: AvatarId) -> None:
        """Mark a file as an orphan before it is stored.

        Pattern      V4, before a picture is stored
        Request      PutItem
        Cost         1 WRU
        """
        self._table.put(Put(keys.orphaned_avatar(avatar_id), {}))

    def remove_orphan_marker(self, avatar_id: AvatarId) -> None:
        """Remove the orphan marker of a deleted file.

        Pattern      V5, after a picture was deleted
        Request      DeleteItem
        Cost         1 WRU
        """
        self._table.delete(Delete(keys.orphaned_avatar(avatar_id)))

    def list_orphans(self, before: datetime) -> list[AvatarId]:
        """List the orphan markers created before a time, oldest first.

        Pattern      V6, the sweep
        Request      Query
        Consistency  strong
        Cost         1 RRU per 4 KiB, 50 of them
        Bounds       1,000; the next sweep continues
        """
        query = Query(partition=keys.ORPHANED_AVATARS, limit=1000)
        ids = (AvatarId(str(item["sk"])) for item in self._table.query(query).items)
        return list(takewhile(lambda avatar_id: minted_at(avatar_id) < before, ids))

    def _pending(self, account_id: AccountId) -> list[Pending]:
        query = Query(
            partition=keys.account_partition(account_id), prefix=keys.AVATAR_UPLOAD_PREFIX
        )
        return [
            Pending(from_item(AvatarUpload, item), int(str(item["sk"]).rpartition("#")[2]))
            for item in self._table.query(query).items
        ]


class Pending:
    """An upload, and its slot."""

    def __init__(self, upload: AvatarUpload, slot: int) -> None:
        self.upload = upload
        self.slot = slot

    @property
    def used(self) -> UploadUsed:
        """The change that uses up the upload. Of two such changes, one is refused."""
        return UploadUsed(self.upload, self.slot)
