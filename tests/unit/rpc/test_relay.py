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
from tests.unit.rpc.relayed import STREAM, Client, Dispatcher, cancel, start


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


# Many calls on one request


def test_the_calls_of_a_batch_are_answered_as_each_completes() -> None:
    async def scenario() -> list[tuple[float, list[int]]]:
        async def requests() -> AsyncIterator[bytes]:
            calls = [start(1, b"3"), start(2, b"1"), start(3, b"refuse")]
            yield pb.RelayBatchRequest(calls=calls).SerializeToString()

        loop, answers = asyncio.get_running_loop(), []
        async for raw in Relay(Dispatcher()).RelayBatch(requests(), Call()):
            replies = pb.RelayBatchResponse.FromString(raw).replies
            answers.append((loop.time(), [reply.id for reply in replies]))
        return answers

    assert simulate(scenario()) == [(0.0, [3]), (1.0, [2]), (3.0, [1])]
