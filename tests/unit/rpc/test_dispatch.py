"""From bytes to a servicer and back: only ConvoyError comes out."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from convoy import Code, ConvoyError
from convoy.v1 import pipeline_pb2 as pb
from convoy_services.rpc.call import Call
from convoy_services.rpc.dispatch import Local
from convoy_services.rpc.services import DESCRIPTORS, is_streaming
from tests.unit.mesh.virtual_time import simulate

LIST = "/convoy.v1.PipelineService/List"
STREAM = "/convoy.v1.PipelineService/RunStream"


class Servicer:
    """Gives two pipelines, or raises."""

    descriptor = pb.DESCRIPTOR.services_by_name["PipelineService"]

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
        self.closed = False

    async def List(self, request: pb.ListRequest, call: Call) -> pb.ListResponse:
        if self.error:
            raise self.error
        return pb.ListResponse(pipelines=["a", call.metadata.get("name", "b")])

    async def RunStream(
        self, request: pb.RunStreamRequest, call: Call
    ) -> AsyncIterator[pb.RunStreamResponse]:
        try:
            yield pb.RunStreamResponse(first_row=1)
            if self.error:
                raise self.error
            yield pb.RunStreamResponse(first_row=2)
        finally:
            self.closed = True

    async def Run(self, request: pb.RunRequest, call: Call) -> pb.RunResponse:
        raise NotImplementedError

    async def Describe(self, request: pb.DescribeRequest, call: Call) -> pb.DescribeResponse:
        raise NotImplementedError


async def unary(local: Local, method: str, request: bytes) -> list[bytes]:
    return [await local.unary(method, request, Call(metadata={"name": "c"}))]


async def stream(local: Local, method: str, request: bytes) -> list[bytes]:
    return [reply async for reply in local.stream(method, request, Call())]


Ask = Callable[[Local, str, bytes], Awaitable[list[bytes]]]
BOTH = pytest.mark.parametrize(("ask", "method"), [(unary, LIST), (stream, STREAM)])


def failure(ask: Ask, method: str, request: bytes, error: BaseException | None) -> ConvoyError:
    async def scenario() -> ConvoyError:
        with pytest.raises(ConvoyError) as caught:
            await ask(Local([Servicer(error)]), method, request)
        return caught.value

    return simulate(scenario())


def test_a_unary_method_answers_with_one_message() -> None:
    (raw,) = simulate(unary(Local([Servicer()]), LIST, b""))
    assert pb.ListResponse.FromString(raw).pipelines == ["a", "c"]


def test_a_streaming_method_answers_with_many() -> None:
    replies = simulate(stream(Local([Servicer()]), STREAM, b""))
    assert [pb.RunStreamResponse.FromString(raw).first_row for raw in replies] == [1, 2]


@BOTH
def test_a_method_that_there_is_not_is_unimplemented(ask: Ask, method: str) -> None:
    error = failure(ask, "/convoy.v1.PipelineService/Nope", b"", None)
    assert error.code is Code.UNIMPLEMENTED
    assert "/convoy.v1.PipelineService/Nope" in error.message


@BOTH
@pytest.mark.parametrize("raw", [b"\xff", b"\x0a\x05ab"])
def test_bytes_that_are_no_message_are_refused(ask: Ask, method: str, raw: bytes) -> None:
    error = failure(ask, method, raw, None)
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, "MALFORMED_MESSAGE")


@BOTH
def test_a_servicers_own_error_passes_as_it_is(ask: Ask, method: str) -> None:
    own = ConvoyError(Code.NOT_FOUND, "gone")
    assert failure(ask, method, b"", own) is own


@BOTH
@pytest.mark.parametrize("exc", [RuntimeError("secret"), KeyError("secret"), ValueError("secret")])
def test_what_nobody_foresaw_is_internal_and_only_the_log_knows_why(
    ask: Ask, method: str, exc: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    error = failure(ask, method, b"", exc)
    assert error.code is Code.INTERNAL
    assert error.metadata["id"] in error.message
    assert "secret" not in str(error)
    assert error.metadata["id"] in caplog.text
    assert "secret" in caplog.text


@BOTH
def test_a_cancelled_call_stays_cancelled(ask: Ask, method: str) -> None:
    async def scenario() -> None:
        with pytest.raises(asyncio.CancelledError):
            await ask(Local([Servicer(asyncio.CancelledError())]), method, b"")

    simulate(scenario())


def test_a_stream_that_the_caller_leaves_is_closed() -> None:
    async def scenario() -> bool:
        servicer = Servicer()
        replies = Local([servicer]).stream(STREAM, b"", Call())
        await anext(replies)
        await replies.aclose()  # type: ignore[attr-defined]
        await asyncio.sleep(1.0)  # the loop closes the servicer's generator as it finds it
        return servicer.closed

    assert simulate(scenario())


@pytest.mark.parametrize(
    ("method", "streams"),
    [
        (f"/{service.full_name}/{method.name}", method.server_streaming)
        for service in DESCRIPTORS
        for method in service.methods
    ],
)
def test_it_is_known_of_every_method_whether_it_streams(method: str, streams: bool) -> None:
    assert is_streaming(method) is streams
