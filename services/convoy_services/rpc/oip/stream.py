"""ModelStreamInfer: many requests on one stream."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

from google.protobuf.message import DecodeError

from convoy import Code, ConvoyError
from convoy.errors import invalid
from convoy.oip.v2 import inference_pb2 as pb
from convoy.timing import KEY
from convoy_services.mesh.fault import fault
from convoy_services.rpc.call import Call
from convoy_services.rpc.dispatch import Dispatcher
from convoy_services.rpc.stream import Stream, Streams

INFER = "/inference.GRPCInferenceService/ModelInfer"

FINAL = "triton_final_response"
"""The response's parameter that says, as Triton does, that no more comes for its request."""

TIMING = "convoy_timing"
"""The parameter of a response that tells where its time went, where that is asked for."""

Response = pb.ModelStreamInferResponse


class InferenceStream:
    """Answers ModelStreamInfer, each request by ModelInfer, wherever there is a dispatcher."""

    descriptor = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"]

    def __init__(self, dispatcher: Dispatcher) -> None:
        """Send requests to ``dispatcher``."""
        self._dispatcher = dispatcher
        self._streams = Streams(_leaving)

    def drain(self) -> None:
        """Take no more requests; streams end when those that have begun are answered."""
        self._streams.drain()

    async def ModelStreamInfer(
        self, requests: AsyncIterator[bytes], call: Call
    ) -> AsyncIterator[bytes]:
        """Answer each request as it completes; one that fails leaves the stream as it is.

        Requests that share an id, or have none, are answered in their order.
        """
        take = _Requests(self._dispatcher, call).take
        async for responses in self._streams.run(requests, take):
            for response in responses:
                yield response.SerializeToString()


def _leaving() -> ConvoyError:
    """Say why a stream ends: on an OIP client, requests without an answer are lost otherwise."""
    return ConvoyError(
        Code.UNAVAILABLE,
        "the server is leaving: send what has no answer on a new stream",
        "INGRESS_LEAVING",
        retry_after=0.0,
    )


class _Requests:
    """The open requests of one stream."""

    def __init__(self, dispatcher: Dispatcher, call: Call) -> None:
        self._dispatcher = dispatcher
        self._call = call
        self._last: dict[str, asyncio.Task[None]] = {}
        """Of each id, the last request that is not answered."""

    async def take(self, raw: bytes, stream: Stream[Response]) -> None:
        """Begin a request; raises ConvoyError where it is none."""
        try:
            request_id = pb.ModelInferRequest.FromString(raw).id
        except DecodeError as exc:
            raise invalid("", "the bytes are no ModelInferRequest") from exc
        before = self._last.get(request_id)
        task = await stream.begin(self._answer, stream, raw, request_id, before)
        self._last[request_id] = task
        task.add_done_callback(partial(self._forget, request_id))

    async def _answer(
        self,
        stream: Stream[Response],
        raw: bytes,
        request_id: str,
        before: asyncio.Task[None] | None,
    ) -> None:
        response = Response()
        call = self._call.another()
        try:
            reply = await self._dispatcher.unary(INFER, raw, call)
            response.infer_response.MergeFromString(reply)
        except ConvoyError as error:
            response.error_message = str(error)
        except Exception as exc:  # without an answer the client would wait
            response.error_message = str(fault(INFER, exc))
        response.infer_response.id = request_id
        if timing := call.trailers.get(KEY):
            response.infer_response.parameters[TIMING].string_param = timing
        response.infer_response.parameters[FINAL].bool_param = True
        if before:
            await asyncio.wait([before])
        await stream.reply(response)

    def _forget(self, request_id: str, task: asyncio.Task[None]) -> None:
        if self._last.get(request_id) is task:
            del self._last[request_id]
