"""A relay over a dispatcher in virtual time, and a client's side of its streams."""

import asyncio
from collections.abc import AsyncIterator

from convoy import Code, ConvoyError
from convoy.v1 import relay_pb2 as pb
from convoy_services.rpc.call import Call
from convoy_services.rpc.relay import Relay

SLEEP = "/test.Service/Sleep"
STREAM = "/convoy.v1.PipelineService/RunStream"


class Dispatcher:
    """Answers a number of seconds with it, after as many; a stream with each second."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.begun: list[bytes] = []
        self.cancelled: list[bytes] = []

    async def unary(self, method: str, request: bytes, call: Call) -> bytes:
        self.calls.append(call)
        self.begun.append(request)
        if request == b"refuse":
            raise ConvoyError(Code.ABORTED, "no", "REFUSED", metadata={"k": "v"})
        if request == b"explode":
            raise RuntimeError("secret")
        try:
            await asyncio.sleep(float(request))
        except asyncio.CancelledError:
            self.cancelled.append(request)
            raise
        return request

    async def stream(self, method: str, request: bytes, call: Call) -> AsyncIterator[bytes]:
        try:
            for n in range(int(request)):
                await asyncio.sleep(1.0)
                yield str(n).encode()
            if request == b"2":
                raise ConvoyError(Code.ABORTED, "no", "REFUSED")
        except asyncio.CancelledError:
            self.cancelled.append(request)
            raise


def start(call_id: int, request: bytes, method: str = SLEEP, **more: object) -> pb.RelayCall:
    return pb.RelayCall(id=call_id, start=pb.RelayStart(method=method, request=request, **more))


def cancel(call_id: int) -> pb.RelayCall:
    return pb.RelayCall(id=call_id, cancel=pb.RelayCancel())


class Client:
    """A client's side of one stream."""

    def __init__(self, relay: Relay) -> None:
        self.messages: list[tuple[float, list[pb.RelayReply]]] = []
        self.told: list[float] = []
        """When the server said that it leaves."""
        self._sent: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        self._running = asyncio.create_task(self._run(relay))

    async def _requests(self) -> AsyncIterator[bytes]:
        while (raw := await self._sent.get()) is not None:
            if isinstance(raw, Exception):
                raise raw
            yield raw

    async def _run(self, relay: Relay) -> None:
        loop = asyncio.get_running_loop()
        async for raw in relay.Relay(self._requests(), Call()):
            response = pb.RelayResponse.FromString(raw)
            if response.leaving:
                self.told.append(loop.time())
            else:
                self.messages.append((loop.time(), list(response.replies)))

    def send(self, *calls: pb.RelayCall) -> None:
        self._sent.put_nowait(pb.RelayRequest(calls=calls).SerializeToString())

    def send_raw(self, raw: bytes | Exception) -> None:
        self._sent.put_nowait(raw)

    def close(self) -> None:
        """Close the sending side."""
        self._sent.put_nowait(None)

    async def ended(self) -> None:
        async with asyncio.timeout(600):
            await self._running

    def leave(self) -> None:
        self._running.cancel()

    @property
    def replies(self) -> list[pb.RelayReply]:
        return [reply for _, replies in self.messages for reply in replies]
