"""Avatars: a picture is uploaded, processed, and replaces the previous one.

The steps of a change, and what a crash after each leaves:

    step                                            avatar          orphan markers
    1 the new file gets an orphan marker            the old one     a missing file
    2 the new file is stored                        the old one     the new file
    3 one transaction: the account shows the new    the new one     the old file
      file, the upload is used up, audit row
    4 the old file is deleted                       the new one     a missing file
    5 the marker of the old file is removed         the new one     nothing
    6 the upload is deleted                         the new one     nothing

An avatar in use always has its file. `sweep` finds every unused file by its marker. After a day the
bucket deletes uploads that step 6 missed.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from latchkey.domain.avatar import AvatarUpload, PictureType, PresignedPost
from latchkey.domain.changes import ChangeRefused, KeyUsed
from latchkey.domain.errors import (
    AccountNotFound,
    PreconditionFailed,
    TemporarilyUnavailable,
    TooManyPendingUploads,
    UnusablePicture,
    UploadNotComplete,
    UploadNotFound,
    UsernameTaken,
)
from latchkey.domain.ids import AvatarId, UploadId
from latchkey.domain.limits import (
    AVATAR_ORPHAN_GRACE_SECONDS,
    AVATAR_UPLOAD_FINISH_SECONDS,
)
from latchkey.domain.values import dataclass
from latchkey.observability import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from latchkey.domain.account import Account
    from latchkey.domain.changes import Change
    from latchkey.domain.idempotency import IdempotencyKey
    from latchkey.domain.ids import AccountId
    from latchkey.domain.request import Caller, RequestContext
    from latchkey.flows.profile import Profile
    from latchkey.storage.avatars import AvatarStore, Pending
    from latchkey.storage.idempotency import IdempotencyStore


class Media(Protocol):
    """The interface of the media bucket; see `storage.media.MediaBucket`."""

    def presign_upload(self, upload: AvatarUpload, now: datetime) -> PresignedPost:
        """Sign an upload form."""
        ...

    def read_upload(self, upload: AvatarUpload) -> bytes | None:
        """Read an upload."""
        ...

    def delete_upload(self, upload: AvatarUpload) -> None:
        """Delete an upload."""
        ...

    def list_uploads(self, account_id: AccountId) -> list[UploadId]:
        """List the pending uploads of a person."""
        ...

    def delete_uploads(self, account_id: AccountId) -> None:
        """Delete all of them."""
        ...

    def put_avatar(self, avatar_id: AvatarId, webp: bytes) -> None:
        """Store an avatar."""
        ...

    def read_avatar(self, avatar_id: AvatarId) -> bytes | None:
        """Read an avatar."""
        ...

    def delete_avatar(self, avatar_id: AvatarId) -> None:
        """Delete an avatar."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedUpload:
    """A pending upload, and its form."""

    upload: AvatarUpload
    post: PresignedPost


