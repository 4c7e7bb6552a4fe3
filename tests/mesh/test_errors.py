"""Whatever is wrong with a request: the same form of error, what is wrong by its path, and the
next request works."""

from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from convoy import Batch, Code, Tensor
from convoy.status import DOMAIN, from_status
from convoy.v1 import batch_pb2, pipeline_pb2, relay_pb2, relay_pb2_grpc
from convoy.wire import read_batch, write_batch
from tests.mesh.calls import TIMEOUT, details
from tests.mesh.cases import CASES, RUN, STREAMING, TAKERS, Case
from tests.mesh.http2 import LIST
from tests.mesh.wrong_batches import batch


async def ask(channel: grpc.aio.Channel, case: Case) -> None:
    if case.method in STREAMING:
        call = channel.unary_stream(case.method)
        async for _ in call(case.data, timeout=TIMEOUT, metadata=case.metadata):
            pass
    else:
        await channel.unary_unary(case.method)(case.data, timeout=TIMEOUT, metadata=case.metadata)


def check(case: Case, status: Status) -> None:
    """Compare a status with what is due."""
    info = ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (info.domain, info.reason) == (DOMAIN, case.reason)
    error = from_status(status)
    assert error.code is case.code
    assert case.says in error.message
    if case.fields:
        assert tuple(violation.field for violation in error.violations) == case.fields


async def works(channel: grpc.aio.Channel) -> None:
    """Send what is right."""
    call = channel.unary_unary(RUN)
    reply = await call(TAKERS[RUN](batch()).SerializeToString(), timeout=TIMEOUT)
    result = read_batch(pipeline_pb2.RunResponse.FromString(reply).batch)
    assert result["mean"].tolist() == [[1, 2], [4, 5]]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name[:60])
async def test_what_is_wrong_is_told_and_the_next_request_works(
    channel: grpc.aio.Channel, case: Case
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ask(channel, case)
    status = Status.FromString(
        dict(caught.value.trailing_metadata() or ())["grpc-status-details-bin"]
    )
    assert caught.value.code().value[0] == case.code
    assert caught.value.details() == status.message
    check(case, status)
    await works(channel)


async def test_a_relay_tells_the_same_of_each_call(channel: grpc.aio.Channel) -> None:
    calls = [
        relay_pb2.RelayCall(
            id=n,
            start=relay_pb2.RelayStart(
                method=case.method, request=case.data, metadata=dict(case.metadata)
            ),
        )
        for n, case in enumerate(CASES)
    ]
    right = relay_pb2.RelayStart(method=RUN, request=TAKERS[RUN](batch()).SerializeToString())
    calls.append(relay_pb2.RelayCall(id=len(CASES), start=right))
    stream = relay_pb2_grpc.RelayServiceStub(channel).Relay(timeout=TIMEOUT)
    await stream.write(relay_pb2.RelayRequest(calls=calls))
    await stream.done_writing()
    replies = {reply.id: reply async for message in stream for reply in message.replies}
    assert replies.keys() == {*range(len(CASES) + 1)}
    for n, case in enumerate(CASES):
        check(case, Status.FromString(replies[n].status))
    assert replies[len(CASES)].message


START = relay_pb2.RelayStart(method=LIST)


async def read(stream: Any, answered: list[int]) -> None:
    async for raw in stream:
        answered += [reply.id for reply in relay_pb2.RelayResponse.FromString(raw).replies]


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        (b"\xff" * 9, ("",)),
        ([relay_pb2.RelayCall(id=7)], ("calls[7]",)),
        ([relay_pb2.RelayCall(id=7, start=START)] * 2, ("calls[7]",)),
    ],
)
async def test_a_relay_that_breaks_its_rules_is_ended(
    channel: grpc.aio.Channel, data: Any, fields: tuple[str, ...]
) -> None:
    """What has begun is answered all the same."""
    stream = channel.stream_stream("/convoy.v1.RelayService/Relay")(timeout=TIMEOUT)
    begun = relay_pb2.RelayRequest(calls=[relay_pb2.RelayCall(id=1, start=START)])
    await stream.write(begun.SerializeToString())
    message = data if isinstance(data, bytes) else relay_pb2.RelayRequest(calls=data)
    await stream.write(message if isinstance(message, bytes) else message.SerializeToString())
    answered: list[int] = []
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await read(stream, answered)
    assert answered[0] == 1
    error = details(caught.value)
    assert error.code is Code.INVALID_ARGUMENT
    assert tuple(violation.field for violation in error.violations) == fields
    await works(channel)


async def test_a_text_that_is_not_utf8_fails_its_row_alone(channel: grpc.aio.Channel) -> None:
    message = batch_pb2.Batch()
    write_batch(Batch(rows=2, columns={"text": Tensor.texts([b"fine", b"not \xff"])}), message)
    request = pipeline_pb2.RunRequest(pipeline="embedding", batch=message)
    reply = await channel.unary_unary(RUN)(request.SerializeToString(), timeout=TIMEOUT)
    (failure,) = pipeline_pb2.RunResponse.FromString(reply).batch.failures
    assert (failure.row, failure.failure.reason) == (1, "INVALID_UTF8")
    assert failure.failure.code == Code.INVALID_ARGUMENT
    assert failure.failure.violations[0].field == "text"
