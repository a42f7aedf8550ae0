"""How fast an export is packed, and what long histories take: seconds of one processor, and memory.

    PYTHONPATH=.:layers/shared python -m benchmarks.exports

Rows are made as they are read and files are on disk, so the network is not in it. Seconds are the
processor's, not the clock's: what else runs on this machine does not change them.
"""

from __future__ import annotations

import random
import tempfile
import time
from datetime import timedelta

from latchkey.domain.export import Export, Segment
from latchkey.domain.ids import new_id
from latchkey.domain.limits import EXPORT_SEGMENT_BYTES
from latchkey.flows.export_archive import encode_row, pack
from latchkey.observability import logger
from tests.support.builders import NOW
from tests.support.long_history import FilesOnDisk, measure

SEGMENTS = 12
_MEBIBYTE = 1024 * 1024
_DEVICES = ("Chrome on Windows", "Safari on iOS", "Firefox on Linux", "Edge on Windows")


def a_row(chance: random.Random, number: int) -> bytes:
    """Make a row of a security history, in which what differs between real rows differs."""
    at = NOW + timedelta(seconds=37 * number)
    address = ".".join(str(chance.randrange(256)) for _ in range(4))
    device = chance.choice(_DEVICES)
    return encode_row(
        {
            "id": new_id("aud", at),
            "at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "what": f"Signed in on {device}",
            "action": "session.started",
            "by": "you",
            "outcome": "OK",
            "reason": None,
            "operation": "login",
            "session_id": new_id("ses", at),
            "targets": [new_id("ses", at)],
            "changed": [],
            "ip_address": address,
            "device": device,
            "from_device": device,
            "request_id": f"{chance.getrandbits(128):032x}",
        }
    )


def pack_a_long_history() -> None:
    """Pack so many full segments, and print bytes of rows per second."""
    chance = random.Random(1)  # noqa: S311 - rows, not secrets
    export = Export(id="exp_1", account_id="usr_1", created_at=NOW, packed_at=NOW)
    with tempfile.TemporaryDirectory() as directory:
        files, segments, number = FilesOnDisk(directory), [], 0
        for index in range(SEGMENTS):
            rows: list[bytes] = []
            size = 0
            while size < EXPORT_SEGMENT_BYTES:
                rows.append(a_row(chance, number))
                size += len(rows[-1])
                number += 1
            name = f"{index:04d}"
            files.stage(export.id, name, b"".join(rows))
            segments.append(
                Segment(part="security-history", name=name, rows=len(rows), size_bytes=size)
            )
        whole = Export(
            id=export.id,
            account_id=export.account_id,
            created_at=NOW,
            packed_at=NOW,
            segments=tuple(segments),
        )
        begin = time.process_time()
        writer = files.write_archive(export.id)
        pack(whole, lambda name: files.read_staged(export.id, name), writer, lambda _part: None)
        packed, _ = writer.complete()
        seconds = time.process_time() - begin
    size = sum(segment.size_bytes for segment in segments)
    print(
        f"packing {number:,} rows, {size / _MEBIBYTE:.0f} MiB: {seconds:.1f} s, "
        f"{size / _MEBIBYTE / seconds:.1f} MiB/s; the file has {packed / _MEBIBYTE:.1f} MiB"
    )


def main() -> None:
    """Measure both."""
    logger.setLevel("CRITICAL")
    for _ in range(3):
        pack_a_long_history()
    print("| rows | processor seconds | per 1,000 rows | memory, MiB | file, MiB |")
    print("|--:|--:|--:|--:|--:|")
    for rows in (1_000, 10_000, 100_000):
        run = measure(rows)
        print(
            f"| {rows:,} | {run.seconds:.2f} | {run.seconds * 1000 / rows:.3f} "
            f"| {run.mebibytes:.0f} | {run.size_bytes / _MEBIBYTE:.2f} |"
        )


if __name__ == "__main__":
    main()
