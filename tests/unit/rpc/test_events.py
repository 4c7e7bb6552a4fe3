"""RecordEvents: each message is kept as it comes, and the last has to say that it is the last."""

from collections.abc import AsyncIterator

import pytest

from convoy import Batch, Code, ConvoyError
from convoy.v1 import recommendation_pb2 as pb
from convoy_services.rpc.call import Call
from convoy_services.rpc.events import RECORD, EventStream, to_batch

CLICK, WATCH = pb.EVENT_KIND_CLICK, pb.EVENT_KIND_WATCH


class Keeps:
    """Stands where the mesh is."""

    def __init__(self, failure: ConvoyError | None = None) -> None:
        self.batches: list[Batch] = []
        self._failure = failure

    async def unary(self, method: str, request: bytes, call: Call) -> bytes:
        assert method == RECORD
        events = pb.RecordEventBatchRequest.FromString(request).events
        self.batches.append(to_batch(events))
        if self._failure:
            raise self._failure
        return pb.RecordEventBatchResponse(recorded=len(events)).SerializeToString()

    def stream(self, method: str, request: bytes, call: Call) -> AsyncIterator[bytes]:
        raise AssertionError


async def messages(*requests: pb.RecordEventsRequest | bytes) -> AsyncIterator[bytes]:
    for request in requests:
        yield request if isinstance(request, bytes) else request.SerializeToString()


def some(*items: int, last: bool = False, **more: object) -> pb.RecordEventsRequest:
    events = [pb.Event(**{"user_id": 7, "item_id": item, "kind": CLICK, **more}) for item in items]  # type: ignore[arg-type]
    return pb.RecordEventsRequest(events=events, last=last)


async def record(mesh: Keeps, *requests: pb.RecordEventsRequest | bytes) -> int:
    replies = [
        pb.RecordEventsResponse.FromString(reply)
        async for reply in EventStream(mesh).RecordEvents(messages(*requests), Call())
    ]
    (reply,) = replies
    return reply.recorded


async def test_the_events_of_all_messages_are_kept_and_counted() -> None:
    mesh = Keeps()
    assert await record(mesh, some(1, 2), some(3), some(last=True)) == 3
    assert [batch["item"].tolist() for batch in mesh.batches] == [[1, 2], [3]]
    assert mesh.batches[0]["user"].tolist() == [7, 7]


async def test_an_event_keeps_its_time_and_its_seconds() -> None:
    mesh = Keeps()
    at = {"seconds": 1_700_000_000, "nanos": 5_000}
    await record(mesh, some(1, kind=WATCH, watch_seconds=2.5, time=at, last=True))
    assert mesh.batches[0]["time"].tolist() == [1_700_000_000_000_005]
    assert mesh.batches[0]["seconds"].tolist() == [2.5]


async def test_what_comes_after_the_last_message_is_not_read() -> None:
    mesh = Keeps()
    assert await record(mesh, some(1, last=True), some(2)) == 1
    assert len(mesh.batches) == 1


async def test_a_stream_that_is_cut_fails_and_tells_what_is_kept() -> None:
    with pytest.raises(ConvoyError) as caught:
        await record(Keeps(), some(1, 2))
    assert (caught.value.code, caught.value.reason) == (Code.ABORTED, "STREAM_CUT")
    assert caught.value.metadata["recorded"] == "2"


async def test_an_event_that_could_not_be_kept_fails_the_call() -> None:
    gone = ConvoyError(Code.UNAVAILABLE, "the store is gone", "STORE_UNAVAILABLE", retry_after=1.0)
    with pytest.raises(ConvoyError) as caught:
        await record(Keeps(gone), some(1, 2, last=True))
    assert (caught.value.code, caught.value.retry_after) == (Code.UNAVAILABLE, 1.0)


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"user_id": 0}, "events[0].user_id"),
        ({"item_id": -1}, "events[0].item_id"),
        ({"kind": 0}, "events[0].kind"),
        ({"kind": 9}, "events[0].kind"),
        ({"watch_seconds": float("nan")}, "events[0].watch_seconds"),
        ({"watch_seconds": -1.0}, "events[0].watch_seconds"),
        ({"time": {"seconds": -1}}, "events[0].time"),
        ({"time": {"seconds": 1, "nanos": -1}}, "events[0].time"),
    ],
)
async def test_a_faulty_event_is_named_and_nothing_of_its_message_kept(
    more: dict[str, object], field: str
) -> None:
    mesh = Keeps()
    with pytest.raises(ConvoyError) as caught:
        await record(mesh, some(1, **more))
    assert [violation.field for violation in caught.value.violations] == [field]
    assert not mesh.batches


async def test_a_message_has_a_bound_and_few_faults_are_named() -> None:
    with pytest.raises(ConvoyError, match="4097 events"):
        await record(Keeps(), some(*range(4097)))
    with pytest.raises(ConvoyError) as caught:
        await record(Keeps(), some(*range(100), user_id=0))
    assert len(caught.value.violations) == 16


async def test_bytes_that_are_no_message_are_refused() -> None:
    with pytest.raises(ConvoyError, match="no RecordEventsRequest"):
        await record(Keeps(), b"\xff\xff")
