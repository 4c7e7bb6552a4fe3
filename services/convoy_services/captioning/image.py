"""Bytes that a stranger sent to pixels, with bounds on what that may cost."""

import warnings
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from convoy.errors import invalid
from convoy_services.captioning.pieces import too_many

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
"""What is decoded; of several frames the first."""

_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an image may be."""

    max_bytes: int
    max_pixels: int
    """As its header has them: read before anything is decoded."""
    max_side: int
    """Larger images are made smaller."""


def trust_own_limits() -> None:
    """Keep Pillow from warning and from bounds of its own, in all of this process."""
    Image.MAX_IMAGE_PIXELS = None
    warnings.filterwarnings("ignore", module=r"PIL\.")


def decode(data: bytes, limits: Limits) -> NDArray[np.uint8]:
    """Give the first frame as uint8 [height, width, 3], upright, on white where it lets through.

    Raises ConvoyError INVALID_ARGUMENT for what is no such image or exceeds the limits.
    """
    if not data:
        raise invalid("image", "it is empty")
    if len(data) > limits.max_bytes:
        raise invalid("image", f"{len(data)} bytes; take at most {limits.max_bytes}")
    if too_many(data):
        raise invalid("image", "it is cut into too many pieces; save it without metadata")
    image = _open(data)
    width, height = image.size
    if width * height > limits.max_pixels:
        raise invalid("image", f"{width} by {height} pixels; take at most {limits.max_pixels}")
    try:
        return _pixels(image, limits.max_side)
    except Exception as exc:
        # Whatever Pillow raises, it is about these bytes.
        raise invalid("image", f"the {image.format} is damaged or cut short") from exc


def _open(data: bytes) -> Image.Image:
    """Read the header."""
    try:
        return Image.open(BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as exc:
        raise invalid("image", f"it is none of {', '.join(FORMATS)}") from exc
    except Exception as exc:
        raise invalid("image", "its header is damaged") from exc


def _pixels(image: Image.Image, side: int) -> NDArray[np.uint8]:
    image.draft("RGB", (side, side))  # a JPEG may be decoded to a half, a quarter or an eighth
    image.load()
    turn = _TURNS.get(_orientation(image))
    if image.mode in ("I", "F"):
        _shrink(image, side)  # floats of all pixels would be a gigabyte
    coloured = _coloured(image)
    _shrink(coloured, side)
    if coloured.mode == "RGBA":
        white = Image.new("RGBA", coloured.size, "white")
        coloured = Image.alpha_composite(white, coloured).convert("RGB")
    if turn is not None:
        coloured = coloured.transpose(turn)
    return np.array(coloured)


def _shrink(image: Image.Image, side: int) -> None:
    image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3.0)


def _orientation(image: Image.Image) -> int:
    """Read how a camera was held; upright where that is not told rightly."""
    with suppress(Exception):
        return int(image.getexif().get(_ORIENTATION, 1))
    return 1


def _coloured(image: Image.Image) -> Image.Image:
    """Give an image of mode RGB, or RGBA where parts of it let through."""
    if image.mode.startswith("I;16"):
        return _grey(np.asarray(image) >> 8)
    if image.mode in ("I", "F"):  # without a range of their own
        values = np.nan_to_num(np.asarray(image, np.float64))
        low, high = values.min(), values.max()
        return _grey((values - low) * (255 / max(high - low, 1e-9)))
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _grey(values: NDArray[Any]) -> Image.Image:
    return Image.fromarray(values.astype(np.uint8)).convert("RGB")
