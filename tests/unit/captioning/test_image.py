"""Strangers' files: decoded as they should look, or refused for what they are."""

import struct
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from convoy import Code, ConvoyError
from convoy_services.captioning.image import FORMATS, Limits, decode, trust_own_limits

from .files import chunk, gif, halves, into_png, png, save

LIMITS = Limits(max_bytes=20 << 20, max_pixels=50_000_000, max_side=1024)
RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


@pytest.fixture(autouse=True)
def own_limits() -> Iterator[None]:
    most = Image.MAX_IMAGE_PIXELS
    trust_own_limits()
    yield
    Image.MAX_IMAGE_PIXELS = most


def near(pixel: np.ndarray, colour: tuple[int, ...], by: int = 3) -> bool:
    return bool(np.abs(pixel.astype(int) - colour).max() <= by)


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_is_decoded(kind: str) -> None:
    pixels = decode(save(halves(), kind), LIMITS)
    assert pixels.shape == (48, 64, 3)
    assert pixels.dtype == np.uint8
    assert near(pixels[20, 10], RED)
    assert near(pixels[20, 50], BLUE)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "I;16", "CMYK", "I"])
def test_every_mode_becomes_red_green_and_blue(mode: str) -> None:
    white = 65535 if mode in ("I;16", "I") else "white"
    if mode == "CMYK":
        data = save(Image.new("RGB", (8, 8), "white").convert(mode), "TIFF")
    elif mode in ("I;16", "I"):
        image = Image.new(mode, (8, 8), white)
        image.putpixel((7, 7), 0)
        data = save(image, "TIFF")
    elif mode == "PA":
        data = save(Image.new("RGBA", (8, 8), "white").convert(mode), "TIFF")
    else:
        data = save(Image.new(mode, (8, 8), white), "PNG")
    pixels = decode(data, LIMITS)
    assert pixels.shape == (8, 8, 3)
    assert near(pixels[0, 0], WHITE)


def test_sixteen_bits_keep_their_shades() -> None:
    shades = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    pixels = decode(save(Image.fromarray(shades)), LIMITS)
    assert pixels[..., 0].reshape(-1).tolist() == (shades >> 8).reshape(-1).tolist()


def test_floats_are_spread_from_black_to_white() -> None:
    values = np.linspace(-3, 1e9, 16, dtype=np.float32).reshape(4, 4)
    pixels = decode(save(Image.fromarray(values), "TIFF"), LIMITS)
    assert (pixels.min(), pixels.max()) == (0, 255)


def test_what_lets_through_is_put_on_white() -> None:
    image = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    image.putpixel((0, 0), (0, 0, 255, 255))
    pixels = decode(save(image), LIMITS)
    assert near(pixels[0, 0], BLUE)
    assert near(pixels[4, 4], WHITE)