@dataclass(frozen=True, slots=True, kw_only=True)
class Avatars:
    """The flow and its parts.

    media   creates the bucket's client on demand: most changes of a profile have no picture
    render  converts any bytes into a safe picture, or raises UnusablePicture
    """

    profile: Profile
    store: AvatarStore
    keys: IdempotencyStore
    media: Callable[[], Media]
    render: Callable[[bytes], bytes]

    def start_upload(
        self,
        caller: Caller,
        content_type: PictureType,
        key: IdempotencyKey | None,
        context: RequestContext,
    ) -> StartedUpload:
        """Start an upload. A repeated key returns the same upload.

        Raises TooManyPendingUploads, IdempotencyKeyReused.
        """
        upload = self._created(caller, key, context)
        if upload is None:
            lifetime = timedelta(seconds=AVATAR_UPLOAD_FINISH_SECONDS)
            upload = AvatarUpload(
                id=UploadId(context.new_id("upl")),
                account_id=caller.account_id,
                content_type=content_type,
                created_at=context.now,
                expires_at=context.now + lifetime,
            )
            claims = []
            if key is not None:
                claims = [KeyUsed(caller.account_id, key, upload, context.now)]
            try:
                self.store.put_upload(upload, also=claims)
            except (ChangeRefused, TooManyPendingUploads):
                # A parallel request with this key may have taken the last slot. Its upload is
                # the result.
                upload = self._created(caller, key, context)
                if upload is None:
                    raise
        return StartedUpload(upload=upload, post=self.media().presign_upload(upload, context.now))

    def use_upload(
        self,
        caller: Caller,
        upload_id: UploadId,
        context: RequestContext,
        *,
        expected_versions: frozenset[int] | None = None,
    ) -> Account:
        """Make an upload the caller's avatar. An upload can be used once.

        A file that is not a picture is deleted at once, together with its upload.

        Race: the second of two requests gets UploadNotFound.

        Raises UploadNotFound (also for another person's), UploadNotComplete, UnusablePicture,
        PreconditionFailed.
        """
        pending = self._pending(caller, upload_id, context)
        content = self.media().read_upload(pending.upload)
        if content is None:
            # A parallel request may have used the upload and deleted the file.
            self._pending(caller, upload_id, context)
            raise UploadNotComplete
        try:
            webp = self.render(content)
        except UnusablePicture:
            self.store.discard_upload(pending)
            self._tidy(lambda: self.media().delete_upload(pending.upload))
            raise
        try:
            account = self._replace(
                webp,
                {},
                caller,
                context,
                expected_versions=expected_versions,
                also=[pending.used],
            )
        except PreconditionFailed:
            # The change may be that of a parallel request with this upload.
            self._pending(caller, upload_id, context)
            raise
        self._tidy(lambda: self.media().delete_upload(pending.upload))
        return account

    def change_profile(
        self,
        changes: Mapping[str, Any],
        avatar: bytes | None,
        caller: Caller,
        context: RequestContext,
        *,
        expected_versions: frozenset[int] | None = None,
    ) -> Account:
        """Change the caller's profile, and the picture if there is one, in one transaction.

        Raises the errors of Profile.change, and UnusablePicture.
        """
        if avatar is None:
            return self.profile.change(
                caller.account_id, changes, caller, context, expected_versions=expected_versions
            )
        return self._replace(
            self.render(avatar), changes, caller, context, expected_versions=expected_versions
        )

    def remove(
        self,
        caller: Caller,
        context: RequestContext,
        *,
        expected_versions: frozenset[int] | None = None,
    ) -> Account:
        """Remove the avatar. Without an avatar nothing changes. Raises PreconditionFailed."""
        before = self.profile.read(caller.account_id, caller, context).avatar_id
        account = self.profile.change(
            caller.account_id,
            {"avatar_id": None},
            caller,
            context,
            expected_versions=expected_versions,
        )
        self._delete_file(before)
        return account

    def sweep(self, now: datetime) -> int:
        """Delete unused files that no running change can need anymore.

        Can be repeated and run in parallel. Returns their number.
        """
        orphans = self.store.list_orphans(now - timedelta(seconds=AVATAR_ORPHAN_GRACE_SECONDS))
        for avatar_id in orphans:
            self.media().delete_avatar(avatar_id)
            self.store.remove_orphan_marker(avatar_id)
        return len(orphans)

    def _pending(self, caller: Caller, upload_id: UploadId, context: RequestContext) -> Pending:
        pending = self.store.find_upload(caller.account_id, upload_id, context.now)
        if pending is None:
            raise UploadNotFound
        return pending

    def _created(
        self, caller: Caller, key: IdempotencyKey | None, context: RequestContext
    ) -> AvatarUpload | None:
        if key is None:
            return None
        return self.keys.find(AvatarUpload, caller.account_id, key, context.now)

    def _replace(
        self,
        webp: bytes,
        changes: Mapping[str, Any],
        caller: Caller,
        context: RequestContext,
        *,
        expected_versions: frozenset[int] | None,
        also: Sequence[Change] = (),
    ) -> Account:
        before = self.profile.read(caller.account_id, caller, context).avatar_id
        avatar_id = AvatarId(context.new_id("avt"))
        self.store.put_orphan_marker(avatar_id)
        self.media().put_avatar(avatar_id, webp)
        try:
            account = self.profile.change(
                caller.account_id,
                {**changes, "avatar_id": avatar_id},
                caller,
                context,
                expected_versions=expected_versions,
                also=also,
            )
        except (AccountNotFound, PreconditionFailed, UsernameTaken):
            self._delete_file(avatar_id)
            raise
        except ChangeRefused:
            self._delete_file(avatar_id)
            raise UploadNotFound from None
        self._delete_file(before)
        return account

    def _delete_file(self, avatar_id: AvatarId | None) -> None:
        if avatar_id is None:
            return

        def delete() -> None:
            self.media().delete_avatar(avatar_id)
            self.store.remove_orphan_marker(avatar_id)

        self._tidy(delete)

    def _tidy(self, step: Callable[[], None]) -> None:
        """Run a step after the change. If it fails, the sweep does it later."""
        try:
            step()
        except TemporarilyUnavailable:
            logger.warning("left for the sweep")
