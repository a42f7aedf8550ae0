"""Files of exports: staged segments while a worker collects rows, then one archive.

    staged/<export id>/<segment>    rows, read by the worker only
    archives/<export id>.zip        the file; its key follows from the export's id

A file can be reached only when the export is `ready`, because only then it has a link. It becomes
`ready` after its archive is complete (`storage/exports.py`). An incomplete multipart upload
is not an object, so a crash leaves no partial file.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol

from latchkey.domain.errors import TemporarilyUnavailable
from latchkey.domain.limits import (
    EXPORT_LINK_SECONDS,
    S3_PART_BYTES,
    UNAVAILABLE_RETRY_AFTER_SECONDS,
)

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.domain.ids import ExportId


def archive_key(export_id: ExportId) -> str:
    """Return the key of an export's archive."""
    return f"archives/{export_id}.zip"


def staged_key(export_id: ExportId, name: str) -> str:
    """Return the key of a staged object."""
    return f"{staged_prefix(export_id)}{name}"


def staged_prefix(export_id: ExportId) -> str:
    """Return the prefix of all staged objects of an export."""
    return f"staged/{export_id}/"


class Upload(Protocol):
    """A multipart upload."""

    def add(self, part: bytes) -> None:
        """Send the next part."""
        ...

    def complete(self) -> None:
        """Complete the object. It replaces an existing one atomically."""
        ...

    def abandon(self) -> None:
        """Discard the parts."""
        ...


class ArchiveWriter:
    """A write-only file that becomes an object when it is complete.

    It has one part in memory, for any size of the file.
    """

    def __init__(self, upload: Upload) -> None:
        """Send the parts to this upload."""
        self._upload = upload
        self._pending = bytearray()
        self._digest = hashlib.sha256()
        self._size = 0

    def write(self, content: bytes) -> int:
        """Append data. Called by `zipfile`."""
        self._digest.update(content)
        self._size += len(content)
        self._pending += content
        while len(self._pending) >= S3_PART_BYTES:
            self._upload.add(bytes(self._pending[:S3_PART_BYTES]))
            del self._pending[:S3_PART_BYTES]
        return len(content)

    def flush(self) -> None:
        """Do nothing. `zipfile` calls it, but S3 accepts no partial part."""

    def complete(self) -> tuple[int, str]:
        """Complete the object. Returns its size and its SHA-256 in hexadecimal."""
        if self._pending:
            self._upload.add(bytes(self._pending))
        self._upload.complete()
        return self._size, self._digest.hexdigest()

    def abandon(self) -> None:
        """Discard the file."""
        self._upload.abandon()


class ExportFiles(Protocol):
    """The file store of exports. Every method raises TemporarilyUnavailable."""

    def stage(self, export_id: ExportId, name: str, content: bytes) -> None:
        """Store a segment."""
        ...

    def read_staged(self, export_id: ExportId, name: str) -> bytes:
        """Read a segment: at most EXPORT_SEGMENT_BYTES and a row."""
        ...

    def delete_staged(self, export_id: ExportId) -> None:
        """Delete all staged segments of an export, also those of dead workers."""
        ...

    def write_archive(self, export_id: ExportId) -> ArchiveWriter:
        """Start writing the archive."""
        ...

    def delete_archive(self, export_id: ExportId) -> None:
        """Delete the archive. A missing one is not an error."""
        ...

    def link(self, export_id: ExportId, *, file_name: str, now: datetime) -> tuple[str, int]:
        """Create a link to the archive. Returns it with its lifetime in seconds."""
        ...


class MemoryExportFiles:
    """Files in memory, for tests."""

    def __init__(self) -> None:
        """Start empty."""
        self.objects: dict[str, bytes] = {}

    def stage(self, export_id: ExportId, name: str, content: bytes) -> None:
        """See ExportFiles.stage."""
        self.objects[staged_key(export_id, name)] = content

    def read_staged(self, export_id: ExportId, name: str) -> bytes:
        """See ExportFiles.read_staged."""
        try:
            return self.objects[staged_key(export_id, name)]
        except KeyError:
            # Like S3: an erasure was faster, and the next delivery finds no export.
            raise TemporarilyUnavailable(
                retry_after_seconds=UNAVAILABLE_RETRY_AFTER_SECONDS, reason="NoSuchKey"
            ) from None

    def delete_staged(self, export_id: ExportId) -> None:
        """See ExportFiles.delete_staged."""
        for key in list(self.objects):
            if key.startswith(staged_prefix(export_id)):
                self.objects.pop(key, None)

    def write_archive(self, export_id: ExportId) -> ArchiveWriter:
        """See ExportFiles.write_archive."""
        return ArchiveWriter(_MemoryUpload(self.objects, archive_key(export_id)))

    def delete_archive(self, export_id: ExportId) -> None:
        """See ExportFiles.delete_archive."""
        self.objects.pop(archive_key(export_id), None)

    def link(self, export_id: ExportId, *, file_name: str, now: datetime) -> tuple[str, int]:
        """See ExportFiles.link."""
        del now
        url = f"https://files.test/{archive_key(export_id)}?name={file_name}"
        return url, EXPORT_LINK_SECONDS


class _MemoryUpload:
    def __init__(self, objects: dict[str, bytes], key: str) -> None:
        self._objects = objects
        self._key = key
        self._parts: list[bytes] = []

    def add(self, part: bytes) -> None:
        self._parts.append(part)

    def complete(self) -> None:
        self._objects[self._key] = b"".join(self._parts)

    def abandon(self) -> None:
        self._parts.clear()