def test_a_palette_may_let_through_too() -> None:
    image = Image.new("P", (8, 8), 0)
    image.putpalette([255, 0, 0])
    assert near(decode(save(image, "PNG", transparency=b"\0"), LIMITS)[4, 4], WHITE)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_is_turned_as_its_camera_was_held(kind: str, orientation: int) -> None:
    """What is stored is a red, a blue, a green and a white quarter, from the top left."""
    stored = halves(64, 48)
    stored.paste("lime", (0, 24, 32, 48))
    stored.paste("white", (32, 24, 64, 48))
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = decode(save(stored, kind, exif=exif), LIMITS)
    assert pixels.shape == ((48, 64, 3) if orientation < 5 else (64, 48, 3))
    quarters = {(0, 0): RED, (0, 1): BLUE, (1, 0): (0, 255, 0), (1, 1): WHITE}
    # Which stored quarter is at the top left and the top right, by the standard's table.
    top = {
        1: ((0, 0), (0, 1)),
        2: ((0, 1), (0, 0)),
        3: ((1, 1), (1, 0)),
        4: ((1, 0), (1, 1)),
        5: ((0, 0), (1, 0)),
        6: ((1, 0), (0, 0)),
        7: ((1, 1), (0, 1)),
        8: ((0, 1), (1, 1)),
    }[orientation]
    height, width = pixels.shape[:2]
    assert near(pixels[height // 4, width // 4], quarters[top[0]], 8)
    assert near(pixels[height // 4, 3 * width // 4], quarters[top[1]], 8)


@pytest.mark.parametrize(
    ("size", "shape"),
    [
        ((2048, 1024), (512, 1024)),
        ((1000, 3000), (1024, 341)),
        ((1024, 1024), (1024, 1024)),
        ((100, 20), (20, 100)),
        ((30_000, 1), (1, 1024)),
    ],
)
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_an_image_is_made_smaller_and_never_larger(
    kind: str, size: tuple[int, int], shape: tuple[int, int]
) -> None:
    assert decode(save(Image.new("RGB", size), kind), LIMITS).shape[:2] == shape


def test_of_many_frames_the_first_is_taken() -> None:
    frames = [Image.new("RGB", (4, 4), "blue")] * 9_999
    first = Image.new("RGB", (4, 4), "red")
    data = save(first, "GIF", save_all=True, append_images=frames, duration=[1] * 10_000)
    assert near(decode(data, LIMITS)[0, 0], RED)


@pytest.mark.parametrize("kind", ["TIFF", "WEBP", "PNG"])
def test_of_pages_the_first_is_taken(kind: str) -> None:
    pages = [Image.new("RGB", (8, 8), "blue")]
    data = save(Image.new("RGB", (8, 8), "red"), kind, save_all=True, append_images=pages)
    assert near(decode(data, LIMITS)[0, 0], RED)


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>'


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "empty"),
        (b"\0", "none of"),
        (b"hello", "none of"),
        (SVG, "none of PNG, JPEG"),
        (b"https://example.org/a.png", "none of"),
        (save(halves(), "ICO"), "none of"),
        (save(halves(), "PDF"), "none of"),
        (save(halves(), "PPM"), "none of"),
        (b"\x89PNG\r\n\x1a\n", "none of"),
        (save(halves())[:100], "cut short"),
        (save(halves(640, 480), "JPEG")[:-200], "cut short"),
        (save(halves(), "JPEG")[:60], "header|none of"),
        (png(1, 1_000_000_000), "1 by 1000000000 pixels; take at most 50000000"),
        (png(1_000_000_000, 1), "pixels"),
        (png(2**31 - 1, 2**31 - 1), "pixels"),
        (png(0, 5), "header|none of|damaged"),
        (png(100, 100), "damaged"),
        (b"\0" * ((20 << 20) + 1), "20971521 bytes; take at most 20971520"),
    ],
)
def test_what_is_no_image_is_refused(data: bytes, told: str) -> None:
    with pytest.raises(ConvoyError, match=told) as refused:
        decode(data, LIMITS)
    assert refused.value.code is Code.INVALID_ARGUMENT
    assert refused.value.violations[0].field == "image"


def test_a_large_image_is_refused_before_it_is_decoded() -> None:
    """The header of a WebP with nothing behind it, and a TIFF of 4 GB that has not one strip."""
    file = save(Image.new("L", (16, 16)), "TIFF")
    entry = struct.pack("<HHI", 0x0100, 4, 1)  # the width
    at = file.index(entry) + len(entry)
    with pytest.raises(ConvoyError, match="pixels"):
        decode(file[:at] + struct.pack("<I", 60_000_000) + file[at + 4 :], LIMITS)


@pytest.mark.parametrize("kind", [b"zTXt", b"iCCP", b"iTXt"])
def test_metadata_that_unpacks_to_more_is_not_unpacked(kind: bytes) -> None:
    packed = zlib.compress(b"\0" * (64 << 20), 9)
    before = b"a\0\1\0\0\0" if kind == b"iTXt" else b"a\0\0"
    with pytest.raises(ConvoyError, match="damaged"):
        decode(into_png(save(halves()), chunk(kind, before + packed)), LIMITS)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(into_png(save(halves()), chunk(b"aaAa") * 30_000), id="png chunks"),
        pytest.param(gif(b"\x21\xfe" + b"\x01a" * 30_000 + b"\0"), id="gif blocks"),
        pytest.param(gif(b"\x21\xfe\0" * 30_000), id="gif extensions"),
        pytest.param(b"\xff\xd8" + b"\xff" * 30_000 + save(halves(), "JPEG")[2:], id="padding"),
        pytest.param(b"\xff\xd8" + b"a" * 30_000 + save(halves(), "JPEG")[2:], id="junk"),
        pytest.param(
            b"\xff\xd8" + b"\xff\xe5\0\2" * 30_000 + save(halves(), "JPEG")[2:], id="segments"
        ),
        pytest.param(save(halves(), "JPEG")[:-2] + b"\xff\xda" * 100 + b"\xff\xd9", id="scans"),
    ],
)
def test_what_is_cut_into_far_too_many_pieces_is_refused(data: bytes) -> None:
    """Pillow took 18 seconds for 10 MB of a JPEG's padding."""
    with pytest.raises(ConvoyError, match="too many pieces"):
        decode(data, LIMITS)


def test_metadata_of_a_camera_is_passed_over() -> None:
    image = halves()
    exif = Image.Exif()
    exif[0x010E] = "a red and a blue half" * 1000
    for kind in ("JPEG", "PNG", "WEBP", "TIFF"):
        assert decode(save(image, kind, exif=exif, icc_profile=b"\0" * 4000), LIMITS).shape
    assert decode(save(image, "JPEG", progressive=True, comment=b"a" * 60_000), LIMITS).shape
    assert decode(gif(b"\x21\xfe" + (b"\xff" + b"a" * 255) * 1000 + b"\0"), LIMITS).shape


def test_damaged_exif_leaves_the_image_upright() -> None:
    data = save(halves(), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01")
    assert decode(data, LIMITS).shape == (48, 64, 3)


@pytest.mark.parametrize("kind", FORMATS)
@given(data=st.data())
def test_damage_is_refused_or_decoded_and_nothing_else(kind: str, data: st.DataObject) -> None:
    file = bytearray(save(halves(24, 24), kind))
    places = data.draw(st.lists(st.integers(0, len(file) - 1), min_size=1, max_size=6))
    for place in places:
        file[place] = data.draw(st.integers(0, 255))
    refused = pixels = None
    try:
        pixels = decode(bytes(file), LIMITS)
    except ConvoyError as error:
        refused = error
    assert refused is None or refused.code is Code.INVALID_ARGUMENT
    assert pixels is None or (pixels.shape[2] == 3 and max(pixels.shape) <= 1024)
