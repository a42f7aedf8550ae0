"""Pictures: only their pixels are kept, in the right orientation."""

from __future__ import annotations

import io
import struct

import pytest
from PIL import Image, PngImagePlugin

from latchkey.domain.errors import UnusablePicture
from latchkey.domain.limits import AVATAR_JPEG_SCANS_MAX, AVATAR_SIDE_PIXELS
from latchkey.security.images import to_avatar
from tests.support.pictures import jpeg, picture, png, webp

PLACE = b"51.5007 N, 0.1246 W"
CORNERS = {"top left": "red", "top right": "lime", "bottom left": "blue", "bottom right": "white"}


def opened(content):
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def exif(orientation=1):
    """A camera's block: how it was held, where it was, whose it is."""
    block = Image.Exif()
    block[0x0112] = orientation
    block[0x010E] = PLACE.decode()
    block.get_ifd(0x8825)[2] = (51.0, 30.0, 2.5)
    return block.tobytes()


def png_with_texts():
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", PLACE.decode())
    texts.add_itxt("XML:com.adobe.xmp", PLACE.decode())
    return png(pnginfo=texts, exif=exif(), icc_profile=PLACE)


@pytest.mark.parametrize(
    "content",
    [
        jpeg(exif=exif(), comment=PLACE, icc_profile=PLACE, xmp=PLACE),
        png_with_texts(),
        webp(exif=exif(), icc_profile=PLACE, xmp=PLACE),
        png() + PLACE,
        jpeg() + PLACE,
    ],
    ids=["jpeg", "png", "webp", "behind a png", "behind a jpeg"],
)
def test_metadata_is_removed(content):
    assert PLACE in content
    made = to_avatar(content)
    assert PLACE not in made
    image = opened(made)
    assert (image.format, dict(image.getexif())) == ("WEBP", {})
    assert not {"exif", "icc_profile", "xmp", "comment"} & set(image.info)
    # A container of one chunk: the picture.
    assert made[12:15] == b"VP8"
    length = struct.unpack("<I", made[16:20])[0]
    assert len(made) == 20 + length + length % 2


def four_corners():
    image = Image.new("RGB", (64, 64))
    for number, colour in enumerate(CORNERS.values()):
        image.paste(colour, (32 * (number % 2), 32 * (number // 2), 64, 64))
    return image


def colours(image):
    """What is in each corner, by name."""
    named = {(255, 0, 0): "red", (0, 255, 0): "lime", (0, 0, 255): "blue"}
    found = []
    for x, y in ((16, 16), (48, 16), (16, 48), (48, 48)):
        pixel = image.convert("RGB").getpixel((x, y))
        found.append(named.get(tuple(255 * (part > 127) for part in pixel), "white"))
    return found


@pytest.mark.parametrize(
    ("orientation", "seen"),
    [
        (1, ["red", "lime", "blue", "white"]),
        (2, ["lime", "red", "white", "blue"]),
        (3, ["white", "blue", "lime", "red"]),
        (4, ["blue", "white", "red", "lime"]),
        (5, ["red", "blue", "lime", "white"]),
        (6, ["blue", "red", "white", "lime"]),
        (7, ["white", "lime", "blue", "red"]),
        (8, ["lime", "white", "red", "blue"]),
        (99, ["red", "lime", "blue", "white"]),
    ],
)
def test_orientation_is_applied(orientation, seen):
    target = io.BytesIO()
    four_corners().save(target, "JPEG", quality=95, subsampling=0, exif=exif(orientation))
    assert colours(opened(to_avatar(target.getvalue()))) == seen


def test_webp_has_the_same_pixel_limit():
    assert Image.open(io.BytesIO(to_avatar(webp((11158, 2156), method=0)))).size == (512, 512)


def test_too_many_pixels_is_an_error_with_the_limit():
    with pytest.raises(UnusablePicture) as caught:
        to_avatar(webp((5001, 5000), method=0))
    assert [problem.code for problem in caught.value.problems] == ["TOO_LARGE"]


@pytest.mark.parametrize(
    ("size", "side"),
    [
        ((1, 1), 1),
        ((300, 200), 200),
        ((512, 512), 512),
        ((513, 2000), 512),
        ((4000, 3000), 512),
        ((9000, 10), 10),
    ],
)
def test_picture_is_at_most_512_pixels_wide_and_never_enlarged(size, side):
    assert side <= AVATAR_SIDE_PIXELS
    for content in (png(size), jpeg(size)):
        assert opened(to_avatar(content)).size == (side, side)


def test_picture_is_cropped_to_its_middle():
    image = Image.new("RGB", (300, 100), "blue")
    image.paste("red", (100, 0, 200, 100))
    target = io.BytesIO()
    image.save(target, "PNG")
    made = opened(to_avatar(target.getvalue())).convert("RGB")
    for x in (5, 50, 95):
        red, _, blue = made.getpixel((x, 50))
        assert red > 200 > blue


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        *(("PNG", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
        *(("JPEG", mode) for mode in ("L", "RGB", "CMYK")),
        *(("WEBP", mode) for mode in ("RGB", "RGBA")),
    ],
)
def test_every_pixel_format_is_accepted(kind, mode):
    made = opened(to_avatar(picture(kind, mode=mode)))
    assert made.size == (48, 48)
    assert made.mode in {"RGB", "RGBA"}
    if mode not in {"LA", "RGBA"}:
        assert made.mode == "RGB"


def test_transparency_is_kept():
    image = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (0, 0, 32, 64))
    target = io.BytesIO()
    image.save(target, "PNG")
    made = opened(to_avatar(target.getvalue()))
    assert made.mode == "RGBA"
    assert (made.getpixel((8, 32))[3], made.getpixel((56, 32))[3]) == (255, 0)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_first_frame_of_an_animation_is_used(kind):
    first, *further = (Image.new("RGB", (64, 64), colour) for colour in ("blue", "red", "lime"))
    target = io.BytesIO()
    first.save(target, kind, save_all=True, append_images=further, duration=100)
    assert opened(target.getvalue()).n_frames == 3
    made = opened(to_avatar(target.getvalue()))
    assert getattr(made, "n_frames", 1) == 1
    red, _, blue = made.convert("RGB").getpixel((32, 32))
    assert blue > 200 > red


def test_progressive_jpeg_with_many_scans_is_refused_before_it_is_decoded(monkeypatch):
    content = jpeg()
    few = content + b"\xff\xda" * (AVATAR_JPEG_SCANS_MAX - content.count(b"\xff\xda"))
    assert opened(to_avatar(few)).format == "WEBP"
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("it was decoded"))
    with pytest.raises(UnusablePicture) as caught:
        to_avatar(few + b"\xff\xda")
    assert caught.value.data["reason"] == "scans"
