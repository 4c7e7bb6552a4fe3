"""Image files for tests."""

import struct
import zlib
from io import BytesIO
from typing import Any

from PIL import Image


def save(image: Image.Image, kind: str = "PNG", **settings: Any) -> bytes:
    file = BytesIO()
    image.save(file, kind, **settings)
    return file.getvalue()


def halves(width: int = 64, height: int = 48) -> Image.Image:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", (width, height), "red")
    image.paste("blue", (width // 2, 0, width, height))
    return image


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *chunks: bytes) -> bytes:
    """A PNG that says to be so large, whatever is in it."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IEND")


def into_png(file: bytes, *chunks: bytes) -> bytes:
    """Put chunks behind the header."""
    return file[:33] + b"".join(chunks) + file[33:]


def gif(*extensions: bytes) -> bytes:
    """A GIF with extensions before its first frame."""
    file = save(Image.new("P", (4, 4)), "GIF")
    behind = 13 + (3 << (file[10] & 7) + 1 if file[10] & 0x80 else 0)
    return file[:behind] + b"".join(extensions) + file[behind:]
