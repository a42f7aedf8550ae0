"""Pictures of every kind, honest and hostile, made on the spot."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

from PIL import Image

from latchkey.domain.limits import AVATAR_MAX_BYTES


def picture(
    kind: str = "PNG", size: tuple[int, int] = (64, 48), mode: str = "RGB", **save: Any
) -> bytes:
    """Draw a gradient, so that a turn or a cut shows."""
    width, height = size
    image = Image.linear_gradient("L").resize((width, height)).convert(mode)
    target = io.BytesIO()
    image.save(target, kind, **save)
    return target.getvalue()


def png(size: tuple[int, int] = (64, 48), **save: Any) -> bytes:
    """Draw a PNG."""
    return picture("PNG", size, **save)


def jpeg(size: tuple[int, int] = (64, 48), **save: Any) -> bytes:
    """Draw a JPEG."""
    return picture("JPEG", size, **save)


def webp(size: tuple[int, int] = (64, 48), **save: Any) -> bytes:
    """Draw a WebP."""
    return picture("WEBP", size, **save)


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def png_bomb(side: int = 30_000) -> bytes:
    """Make a genuine PNG of side x side black pixels: 0.9 gigapixels in about a megabyte.

    Its rows are packed a thousand at a time, each time afresh, so that the same bytes do for all.
    """
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    rows = 1000
    packed = packer.compress(b"\0" * (side + 1) * rows) + packer.flush(zlib.Z_FULL_FLUSH)
    length = (side + 1) * side
    checksum = struct.pack(">HH", length % 65_521, 1)  # Adler-32 of so many zeros
    stream = b"\x78\xda" + packed * (side // rows) + packer.flush() + checksum
    chunks = (_chunk(b"IHDR", header), _chunk(b"IDAT", stream), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def png_with_text_bomb() -> bytes:
    """Put 64 MB of compressed text before the pixels of a small PNG."""
    packed = zlib.compress(b"\0" * (64 << 20), 9)
    plain = png()
    text = _chunk(b"zTXt", b"Comment\0\0" + packed)
    return plain[:33] + text + plain[33:]


def jpeg_with_scans(count: int, size: tuple[int, int] = (5000, 5000), mode: str = "RGB") -> bytes:
    """Repeat the last scan of a progressive JPEG, each of which is a pass over all its pixels.

    It is of one colour, so that a scan is a few bytes, and not subsampled, so that it is largest.
    """
    plain = io.BytesIO()
    image = Image.new(mode, size, "white" if mode != "CMYK" else 0)
    image.save(plain, "JPEG", progressive=True, subsampling=0)
    content = plain.getvalue()
    last = content.rindex(b"\xff\xda")
    return content[:last] + content[last:-2] * count + content[-2:]


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><script>alert(1)</script>"
SCRIPT = b"<script>alert(document.domain)</script>"


def multipart(**parts: str | tuple[str, bytes]) -> tuple[bytes, str]:
    """Write a form as browsers do; a file is its name and its bytes."""
    boundary = "----latchkey7MA4YWxkTrZu0gW"
    lines = []
    for name, content in parts.items():
        lines.append(f"--{boundary}\r\n".encode())
        if isinstance(content, tuple):
            filename, raw = content
            disposition = f'form-data; name="{name}"; filename="{filename}"'
            lines.append(f"Content-Disposition: {disposition}\r\n".encode())
            lines.append(b"Content-Type: application/octet-stream\r\n\r\n" + raw)
        else:
            lines.append(f'Content-Disposition: form-data; name="{name}"\r\n\r\n'.encode())
            lines.append(content.encode())
        lines.append(b"\r\n")
    lines.append(f"--{boundary}--\r\n".encode())
    return b"".join(lines), f"multipart/form-data; boundary={boundary}"


HOSTILE = {
    "svg": SVG,
    "html": HTML,
    "html that starts like a gif": b"GIF89a" + HTML,
    "svg, then a png": SVG + png(),
    "pdf, then a jpeg": b"%PDF-1.7\n" + jpeg(),
    "zip": b"PK\x03\x04" + b"\0" * 64,
    "empty": b"",
    "one byte": b"\x89",
    "a signature alone": b"\x89PNG\r\n\x1a\n",
    "half a png": png((400, 400))[:-200],
    "half a jpeg": jpeg((400, 400))[:1000],
    "half a webp": webp((400, 400))[:100],
    "a bomb": png_bomb(),
    "a byte too much": png() + b"\0" * (AVATAR_MAX_BYTES + 1 - len(png())),
}
"""What is no picture that we take, by what it is."""
