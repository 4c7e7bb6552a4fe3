"""How many pieces an image file is cut into: Pillow reads each by itself, in Python.

A file of 20 MiB may be a million empty chunks, which hold a replica for seconds, though the image
is a single pixel.
"""

import struct
from collections.abc import Iterator
from itertools import islice

MAX_PIECES = 20_000

MAX_SCANS = 64
"""Of a progressive JPEG. Each is a pass over all pixels, though it may be but a few bytes."""

_SCAN = b"\xff\xda"


def too_many(data: bytes) -> bool:
    """Tell whether an image is cut into more pieces than any encoder would."""
    if data.startswith(b"\xff\xd8"):
        pieces = _segments(data)
        if data.count(_SCAN) > MAX_SCANS:
            return True
    elif data.startswith(b"\x89PNG"):
        pieces = _chunks(data)
    elif data.startswith(b"GIF8") and len(data) > 13:
        pieces = _blocks(data)
    else:
        return False
    return next(islice(pieces, MAX_PIECES, None), None) is not None


def _chunks(data: bytes) -> Iterator[int]:
    """Walk along the chunks of a PNG."""
    at = 8
    while at + 8 <= len(data):
        yield at
        at += 12 + int(struct.unpack_from(">I", data, at)[0])


def _segments(data: bytes) -> Iterator[int]:
    """Walk along the segments of a JPEG before its first scan, and every byte between them."""
    at = 2
    while at + 4 <= len(data) and data[at : at + 2] != _SCAN:
        yield at
        if data[at] != 0xFF or data[at + 1] in (0x00, 0xFF):
            at += 1
        elif 0xD0 <= data[at + 1] <= 0xD9:  # nothing but its mark
            at += 2
        else:
            at += 2 + int(struct.unpack_from(">H", data, at + 2)[0])


def _blocks(data: bytes) -> Iterator[int]:
    """Walk along the blocks of a GIF's extensions before its first frame."""
    flags = data[10]
    at = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    while at + 2 < len(data) and data[at] == 0x21:
        at += 2
        while at < len(data) and data[at]:
            yield at
            at += 1 + data[at]
        yield at
        at += 1
