"""Avatars: a picture comes in, is made harmless, and takes the place of the one before.

The steps of a change, and what a crash after each leaves:

    step                                            what is shown   what the ledger names
    1 the new file is noted in the ledger           the old one     a file that is not there
    2 the new file is stored                        the old one     the new file
    3 one transaction: the account shows the new    the new one     the old file
      file, the upload is used up, audit row
    4 the old file is deleted                       the new one     a file that is not there
    5 the old file is struck off the ledger         the new one     nothing
    6 what was uploaded is deleted                  the new one     nothing

Nobody is ever shown a file that is gone, and `sweep` finds every file that nobody is shown. What
was uploaded and not deleted in step 6 the bucket itself deletes after a day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from latchkey.domain.avatar import AvatarUpload, PictureType, PresignedPost
from latchkey.domain.changes import ChangeRefused, KeyUsed
from latchkey.domain.errors import (
    AccountNotFound,
    IdempotencyKeyReused,
    PreconditionFailed,
    TemporarilyUnavailable,
    TooManyPendingUploads,
    UnusablePicture,
    UploadNotComplete,
    UploadNotFound,
    UsernameTaken,
)
from latchkey.domain.limits import (
    AVATAR_UNSHOWN_GRACE_SECONDS,
    AVATAR_UPLOAD_FINISH_SECONDS,
)
from latchkey.observability import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from latchkey.domain.account import Account
    from latchkey.domain.changes import Change
    from latchkey.domain.idempotency import IdempotencyKey
    from latchkey.domain.request import Caller, RequestContext
    from latchkey.flows.profile import Profile
    from latchkey.storage.avatars import AvatarStore, Pending
    from latchkey.storage.idempotency import IdempotencyStore


class Media(Protocol):
    """What is asked of the media bucket; `storage.media.MediaBucket` says more."""

    def presign_upload(self, upload: AvatarUpload, now: datetime) -> PresignedPost:
        """Sign a form that uploads."""
        ...

    def read_upload(self, upload: AvatarUpload) -> bytes | None:
        """Read what came."""
        ...

    def delete_upload(self, upload: AvatarUpload) -> None:
        """Forget what came."""
        ...

    def list_uploads(self, account_id: str) -> list[str]:
        """Name what a person has uploaded and nothing has taken."""
        ...

    def delete_uploads(self, account_id: str) -> None:
        """Forget all of it."""
        ...

    def put_avatar(self, avatar_id: str, webp: bytes) -> None:
        """Store a picture."""
        ...

    def read_avatar(self, avatar_id: str) -> bytes | None:
        """Read a picture."""
        ...

    def delete_avatar(self, avatar_id: str) -> None:
        """Forget a picture."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedUpload:
    """Leave to upload, and how."""

    upload: AvatarUpload
    post: PresignedPost


@dataclass(frozen=True, slots=True, kw_only=True)
class Avatars:
    """The flows, and what they need.

    media  made when it is first needed: most changes of a profile bring no picture
    render makes a harmless picture of any bytes, or raises UnusablePicture
    """

    profile: Profile
    store: AvatarStore
    keys: IdempotencyStore
    media: Callable[[], Media]
    render: Callable[[bytes], bytes]

    def offer_upload(
        self,
        caller: Caller,
        content_type: PictureType,
        key: IdempotencyKey | None,
        context: RequestContext,
    ) -> OfferedUpload:
        """Let the caller upload a picture; the same leave again for the same key.

        Raises TooManyPendingUploads, IdempotencyKeyReused.
        """
        upload = self._created(caller, key, context)
        if upload is None:
            lifetime = timedelta(seconds=AVATAR_UPLOAD_FINISH_SECONDS)
            upload = AvatarUpload(
                id=context.new_id("upl"),
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
            except (ChangeRefused, TooManyPendingUploads) as refused:
                # Somebody may have been first with this key, and taken the last slot: theirs is
                # the upload.
                upload = self._created(caller, key, context)
                if upload is None and isinstance(refused, TooManyPendingUploads):
                    raise
                if upload is None:
                    raise IdempotencyKeyReused from None
        return OfferedUpload(upload=upload, post=self.media().presign_upload(upload, context.now))

    def show_upload(
        self,
        caller: Caller,
        upload_id: str,
        context: RequestContext,
        *,
        expected_versions: frozenset[int] | None = None,
    ) -> Account:
        """Make what was uploaded the caller's avatar. An upload can be used once.

        A file that is no picture is forgotten at once, and its upload with it.

        Race: who comes second gets UploadNotFound, wherever the first was when they overtook.

        Raises UploadNotFound (also for somebody else's), UploadNotComplete, UnusablePicture,
        PreconditionFailed.
        """
        pending = self._pending(caller, upload_id, context)
        content = self.media().read_upload(pending.upload)
        if content is None:
            # Another request may have taken the file away: it used the upload up before.
            self._pending(caller, upload_id, context)
            raise UploadNotComplete
        try:
            webp = self.render(content)
        except UnusablePicture:
            self.store.discard_upload(pending)
            self._tidy(lambda: self.media().delete_upload(pending.upload))
            raise
        try:
            account = self._show(
                webp,
                {},
                caller,
                context,
                expected_versions=expected_versions,
                also=[pending.used],
            )
        except PreconditionFailed:
            # What changed the account may have been another request with this very upload.
            self._pending(caller, upload_id, context)
            raise
        self._tidy(lambda: self.media().delete_upload(pending.upload))
        return account

    def change_profile(
        self,
        changes: Mapping[str, Any],
        picture: bytes | None,
        caller: Caller,
        context: RequestContext,
        *,
        expected_versions: frozenset[int] | None = None,
    ) -> Account:
        """Change the caller's profile, and their picture if one came, all of it or nothing.

        Raises what Profile.change does, and UnusablePicture.
        """
        if picture is None:
            return self.profile.change(
                caller.account_id, changes, caller, context, expected_versions=expected_versions
            )
        return self._show(
            self.render(picture), changes, caller, context, expected_versions=expected_versions
        )

    def remove(
        self,
        caller: Caller,
        context: RequestContext,
        *,
        expected_versions: frozenset[int] | None = None,
    ) -> Account:
        """Show no avatar any more; that there was none is no error. Raises PreconditionFailed."""
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
        """Delete files that nobody is shown, once no change that is under way can want them.

        Safe to run any number of times, also side by side. Returns how many.
        """
        unshown = self.store.list_unshown(now - timedelta(seconds=AVATAR_UNSHOWN_GRACE_SECONDS))
        for avatar_id in unshown:
            self.media().delete_avatar(avatar_id)
            self.store.forget_file(avatar_id)
        return len(unshown)

    def _pending(self, caller: Caller, upload_id: str, context: RequestContext) -> Pending:
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

    def _show(
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
        avatar_id = context.new_id("avt")
        self.store.expect_file(avatar_id)
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

    def _delete_file(self, avatar_id: str | None) -> None:
        if avatar_id is None:
            return

        def delete() -> None:
            self.media().delete_avatar(avatar_id)
            self.store.forget_file(avatar_id)

        self._tidy(delete)

    def _tidy(self, step: Callable[[], None]) -> None:
        """Do what comes after the change; if it can't be done now, the sweep will."""
        try:
            step()
        except TemporarilyUnavailable:
            logger.warning("left for the sweep")
