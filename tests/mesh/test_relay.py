"""RelayService over a real port."""

import grpc
from google.rpc.status_pb2 import Status

from convoy import Code
from convoy.status import from_status
from convoy.v1 import pipeline_pb2, relay_pb2, relay_pb2_grpc
from convoy.wire import read_batch
from tests.mesh.calls import TIMEOUT, run_request

RUN = "/convoy.v1.PipelineService/Run"


def start(call_id: int, data: bytes, method: str = RUN) -> relay_pb2.RelayCall:
    request = run_request("fussy", [data]).SerializeToString()
    return relay_pb2.RelayCall(
        id=call_id, start=relay_pb2.RelayStart(method=method, request=request)
    )


async def test_calls_are_answered_as_each_completes(channel: grpc.aio.Channel) -> None:
    calls = [start(1, b"sleep 0.3"), *(start(n, str(n).encode()) for n in range(2, 20))]
    calls.append(start(20, b"x", "/convoy.v1.Nothing/Nope"))
    stream = relay_pb2_grpc.RelayServiceStub(channel).Relay(timeout=TIMEOUT)
    await stream.write(relay_pb2.RelayRequest(calls=calls))
    await stream.done_writing()
    replies = [reply async for message in stream for reply in message.replies]
    assert sorted(reply.id for reply in replies) == list(range(1, 21))
    assert all(reply.end for reply in replies)
    for reply in replies:
        if reply.id == 20:
            error = from_status(Status.FromString(reply.status))
            assert error.code is Code.UNIMPLEMENTED
        elif reply.id > 1:
            batch = read_batch(pipeline_pb2.RunResponse.FromString(reply.message).batch)
            assert batch["data"].elements() == [str(reply.id).encode()]


async def test_a_cancelled_call_gives_no_reply(channel: grpc.aio.Channel) -> None:
    stream = relay_pb2_grpc.RelayServiceStub(channel).Relay(timeout=TIMEOUT)
    cancel = relay_pb2.RelayCall(id=1, cancel=relay_pb2.RelayCancel())
    await stream.write(relay_pb2.RelayRequest(calls=[start(1, b"sleep 0.3"), cancel]))
    await stream.write(relay_pb2.RelayRequest(calls=[start(2, b"x")]))
    await stream.done_writing()
    assert [r.id async for message in stream for r in message.replies] == [2]
