"""Where exports lie as files: staged segments while a worker collects, then one archive.

    staged/<export id>/<segment>    rows; a worker's own, read by nobody else
    archives/<export id>.zip        the file; its key follows from the export's id

Nothing here makes a file reachable: only an export that is `ready` gets a link, and it becomes
ready after its archive is complete (`storage/exports.py`). A multipart upload that is not completed
is not an object, so a worker that dies leaves nothing half written.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol

from latchkey.domain.limits import EXPORT_LINK_SECONDS, S3_PART_BYTES

if TYPE_CHECKING:
    from datetime import datetime


def archive_key(export_id: str) -> str:
    """The one object that an export becomes."""
    return f"archives/{export_id}.zip"


def staged_key(export_id: str, name: str) -> str:
    """An object that a worker sets aside."""
    return f"{staged_prefix(export_id)}{name}"


def staged_prefix(export_id: str) -> str:
    """What all of an export's staged objects begin with."""
    return f"staged/{export_id}/"


class Upload(Protocol):
    """An object that is sent in parts."""

    def add(self, part: bytes) -> None:
        """Send the next part."""
        ...

    def complete(self) -> None:
        """Make the parts an object, instead of any that is there, at one instant."""
        ...

    def abandon(self) -> None:
        """Throw the parts away."""
        ...


class ArchiveWriter:
    """A file being written, forward only, that comes into being all at once or not at all.

    It holds one part in memory, whatever the size of the whole.
    """

    def __init__(self, upload: Upload) -> None:
        """Send the parts to this upload."""
        self._upload = upload
        self._pending = bytearray()
        self._digest = hashlib.sha256()
        self._size = 0

    def write(self, content: bytes) -> int:
        """Append; what `zipfile` calls."""
        self._digest.update(content)
        self._size += len(content)
        self._pending += content
        while len(self._pending) >= S3_PART_BYTES:
            self._upload.add(bytes(self._pending[:S3_PART_BYTES]))
            del self._pending[:S3_PART_BYTES]
        return len(content)

    def flush(self) -> None:
        """Do nothing; `zipfile` calls it. S3 takes no part before it is full."""

    def complete(self) -> tuple[int, str]:
        """Make it an object; return its size and its SHA-256 in hex."""
        if self._pending:
            self._upload.add(bytes(self._pending))
        self._upload.complete()
        return self._size, self._digest.hexdigest()

    def abandon(self) -> None:
        """Leave nothing behind."""
        self._upload.abandon()


class ExportFiles(Protocol):
    """What exports need of a file store. Every method raises TemporarilyUnavailable."""

    def stage(self, export_id: str, name: str, content: bytes) -> None:
        """Set a segment aside."""
        ...

    def read_staged(self, export_id: str, name: str) -> bytes:
        """Read a segment back: EXPORT_SEGMENT_BYTES and a row, at most."""
        ...

    def delete_staged(self, export_id: str) -> None:
        """Remove everything that was set aside, also by workers that died."""
        ...

    def write_archive(self, export_id: str) -> ArchiveWriter:
        """Begin to write the archive."""
        ...

    def delete_archive(self, export_id: str) -> None:
        """Remove the archive; that there is none is no error."""
        ...

    def link(self, export_id: str, *, file_name: str, now: datetime) -> tuple[str, int]:
        """Make a link to the archive; return it with the seconds that it is good for."""
        ...


class MemoryExportFiles:
    """The files of one process, for tests."""

    def __init__(self) -> None:
        """Start empty."""
        self.objects: dict[str, bytes] = {}

    def stage(self, export_id: str, name: str, content: bytes) -> None:
        """See ExportFiles.stage."""
        self.objects[staged_key(export_id, name)] = content

    def read_staged(self, export_id: str, name: str) -> bytes:
        """See ExportFiles.read_staged."""
        return self.objects[staged_key(export_id, name)]

    def delete_staged(self, export_id: str) -> None:
        """See ExportFiles.delete_staged."""
        for key in list(self.objects):
            if key.startswith(staged_prefix(export_id)):
                self.objects.pop(key, None)

    def write_archive(self, export_id: str) -> ArchiveWriter:
        """See ExportFiles.write_archive."""
        return ArchiveWriter(_MemoryUpload(self.objects, archive_key(export_id)))

    def delete_archive(self, export_id: str) -> None:
        """See ExportFiles.delete_archive."""
        self.objects.pop(archive_key(export_id), None)

    def link(self, export_id: str, *, file_name: str, now: datetime) -> tuple[str, int]:
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
