"""gRPC's errors as ConvoyError."""

import asyncio

import grpc
import pytest
from google.rpc.status_pb2 import Status

from convoy import Code, ConvoyError
from convoy.client.rpc_error import from_rpc_error, translated
from convoy.status import to_status

FAILURES = [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK]


def failed(code: grpc.StatusCode, details: bytes | None) -> grpc.aio.AioRpcError:
    trailers = () if details is None else (("grpc-status-details-bin", details),)
    return grpc.aio.AioRpcError(
        code, grpc.aio.Metadata(), grpc.aio.Metadata(*trailers), details="plain"
    )


@pytest.mark.parametrize("code", FAILURES)
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
