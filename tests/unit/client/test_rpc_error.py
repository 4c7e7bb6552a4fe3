"""gRPC's errors as ConvoyError."""

import asyncio

import grpc
import pytest
from google.rpc.status_pb2 import Status

from convoy import Client, Code, ConvoyError
from convoy.client import Retry
from convoy.client.rpc_error import from_rpc_error, translated
from convoy.status import to_status
from tests.unit.client.fake import TIMEOUT

FAILURES = [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK]
PLAIN = [code for code in FAILURES if code is not grpc.StatusCode.CANCELLED]
HEADERS, RST_STREAM, SETTINGS = 1, 3, 4
CANCEL = (8).to_bytes(4)
"""Frames of HTTP/2 and an error code (RFC 9113, 6 and 7)."""


def failed(code: grpc.StatusCode, details: bytes | None) -> grpc.aio.AioRpcError:
    trailers = () if details is None else (("grpc-status-details-bin", details),)
    return grpc.aio.AioRpcError(
        code, grpc.aio.Metadata(), grpc.aio.Metadata(*trailers), details="plain"
    )


@pytest.mark.parametrize("code", PLAIN)
def test_every_code_is_read(code: grpc.StatusCode) -> None:
    error = from_rpc_error(failed(code, None))
    assert (error.code.name, error.message, error.retry_after) == (code.name, "plain", None)


@pytest.mark.parametrize("code", FAILURES)
def test_details_are_read(code: grpc.StatusCode) -> None:
    rich = ConvoyError(Code(code.value[0]), "rich", "WHY", "stage", retry_after=2)
    error = from_rpc_error(failed(code, to_status(rich).SerializeToString()))
    assert str(error) == str(rich)
    assert error.retry_after == 2


@pytest.mark.parametrize(
    "details",
    [b"\xff\xff", b"", Status(code=5, message="other").SerializeToString()],
    ids=["broken", "empty", "of another code"],
)
def test_details_that_are_not_the_calls_are_passed_over(details: bytes) -> None:
    error = from_rpc_error(failed(grpc.StatusCode.UNAVAILABLE, details))
    assert (error.code, error.message) == (Code.UNAVAILABLE, "plain")


def test_what_grpc_raised_is_the_cause() -> None:
    cause = failed(grpc.StatusCode.INTERNAL, None)
    with pytest.raises(ConvoyError) as caught, translated():
        raise cause
    assert caught.value.__cause__ is cause


async def test_a_cancelled_task_stays_cancelled() -> None:
    async def work() -> None:
        with translated():
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)  # it has begun
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_stream_that_a_server_resets_is_unavailable() -> None:
    """gRPC takes it for a call that its caller has cancelled."""

    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
        writer.write(frame(SETTINGS, 0))
        head = await reader.readexactly(9)
        while head[3] != HEADERS:
            await reader.readexactly(int.from_bytes(head[:3]))
            head = await reader.readexactly(9)
        writer.write(frame(RST_STREAM, int.from_bytes(head[5:]), CANCEL))
        connections.append(writer)

    connections: list[asyncio.StreamWriter] = []
    async with await asyncio.start_server(reset, "127.0.0.1", 0) as server:
        target = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with Client(target, timeout=TIMEOUT, retry=Retry(burst=0)) as client:
            with pytest.raises(ConvoyError, match="RST_STREAM") as caught:
                await client.pipelines()
        connections.pop().close()
    assert caught.value.code is Code.UNAVAILABLE


def frame(kind: int, stream: int, payload: bytes = b"") -> bytes:
    """Write a frame of HTTP/2 (RFC 9113, 4.1)."""
    return len(payload).to_bytes(3) + bytes([kind, 0]) + stream.to_bytes(4) + payload
