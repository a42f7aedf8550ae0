"""Converts untrusted pictures into safe ones.

Nothing of the original file is kept: its pixels are decoded, scaled and encoded again. Everything
else (EXIF with its location, scripts, appended archives) is lost. The limits are checked before
decoding, because a file of a few kilobytes can claim to have gigabytes of pixels.
"""

from __future__ import annotations

import io
import warnings

from PIL import Image, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from latchkey.domain.errors import Problem, ProblemCode, UnusablePicture
from latchkey.domain.limits import (
    AVATAR_JPEG_SCANS_MAX,
    AVATAR_MAX_BYTES,
    AVATAR_PIXELS_MAX,
    AVATAR_SIDE_PIXELS,
    AVATAR_WEBP_QUALITY,
)

_FORMATS = ("JPEG", "PNG", "WEBP")
_PLUGINS = (JpegImagePlugin, PngImagePlugin, WebPImagePlugin)
"""Imported here. With an explicit list of formats Pillow loads no other plugins."""

_JPEG_SCAN = b"\xff\xda"
_SIXTEEN_BITS = "I;16"


def to_avatar(content: bytes) -> bytes:
    """Return a square WebP of at most AVATAR_SIDE_PIXELS.

    The middle square is cut out and scaled down. A smaller picture keeps its size. The first frame
    of an animation is used. Transparency is kept, color profiles are not.

    Raises UnusablePicture, whose reason names the failed check.
    """
    if not 1 <= len(content) <= AVATAR_MAX_BYTES:
        code = ProblemCode.TOO_LARGE if content else ProblemCode.TOO_SHORT
        message = f"Send a picture of 1 to {AVATAR_MAX_BYTES} bytes."
        raise UnusablePicture(Problem("avatar", code, message), reason="size")
    # A progressive JPEG is decoded once for each scan, and a scan can be thirty bytes.
    if content.startswith(b"\xff\xd8") and content.count(_JPEG_SCAN) > AVATAR_JPEG_SCANS_MAX:
        raise UnusablePicture(reason="scans")
    try:
        with warnings.catch_warnings(action="ignore"):
            return _encode(_decode(content))
    except UnusablePicture:
        raise
    except Exception as error:  # decoders raise many types of errors, which all mean the same
        raise UnusablePicture(reason=type(error).__name__) from error


def _decode(content: bytes) -> Image.Image:
    image: Image.Image = Image.open(io.BytesIO(content), formats=_FORMATS)
    width, height = image.size
    if width * height > AVATAR_PIXELS_MAX:
        message = f"Send a picture of at most {AVATAR_PIXELS_MAX} pixels."
        raise UnusablePicture(Problem("avatar", ProblemCode.TOO_LARGE, message), reason="pixels")
    side = min(width, height)
    if side > 2 * AVATAR_SIDE_PIXELS:
        # JPEG only: decodes at a fraction of the size and of the memory.
        image.draft("RGB", (2 * AVATAR_SIDE_PIXELS, 2 * AVATAR_SIDE_PIXELS))
    orientation = _orientation(image)
    image.load()
    image = _plain(_middle(image))
    image.info.clear()
    if orientation is not None:
        image = image.transpose(orientation)
    return image


def _middle(image: Image.Image) -> Image.Image:
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    box = (left, top, left + side, top + side)
    factor = side // (2 * AVATAR_SIDE_PIXELS)
    if factor > 1 and image.mode in {"L", "LA", "RGB", "RGBA", "CMYK"}:
        # Before any copy of the whole picture. A quarter of it is 25 MB instead of 100.
        return image.reduce(factor, box=box)
    return image.crop(box)


def _plain(image: Image.Image) -> Image.Image:
    if image.mode.startswith(_SIXTEEN_BITS):
        image = image.point(lambda value: value / 256).convert("L")
    transparent = image.mode in {"LA", "PA", "RGBA", "La", "RGBa"} or "transparency" in image.info
    image = image.convert("RGBA" if transparent else "RGB")
    side = min(image.width, AVATAR_SIDE_PIXELS)
    if image.width > side:
        image = image.resize((side, side), Image.Resampling.LANCZOS)
    return image


def _orientation(image: Image.Image) -> Image.Transpose | None:
    """Return the orientation of the camera. A broken EXIF block is ignored."""
    try:
        value = image.getexif().get(0x0112)
    except Exception:  # noqa: BLE001 - see above
        return None
    turns: dict[object, Image.Transpose] = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    return turns.get(value)


def _encode(image: Image.Image) -> bytes:
    target = io.BytesIO()
    image.save(target, "WEBP", quality=AVATAR_WEBP_QUALITY, method=4)
    return target.getvalue()
