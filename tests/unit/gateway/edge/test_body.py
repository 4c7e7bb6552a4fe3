"""A body's bounds, before and after it is decompressed."""

import gzip
import zlib
from collections.abc import Iterable

import pytest
from starlette.requests import Request
from starlette.types import Message

from convoy import Code, ConvoyError
from convoy_gateway.edge.body import read_body
from convoy_gateway.edge.status import http_status

LIMIT = 1 << 20
TEXT = b"All that is sent arrives. " * 100
LARGE = b"0123456789abcdef" * (LIMIT // 16)


def raw_deflate(data: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-15)
    return deflater.compress(data) + deflater.flush()


def request(pieces: Iterable[bytes], **headers: str) -> Request:
    queue = list(pieces)

    async def receive() -> Message:
        if not queue:
            return {"type": "http.disconnect"}
        piece = queue.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(queue)}

    raw = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
    return Request({"type": "http", "headers": raw}, receive)


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [
        ("", bytes),
        ("identity", bytes),
        ("gzip", gzip.compress),
        (" GZip ", gzip.compress),
        ("x-gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", raw_deflate),
    ],
)
@pytest.mark.parametrize("body", [b"", b"a", TEXT, LARGE], ids=["none", "one", "text", "limit"])
async def test_a_body_arrives_as_it_was(encoding: str, compress: type[bytes], body: bytes) -> None:
    sent = compress(body)
    pieces = [sent[i : i + 100_000] for i in range(0, len(sent), 100_000)] or [b""]
    assert await read_body(request(pieces, content_encoding=encoding), LIMIT) == body


async def test_a_body_without_an_encoding_is_taken_as_it_is() -> None:
    assert await read_body(request([b"ab", b"c"]), 3) == b"abc"


async def refused(request: Request) -> ConvoyError:
    with pytest.raises(ConvoyError) as caught:
        await read_body(request, LIMIT)
    return caught.value


@pytest.mark.parametrize("length", [str(LIMIT + 1), "9" * 30])
async def test_a_length_beyond_the_limit_is_refused_before_anything_is_read(length: str) -> None:
    asked = request([b"x"], content_length=length)
    error = await refused(asked)
    assert (error.code, error.reason) == (Code.RESOURCE_EXHAUSTED, "BODY_TOO_LARGE")
    assert http_status(error) == 413
    assert await asked.body() == b"x"


BOMB = gzip.compress(b"\0" * (64 << 20))


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("identity", LARGE + b"x"),
        ("gzip", gzip.compress(LARGE + b"x")),
        ("deflate", zlib.compress(LARGE + b"x")),
        ("deflate", raw_deflate(LARGE + b"x")),
        ("gzip", BOMB),
        ("gzip", gzip.compress(b"") + BOMB),
    ],
)
async def test_a_body_beyond_the_limit_is_refused(encoding: str, body: bytes) -> None:
    error = await refused(request([body], content_encoding=encoding))
    assert error.reason in {"BODY_TOO_LARGE", "MALFORMED_BODY"}


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "x" * 5000])
async def test_another_encoding_is_refused(encoding: str) -> None:
    error = await refused(request([b"x"], content_encoding=encoding))
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, "UNSUPPORTED_ENCODING")
    assert http_status(error) == 415
    assert len(error.message) < 200


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", b"plain text"),
        ("gzip", gzip.compress(TEXT)[:-1]),
        ("gzip", gzip.compress(TEXT)[:40]),
        ("gzip", gzip.compress(TEXT)[:-8] + b"\0" * 8),
        ("gzip", gzip.compress(TEXT) + b"more"),
        ("gzip", gzip.compress(TEXT) * 2),
        ("gzip", gzip.compress(LARGE)[:-20]),
        ("deflate", b"plain text"),
        ("deflate", zlib.compress(TEXT)[:-1]),
        ("deflate", raw_deflate(TEXT)[:-1]),
    ],
)
async def test_a_broken_body_is_refused(encoding: str, body: bytes) -> None:
    error = await refused(request([body], content_encoding=encoding))
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, "MALFORMED_BODY")


async def test_a_client_that_leaves_while_it_sends_is_an_error_of_its_own() -> None:
    asked = request([b"abc", b""])
    await asked.receive()
    await asked.receive()
    error = await refused(asked)
    assert (error.code, error.reason) == (Code.CANCELLED, "CLIENT_LEFT")
