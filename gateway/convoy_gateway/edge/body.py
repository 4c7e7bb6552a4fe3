"""A request's body: whole, decompressed, and no larger than it may be."""

import asyncio
import zlib

from starlette.requests import ClientDisconnect, Request

from convoy import Code, ConvoyError
from convoy.errors import invalid

GZIP_LEVEL = 1
"""Of answers, the quickest: most of what crosses is floats, which higher levels hardly shrink."""

AT_ONCE = 256 << 10
"""Bytes that are decompressed on the event loop, which takes about a millisecond; more are not."""


async def read_body(request: Request, limit: int) -> bytes:
    """Read a body of at most ``limit`` bytes, before and after it is decompressed.

    Raises ConvoyError: BODY_TOO_LARGE, by Content-Length before anything is read;
    UNSUPPORTED_ENCODING, but for one of gzip and deflate; MALFORMED_BODY; CLIENT_LEFT.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "", "gzip", "x-gzip", "deflate"}:
        raise invalid(
            "content-encoding",
            "take gzip or deflate, one of them, or none",
            reason="UNSUPPORTED_ENCODING",
        )
    length = request.headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit() and len(length) < 20 and int(length) <= limit):
        raise _too_large(limit)
    body = await _read(request, limit)
    if encoding in {"identity", ""} or not body:
        return body
    return await _decompress(body, limit, _window(encoding, body))


async def _read(request: Request, limit: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    try:
        async for piece in request.stream():
            size += len(piece)
            if size > limit:
                raise _too_large(limit)
            pieces.append(piece)
    except ClientDisconnect:
        # Nobody is left to answer; an error of ours keeps it out of the log all the same.
        raise ConvoyError(
            Code.CANCELLED, "the client left before it had sent the body", "CLIENT_LEFT"
        ) from None
    return b"".join(pieces)


def _window(encoding: str, body: bytes) -> int:
    """Give zlib's wbits. Some that say deflate mean it, though the RFC says zlib's format."""
    if encoding != "deflate":
        return 31
    zlib_header = body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0
    return 15 if zlib_header else -15


async def _decompress(body: bytes, limit: int, window: int) -> bytes:
    inflater = zlib.decompressobj(window)
    try:
        first = inflater.decompress(body, min(AT_ONCE, limit + 1))
        pieces, size = [first], len(first)
        while pieces[-1] and not inflater.eof and size <= limit:
            rest = limit + 1 - size
            piece = await asyncio.to_thread(inflater.decompress, inflater.unconsumed_tail, rest)
            pieces.append(piece)
            size += len(piece)
    except zlib.error:
        raise _malformed("it is not what its content-encoding says") from None
    if size > limit:
        raise _too_large(limit)
    if not inflater.eof:
        raise _malformed("its compressed form is cut off")
    if inflater.unused_data:
        raise _malformed("something follows its compressed form")
    return b"".join(pieces)


def _malformed(what: str) -> ConvoyError:
    return invalid("", f"the body cannot be decompressed: {what}", reason="MALFORMED_BODY")


def _too_large(limit: int) -> ConvoyError:
    return ConvoyError(
        Code.RESOURCE_EXHAUSTED,
        f"the body may have {limit} bytes, before and after it is decompressed",
        "BODY_TOO_LARGE",
    )
