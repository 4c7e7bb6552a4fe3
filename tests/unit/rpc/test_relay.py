"""Many calls on one stream, over an iterator in memory."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from google.rpc.status_pb2 import Status

from convoy import Code, ConvoyError
from convoy.status import from_status
from convoy.v1 import relay_pb2 as pb
from convoy_services.rpc import stream
from convoy_services.rpc.call import Call
from convoy_services.rpc.dispatch import Local
from convoy_services.rpc.relay import Relay
from tests.unit.mesh.virtual_time import simulate

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


def error(reply: pb.RelayReply) -> ConvoyError:
    assert reply.end
    return from_status(Status.FromString(reply.status))


def test_calls_of_one_message_are_answered_as_each_completes() -> None:
    async def scenario() -> list[tuple[float, list[tuple[int, bytes, bool]]]]:
        client = Client(Relay(Dispatcher()))
        client.send(start(1, b"3"), start(2, b"1"), start(3, b"2"))
        client.close()
        await client.ended()
        return [(t, [(r.id, r.message, r.end) for r in rs]) for t, rs in client.messages]

    assert simulate(scenario()) == [
        (1.0, [(2, b"1", True)]),
        (2.0, [(3, b"2", True)]),
        (3.0, [(1, b"3", True)]),
    ]


def test_answers_that_are_there_together_share_a_message() -> None:
    async def scenario() -> list[list[int]]:
        client = Client(Relay(Dispatcher()))
        client.send(*(start(n, b"1") for n in range(5)))
        client.close()
        await client.ended()
        return [sorted(reply.id for reply in replies) for _, replies in client.messages]

    assert simulate(scenario()) == [[0, 1, 2, 3, 4]]


def test_the_stream_stays_open_between_calls() -> None:
    async def scenario() -> list[int]:
        client = Client(Relay(Dispatcher()))
        for n in range(3):
            client.send(start(n, b"1"))
            await asyncio.sleep(5.0)
        client.close()
        await client.ended()
        return [reply.id for reply in client.replies]

    assert simulate(scenario()) == [0, 1, 2]


def test_a_stream_without_calls_ends_when_the_client_closes_it() -> None:
    async def scenario() -> list[pb.RelayReply]:
        client = Client(Relay(Dispatcher()))
        client.close()
        await client.ended()
        return client.replies

    assert simulate(scenario()) == []


def test_a_streaming_method_gives_its_messages_and_then_its_end() -> None:
    async def scenario() -> list[tuple[float, int, bytes, bool]]:
        client = Client(Relay(Dispatcher()))
        client.send(start(1, b"3", STREAM), start(2, b"1.5"))
        client.close()
        await client.ended()
        return [(t, r.id, r.message, r.end) for t, rs in client.messages for r in rs]

    assert simulate(scenario()) == [
        (1.0, 1, b"0", False),
        (1.5, 2, b"1.5", True),
        (2.0, 1, b"1", False),
        (3.0, 1, b"2", False),
        (3.0, 1, b"", True),
    ]


def test_a_streaming_method_may_fail_after_some_messages() -> None:
    async def scenario() -> list[pb.RelayReply]:
        client = Client(Relay(Dispatcher()))
        client.send(start(1, b"2", STREAM))
        client.close()
        await client.ended()
        return client.replies

    *messages, last = simulate(scenario())
    assert [reply.message for reply in messages] == [b"0", b"1"]
    assert error(last).reason == "REFUSED"


# Failures


def test_a_call_that_fails_carries_its_status_and_the_others_go_on() -> None:
    async def scenario() -> list[pb.RelayReply]:
        client = Client(Relay(Dispatcher()))
        client.send(start(1, b"refuse"), start(2, b"1"))
        client.close()
        await client.ended()
        return client.replies

    refused, other = simulate(scenario())
    assert refused.id == 1
    assert (error(refused).code, error(refused).reason) == (Code.ABORTED, "REFUSED")
    assert error(refused).metadata == {"k": "v"}
    assert (other.id, other.message) == (2, b"1")


def test_a_call_that_raises_what_nobody_foresaw_is_answered_too() -> None:
    """It once got no reply at all: the client waited for ever, or sent it again."""

    async def scenario() -> list[pb.RelayReply]:
        client = Client(Relay(Dispatcher()))
        client.send(start(1, b"explode"), start(2, b"1"))
        client.close()
        await client.ended()
        return client.replies

    failed, other = simulate(scenario())
    assert error(failed).code is Code.INTERNAL
    assert "secret" not in str(error(failed))
    assert other.id == 2


def test_a_method_that_there_is_not_fails_its_call_alone() -> None:
    async def scenario() -> list[pb.RelayReply]:
        client = Client(Relay(Local([])))
        client.send(start(1, b"", "/test.Service/Nope"), start(2, b"", STREAM))
        client.close()
        await client.ended()
        return client.replies

    assert [error(reply).code for reply in simulate(scenario())] == [Code.UNIMPLEMENTED] * 2


def test_an_id_that_is_in_use_ends_the_stream_once_its_call_is_answered() -> None:
    async def scenario() -> tuple[Code, list[bytes]]:
        client = Client(Relay(Dispatcher()))
        client.send(start(1, b"1"), start(1, b"2"))
        with pytest.raises(ConvoyError) as caught:
            await client.ended()
        return caught.value.code, [reply.message for reply in client.replies]

    assert simulate(scenario()) == (Code.INVALID_ARGUMENT, [b"1"])


def test_an_id_may_be_used_again_after_its_end() -> None:
    async def scenario() -> list[bytes]:
        client = Client(Relay(Dispatcher()))
        client.send(start(1, b"1"))
        await asyncio.sleep(2.0)
        client.send(start(1, b"2"))
        client.close()
        await client.ended()
        return [reply.message for reply in client.replies]

    assert simulate(scenario()) == [b"1", b"2"]


def test_a_call_that_neither_starts_nor_cancels_ends_the_stream() -> None:
    async def scenario() -> Code:
        client = Client(Relay(Dispatcher()))
        client.send(pb.RelayCall(id=9))
        with pytest.raises(ConvoyError) as caught:
            await client.ended()
        return caught.value.code

    assert simulate(scenario()) is Code.INVALID_ARGUMENT


def test_more_calls_than_may_be_open_wait_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MOST_OPEN", 2)

    async def scenario() -> list[bytes]:
        client = Client(Relay(Dispatcher()))
        client.send(*(start(n, b"1") for n in range(6)))
        client.close()
        await client.ended()
        return [reply.message for reply in client.replies]

    assert simulate(scenario()) == [b"1"] * 6


def test_bytes_that_are_no_message_end_the_stream_once_open_calls_are_answered() -> None:
    async def scenario() -> tuple[Code, list[int]]:
        client = Client(Relay(Dispatcher()))
        client.send(start(1, b"1"))
        client.send_raw(b"\xff")
        client.send(start(2, b"1"))
        with pytest.raises(ConvoyError) as caught:
            await client.ended()
        return caught.value.code, [reply.id for reply in client.replies]

    assert simulate(scenario()) == (Code.INVALID_ARGUMENT, [1])


# Cancellation and deadlines


def test_a_cancelled_call_stops_and_gets_no_reply() -> None:
    async def scenario() -> tuple[list[bytes], list[int], float]:
        dispatcher = Dispatcher()
        client = Client(Relay(dispatcher))
        client.send(start(1, b"100"), start(2, b"2"), start(3, b"100", STREAM))
        await asyncio.sleep(1.5)
        client.send(cancel(1), cancel(3))
        client.close()
        await client.ended()
        ids = [reply.id for reply in client.replies if reply.end]
        return dispatcher.cancelled, ids, asyncio.get_running_loop().time()

    assert simulate(scenario()) == ([b"100", b"100"], [2], 2.0)


def test_a_call_may_be_cancelled_in_the_message_that_starts_it() -> None:
    async def scenario() -> tuple[list[bytes], list[pb.RelayReply]]:
        dispatcher = Dispatcher()
        client = Client(Relay(dispatcher))
        client.send(start(1, b"100"), cancel(1))
        client.close()
        await client.ended()
        return dispatcher.begun, client.replies

    assert simulate(scenario()) == ([], [])


def test_cancelling_what_is_over_or_never_was_does_nothing() -> None:
    async def scenario() -> list[int]:
        client = Client(Relay(Dispatcher()))
        client.send(cancel(7), start(1, b"1"))
        await asyncio.sleep(2.0)
        client.send(cancel(1), start(2, b"1"))
        client.close()
        await client.ended()
        return [reply.id for reply in client.replies]

    assert simulate(scenario()) == [1, 2]


def test_each_call_has_its_own_deadline_and_metadata() -> None:
    async def scenario() -> list[Call]:
        dispatcher = Dispatcher()
        client = Client(Relay(dispatcher))
        await asyncio.sleep(10.0)
        plain = start(1, b"0")
        timed = start(2, b"0", metadata={"convoy-priority": "2"})
        timed.start.timeout.FromMilliseconds(1500)
        late = start(3, b"0")
        late.start.timeout.FromMilliseconds(-1)
        client.send(plain, timed, late)
        client.close()
        await client.ended()
        return dispatcher.calls

    plain, timed, late = simulate(scenario())
    assert plain.deadline is None
    assert (timed.deadline, timed.metadata) == (11.5, {"convoy-priority": "2"})
    assert late.deadline == pytest.approx(9.999)


def test_a_client_that_goes_away_takes_its_calls_along() -> None:
    async def scenario() -> tuple[list[bytes], int]:
        dispatcher = Dispatcher()
        relay = Relay(dispatcher)
        client = Client(relay)
        client.send(start(1, b"100"), start(2, b"101"))
        await asyncio.sleep(1.0)
        client.leave()
        with pytest.raises(asyncio.CancelledError):
            await client.ended()
        await asyncio.sleep(1.0)
        return dispatcher.cancelled, len(relay._streams)

    assert simulate(scenario()) == ([b"100", b"101"], 0)


def test_a_transport_that_fails_ends_the_stream() -> None:
    async def scenario() -> list[int]:
        client = Client(Relay(Dispatcher()))
        client.send(start(1, b"1"))
        client.send_raw(ConnectionResetError())
        await client.ended()
        return [reply.id for reply in client.replies]

    assert simulate(scenario()) == [1]


# Draining


def test_draining_answers_open_calls_and_leaves_unread_ones_without_a_reply() -> None:
    async def scenario() -> tuple[list[int], list[bytes], float]:
        dispatcher = Dispatcher()
        relay = Relay(dispatcher)
        client = Client(relay)
        client.send(start(1, b"3"), start(2, b"1"))
        await asyncio.sleep(0.5)
        relay.drain()
        client.send(start(3, b"1"))
        await client.ended()
        ids = [reply.id for reply in client.replies]
        return ids, dispatcher.begun, asyncio.get_running_loop().time()

    assert simulate(scenario()) == ([2, 1], [b"3", b"1"], 3.0)


def test_draining_ends_a_stream_that_is_idle() -> None:
    async def scenario() -> float:
        relay = Relay(Dispatcher())
        clients = [Client(relay) for _ in range(3)]
        await asyncio.sleep(1.0)
        relay.drain()
        for client in clients:
            await client.ended()
        return asyncio.get_running_loop().time()

    assert simulate(scenario()) == 1.0


def test_a_stream_that_begins_while_draining_ends_at_once() -> None:
    async def scenario() -> tuple[list[bytes], list[pb.RelayReply]]:
        dispatcher = Dispatcher()
        relay = Relay(dispatcher)
        relay.drain()
        client = Client(relay)
        client.send(start(1, b"1"))
        await client.ended()
        return dispatcher.begun, client.replies

    assert simulate(scenario()) == ([], [])
