"""Raw elements after the JSON of a body.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

from convoy.errors import invalid

HEADER = "Inference-Header-Content-Length"
"""The bytes of JSON with which a body begins; without it, all is JSON."""

EXTENSION = "binary_tensor_data"


class Tail:
    """What follows the JSON, taken from its beginning."""

    def __init__(self, data: bytes) -> None:
        """Begin at the first byte of ``data``."""
        self._data = data
        self._place = 0

    def take(self, size: int) -> bytes:
        """Give the next bytes; raises ValueError where fewer are left."""
        if size > self.left:
            raise ValueError(
                f"{size} bytes are due, and {self.left} are left of those after the JSON, "
                f"which {HEADER} ends"
            )
        start, self._place = self._place, self._place + size
        return self._data[start : self._place]

    @property
    def left(self) -> int:
        """The bytes that nobody took."""
        return len(self._data) - self._place


def split(body: bytes, header: str | None) -> tuple[bytes, Tail]:
    """Part the JSON from what follows it; raises ConvoyError where the header is wrong."""
    if header is None:
        return body, Tail(b"")
    if not (header.isascii() and header.isdigit() and len(header) < 20):
        raise invalid(HEADER, "the value is a number of bytes")
    if int(header) > len(body):
        raise invalid(HEADER, f"{header} bytes are due; the body has {len(body)}")
    return body[: int(header)], Tail(body[int(header) :])
