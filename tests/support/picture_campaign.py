"""Thousands of pictures against the real decoder: python -m tests.support.picture_campaign 3000.

Each file is decoded in a process of its own, forked from one that has only the decoder loaded, so
that the kernel says what this one file cost: time on the processor, and the most memory held.
"""

from __future__ import annotations

import json
import os
import random
import resource
import struct
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

CPU_SECONDS = 3
ATTEMPTS = 3
MEBIBYTES = 512

_TAKEN, _REFUSED, _CRASHED = 0, 10, 11


@dataclass(frozen=True)
class Outcome:
    """What became of one file."""

    name: str
    status: int
    cpu_seconds: float
    mebibytes: float

    @property
    def crashed(self) -> bool:
        """Whether it ended in anything but a picture or a refusal: a signal, or another error."""
        return self.status not in {_TAKEN, _REFUSED}


def run(count: int, seed: int) -> list[Outcome]:
    """Decode `count` mutations of honest pictures, and every hostile one."""
    with tempfile.TemporaryDirectory() as folder:
        names = []
        for number, (name, content) in enumerate(_files(count, seed)):
            path = Path(folder, f"{number:05}-{name}")
            path.write_bytes(content)
            names.append(str(path))
        done = subprocess.run(  # noqa: S603 - ourselves
            [sys.executable, "-m", __name__ if __name__ != "__main__" else _MODULE, "--decode"],
            input="\n".join(names),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
    return [Outcome(*json.loads(line)) for line in done.stdout.splitlines()]


_MODULE = "tests.support.picture_campaign"


def _files(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    from tests.support import pictures  # noqa: PLC0415 - the process that measures does without

    honest = {
        "png": pictures.png((400, 300)),
        "png-palette": pictures.picture("PNG", (300, 300), "P"),
        "png-alpha": pictures.picture("PNG", (300, 300), "RGBA"),
        "apng": pictures.picture("PNG", save_all=True, append_images=_frames()),
        "jpeg": pictures.jpeg((1200, 900)),
        "jpeg-progressive": pictures.jpeg((1200, 900), progressive=True),
        "jpeg-cmyk": pictures.picture("JPEG", (600, 600), "CMYK"),
        "jpeg-icc": pictures.jpeg((300, 300), icc_profile=b"\xff" * 1_000_000),
        "jpeg-exif": pictures.jpeg((300, 300), exif=b"Exif\0\0" + b"\xff" * 60_000),
        "webp": pictures.webp((900, 700)),
        "webp-lossless": pictures.webp((300, 300), lossless=True),
        "webp-animated": pictures.webp(save_all=True, append_images=_frames()),
    }
    yield from honest.items()
    full = pictures.jpeg((800, 800))
    large = (5000, 5000)
    hostile = {
        "svg": pictures.SVG,
        "html": pictures.HTML,
        "empty": b"",
        "signature-only": b"\x89PNG\r\n\x1a\n",
        "polyglot": pictures.png() + pictures.HTML,
        "zip-behind": pictures.jpeg() + b"PK\x03\x04" + b"\0" * 4096,
        "gif": pictures.picture("GIF"),
        "tiff": pictures.picture("TIFF"),
        "bomb": pictures.png_bomb(),
        "text-bomb": pictures.png_with_text_bomb(),
        "many-scans": pictures.jpeg_with_scans(2000),
        "few-scans": pictures.jpeg_with_scans(85),
        "few-scans-cmyk": pictures.jpeg_with_scans(80, mode="CMYK"),
        "too-large": full + b"\0" * (5 * 1024 * 1024 + 1 - len(full)),
        "large-png": pictures.png(large),
        "large-png-alpha": pictures.picture("PNG", large, "RGBA"),
        "large-png-palette": pictures.picture("PNG", large, "P"),
        "large-jpeg": pictures.jpeg(large),
        "large-jpeg-progressive": pictures.jpeg(large, progressive=True),
        "large-webp": pictures.webp((3535, 3535), method=0),
    }
    yield from hostile.items()
    chosen = random.Random(seed)
    kinds = sorted(honest)
    for _ in range(count):
        kind = chosen.choice(kinds)
        how = chosen.choice(_MUTATIONS)
        yield f"{kind}-{how.__name__.strip('_')}", how(honest[kind], chosen)


def _frames() -> list[object]:
    from PIL import Image  # noqa: PLC0415 - as above

    return [Image.new("RGB", (64, 48), (n, 0, 0)) for n in range(20)]


def _bits(content: bytes, chosen: random.Random) -> bytes:
    out = bytearray(content)
    for _ in range(chosen.randint(1, 40)):
        out[chosen.randrange(len(out))] ^= 1 << chosen.randrange(8)
    return bytes(out)


def _truncated(content: bytes, chosen: random.Random) -> bytes:
    return content[: chosen.randrange(len(content))]


def _header(content: bytes, chosen: random.Random) -> bytes:
    """Change what the first bytes say: sizes, depths, kinds."""
    out = bytearray(content)
    where = chosen.randrange(min(len(out), 64) - 4)
    out[where : where + 4] = chosen.choice(
        (b"\xff\xff\xff\xff", b"\0\0\0\0", struct.pack(">I", 30_000), chosen.randbytes(4))
    )
    return bytes(out)


def _appended(content: bytes, chosen: random.Random) -> bytes:
    return content + chosen.randbytes(chosen.randint(1, 100_000))


def _swapped(content: bytes, chosen: random.Random) -> bytes:
    """Let two stretches change places, as chunks that come in another order."""
    a, b, c, d = sorted(chosen.randrange(len(content) + 1) for _ in range(4))
    return content[:a] + content[c:d] + content[b:c] + content[a:b] + content[d:]


def _repeated(content: bytes, chosen: random.Random) -> bytes:
    a, b = sorted(chosen.randrange(len(content) + 1) for _ in range(2))
    return content[:b] + content[a:b] * chosen.randint(1, 20) + content[b:]


_MUTATIONS = (_bits, _truncated, _header, _appended, _swapped, _repeated)


def _decode_all() -> None:
    from latchkey.security.images import to_avatar  # noqa: PLC0415 - only here

    for line in sys.stdin:
        path = Path(line.rstrip("\n"))
        outcome = _outcome(path, to_avatar)
        # A shared processor needs more time for the same work: one of three attempts is in time.
        for _ in range(ATTEMPTS - 1):
            if outcome[2] > CPU_SECONDS:
                outcome = _outcome(path, to_avatar)
        print(json.dumps(outcome), flush=True)  # noqa: T201 - read by the one who started us


def _outcome(path: Path, to_avatar: object) -> tuple[str, int, float, float]:
    """Decode in a child. Returns the fields of an `Outcome`."""
    child = os.fork()
    if child == 0:
        os._exit(_decode(path, to_avatar))
    _, status, used = os.wait4(child, 0)
    cpu = used.ru_utime + used.ru_stime
    return path.name, os.waitstatus_to_exitcode(status), cpu, used.ru_maxrss / 1024


def _decode(path: Path, to_avatar: object) -> int:
    from latchkey.domain.errors import UnusablePicture  # noqa: PLC0415 - only here

    resource.setrlimit(resource.RLIMIT_CPU, (2 * CPU_SECONDS, 2 * CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    try:
        made = to_avatar(path.read_bytes())  # type: ignore[operator]
    except UnusablePicture as error:
        # What the kernel refused is not a picture that was refused.
        return _CRASHED if isinstance(error.__cause__, MemoryError) else _REFUSED
    except BaseException:  # noqa: BLE001 - any error is a finding
        return _CRASHED
    return _TAKEN if made[8:12] == b"WEBP" else _CRASHED


def main() -> None:
    """Run a campaign, or decode for one."""
    if sys.argv[1:] == ["--decode"]:
        _decode_all()
        return
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(1 << 32)
    outcomes = run(count, seed)
    slowest = max(outcomes, key=lambda outcome: outcome.cpu_seconds)
    largest = max(outcomes, key=lambda outcome: outcome.mebibytes)
    taken = sum(outcome.status == _TAKEN for outcome in outcomes)
    print(  # noqa: T201 - what it is for
        f"seed {seed}: {len(outcomes)} files, {taken} taken, "
        f"{sum(outcome.crashed for outcome in outcomes)} crashes",
        f"slowest {slowest.cpu_seconds * 1000:.0f} ms: {slowest.name}",
        f"largest {largest.mebibytes:.0f} MiB: {largest.name}",
        sep="\n",
    )


if __name__ == "__main__":
    main()
